"""Claim: switching threads takes ten times as long as switching coroutines."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import threading
from collections.abc import Callable, Coroutine
from time import perf_counter_ns
from typing import Any

from ...results.claims import Claimed, Figure, Measured, Reading
from .dots import dots
from .measuring import no_collector, pin_to_one_core, spread
from .model import ARTICLE_A, Claim, Lab, Side

ROUNDS = 50  # round trips, or switches of all, that are timed together
TIMES = 60  # in each repetition


def threads(times: int, pinned: bool) -> dict[str, Any]:
    """Two threads hand over to each other by two locks. One hand-over is half of a round trip."""
    note = pin_to_one_core() if pinned else ""
    ping, pong = threading.Lock(), threading.Lock()
    ping.acquire()
    pong.acquire()

    def answer() -> None:
        for _ in range(times * ROUNDS):
            ping.acquire()
            pong.release()

    other = threading.Thread(target=answer)
    other.start()
    took_us = []
    with no_collector():
        for _ in range(times):
            began = perf_counter_ns()
            for _ in range(ROUNDS):
                ping.release()
                pong.acquire()
            took_us.append((perf_counter_ns() - began) / 1000 / ROUNDS / 2)
    other.join()
    return {**spread(took_us), "stopped": note}


def tasks(times: int, pinned: bool, loop: str = "asyncio") -> dict[str, Any]:
    """Two tasks hand over to each other by futures. One hand-over is half of a round trip."""
    note = pin_to_one_core() if pinned else ""

    async def trips() -> dict[str, Any]:
        own = asyncio.get_running_loop()
        ping, pong = own.create_future(), own.create_future()

        async def answer() -> None:
            nonlocal ping
            for _ in range(times * ROUNDS):
                await ping
                ping = own.create_future()
                pong.set_result(None)

        other = asyncio.create_task(answer())
        took_us = []
        with no_collector():
            for _ in range(times):
                began = perf_counter_ns()
                for _ in range(ROUNDS):
                    ping.set_result(None)
                    await pong
                    pong = own.create_future()
                took_us.append((perf_counter_ns() - began) / 1000 / ROUNDS / 2)
        await other
        return {**spread(took_us), "stopped": note}

    return _run(trips, loop)


def yields(times: int, count: int, loop: str = "asyncio") -> dict[str, Any]:
    """So many tasks that only give way, again and again: what it takes until the next one runs."""
    note = pin_to_one_core()

    async def give_way(took_us: list[float] | None) -> None:
        for _ in range(times):
            began = perf_counter_ns()
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            if took_us is not None:
                took_us.append((perf_counter_ns() - began) / 1000 / ROUNDS / count)

    async def all_of_them() -> dict[str, Any]:
        took_us: list[float] = []
        with no_collector():
            await asyncio.gather(give_way(took_us), *(give_way(None) for _ in range(count - 1)))
        return {**spread(took_us), "stopped": note}

    return _run(all_of_them, loop)


def _run(main: Callable[[], Coroutine[Any, Any, dict[str, Any]]], loop: str) -> dict[str, Any]:
    if loop == "asyncio":
        return asyncio.run(main())
    with asyncio.Runner(loop_factory=importlib.import_module(loop).new_event_loop) as runner:
        return runner.run(main())


def uvloop_there() -> dict[str, Any]:
    """Whether this interpreter has uvloop."""
    return {"there": importlib.util.find_spec("uvloop") is not None}


def measure(lab: Lab) -> Measured:
    """Threads and tasks hand over, bound to one core and not. Each repetition gives its median."""
    short, few, pinned, free = {"times": TIMES}, {"times": 3}, {"pinned": True}, {"pinned": False}
    sides = {
        "thread": Side("thread", threads, {**short, **pinned}, everywhere=True),
        "thread, not pinned": Side("thread, not pinned", threads, {**short, **free}, everywhere=True),
        "coroutine": Side("coroutine", tasks, {**short, **pinned}, everywhere=True),
        "coroutine, not pinned": Side("coroutine, not pinned", tasks, {**short, **free}, everywhere=True),
        "coroutine, sleep(0)": Side("coroutine, sleep(0)", yields, {**short, "count": 2}, everywhere=True),
        "coroutine, sleep(0) of 1,000": Side("yields of 1,000", yields, {**few, "count": 1_000}, everywhere=True),
    }
    notes = ["A hand-over is half of a round trip, with all that it takes: nothing is subtracted."]
    if not all(lab.alternate([Side("uvloop there", uvloop_there)], 1).values("uvloop there", "there")):
        notes.append("This interpreter has no uvloop: `pip install uvloop` there would add it.")
    else:
        sides["coroutine, uvloop"] = Side(
            "coroutine, uvloop", tasks, {**short, **pinned, "loop": "uvloop"}, everywhere=True
        )
    seen = lab.alternate(list(sides.values()), 5 if lab.quick else 10)
    notes += {note for side in sides.values() if (note := seen.stopped(side.name))}
    of = {name: {at: seen.values(side.name, at) for at in ("median", "p90")} for name, side in sides.items()}
    figures = [Figure(name, "µs", lab.mean(values["median"]), WORDS.get(name, "")) for name, values in of.items()]
    figures += [Figure(f"{name}, p90", "µs", lab.mean(of[name]["p90"])) for name in ("thread", "coroutine")]
    over = of["thread"]["median"]
    figures += [
        Figure("thread / coroutine", "times", lab.ratio(over, of["coroutine"]["median"]), "both pinned"),
        Figure("thread / sleep(0)", "times", lab.ratio(over, of["coroutine, sleep(0) of 1,000"]["median"])),
    ]
    if "coroutine, uvloop" in of:
        figures.append(Figure("thread / uvloop", "times", lab.ratio(over, of["coroutine, uvloop"]["median"])))
    chart = dots(
        "Handing over",
        "From one thread or task to the next: what it takes, by what they wait for and where they run.",
        "µs for one hand-over",
        {name: lab.mean(values["median"]) for name, values in of.items()},
        (("claimed of threads", 5, 20), ("claimed of coroutines", 0.5, 2)),
        log=True,
    )
    return Measured(tuple(figures), chart, tuple(notes))


WORDS = {
    "thread": "by two locks, all on one core",
    "thread, not pinned": "by two locks, on any core",
    "coroutine": "by two futures, asyncio, on one core",
    "coroutine, sleep(0)": "two tasks that only give way",
    "coroutine, sleep(0) of 1,000": "as many tasks share each turn of the loop",
    "coroutine, uvloop": "by two futures, uvloop, on one core",
}

CLAIM = Claim(
    id="switch-time",
    title="Switching threads takes ten times as long as switching coroutines",
    source=f"{ARTICLE_A}, 4.4",
    claimed="thread 5–20 µs, coroutine 0.5–2 µs: 10×",
    unit="µs",
    readings=(
        Reading("one thread hands over to another, on one core", "thread", Claimed(5, 20)),
        Reading("the same on any core", "thread, not pinned", Claimed(5, 20)),
        Reading("one task hands over to another", "coroutine", Claimed(0.5, 2)),
        Reading("one of a thousand tasks gives way", "coroutine, sleep(0) of 1,000", Claimed(0.5, 2)),
        Reading("thread over task, handing over: about 10", "thread / coroutine", Claimed(10, 10, rounding=2)),
        Reading("thread over task that gives way: about 10", "thread / sleep(0)", Claimed(10, 10, rounding=2)),
    ),
    measure=measure,
    why="A switch of threads goes through the kernel and, where there is one, the interpreter's lock; a switch "
    "of tasks stays in the process, but two tasks that wait for each other take a turn of the loop, with its system "
    "call, each time.",
    quick_s=8,
    full_s=14,
)
