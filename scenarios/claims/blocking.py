"""Claim: time.sleep stops everything, an awaited sleep lets others run, and a plain def is run by a thread pool."""

from __future__ import annotations

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .model import ARTICLE_A, Claim, Lab
from .serving import Asked, Rotated

TARGET = ("fastapi", "uvicorn")
WAIT_MS = 200
POOL = 40  # threads, unless an app says otherwise
MANY, FEW = 2 * POOL, 5
TEXT = f'{{"waited_ms":{WAIT_MS}}}'
AWAIT, BLOCK, THREADS = f"/wait?ms={WAIT_MS}", f"/blocking?ms={WAIT_MS}", f"/threads?ms={WAIT_MS}"
KINDS = {AWAIT: "await in async def", BLOCK: "time.sleep in async def", THREADS: "time.sleep in def"}
LEVELS = {AWAIT: (10, POOL, MANY, 3 * POOL), BLOCK: (1, FEW), THREADS: (10, POOL, MANY, 3 * POOL)}
QUICK_LEVELS = {AWAIT: (MANY,), BLOCK: (FEW,), THREADS: (POOL, MANY)}


def at_once(seen: Rotated, path: str, connections: int) -> list[float]:
    """How many requests were in service at a time, in each launch: requests per second, times the wait of each."""
    return [rate * WAIT_MS / 1000 for rate in seen.values(TARGET, "requests/s", path, connections).values()]


def measure(lab: Lab) -> Measured:
    """The same wait written in three ways, pressed with more and more connections."""
    levels = QUICK_LEVELS if lab.quick else LEVELS
    asked = [Asked(path, TEXT, WAIT_MS, turn_ms=2 * WAIT_MS, connections=levels[path]) for path in KINDS]
    seen = lab.rotate([TARGET], asked, (), launches=2 if lab.quick else 3, seconds=0.4 if lab.quick else 0.8)
    measured = {(path, count): at_once(seen, path, count) for path in KINDS for count in levels[path]}
    figures = [
        Figure(f"{KINDS[path]}, at once of {count}", "requests", lab.mean(values), f"{count} connections")
        for (path, count), values in measured.items()
        if values
    ]
    lines = [
        Series(
            KINDS[path],
            tuple(
                lab.points(
                    [count for count in levels[path] if measured[path, count]],
                    [measured[path, count] for count in levels[path] if measured[path, count]],
                )
            ),
        )
        for path in KINDS
    ]
    chart = Chart(
        "How many requests wait at the same time",
        "Awaited, all wait together; in the pool as many as it has threads; with time.sleep in async def, one by one.",
        "connections",
        "requests in service at once",
        tuple(lines),
        bands=(("threads of the pool", POOL, POOL),),
    )
    note = f"Requests in service at once are requests per second times the {WAIT_MS} ms that each waits."
    return Measured(tuple(figures), chart, (note, *seen.notes))


CLAIM = Claim(
    id="blocking",
    title="time.sleep stops everything, await asyncio.sleep lets others run, and def routes go to a thread pool",
    source=f"{ARTICLE_A}, 4.1 and 7.3",
    claimed="blocking: one at a time; await: all together; def: a thread pool",
    unit="requests",
    readings=(
        Reading("time.sleep in a coroutine: one at a time", f"{KINDS[BLOCK]}, at once of {FEW}", Claimed(1, 1)),
        Reading(f"await asyncio.sleep: all {MANY} at once", f"{KINDS[AWAIT]}, at once of {MANY}", Claimed(MANY, MANY)),
        Reading("a def route: 40 at once, in threads", f"{KINDS[THREADS]}, at once of {POOL}", Claimed(POOL, POOL)),
        Reading("any async def keeps the loop free", f"{KINDS[BLOCK]}, at once of {FEW}", Claimed(FEW, FEW)),
    ),
    measure=measure,
    why="One thread runs the event loop and every coroutine, so whatever does not await in one holds up all; Starlette "
    "calls a plain def in anyio's thread pool, which has 40 threads unless told otherwise.",
    quick_s=14,
    full_s=52,
)
