"""Claim: 10,000 requests at once under ASGI are 10,000 coroutines, and take about 40 MB."""

from __future__ import annotations

import asyncio
from typing import Any

from ...results.claims import FACT, Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import memory, no_collector
from .model import ARTICLE_A, Claim, Lab, NotHereError, Side

APPS = {"bare ASGI": "holding_asgi:app", "Starlette": "holding_starlette:app", "FastAPI": "holding_fastapi:app"}
SETUP = "uvicorn"
WANTED = 10_000
COUNTS, QUICK_COUNTS = (2_500, 5_000, WANTED), (500, 1_000, 2_000)
WARM = 100
REQUEST_KB = 60  # no more for each than this is reckoned with beforehand
MB, KB = 1.048576, 1048.576  # of a MiB
Point = tuple[float, float]


def coroutines(count: int) -> dict[str, Any]:
    """Park so many tasks in one loop, and see what each has added."""

    async def park() -> dict[str, Any]:
        enough = asyncio.Event()
        with no_collector():
            before = memory()
            tasks = [asyncio.create_task(enough.wait()) for _ in range(count)]
            await asyncio.sleep(0)
            added_kib = memory().pss_kib - before.pss_kib
        enough.set()
        await asyncio.gather(*tasks)
        return {"added_mb": added_kib / 1024 * MB}

    return asyncio.run(park())


def held(lab: Lab, app: str, counts: tuple[int, ...], notes: list[str]) -> tuple[list[Point], int]:
    """What one uvicorn process takes above idle while it holds so many requests, each number in turn, in MB; and how
    many times it counted all of them itself."""
    points, counted = [], 0
    with lab.serve(app, SETUP) as served:
        with lab.hold(served, "/hold", WARM, release="/release"):
            pass
        idle = served.memory()["pss_mib"]
        for count in counts:
            with lab.hold(served, "/hold", count, release="/release") as holding:
                counted += int(served.ask("/held").body) == holding.count
                points.append((float(holding.count), (served.memory()["pss_mib"] - idle) * MB))
            if holding.stopped:
                notes.append(f"{holding.stopped}.")
                break
    return points, counted


def measure(lab: Lab) -> Measured:
    """Requests really held, more and more, by a bare app, Starlette and FastAPI; and as many coroutines alone."""
    wanted = QUICK_COUNTS if lab.quick else COUNTS
    counts = tuple(count for count in wanted if count * REQUEST_KB <= lab.memory_mib * 1024)
    if not counts:
        raise NotHereError(f"{lab.memory_mib:,} MiB of memory allow too few requests for a line through them")
    notes = [f"{counts[-1]:,} requests at most, for want of memory."] if counts != wanted else []
    tasks = lab.alternate([Side("coroutines", coroutines, {"count": WANTED})], 3)
    times, right = 1 if lab.quick else 2, 0
    seen: dict[str, list[Point]] = {name: [] for name in APPS}
    for _ in range(times):
        for name, app in APPS.items():
            points, counted = held(lab, app, counts, notes)
            seen[name] += points
            right += counted
    reached = sorted({count for points in seen.values() for count, _ in points})
    if len(reached) < 2 or min(map(len, seen.values())) < 3:
        limits = " ".join(dict.fromkeys(notes))
        raise NotHereError(f"no more than {reached[-1]:,.0f} requests can be held here: {limits}")
    whole = reached[-1] == WANTED
    text = "really held, above idle" if whole else f"extrapolated from {reached[0]:,.0f} to {reached[-1]:,.0f} held"
    figures = [Figure("10,000 coroutines alone", "MB", lab.mean(tasks.values("coroutines", "added_mb")), "PSS")]
    for name, points in seen.items():
        x, y = zip(*points, strict=True)
        at_most = [added for count, added in points if count == WANTED]
        figures += [
            Figure(f"10,000 requests, {name}", "MB", lab.mean(at_most) if whole else lab.line_at(x, y, WANTED), text),
            Figure(f"each further request, {name}", "kB", lab.slope(x, [added * 1000 for added in y])),
        ]
    figures.append(
        Figure("held, by the app's own count", "share", lab.share(right, sum(map(len, seen.values()))), "of holds")
    )
    if not whole:
        notes.append(f"Up to {reached[-1]:,.0f} requests were held: what 10,000 take is an extrapolation.")
    return Measured(tuple(figures), chart(lab, seen), tuple(dict.fromkeys(notes)))


def chart(lab: Lab, seen: dict[str, list[Point]]) -> Chart:
    """Memory over requests in flight."""
    lines = []
    for name, points in seen.items():
        counts = sorted({count for count, _ in points})
        sizes = [[added for count, added in points if count == wanted] for wanted in counts]
        lines.append(Series(name, tuple(lab.points(counts, sizes))))
    return Chart(
        "Memory of requests in flight, above idle",
        "A request in flight is a connection, a parser, a scope, and what the framework wraps around them.",
        "requests held at once",
        "MB (PSS) above idle",
        tuple(lines),
    )


CLAIM = Claim(
    id="asgi-10000",
    title="10,000 requests at once under ASGI are 10,000 coroutines, and take about 40 MB",
    source=f"{ARTICLE_A}, 5",
    claimed="10,000 requests ≈ 10,000 coroutines ≈ 40 MB: 4 KB each",
    unit="MB",
    readings=(
        Reading("one process holds all its requests at once", "held, by the app's own count", FACT),
        Reading("the coroutines alone", "10,000 coroutines alone", Claimed(40, 40)),
        Reading("the requests, in a bare ASGI app on uvicorn", "10,000 requests, bare ASGI", Claimed(40, 40)),
        Reading("the requests, in FastAPI on uvicorn", "10,000 requests, FastAPI", Claimed(40, 40)),
    ),
    measure=measure,
    why="A waiting coroutine is one small object on the heap, but a request in flight is also a socket's transport, a "
    "parser, a scope with its headers, a task, and each frame that the framework's layers leave waiting.",
    quick_s=8,
    full_s=71,
)
