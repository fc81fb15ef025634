"""Claim: thousands of threads are possible, but hundreds of thousands of coroutines."""

from __future__ import annotations

import asyncio
import resource
import threading
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import no_collector, rss_kib
from .model import ARTICLE_A, Claim, Lab, Repetitions, Side

if TYPE_CHECKING:
    from ...results.estimate import Estimate

MOST_THREADS, MOST_TASKS = 30_000, 1_000_000
QUICK_THREADS, QUICK_TASKS = 12_000, 200_000  # threads just beyond the thousands
MOST_S, QUICK_S = 20.0, 10.0
STEPS = 20  # of a climb, each timed
# The article's “hundreds to thousands” and “tens to hundreds of thousands”.
THREADS, TASKS = Claimed(100, 9_999, rounding=1), Claimed(10_000, 999_999, rounding=1)


def threads(most: int, memory_mib: int, seconds: float) -> dict[str, Any]:
    """Start threads that wait, until the system refuses one or a bound is reached: half of what it allows, at most."""
    most, bound = min((most, f"the bound of {most:,}"), *_halves())
    leave = threading.Semaphore(0)
    started: list[threading.Thread] = []
    answered: list[None] = []
    climb = _Climb(most, bound, memory_mib, seconds)

    def wait() -> None:
        leave.acquire()
        answered.append(None)

    with no_collector():
        while climb.goes_on(len(started)):
            try:
                one = threading.Thread(target=wait, daemon=True)
                one.start()
                started.append(one)
            except (RuntimeError, MemoryError) as error:
                climb.refused(error)
        figures = climb.figures(len(started))
        for one in started:  # one by one: woken together, they would fight for the interpreter's lock
            leave.release()
            one.join()
    return {**figures, "answered": len(answered)}


def coroutines(most: int, memory_mib: int, seconds: float) -> dict[str, Any]:
    """Start tasks that wait, until memory or another bound is reached."""

    async def start_all() -> dict[str, Any]:
        leave, answered = asyncio.Event(), 0
        tasks: list[asyncio.Task[None]] = []
        climb = _Climb(most, f"the bound of {most:,}", memory_mib, seconds)

        async def wait() -> None:
            nonlocal answered
            await leave.wait()
            answered += 1

        with no_collector():
            while climb.goes_on(len(tasks)):
                try:
                    tasks.append(asyncio.create_task(wait()))
                except MemoryError as error:
                    climb.refused(error)
                if len(tasks) % 1_000 == 0:
                    await asyncio.sleep(0)  # they run up to their wait
            await asyncio.sleep(0)
            figures = climb.figures(len(tasks))
            leave.set()
            for task in tasks:
                await task
        return {**figures, "answered": answered}

    return asyncio.run(start_all())


