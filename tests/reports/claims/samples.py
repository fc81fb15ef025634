"""Runs of claims as they would come: 24 claims, and every way in which one can go wrong or be long."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sgibench.results.claims import (
    FACT,
    Chart,
    Claimed,
    ClaimResult,
    ClaimsRun,
    ClaimVerdict,
    Figure,
    Measured,
    Reading,
    Series,
    findings,
    judge,
)
from sgibench.results.estimate import Estimate

from ..samples import INJECTION

SOURCE = "A, “FastAPI 系统性学习记录”, 4.4"
IDS = (
    "thread-memory", "creation-time", "switch-time", "how-many", "gather", "blocking", "wsgi-one-at-a-time",
    "wsgi-1000", "asgi-10000", "uvloop", "httptools", "framework-cost", "background-tasks", "coroutine-safety",
    "preemption", "cpu-bound", "decoupled", "validation", "docs-generated", "closes-connection", "streaming-body",
    "lifespan", "dependency-yield", "protocols",
)  # fmt: skip
CODE = '"""Claim: so it is."""\n\n' + "\n\n".join(
    f'def side_{number}(count: int) -> dict[str, int]:\n    """Park <so many> & see."""\n    return {{"count": count}}'
    for number in range(24)
)
WHY = (
    "A thread's stack is reserved as address space at once and backed by memory page by page as it is touched, and a "
    "parked Python thread has touched some four pages; a coroutine keeps its frame on the heap."
)


def estimate(value: float, spread: float = 0.02, n: int = 8) -> Estimate:
    """An estimate with an interval of that relative half-width."""
    return Estimate(value, value * (1 - spread), value * (1 + spread), n, "geometric mean, 95 % Student t on logs")


def lines_chart(number: int) -> Chart:
    """Memory over counts, on logarithmic axes."""
    noise = random.Random(number)
    series = []
    for name, base in (("thread, virtual", 8192.0), ("thread, resident", 16.0), ("coroutine, resident", 0.9)):
        values = [base * noise.lognormvariate(0, 0.1) for _ in range(3)]
        points = zip((100, 1_000, 10_000), values, strict=True)
        series.append(Series(name, tuple((x, y, y * 0.93, y * 1.08) for x, y in points)))
    return Chart(
        "Memory of one more thread and one more coroutine",
        "A thread reserves megabytes of address space, and uses some 16 KiB of memory.",
        "how many there are",
        "KiB for each",
        tuple(series),
        log_x=True,
        log_y=True,
        bands=(("claimed of a thread", 1024, 8192), ("claimed of a coroutine", 1, 4)),
    )


def dots_chart(number: int) -> Chart:
    """Gains, a row for each kind of work."""
    noise = random.Random(number)
    names = ("echo over TCP", "plain HTTP under uvicorn", "FastAPI with a response model")
    rows = [(name, gain * noise.lognormvariate(0, 0.05)) for name, gain in zip(names, (2.4, 1.4, 1.08), strict=True)]
    return Chart(
        "What uvloop gains over asyncio's loop",
        "The gain shrinks as the app weighs more.",
        "times as fast",
        "",
        tuple(Series(name, ((0, gain, gain * 0.96, gain * 1.05),)) for name, gain in rows),
        kind="dots",
        bands=(("claimed", 2, 4),),
    )


def memory_claim(number: int = 0, **changes: Any) -> ClaimResult:
    """The memory of threads: true of address space, not of memory."""
    readings = (
        Reading("the address space that a thread reserves", "thread, virtual", Claimed(1024, 8192)),
        Reading("the memory that a thread uses", "thread, resident", Claimed(1024, 8192)),
        Reading("memory used by a thread, over a coroutine's", "resident / resident", Claimed(1000, 2000)),
    )
    figures = (
        Figure("thread, virtual", "KiB", estimate(8192), "each of 10000, parked"),
        Figure("thread, resident", "KiB", estimate(16.04)),
        Figure("resident / resident", "times", estimate(18.4)),
    )
    return result_of("thread-memory", readings, Measured(figures, lines_chart(number)), **changes)


def fact_claim(share: float = 1.0, before: str = "", **changes: Any) -> ClaimResult:
    """A bare fact, so in that share of 12 repetitions."""
    mixed = Estimate(share, share / 2, min(share * 2, 1.0), 12, "share, 95 % Clopper-Pearson")
    found = Estimate(share, share, share, 12, "share of repetitions") if share in (0, 1) else mixed
    reading = Reading("the answer says 422 and `field required`", "told so", FACT, before)
    measured = Measured((Figure("told so", "share", found),), None, ("Asked over HTTP, 12 times.",))
    return result_of("validation", (reading,), measured, **changes)


def gain_claim(number: int = 0, **changes: Any) -> ClaimResult:
    """A ratio whose interval lies across the end of what was claimed."""
    reading = Reading("requests per second, uvloop over asyncio", "gain", Claimed(2, 4))
    measured = Measured((Figure("gain", "times", estimate(1.62, 0.06)),), dots_chart(number))
    return result_of("uvloop", (reading,), measured, **changes)


def unmeasured_claim(**changes: Any) -> ClaimResult:
    """A claim that could not be put to the test."""
    reading = Reading("what a worker takes", "PSS per worker", Claimed(None, 60))
    problem = "gunicorn is not installed in this interpreter: pip install gunicorn"
    return result_of("wsgi-1000", (reading,), Measured(()), problem=problem, **changes)


def result_of(ident: str, readings: tuple[Reading, ...], measured: Measured, **changes: Any) -> ClaimResult:
    """The result that follows from readings and figures."""
    found = findings(readings, measured)
    result = ClaimResult(
        id=ident,
        title="A thread costs 1000 to 2000 times the memory of a coroutine",
        source=SOURCE,
        claimed="thread 1–8 MB, coroutine 1–4 KB: 1000–2000×",
        unit=measured.figures[0].unit if measured.figures else "MiB",
        why=WHY,
        verdict=judge(found),
        findings=found,
        measured=measured,
        code=CODE,
        interpreter="CPython 3.11.7",
        elapsed_s=12.5,
    )
    return replace(result, **changes)


def run_of(*results: ClaimResult, **changes: Any) -> ClaimsRun:
    """A run with those results."""
    run = ClaimsRun(
        run_id="20261122-053535-claims",
        started_at="2026-11-22T05:35:35+00:00",
        elapsed_s=612.4,
        quick=False,
        seed=20261122,
        command=("bench", "claims", "--python", "/opt/secret/bin/python3.13"),
        environment=environment(),
        results=results,
    )
    return replace(run, **changes)


def environment() -> Mapping[str, Any]:
    return {
        "cpu": {"model": "AMD EPYC 7763", "cores": 2, "usable_cores": [0, 1], "virtual": True},
        "memory_mib": 24106,
        "system": {"name": "Linux", "kernel": "6.18.44", "os": "Debian GNU/Linux 12 (bookworm)"},
        "python": {"version": "3.11.7", "implementation": "CPython", "gil": True},
        "packages": {"fastapi": "0.115.6", "uvicorn": "0.34.0", "rich": "14.0", "pydantic": "2.10.1"},
    }


def all_claims(interpreter: str = "CPython 3.11.7", seed: int = 0) -> tuple[ClaimResult, ...]:
    """All 24, each of another kind."""
    made: list[ClaimResult] = []
    kinds: tuple[Callable[[int], ClaimResult], ...] = (
        memory_claim,
        gain_claim,
        lambda _: fact_claim(),
        lambda _: fact_claim(0.5),
        lambda _: fact_claim(0.0, before="Pydantic 1"),
        lambda _: unmeasured_claim(),
    )
    for number, ident in enumerate(IDS):
        made.append(replace(kinds[number % len(kinds)](seed + number), id=ident, interpreter=interpreter))
    return tuple(made)


def whole() -> ClaimsRun:
    return run_of(*all_claims())


def one() -> ClaimsRun:
    return run_of(memory_claim(), quick=True)


def several() -> ClaimsRun:
    """Three interpreters; the last one was interrupted before it came to all claims."""
    names = ("CPython 3.11.7", "CPython 3.13.1", "CPython 3.14.0 free-threaded")
    every = [all_claims(name, seed * 100) for seed, name in enumerate(names)]
    return run_of(*every[0], *every[1], *every[2][:5], status="interrupted")


def nothing() -> ClaimsRun:
    return run_of(environment={}, command=())


def injection() -> ClaimsRun:
    base = memory_claim()
    chart = replace(
        lines_chart(0),
        title=INJECTION,
        takeaway=INJECTION,
        x_label=INJECTION,
        y_label=INJECTION,
        series=tuple(replace(one, name=f"{INJECTION} {at}") for at, one in enumerate(lines_chart(0).series)),
        bands=((INJECTION, 1, 4),),
    )
    named = tuple(
        replace(figure, name=f"{INJECTION} {figure.name}", text=INJECTION) for figure in base.measured.figures
    )
    readings = tuple(
        replace(finding.reading, text=INJECTION, measure=f"{INJECTION} {finding.reading.measure}", before=INJECTION)
        for finding in base.findings
    )
    words: dict[str, Any] = dict.fromkeys(("title", "source", "claimed", "why", "interpreter"), INJECTION)
    hurt = result_of(INJECTION, readings, Measured(named, chart, (INJECTION,)), code=f"# {INJECTION}\n", **words)
    broken = replace(unmeasured_claim(interpreter=INJECTION), problem=INJECTION)
    return run_of(hurt, broken, environment={"cpu": {"model": INJECTION}, INJECTION: INJECTION}, command=(INJECTION,))


def long_words() -> ClaimsRun:
    """Sentences that never end, words without a place to break, and Chinese."""
    endless = "unbreakable" * 40
    chinese = "协程切换的开销远小于线程切换，" * 12
    base = memory_claim(source=f"A, “{chinese}”, 4.4", title=chinese, why=f"{WHY} " * 6, claimed=f"{chinese} {endless}")
    chart = replace(dots_chart(0), series=tuple(replace(s, name=f"{chinese}{s.name}") for s in dots_chart(0).series))
    chart = replace(chart, bands=((chinese, 2, 4), (endless, 3, 3), ("far away", 4000, 9000)), log_x=True)
    notes = (endless, chinese)
    return run_of(
        replace(base, measured=replace(base.measured, notes=notes)),
        replace(gain_claim(), measured=replace(gain_claim().measured, chart=chart, notes=notes), title=endless),
    )


def odd_charts() -> ClaimsRun:
    """Charts of one point, of none, at zero and below, of many points, with open bands."""
    line = Series("only", ((1_000, 3.0, None, None),))
    below = Series("below", ((0, -2.0, -3.0, -1.0), (5, 4.0, 3.0, 5.0)))
    zero = Series("nought", ((0, 0.0, 0.0, 0.0), (10, 0.0, None, None)))
    many = Series("many", tuple((10 * step, math.sqrt(step), None, None) for step in range(1, 60)))
    flat = Chart("Flat", "It stays.", "count", "s", (line,))
    charts = (
        flat,
        replace(flat, series=()),
        replace(flat, series=(zero,), log_x=True, log_y=True),
        replace(flat, series=(zero,)),
        replace(flat, series=(below, line)),
        replace(flat, series=(many,), log_x=True),
        replace(flat, series=(many,), kind="dots"),
        replace(flat, series=(zero,), kind="dots", log_x=True),
        replace(flat, series=(below,), kind="dots", bands=(("any", None, None), ("half", 1, None))),
        replace(flat, series=(line,), log_y=True, bands=(("from nothing", 0, 2), ("up", 1e5, None))),
    )
    base = memory_claim()
    return run_of(
        *(replace(base, id=f"chart-{at}", measured=replace(base.measured, chart=c)) for at, c in enumerate(charts))
    )


def no_figures() -> ClaimsRun:
    bare = replace(memory_claim(), findings=(), measured=Measured(()), verdict=ClaimVerdict.NOT_MEASURABLE)
    return run_of(replace(bare, problem="it failed: it said nothing", interpreter="", code=""))


RUNS: Mapping[str, Callable[[], ClaimsRun]] = {
    made.__name__: made for made in (whole, one, several, nothing, injection, long_words, odd_charts, no_figures)
}


@cache
def sample(name: str) -> ClaimsRun:
    """The run of that name."""
    return RUNS[name]()
