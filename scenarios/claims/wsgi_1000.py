"""Claim: 1,000 requests at once under WSGI take about 1,000 processes, and the memory explodes."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .model import ARTICLE_A, Claim, Lab, NotHereError
from .serving import Served

if TYPE_CHECKING:
    from ...results.estimate import Estimate

APP = "flask"
FORKED, PRELOADED = "gunicorn-sync-1", "gunicorn-sync-1 --preload"
COUNTS, QUICK_COUNTS = (1, 2, 4, 8, 16), (1, 2, 3, 5)
WORKER_MIB = 60  # no more for each than this is reckoned with beforehand
WANTED = 1000
# One thread more than are held remains to be asked; each connection must be allowed to stay.
THREADS = f"gunicorn-gthread-1x{WANTED + 1} --worker-connections {3 * WANTED}"
STARTED_WITHIN_S = 20.0


def grown(lab: Lab, setup: str, counts: tuple[int, ...]) -> list[float]:
    """The PSS in MiB of one gunicorn and so many workers of its, each number in turn, all of them having served."""
    sizes = []
    with lab.serve(APP, setup) as served:
        for count in counts:
            more_workers(served, count)
            for _ in range(8 * count):
                served.ask("/json")
            sizes.append(served.memory()["pss_mib"])
    return sizes


def more_workers(served: Served, count: int) -> None:
    """Have gunicorn start workers until so many run, in its own way. Raises NotHereError when they do not come."""
    master, *workers = served.pids
    for _ in range(count - len(workers)):
        os.kill(master, signal.SIGTTIN)
        time.sleep(0.05)  # signals of a kind do not queue
    deadline = time.monotonic() + STARTED_WITHIN_S
    while len(served.pids) - 1 < count:
        if time.monotonic() > deadline:
            raise NotHereError(f"gunicorn did not come to {count} workers within {STARTED_WITHIN_S:g} s")
        time.sleep(0.05)
    time.sleep(0.3)  # the last one imports the app


def over(above: Estimate, below: Estimate) -> Estimate:
    """The ratio of two estimates that come from different repetitions, its interval as wide as both allow."""
    low = None if above.low is None or below.high is None else above.low / below.high
    high = None if above.high is None or below.low is None else above.high / below.low
    return replace(above, value=above.value / below.value, low=low, high=high, n=min(above.n, below.n))


def threads_held(lab: Lab) -> tuple[float, bool, int]:
    """1,000 requests really held by one worker with as many threads: what they add to its PSS in MiB, whether the app
    itself counted them all, and how many processes it took."""
    with lab.serve("holding_wsgi:app", THREADS) as served:
        for _ in range(8):
            served.ask("/held")
        idle = served.memory()["pss_mib"]
        with lab.hold(served, "/hold", WANTED, release="/release") as held:
            counted = int(served.ask("/held").body) == held.count
            added = served.memory()["pss_mib"] - idle
            return added * WANTED / held.count, counted, len(served.pids) - 1


def measure(lab: Lab) -> Measured:
    """Processes one after another as far as memory sensibly goes, and the line through them; threads all 1,000."""
    wanted = QUICK_COUNTS if lab.quick else COUNTS
    counts = tuple(count for count in wanted if count * WORKER_MIB <= lab.memory_mib)
    if len(counts) < 3:
        raise NotHereError(f"{lab.memory_mib:,} MiB of memory allow too few workers for a line through them")
    times = 1 if lab.quick else 2
    sizes = {setup: [grown(lab, setup, counts) for _ in range(times)] for setup in (FORKED, PRELOADED)}
    x = [float(count) for _ in range(times) for count in counts]
    y = {setup: [size for run in runs for size in run] for setup, runs in sizes.items()}
    held = [threads_held(lab) for _ in range(2)]
    threads = [added for added, _, _ in held]
    extrapolated = f"extrapolated from 1 to {counts[-1]} workers, by the line fitted through them"
    processes = lab.line_at(x, y[FORKED], WANTED)
    of_threads = lab.mean(threads)
    figures = (
        Figure("sync worker, PSS", "MiB", lab.slope(x, y[FORKED]), "each further one"),
        Figure("sync worker with preload, PSS", "MiB", lab.slope(x, y[PRELOADED]), "each further one"),
        Figure("1,000 sync workers, PSS", "MiB", processes, extrapolated),
        Figure("1,000 sync workers with preload, PSS", "MiB", lab.line_at(x, y[PRELOADED], WANTED), extrapolated),
        Figure("1,000 requests in threads, PSS", "MiB", of_threads, "above idle, really held by one worker"),
        Figure("processes that held 1,000 requests", "processes", lab.mean([float(of) for _, _, of in held])),
        Figure(
            "held in threads, by the app's own count", "share", lab.share(sum(all_ for _, all_, _ in held), len(held))
        ),
        Figure("processes / threads", "times", over(processes, of_threads), "memory; the interval holds that of both"),
    )
    lines = [
        Series(name, tuple(lab.points(counts, [[run[at] for run in sizes[setup]] for at in range(len(counts))])))
        for name, setup in (("sync workers", FORKED), ("sync workers, preloaded", PRELOADED))
    ]
    chart = Chart(
        "Memory of a gunicorn with more and more workers",
        "Every further worker is a process with its own copy of what Python has touched.",
        "workers",
        "PSS of all, MiB",
        tuple(lines),
    )
    notes = [f"The memory of 1,000 workers is an extrapolation: at most {counts[-1]} were started."]
    if counts != wanted:
        notes.append(f"{counts[-1]} workers at most, as {lab.memory_mib:,} MiB are what may be used here.")
    return Measured(figures, chart, tuple(notes))


CLAIM = Claim(
    id="wsgi-1000",
    title="1,000 requests at once under WSGI take about 1,000 processes, and the memory explodes",
    source=f"{ARTICLE_A}, 5",
    claimed="1000 at once ≈ 1000 processes",
    unit="MiB",
    readings=(
        Reading(
            "the memory explodes: 1,000 sync workers take ten times what 1,000 threads take, or more",
            "processes / threads",
            Claimed(10, None, rounding=1),
        ),
        Reading(
            "WSGI needs a process for each request, whatever its server",
            "processes that held 1,000 requests",
            Claimed(1000, 1000),
        ),
    ),
    measure=measure,
    why="A sync worker is a process, which shares of its memory only what nobody has written to since it was forked; "
    "a gthread worker holds each request in a thread, which takes tens of KiB.",
    quick_s=10,
    full_s=33,
)