class _Climb:
    """How far a climb may go, how long its steps took, and what ended it."""

    def __init__(self, most: int, bound: str, memory_mib: int, seconds: float) -> None:
        self._most, self._bound = most, bound
        self._kib = rss_kib() + memory_mib * 1024
        self._memory_mib, self._seconds = memory_mib, seconds
        self._began = self._step_began = monotonic()
        self._step = max(most // STEPS, 1)
        self._steps_us: list[float] = []
        self._stopped, self._refused = "", False

    def goes_on(self, count: int) -> bool:
        """Whether there may be one more than so many."""
        if self._stopped:
            return False
        if count and count % self._step == 0:
            now = monotonic()
            self._steps_us.append((now - self._step_began) * 1e6 / self._step)
            self._step_began = now
        if count >= self._most:
            self._stopped = self._bound
        elif count % 100 == 0 and rss_kib() > self._kib:
            self._stopped = f"the bound of {self._memory_mib:,} MiB"
        elif monotonic() - self._began > self._seconds:
            self._stopped = f"the bound of {self._seconds:g} s"
        return not self._stopped

    def refused(self, error: BaseException) -> None:
        self._stopped, self._refused = f"a refusal: {str(error) or type(error).__name__}", True

    def figures(self, count: int) -> dict[str, Any]:
        steps = [self._step * (at + 1) for at in range(len(self._steps_us))]
        taken_s = monotonic() - self._began
        return {
            "count": count,
            "refused": self._refused,
            "taken_s": taken_s,
            "steps": steps,
            "steps_us": self._steps_us,
            "stopped": f"stopped at {count:,} by {self._stopped}",
        }


def _halves() -> list[tuple[int, str]]:
    """Half of what the machine allows of threads: the other half is for everything else that runs on it."""
    found = []
    own_limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if own_limit != resource.RLIM_INFINITY:
        found.append((own_limit // 2, f"half of the user's limit of processes ({own_limit:,})"))
    own = next((line.split(":")[2] for line in _text("/proc/self/cgroup").splitlines() if ":pids:" in line), "")
    unified = next((line[3:] for line in _text("/proc/self/cgroup").splitlines() if line.startswith("0::")), "")
    for path, what in (
        ("/proc/sys/kernel/threads-max", "the kernel's threads-max"),
        ("/proc/sys/kernel/pid_max", "the kernel's pid_max"),
        (f"/sys/fs/cgroup{unified}/pids.max", "the control group's pids.max"),
        (f"/sys/fs/cgroup/pids{own}/pids.max", "the control group's pids.max"),
    ):
        text = _text(path).strip()
        if text.isdigit():
            found.append((int(text) // 2, f"half of {what} ({int(text):,})"))
    return found


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def limit(lab: Lab, seen: Repetitions, side: str, claimed: Claimed) -> Estimate | None:
    """How many are possible at most: known where the system refused one more, or where there were more than claimed.

    A bound of ours is no limit of theirs: then None.
    """
    counts = seen.values(side, "count")
    known = all(seen.values(side, "refused")) or (claimed.high is not None and min(counts) > claimed.high)
    return lab.mean(counts) if known else None


def measure(lab: Lab) -> Measured:
    """Both sides climb, up to a refusal or a bound that is said."""
    bounds = {"memory_mib": lab.memory_mib // 2, "seconds": QUICK_S if lab.quick else MOST_S}
    many = (QUICK_THREADS, QUICK_TASKS) if lab.quick else (MOST_THREADS, MOST_TASKS)
    sides = {
        "threads": Side("threads", threads, {"most": many[0], **bounds}),
        "coroutines": Side("coroutines", coroutines, {"most": many[1], **bounds}),
    }
    seen = lab.alternate(list(sides.values()), 2)
    figures, lines, notes = [], [], []
    for name, claimed in (("threads", THREADS), ("coroutines", TASKS)):
        figures.append(Figure(f"{name} reached", name, lab.mean(seen.values(name, "count")), "all alive and waiting"))
        at_most = limit(lab, seen, name, claimed)
        if at_most is not None:
            figures.append(Figure(f"most {name}", name, at_most, seen.stopped(name)))
        answered = [a == b for a, b in zip(seen.values(name, "answered"), seen.values(name, "count"), strict=True)]
        whole = lab.share(sum(answered), len(answered))
        figures.append(Figure(f"{name}, all woke", "share", whole, "each of them ran on to its end"))
        figures.append(Figure(f"{name}, climb", "s", lab.mean(seen.values(name, "taken_s"))))
        steps = seen.lists(name, "steps")
        shared = min(len(each) for each in steps)
        took = [[each[at] for each in seen.lists(name, "steps_us")] for at in range(shared)]
        lines.append(Series(name, tuple(lab.points(steps[0][:shared], took))))
        notes.append(f"{name.capitalize()} {seen.stopped(name)}.")
    chart = Chart(
        "Climbing",
        "What one more takes to start, by how many there are already.",
        "how many there are",
        "µs for one more",
        tuple(line for line in lines if line.points),
        log_x=True,
        log_y=True,
    )
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="how-many",
    title="Hundreds to thousands of threads are possible, and tens to hundreds of thousands of coroutines",
    source=f"{ARTICLE_A}, 4.4",
    claimed="threads: hundreds to thousands; coroutines: tens to hundreds of thousands",
    unit="",
    readings=(
        Reading("at least hundreds of threads", "threads reached", Claimed(100, None)),
        Reading("no more than thousands of threads", "most threads", Claimed(None, THREADS.high, rounding=1)),
        Reading("at least tens of thousands of coroutines", "coroutines reached", Claimed(10_000, None)),
        Reading(
            "no more than hundreds of thousands of coroutines",
            "most coroutines",
            Claimed(None, TASKS.high, rounding=1),
        ),
    ),
    measure=measure,
    why="Threads are numbered and mapped by the kernel, which allows so many (pid_max, threads-max, max_map_count, "
    "control groups); tasks are objects, and end where memory ends.",
    quick_s=8,
    full_s=27,
)
