"""Claim: a thread takes twenty to a hundred times as long to create as a coroutine."""

from __future__ import annotations

import asyncio
import threading
from time import perf_counter_ns
from typing import Any

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import no_collector, spread
from .model import ARTICLE_A, Claim, Lab, Side

ALIVE, QUICK_ALIVE = (0, 1_000, 5_000), (0, 1_000)
TIMES = 1_000  # in each repetition
ALLOWED_KIB = 64  # for each that is alive already


def thread(alive: int, times: int) -> dict[str, Any]:
    """Beside so many parked threads: create one, start it, wait for its end; again and again."""
    parked, never = threading.Semaphore(0), threading.Event()

    def park() -> None:
        parked.release()
        never.wait()

    def nothing() -> None:
        pass

    stopped = ""
    try:
        for _ in range(alive):
            threading.Thread(target=park, daemon=True).start()
            parked.acquire()
    except RuntimeError as error:
        stopped = f"fewer than {alive:,} threads were alive: {error}"
    whole, start = [], []
    with no_collector():
        for _ in range(times):
            began = perf_counter_ns()
            one = threading.Thread(target=nothing)
            one.start()
            started = perf_counter_ns()
            one.join()
            ended = perf_counter_ns()
            whole.append((ended - began) / 1000)
            start.append((started - began) / 1000)
    return {**spread(whole), "created": spread(start)["median"], "stopped": stopped}


def coroutine(alive: int, times: int) -> dict[str, Any]:
    """Beside so many parked tasks: create one, wait for its end; again and again."""

    async def nothing() -> None:
        pass

    async def create() -> dict[str, Any]:
        never = asyncio.Event()
        parked = [asyncio.create_task(never.wait()) for _ in range(alive)]
        await asyncio.sleep(0)
        whole, start = [], []
        with no_collector():
            for _ in range(times):
                began = perf_counter_ns()
                task = asyncio.create_task(nothing())
                created = perf_counter_ns()
                await task
                ended = perf_counter_ns()
                whole.append((ended - began) / 1000)
                start.append((created - began) / 1000)
        never.set()
        await asyncio.gather(*parked)
        return {**spread(whole), "created": spread(start)["median"], "among": await among(times)}

    async def among(others: int) -> float:
        """Microseconds for each of so many that are created and run together: they share a turn of the loop."""
        with no_collector():
            began = perf_counter_ns()
            for task in [asyncio.create_task(nothing()) for _ in range(others)]:
                await task
            return (perf_counter_ns() - began) / 1000 / others

    return asyncio.run(create())


def clock(times: int) -> dict[str, Any]:
    """What reading the clock takes: it is in every duration, once."""
    return spread((perf_counter_ns() * -1 + perf_counter_ns()) / 1000 for _ in range(times))


def measure(lab: Lab) -> Measured:
    """Both sides beside few and many of their kind. Each repetition gives its median; those make the estimates."""
    alive = [count for count in (QUICK_ALIVE if lab.quick else ALIVE) if count * ALLOWED_KIB <= lab.memory_mib * 1024]
    threads = [Side(f"thread beside {count}", thread, {"alive": count, "times": TIMES}) for count in alive]
    tasks = [Side(f"coroutine beside {count}", coroutine, {"alive": count, "times": TIMES}) for count in alive]
    anywhere = Side("thread on any core", thread, {"alive": 0, "times": TIMES}, everywhere=True)
    seen = lab.alternate([*threads, *tasks, anywhere, Side("clock", clock, {"times": TIMES})], 5 if lab.quick else 8)
    one, task = threads[0].name, tasks[0].name
    figures = [
        Figure("thread", "µs", lab.mean(seen.values(one, "median")), "created, started, joined: the median"),
        *(Figure(f"thread, {at}", "µs", lab.mean(seen.values(one, at))) for at in ("p10", "p90", "p99")),
        Figure("thread, on any core", "µs", lab.mean(seen.values(anywhere.name, "median")), "not bound to one core"),
        Figure("thread, until it runs", "µs", lab.mean(seen.values(one, "created")), "created and started"),
        Figure("coroutine", "µs", lab.mean(seen.values(task, "median")), "created as a task, run, awaited: the median"),
        *(Figure(f"coroutine, {at}", "µs", lab.mean(seen.values(task, at))) for at in ("p10", "p90", "p99")),
        Figure(
            "coroutine, one of many", "µs", lab.mean(seen.values(task, "among")), f"{TIMES:,} created, then awaited"
        ),
        Figure("coroutine, until it is registered", "µs", lab.mean(seen.values(task, "created")), "create_task alone"),
        Figure("thread / coroutine", "times", lab.ratio(seen.values(one, "median"), seen.values(task, "median"))),
        Figure("creating alone", "times", lab.ratio(seen.values(one, "created"), seen.values(task, "created"))),
        Figure(
            "reading the clock", "µs", lab.mean(seen.values("clock", "median")), "is in every figure, once or twice"
        ),
    ]
    if alive[1:]:
        many = f"beside {alive[-1]:,}"
        for what, sides in (("thread", threads), ("coroutine", tasks)):
            figures.append(Figure(f"{what}, {many}", "µs", lab.mean(seen.values(sides[-1].name, "median"))))
    lines = [
        Series(name, tuple(lab.points(alive, [seen.values(side.name, at) for side in sides])))
        for what, sides in (("thread", threads), ("coroutine", tasks))
        for name, at in ((what, "median"), (f"{what}, 99th percentile", "p99"))
    ]
    chart = Chart(
        "Creating one more thread, and one more coroutine",
        "Each from its creation to its end, beside others of its kind that are parked.",
        "how many are alive already",
        "µs",
        tuple(lines),
        log_y=True,
        bands=(("claimed of a thread", 50, 100), ("claimed of a coroutine", 1, 5)),
    )
    notes = ["The garbage collector is off while this is measured."]
    return Measured(tuple(figures), chart, (*notes, *filter(None, [seen.stopped(threads[-1].name)])))


CLAIM = Claim(
    id="creation-time",
    title="A thread takes 20 to 100 times as long to create as a coroutine",
    source=f"{ARTICLE_A}, 4.4",
    claimed="thread 50–100 µs, coroutine 1–5 µs: 20–100×",
    unit="µs",
    readings=(
        Reading("a thread, from its creation to its end", "thread", Claimed(50, 100)),
        Reading("a coroutine, from its creation to its end", "coroutine", Claimed(1, 5)),
        Reading("a coroutine that is one of many", "coroutine, one of many", Claimed(1, 5)),
        Reading("a thread over a coroutine, to their ends", "thread / coroutine", Claimed(20, 100)),
        Reading("a thread over a coroutine, creating alone", "creating alone", Claimed(20, 100)),
    ),
    measure=measure,
    why="A thread asks the kernel for a stack and a place in its run queue, and is switched to and from; "
    "a task is an object on the heap and an entry in the loop's list, and a lone one also pays for a turn of the loop.",
    quick_s=8,
    full_s=21,
)
