"""Claim: coroutines do not overwrite each other's data."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from time import sleep
from typing import Any

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab, Side

WORKERS = 10
TASK_ROUNDS, THREAD_ROUNDS = 1_000, 200
INCREMENTS = 100_000  # enough that threads are switched many times meanwhile
OFTEN_S = 1e-5  # threads are switched as often as can be, so that a loss that is possible shows itself


def tasks(rounds: int) -> dict[str, Any]:
    """Tasks that keep locals across awaits, and count in shared data: without an await, across one, under a lock."""
    across, within, locked, wrong_locals, inside, together = 0, 0, 0, 0, 0, 0
    threads_seen = set()

    async def counting(number: int) -> None:
        nonlocal across, within, wrong_locals, inside, together
        own = 0
        for done in range(rounds):
            inside += 1
            together = max(together, inside)
            threads_seen.add(threading.get_ident())
            own += number
            within = within + 1
            inside -= 1
            read = across
            await asyncio.sleep(0)
            across = read + 1
            wrong_locals += own != number * (done + 1)

    async def counting_under(lock: asyncio.Lock) -> None:
        nonlocal locked
        for _ in range(rounds):
            async with lock:
                read = locked
                await asyncio.sleep(0)
                locked = read + 1

    async def all_of_them() -> None:
        await asyncio.gather(*(counting(number) for number in range(WORKERS)))
        lock = asyncio.Lock()
        await asyncio.gather(*(counting_under(lock) for _ in range(WORKERS)))

    asyncio.run(all_of_them())
    wanted = WORKERS * rounds
    return {
        "across": 1 - across / wanted,
        "within": 1 - within / wanted,
        "locked": 1 - locked / wanted,
        "locals_kept": wrong_locals == 0,
        "alone": together == 1 and len(threads_seen) == 1,
    }


def threads(rounds: int, increments: int) -> dict[str, Any]:
    """The same by threads; and ``counter += 1`` with nothing in between, on this Python."""
    counter = across = locked = wrong_locals = 0
    lock, guard = threading.Lock(), threading.Lock()

    def reading_and_writing(number: int) -> None:
        nonlocal across, wrong_locals
        own = 0
        for done in range(rounds):
            own += number
            read = across
            sleep(0)  # gives way
            across = read + 1
            if own != number * (done + 1):
                with guard:
                    wrong_locals += 1

    def under_a_lock(_number: int) -> None:
        nonlocal locked
        for _ in range(rounds):
            with lock:
                read = locked
                sleep(0)
                locked = read + 1

    def counting(_number: int) -> None:
        nonlocal counter
        for _ in range(increments):
            counter += 1

    usual = sys.getswitchinterval()
    sys.setswitchinterval(OFTEN_S)
    _all(reading_and_writing)
    _all(under_a_lock)
    _all(counting)
    sys.setswitchinterval(usual)
    return {
        "across": 1 - across / (WORKERS * rounds),
        "locked": 1 - locked / (WORKERS * rounds),
        "counting": 1 - counter / (WORKERS * increments),
        "locals_kept": wrong_locals == 0,
    }


def _all(work: Callable[[int], None]) -> None:
    started = [threading.Thread(target=work, args=(number,)) for number in range(WORKERS)]
    for each in started:
        each.start()
    for each in started:
        each.join()


LOST = {
    "tasks, no await in between": ("tasks", "within", "read and written without an await in between"),
    "tasks, an await in between": ("tasks", "across", "read, await, written"),
    "tasks, under a lock": ("tasks", "locked", "read, await, written, under an asyncio.Lock"),
    "threads, += 1": ("threads", "counting", "counter += 1, nothing in between"),
    "threads, giving way in between": ("threads", "across", "read, sleep(0), written"),
    "threads, under a lock": ("threads", "locked", "read, sleep(0), written, under a threading.Lock"),
}


def measure(lab: Lab) -> Measured:
    """Ten tasks and ten threads, in as many repetitions; how many updates were lost, and in how many any was."""
    times = 5 if lab.quick else 10
    seen = lab.alternate(
        [
            Side("tasks", tasks, {"rounds": TASK_ROUNDS}),
            Side("threads", threads, {"rounds": THREAD_ROUNDS, "increments": INCREMENTS}, everywhere=True),
        ],
        times,
    )
    lost = {name: lab.mean(seen.values(side, figure)) for name, (side, figure, _) in LOST.items()}
    figures = [Figure(f"lost: {name}", "share", lost[name], text) for name, (_, _, text) in LOST.items()]

    def always(name: str, rights: list[float], text: str) -> None:
        figures.append(Figure(name, "share", lab.share(sum(map(bool, rights)), len(rights)), text))

    always("locals kept", seen.values("tasks", "locals_kept"), "in so many repetitions no task's locals were changed")
    always("locals of threads kept", seen.values("threads", "locals_kept"), "neither were those of threads")
    always("one at a time", seen.values("tasks", "alone"), "all tasks ran in one thread, one at a time")
    for name in ("tasks, no await in between", "tasks, an await in between", "threads, += 1"):
        side, figure, _ = LOST[name]
        always(f"nothing lost: {name}", [not value for value in seen.values(side, figure)], "in so many repetitions")
    chart = dots(
        "Updates of shared data that were lost",
        "What was read before an await is old after it.",
        "share of all updates",
        lost,
    )
    note = "Threads are asked to switch every 10 µs here instead of every 5 ms, so that what can be lost is."
    return Measured(tuple(figures), chart, (note,))


CLAIM = Claim(
    id="coroutine-safety",
    title="Coroutines do not overwrite each other's data",
    source=f"{ARTICLE_A}, 4.5",
    claimed="one thread, own frames, state kept at await: no data is overwritten",
    unit="share",
    readings=(
        Reading("one coroutine runs at a time, in one thread", "one at a time", FACT),
        Reading("own locals are kept across awaits", "locals kept", FACT),
        Reading(
            "shared data that is read and written without an await",
            "nothing lost: tasks, no await in between",
            FACT,
        ),
        Reading(
            "shared data that is read, and written after an await", "nothing lost: tasks, an await in between", FACT
        ),
    ),
    measure=measure,
    why="A coroutine keeps its locals in a frame of its own, and none is interrupted between two awaits; "
    "but others run at an await, so what was read from shared data before it is old after it.",
    quick_s=5,
    full_s=8,
)
