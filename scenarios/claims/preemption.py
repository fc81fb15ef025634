"""Claim: threads are pre-empted, coroutines switch only at await."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ...results.claims import FACT, Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import spread
from .model import ARTICLE_A, Claim, Lab, Repetitions, Side

if TYPE_CHECKING:
    from ...results.estimate import Estimate

BUSY_MS, QUICK_BUSY_MS = (5, 20, 50, 100, 200), (20, 100)
INTERVALS_MS, QUICK_INTERVALS_MS = (0.5, 5, 50), (5,)
USUAL_MS = 5  # what an interpreter has without being told
TIMES = 3  # delays in each repetition, of which the median counts


def bytecode(busy_s: float) -> None:
    """Compute in Python for so long."""
    until = perf_counter() + busy_s
    while perf_counter() < until:
        pass


def one_call() -> Callable[[float], None]:
    """Computes for about so long in a single call into C, which the interpreter cannot look into."""
    numbers = 1_000_000
    fastest_s = min(_seconds(lambda: sum(range(numbers))) for _ in range(3))

    def compute(busy_s: float) -> None:
        sum(range(int(numbers * busy_s / fastest_s)))

    return compute


def _seconds(work: Callable[[], object]) -> float:
    began = perf_counter()
    work()
    return perf_counter() - began


def ready_thread(busy_ms: list[float], interval_ms: float, times: int, in_c: bool = False) -> dict[str, Any]:
    """A thread becomes ready just as its neighbour begins to compute: how long until it runs, and whether that was
    before its neighbour was half done."""
    compute = one_call() if in_c else bytecode
    usual = sys.getswitchinterval()
    sys.setswitchinterval(interval_ms / 1000)
    ready, ran = threading.Semaphore(0), threading.Semaphore(0)
    ran_at = 0.0
    figures: dict[str, Any] = {"of": times}

    def wait() -> None:
        nonlocal ran_at
        for _ in range(times * len(busy_ms)):
            ready.acquire()
            ran_at = perf_counter()
            ran.release()

    waiting = threading.Thread(target=wait)
    waiting.start()
    for ms in busy_ms:
        delays_ms, meanwhile = [], 0
        for _ in range(times):
            began = perf_counter()
            ready.release()
            compute(ms / 1000)
            half = (began + perf_counter()) / 2
            ran.acquire()
            delays_ms.append((ran_at - began) * 1000)
            meanwhile += ran_at < half
        figures |= {f"delay_{ms}": spread(delays_ms)["median"], f"meanwhile_{ms}": meanwhile}
    waiting.join()
    sys.setswitchinterval(usual)
    return figures


def ready_task(busy_ms: list[float], times: int) -> dict[str, Any]:
    """A task becomes ready just as its neighbour begins to compute: how long until it runs, and whether that was only
    when its neighbour awaited."""

    async def be_neighbours() -> dict[str, Any]:
        ran_at = 0.0
        figures: dict[str, Any] = {"of": times}

        async def run() -> None:
            nonlocal ran_at
            ran_at = perf_counter()

        for ms in busy_ms:
            delays_ms, only_then = [], 0
            for _ in range(times):
                began = perf_counter()
                ready = asyncio.create_task(run())
                bytecode(ms / 1000)
                ended = perf_counter()
                await ready
                delays_ms.append((ran_at - began) * 1000)
                only_then += ran_at >= ended
            figures |= {f"delay_{ms}": spread(delays_ms)["median"], f"only_then_{ms}": only_then}
        return figures

    return asyncio.run(be_neighbours())


def awaits(times: int) -> dict[str, Any]:
    """Another task is ready. Does it run when its neighbour awaits: something that waits, something that is done?"""

    async def answer() -> int:
        return 42

    async def be_neighbours() -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        done = loop.create_future()
        done.set_result(None)
        at_done = at_coroutine = at_sleep = 0
        for _ in range(times):
            ran: list[bool] = []
            loop.call_soon(ran.append, True)
            await done
            at_done += bool(ran)
            await answer()
            at_coroutine += bool(ran)
            await asyncio.sleep(0)
            at_sleep += bool(ran)
        return {"at_done": at_done, "at_coroutine": at_coroutine, "at_sleep": at_sleep, "of": times}

    return asyncio.run(be_neighbours())


def measure(lab: Lab) -> Measured:
    """The delay by how long the neighbour computes, and for threads by the interval at which they are switched."""
    busy, intervals = (QUICK_BUSY_MS, QUICK_INTERVALS_MS) if lab.quick else (BUSY_MS, INTERVALS_MS)
    given = {"busy_ms": list(busy), "times": TIMES}
    threads = {
        interval: Side(f"thread, {interval:g} ms", ready_thread, {"interval_ms": interval, **given})
        for interval in intervals
    }
    most = busy[-1]
    in_c = {"interval_ms": USUAL_MS, "busy_ms": [most], "times": TIMES, "in_c": True}
    sides = [
        *threads.values(),
        Side("in one call", ready_thread, in_c),
        Side("task", ready_task, given),
        Side("awaits", awaits, {"times": 100}),
    ]
    seen = lab.alternate(sides, 3 if lab.quick else 4)
    usual = threads[USUAL_MS].name

    def delay(side: str) -> list[float]:
        return seen.values(side, f"delay_{most}")

    def share(side: str, figure: str) -> Estimate:
        return lab.share(int(sum(seen.values(side, figure))), int(sum(seen.values(side, "of"))))

    beside = f"beside a neighbour that computes for {most} ms"
    figures = [
        Figure("thread, delay", "ms", lab.mean(delay(usual)), f"{beside}, in Python"),
        Figure("thread, delay, in one call", "ms", lab.mean(delay("in one call")), f"{beside} or so, in C"),
        Figure("task, delay", "ms", lab.mean(delay("task")), beside),
        Figure("thread, delay, in intervals", "times", lab.mean([each / USUAL_MS for each in delay(usual)])),
        Figure(
            "thread runs meanwhile", "share", share(usual, f"meanwhile_{most}"), "before its neighbour is half done"
        ),
        Figure(
            "thread runs meanwhile, in one call", "share", share("in one call", f"meanwhile_{most}"), "neighbour in C"
        ),
        Figure(
            "task runs only then", "share", share("task", f"only_then_{most}"), "when its neighbour is done, and awaits"
        ),
        Figure("switched at an await that waits", "share", share("awaits", "at_sleep")),
        Figure("switched at an await of what is done", "share", share("awaits", "at_done"), "a future with its result"),
        Figure(
            "switched at an await of a coroutine", "share", share("awaits", "at_coroutine"), "that itself waits not"
        ),
    ]
    return Measured(tuple(figures), chart_of(lab, seen, busy, {each: side.name for each, side in threads.items()}))


def chart_of(lab: Lab, seen: Repetitions, busy: Sequence[float], threads: Mapping[float, str]) -> Chart:
    """The delays by how long the neighbour computes; `threads` are the sides by their switch interval."""
    lines = [
        Series(name, tuple(lab.points(busy, [seen.values(side, f"delay_{ms}") for ms in busy])))
        for name, side in (
            ("task", "task"),
            *((f"thread, switch interval {interval:g} ms", threads[interval]) for interval in threads),
        )
    ]
    return Chart(
        "How long one that is ready waits for its computing neighbour",
        "A task waits until its neighbour awaits; a thread for the switch interval, where the interpreter has a lock.",
        "ms that the neighbour computes",
        "ms until the ready one runs",
        tuple(lines),
        log_x=True,
        log_y=True,
    )


CLAIM = Claim(
    id="preemption",
    title="Threads are pre-empted at any time; coroutines switch only at await",
    source=f"{ARTICLE_A}, 4.4",
    claimed="the operating system may interrupt a thread at any time; a coroutine switches only at await",
    unit="ms",
    readings=(
        Reading("a ready thread runs while its neighbour computes in Python", "thread runs meanwhile", FACT),
        Reading("it waits about as long as the switch interval", "thread, delay, in intervals", Claimed(None, 1, 2)),
        Reading("also while its neighbour is in one call into C", "thread runs meanwhile, in one call", FACT),
        Reading("a ready task runs only when its neighbour awaits", "task runs only then", FACT),
        Reading("at every await others get their turn", "switched at an await of what is done", FACT),
    ),
    measure=measure,
    why="The interpreter's lock is asked for after the switch interval and given up between two bytecodes, so never "
    "within a call into C that keeps it; a task gives up the loop only where an await has to wait.",
    quick_s=6,
    full_s=26,
)
