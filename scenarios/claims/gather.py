"""Claim: awaiting one by one is serial; what runs things together is that they were registered early."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from ...results.claims import FACT, Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import no_collector
from .model import ARTICLE_A, Claim, Lab, Side

COUNTS, QUICK_COUNTS = (3, 10, 100), (3, 10, 30)
WAIT_S, QUICK_WAIT_S = 0.02, 0.01

Wait = Callable[[], Awaitable[None]]


async def one_by_one(wait: Wait, count: int) -> None:
    """Each is made when the one before is done."""
    for _ in range(count):
        await wait()


async def bare_first(wait: Wait, count: int) -> None:
    """All coroutines are made first, and registered nowhere."""
    for each in [wait() for _ in range(count)]:
        await each


async def tasks_first(wait: Wait, count: int) -> None:
    """All are made tasks first, and then awaited one by one."""
    for task in [asyncio.ensure_future(wait()) for _ in range(count)]:
        await task


async def gather(wait: Wait, count: int) -> None:
    """All at once."""
    await asyncio.gather(*[wait() for _ in range(count)])


async def task_group(wait: Wait, count: int) -> None:
    """All at once, and none is left behind when one fails."""
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(_as_coroutine(wait()))


async def _as_coroutine(each: Awaitable[None]) -> None:
    await each


WAYS = {
    "one by one": one_by_one,
    "coroutines made first": bare_first,
    "tasks made first": tasks_first,
    "gather": gather,
    "TaskGroup": task_group,
}


def waits(way: str, counts: list[int], wait_s: float) -> dict[str, Any]:
    """So many equal waits in that way, over a single one; and whether the loop had a task for each meanwhile.

    What the machine does in between can only make a wait longer: of three tries the shortest counts, and a serial wait
    is long enough for one try.
    """
    tries = 1 if WAYS[way] in (one_by_one, bare_first) else 3

    async def take() -> dict[str, Any]:
        registered = 0

        async def wait() -> None:
            nonlocal registered
            await asyncio.sleep(wait_s)
            # The first one awake looks, since a look takes time that all would wait for. Who asked does not count.
            registered = registered or len(asyncio.all_tasks()) - 1

        with no_collector():
            single_s = min([await _seconds(one_by_one(wait, 1)) for _ in range(3)])
            figures: dict[str, Any] = {}
            for count in counts:
                registered = 0
                elapsed_s = min([await _seconds(WAYS[way](wait, count)) for _ in range(tries)])
                figures[f"over_one_{count}"] = elapsed_s / single_s
                figures[f"over_all_{count}"] = elapsed_s / single_s / count
                figures[f"as_tasks_{count}"] = registered == count
        return figures

    return asyncio.run(take())


async def _seconds(work: Awaitable[None]) -> float:
    began = perf_counter()
    await work
    return perf_counter() - began


def measure(lab: Lab) -> Measured:
    """Every way at every count; the figures are those of the largest."""
    counts, wait_s = (QUICK_COUNTS, QUICK_WAIT_S) if lab.quick else (COUNTS, WAIT_S)
    sides = [Side(way, waits, {"way": way, "counts": list(counts), "wait_s": wait_s}) for way in WAYS]
    seen = lab.alternate(sides, 3 if lab.quick else 4)
    last = counts[-1]
    figures = [
        Figure(way, "waits", lab.mean(seen.values(way, f"over_one_{last}")), f"{last} waits over a single one")
        for way in WAYS
    ]
    for way in ("one by one", "coroutines made first"):
        over_all = lab.mean(seen.values(way, f"over_all_{last}"))
        figures.append(
            Figure(f"{way}, of a serial wait", "share", over_all, "1: as long as all waits after each other")
        )
    as_tasks = [bool(value) for count in counts for value in seen.values("gather", f"as_tasks_{count}")]
    figures.append(
        Figure("gather makes tasks", "share", lab.share(sum(as_tasks), len(as_tasks)), "as many in the loop as waits")
    )
    lines = [
        Series(way, tuple(lab.points(counts, [seen.values(way, f"over_one_{count}") for count in counts])))
        for way in WAYS
    ]
    chart = Chart(
        "Several waits, over a single one",
        "What was registered before it is awaited waits together with the others.",
        "how many waits",
        "times a single wait",
        tuple(lines),
        log_x=True,
        log_y=True,
    )
    return Measured(tuple(figures), chart, (f"A single wait is one of {wait_s * 1000:g} ms, as long as it took.",))


SERIAL = Claimed(1, 1)
TOGETHER = Claimed(1, 1)

CLAIM = Claim(
    id="gather",
    title="Awaiting one by one is serial; registering early, by create_task or gather, makes concurrency, not await",
    source=f"{ARTICLE_A}, 4.3",
    claimed="one by one: n waits; gather, create_task: one wait",
    unit="waits",
    readings=(
        Reading("awaited one by one: as long as all of them", "one by one, of a serial wait", SERIAL),
        Reading("made first, not registered: the same", "coroutines made first, of a serial wait", SERIAL),
        Reading("registered first, then awaited one by one: about as long as one", "tasks made first", TOGETHER),
        Reading("gather: about as long as one", "gather", TOGETHER),
        Reading("gather registers all as tasks", "gather makes tasks", FACT),
    ),
    measure=measure,
    why="The loop runs what was given to it as a task; await only waits, and a coroutine that is no task "
    "runs within the one that awaits it, from there on.",
    quick_s=6,
    full_s=25,
)
