"""Sides of experiments that are not what they say, for the children that carry them out."""

import asyncio
import os
import resource
import sys
import time
from typing import Any

from sgibench.scenarios.claims import (
    coroutine_safety,
    cpu_bound,
    creation_time,
    gather,
    how_many,
    preemption,
    switch_time,
    thread_memory,
)
from sgibench.scenarios.claims.measuring import pin_to_one_core


def megabyte_coroutine(count: int, deep: int = 1) -> dict[str, Any]:
    """Coroutines that hold a megabyte each."""
    held = []

    class Hoarding(asyncio.Event):
        async def wait(self) -> Any:
            held.append(b"x" * (1 << 20))
            return await super().wait()

    asyncio.Event = Hoarding  # type: ignore[misc]
    return thread_memory.coroutine(count, deep)


def slow_coroutine(alive: int, times: int) -> dict[str, Any]:
    """Tasks whose creation takes ten times as long as a thread ever should."""
    create = asyncio.create_task

    def slowly(coroutine: Any) -> Any:
        time.sleep(0.005)
        return create(coroutine)

    asyncio.create_task = slowly  # type: ignore[assignment]
    return creation_time.coroutine(alive, times)


def slow_hand_over(times: int, pinned: bool, loop: str = "asyncio") -> dict[str, Any]:
    """Tasks that take half a millisecond to hand over."""

    class Slow(asyncio.SelectorEventLoop):
        def create_future(self) -> Any:
            time.sleep(0.0005)
            return super().create_future()

    sys.modules["slow"] = type(sys)("slow")
    sys.modules["slow"].new_event_loop = Slow  # type: ignore[attr-defined]
    return switch_time.tasks(times, pinned, "slow")


def gather_that_is_serial(way: str, counts: list[int], wait_s: float) -> dict[str, Any]:
    """A gather that awaits one by one."""
    gather.WAYS["gather"] = gather.one_by_one
    return gather.waits(way, counts, wait_s)


def tasks_that_never_give_way(rounds: int) -> dict[str, Any]:
    """An await in between at which nobody else runs."""

    async def nothing(_delay: float) -> None:
        pass

    asyncio.sleep = nothing  # type: ignore[assignment]
    return coroutine_safety.tasks(rounds)


def tasks_that_share_their_locals(rounds: int) -> dict[str, Any]:
    """A task that finds what it counted itself changed."""

    class Wrong(int):
        def __mul__(self, other: int) -> int:
            return int(self) * other + 1

    coroutine_safety.range = lambda count: map(Wrong, range(count))  # type: ignore[attr-defined]
    return coroutine_safety.tasks(rounds)


def threads_that_are_not_interrupted(**given: Any) -> dict[str, Any]:
    """Threads that are to switch every ten seconds only."""
    switch = sys.setswitchinterval
    sys.setswitchinterval = lambda seconds: switch(10.0)
    return preemption.ready_thread(**given)


def processes_that_are_threads(loops: int, count: int = 0) -> dict[str, Any]:
    """Processes that compute in threads of one interpreter, with all the time they want."""

    def in_threads(count: int, loops: int) -> float:
        cpu_bound.in_threads(count, loops)
        return 1.0

    cpu_bound.WAYS["processes"] = in_threads
    return cpu_bound.faster(loops, count)


def threads_in_a_gigabyte(most: int, memory_mib: int, seconds: float) -> dict[str, Any]:
    """Threads for which the system has but a gigabyte of address space."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    return how_many.threads(most, memory_mib, seconds)


def pinned() -> dict[str, Any]:
    """What pinning does, and what it says where it is forbidden."""
    said = pin_to_one_core()
    cores = len(os.sched_getaffinity(0))

    def forbidden(_pid: int, _cores: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    os.sched_setaffinity = forbidden
    return {"said": said, "cores": cores, "forbidden": pin_to_one_core()}
