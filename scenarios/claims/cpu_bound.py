"""Claim: work that is bound by the CPU wants several processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .model import ARTICLE_A, Claim, Lab, NotHereError, Side

MOST = 8  # pieces of work at once, however many cores there are
LOOPS, QUICK_LOOPS = 4_000_000, 1_500_000
GOT = 0.75  # processes that got less of the time in which they were ready to run say nothing about the claim


def work(loops: int) -> int:
    """Something that only computes, in Python."""
    total = 0
    for number in range(loops):
        total += number & 7
    return total


def one_after_another(count: int, loops: int) -> None:
    """No concurrency at all."""
    for _ in range(count):
        work(loops)


def in_threads(count: int, loops: int) -> None:
    """A thread for each."""
    started = [threading.Thread(target=work, args=(loops,)) for _ in range(count)]
    for each in started:
        each.start()
    for each in started:
        each.join()


def in_coroutines(count: int, loops: int) -> None:
    """A task for each."""

    async def compute() -> int:
        return work(loops)

    async def all_of_them() -> None:
        await asyncio.gather(*(compute() for _ in range(count)))

    asyncio.run(all_of_them())


def in_processes(count: int, loops: int) -> float:
    """A process for each, starting them included. What share of the time in which they were ready they ran."""
    context = multiprocessing.get_context("fork")
    shares = context.SimpleQueue()

    def compute() -> None:
        work(loops)
        shares.put(_share_that_ran())

    started = [context.Process(target=compute) for _ in range(count)]
    for each in started:
        each.start()
    for each in started:
        each.join()
        if each.exitcode:
            raise RuntimeError(f"a process ended with code {each.exitcode}")
    return float(sum(shares.get() for _ in started) / count)


def _share_that_ran() -> float:
    """Of the time in which this process was ready, the share in which it ran; 1 where the kernel does not say."""
    try:
        ran_ns, waited_ns, _ = map(int, Path("/proc/self/schedstat").read_text().split())
    except (OSError, ValueError):
        return 1.0
    return ran_ns / max(ran_ns + waited_ns, 1)


WAYS: dict[str, Callable[[int, int], float | None]] = {
    "threads": in_threads,
    "coroutines": in_coroutines,
    "processes": in_processes,
}


def faster(loops: int, count: int = 0) -> dict[str, Any]:
    """The same work so many times (0: as many as there are cores), in each way: how much faster than one after another.

    All ways in one interpreter, each right after the serial one: the machine is the same for both.
    """
    cores = len(os.sched_getaffinity(0))
    count = count or min(cores, MOST)
    work(loops // 10)  # the interpreter specialises what runs often
    figures: dict[str, Any] = {"cores": cores, "count": count}
    for name, way in WAYS.items():
        serial_s = _seconds(one_after_another, count, loops)
        began = perf_counter()
        ran = way(count, loops)
        figures[name] = serial_s / (perf_counter() - began)
        if ran is not None:
            figures["ran"] = ran
    figures["lock"] = getattr(sys, "_is_gil_enabled", lambda: True)()
    return figures


def _seconds(way: Callable[[int, int], object], count: int, loops: int) -> float:
    began = perf_counter()
    way(count, loops)
    return perf_counter() - began


def measure(lab: Lab) -> Measured:
    """As many pieces of work as cores, and for the chart fewer and more."""
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        raise NotHereError("there is one core here: all that computes takes turns on it, so processes can gain nothing")
    loops = {"loops": QUICK_LOOPS if lab.quick else LOOPS}
    at = min(cores, MOST)
    counts = (at,) if lab.quick else tuple(sorted({1, 2, at, 2 * at}))
    sides = [Side(f"{count} at once", faster, {**loops, "count": count}, everywhere=True) for count in counts]
    seen = lab.alternate(sides, 5 if lab.quick else 6)
    main = f"{at} at once"
    figures = [
        Figure(name, "times", lab.mean(seen.values(main, name)), f"{at} at once, as fast as one after another")
        for name in WAYS
    ]
    ran = lab.mean(seen.values(main, "ran"))
    figures.append(Figure("processes ran", "share", ran, "of the time in which they were ready to run"))
    lock = "with" if all(seen.values(main, "lock")) else "without"
    notes = [f"An interpreter {lock} a global lock, on {cores} cores."]
    if ran.value >= GOT:
        over = lab.ratio(seen.values(main, "processes"), seen.values(main, "threads"))
        figures.append(Figure("processes / threads", "times", over))
    else:
        notes.append(
            f"Others used the machine: processes ran in only {ran.value:.0%} of the time in which they were ready, "
            "so whether they are faster than threads could not be measured."
        )
    lines = [Series(name, tuple(lab.points(counts, [seen.values(side.name, name) for side in sides]))) for name in WAYS]
    chart = Chart(
        "Computing several things at once",
        f"How much faster than one after another, on {cores} cores.",
        "how many at once",
        "times as fast",
        tuple(lines),
        bands=(("no gain", 1, 1), ("all cores", cores, cores)),
    )
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="cpu-bound",
    title="Work that is bound by the CPU wants several processes",
    source=f"{ARTICLE_A}, 7.3",
    claimed="processes for CPU-bound work (threads and coroutines do not help)",
    unit="times",
    readings=(
        Reading("coroutines gain nothing", "coroutines", Claimed(None, 1)),
        Reading("threads gain nothing", "threads", Claimed(None, 1)),
        Reading("processes are faster than threads", "processes / threads", Claimed(1.2, None, rounding=1)),
    ),
    measure=measure,
    why="One thread at a time computes in an interpreter that has a global lock; each process has an interpreter, "
    "and a lock, of its own, and in a build without the lock threads are enough.",
    quick_s=6,
    full_s=47,
)
