"""Summaries as a run would give them: eight targets, two scenarios, and every way in which a run can go wrong."""

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sgibench.results.comparison import verdict
from sgibench.results.estimate import Estimate, from_epochs, mean_estimate
from sgibench.results.generator import Generator
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, Manifest, Problem, ProblemCode, ScenarioInfo, Severity, TargetInfo
from sgibench.results.summary import RESPONSES, Comparison, Memory, MemorySlope, Metric, Result, Summary, figure

BASELINE = "flask@gunicorn-sync-3"
INJECTION = "<script>alert('x')</script><img src=http://evil.example/a.png onerror=alert(1)>&amp;\"$\\frac{"


@dataclass(frozen=True)
class Shape:
    """What a made-up target is like."""

    app: str
    setup: str
    interface: str
    server: str
    version: str
    workers: int
    slots: int | None
    json_rps: float
    idle_mib: float
    kib_per_request: float
    ours: bool = True

    @property
    def name(self) -> str:
        return f"{self.app}@{self.setup}"


SHAPES = (
    Shape("flask", "gunicorn-sync-3", "wsgi", "gunicorn", "25.1.0", 3, 3, 2_390, 112.0, 0.1),
    Shape("flask", "gunicorn-gthread-1x64", "wsgi", "gunicorn", "25.1.0", 1, 64, 2_050, 58.0, 21.0),
    Shape("flask", "gunicorn-gevent", "wsgi", "gunicorn", "25.1.0", 1, None, 2_610, 61.0, 33.0),
    Shape("fastapi", "uvicorn", "asgi", "uvicorn", "0.34.0", 1, None, 4_020, 57.0, 11.2),
    Shape("fastapi", "gunicorn-uvicorn", "asgi", "gunicorn", "25.1.0", 1, None, 4_010, 83.0, 11.4),
    Shape("starlette", "uvicorn", "asgi", "uvicorn", "0.34.0", 1, None, 6_720, 44.0, 8.1),
    Shape("bare-asgi", "uvicorn", "asgi", "uvicorn", "0.34.0", 1, None, 12_300, 38.0, 5.2),
    Shape("bare-wsgi", "gunicorn-gthread-1x64", "wsgi", "gunicorn", "25.1.0", 1, 64, 3_480, 41.0, 18.0),
)
JSON = ScenarioInfo("json", "A small JSON answer", "GET", "/json", (Level(32),))
WAIT = ScenarioInfo(
    "wait-50ms", "Waits 50 ms", "GET", "/wait", (Level(8), Level(64), Level(256)), floor_ms=50.0, waiting=True
)
RATES = (Level(256, 500.0), Level(256, 1500.0))
OPEN = ScenarioInfo("json-open", "A small JSON answer at a rate", "GET", "/json", RATES)


def summary_of(
    shapes: Sequence[Shape] = SHAPES,
    scenarios: Sequence[ScenarioInfo] = (JSON, WAIT),
    epochs: int = 5,
    spread: float = 0.008,
    status: str = "complete",
) -> Summary:
    """A summary in which all went well."""
    manifest = manifest_of(shapes, scenarios, epochs, status)
    results, rates = [], {}
    for scenario in scenarios:
        for level in scenario.levels:
            drift = [random.Random(f"{scenario.name}{epoch}").uniform(0.8, 1.15) for epoch in range(epochs)]
            for shape in shapes:
                noise = random.Random(f"{shape.name}{scenario.name}{level.label}")
                true = true_rate(shape, scenario, level)
                if scenario.waiting or level.rate_rps:
                    drift = [1.0] * epochs
                rates[shape.name, scenario.name, level] = [
                    true * speed * noise.lognormvariate(0, spread) for speed in drift
                ]
                results.append(result_of(shape, scenario, level, rates[shape.name, scenario.name, level], noise))
    comparisons = tuple(_comparisons(shapes[0].name, shapes, scenarios, rates, results))
    slopes = tuple(_slopes(shapes, scenarios, epochs))
    leads = tuple(_leads(scenarios, _rates(results)))
    return Summary(manifest, True, (), tuple(results), comparisons, leads, slopes)


def manifest_of(
    shapes: Sequence[Shape], scenarios: Sequence[ScenarioInfo], epochs: int = 5, status: str = "complete"
) -> Manifest:
    return Manifest(
        run_id="20261121-201530-first-look",
        suite="first-look",
        title="First look",
        status=status,
        started_at="2026-11-21T20:15:30+00:00",
        elapsed_s=118.4,
        command=("bench", "run", "first-look", "--budget", "2m"),
        seed=20261121,
        epochs=epochs,
        server_cores=(0,),
        load_cores=(1,),
        baseline=shapes[0].name,
        targets=tuple(_info(shape) for shape in shapes),
        scenarios=tuple(scenarios),
        environment=environment(),
    )


def environment() -> dict[str, Any]:
    return {
        "machine": {"cpu": "AMD EPYC 7763 64-Core Processor", "cores": 2, "memory_mib": 7941.5, "virtual": True},
        "system": {"os": "Debian GNU/Linux 12", "kernel": "6.1.0-28-amd64", "governor": None},
        "python": "3.11.10",
        "cores": {"server": [0], "load": [1]},
        "packages": {"fastapi": "0.115.6", "flask": "3.1.0", "gunicorn": "25.1.0", "uvicorn": "0.34.0"},
    }


def true_rate(shape: Shape, scenario: ScenarioInfo, level: Level) -> float:
    if level.rate_rps:
        return min(level.rate_rps, shape.json_rps)
    if scenario.waiting:
        return min(held_by(shape, level) / scenario.floor_ms * 1000 * 0.972, shape.json_rps * 0.7)
    return shape.json_rps


def held_by(shape: Shape, level: Level) -> int:
    return min(level.concurrency, shape.slots or level.concurrency)


def result_of(
    shape: Shape, scenario: ScenarioInfo, level: Level, rates: Sequence[float], noise: random.Random
) -> Result:
    median = level.concurrency / from_epochs(rates).value * 1000 if not level.rate_rps else 1000 / shape.json_rps * 2
    ok = int(sum(rates) * 4)
    points = [step / 10 for step in range(30) if 10 ** (-step / 10) * ok >= 10]
    spectrum = tuple((100 * (1 - 10**-step), _latency(median, scenario.floor_ms, step)) for step in points)
    times = {
        name: from_epochs([_latency(median, scenario.floor_ms, step) * noise.lognormvariate(0, 0.03) for _ in rates])
        for name, step in {"p50": 0.3, "p90": 1.0, "p99": 2.0, "p99.9": 3.0}.items()
        if 10**-step * ok >= 10
    }
    peak = shape.idle_mib + shape.kib_per_request * held_by(shape, level) / 1024
    response = {name: _scaled(estimate, 1.07) for name, estimate in times.items()} if level.rate_rps else None
    return Result(
        target=shape.name,
        app=shape.app,
        setup=shape.setup,
        scenario=scenario.name,
        level=level,
        valid=True,
        launches=len(rates),
        problems=(),
        throughput_rps=from_epochs(rates),
        at_least=False,
        cpu_us_per_request=from_epochs([940_000 / shape.json_rps * noise.lognormvariate(0, 0.01) for _ in rates]),
        context_switches_per_request=from_epochs([0.8 * noise.lognormvariate(0, 0.05) for _ in rates]),
        service_time_ms=times,
        response_time_ms=response,
        schedule_lag_ms={name: _scaled(estimate, 0.02) for name, estimate in times.items()} if response else None,
        memory_mib=Memory(
            from_epochs([shape.idle_mib * noise.lognormvariate(0, 0.004) for _ in rates]),
            from_epochs([peak * noise.lognormvariate(0, 0.004) for _ in rates]),
            "pss",
        ),
        generator=Generator(0.21, 61_000.0, 0.17),
        ledger=Ledger(scheduled=ok, sent=ok, ok=ok),
        spectrum=spectrum,
        epoch_throughput_rps=tuple(enumerate(rates, start=1)),
    )


def problem(code: ProblemCode, message: str, result: Result, severity: Severity = Severity.INVALID) -> Problem:
    return Problem(code, message, result.target, result.scenario, severity)


def invalid(result: Result, message: str = "4,102 of 9,000 requests were not answered rightly") -> Result:
    """The same result, had every launch of it been invalid."""
    return replace(
        result,
        valid=False,
        problems=(problem(ProblemCode.ERRORS, message, result),),
        throughput_rps=None,
        cpu_us_per_request=None,
        context_switches_per_request=None,
        service_time_ms={},
        ledger=Ledger(9000, 9000, 0, 4894, 4, {"timeout": 4102}),
        spectrum=(),
        epoch_throughput_rps=(),
    )


def without(summary: Summary, change: Callable[[Result], Result | None]) -> Summary:
    """The summary with results changed or left out; a changed one is in no comparison."""
    changed = {id(result): change(result) for result in summary.results}
    kept = tuple(result for result in changed.values() if result is not None)
    gone = {(r.target, r.scenario, r.level) for r in summary.results if changed[id(r)] is not r}

    def stays(comparison: Comparison) -> bool:
        place = (comparison.scenario, comparison.level)
        return (comparison.target, *place) not in gone and (comparison.baseline, *place) not in gone

    problems = tuple(found for result in kept for found in result.problems)
    ranked = [result for result in kept if result.valid]
    return replace(
        summary,
        valid=all(found.severity is Severity.WARNING for found in problems),
        problems=(*summary.problems, *problems),
        results=kept,
        comparisons=tuple(comparison for comparison in summary.comparisons if stays(comparison)),
        leads=tuple(_leads(summary.manifest.scenarios, _rates(ranked))),
    )


def _latency(median: float, floor_ms: float, step: float) -> float:
    return max(median * (0.86 + 0.16 * step + 0.05 * math.pow(step, 2.4)), floor_ms * (1 + 0.002 * step))


def _scaled(estimate: Estimate, factor: float) -> Estimate:
    low = None if estimate.low is None else estimate.low * factor
    high = None if estimate.high is None else estimate.high * factor
    return Estimate(estimate.value * factor, low, high, estimate.n, estimate.method)


def _info(shape: Shape) -> TargetInfo:
    command = ("python", "-m", shape.server, "--workers", str(shape.workers), f"{shape.app}_app:app")
    return TargetInfo(
        shape.name,
        shape.app,
        shape.setup,
        shape.interface,
        shape.server,
        shape.version,
        shape.workers,
        shape.slots,
        command,
        "3.11.10",
        shape.ours,
    )


Rates = Mapping[tuple[str, str, Level], Sequence[float]]


def _ratio(rates: Rates, target: str, baseline: str, scenario: str, level: Level) -> Estimate:
    pairs = zip(rates[target, scenario, level], rates[baseline, scenario, level], strict=True)
    return from_epochs([over / under for over, under in pairs])


def _comparisons(
    baseline: str,
    shapes: Sequence[Shape],
    scenarios: Sequence[ScenarioInfo],
    rates: Rates,
    results: Sequence[Result],
) -> Iterator[Comparison]:
    for scenario in scenarios:
        for level in scenario.levels:
            for shape in shapes:
                if shape.name != baseline and level.rate_rps:
                    yield from _responses(baseline, shape.name, scenario.name, level, results)
                elif shape.name != baseline:
                    ratio = _ratio(rates, shape.name, baseline, scenario.name, level)
                    found = verdict(ratio, Metric.THROUGHPUT)
                    yield Comparison(scenario.name, level, Metric.THROUGHPUT, baseline, shape.name, ratio, found)


def _responses(
    baseline: str, target: str, scenario: str, level: Level, results: Sequence[Result]
) -> Iterator[Comparison]:
    """Where the rate was set, what is compared is how long answers take."""
    both = [each for each in results if (each.scenario, each.level) == (scenario, level)]
    for metric in RESPONSES:
        found = {each.target: figure(each, metric) for each in both}
        below, above = found[baseline], found[target]
        if below and above:
            ratio = _scaled(above, 1 / below.value)
            yield Comparison(scenario, level, metric, baseline, target, ratio, verdict(ratio, metric))


def _rates(results: Sequence[Result]) -> Rates:
    return {(r.target, r.scenario, r.level): [rate for _, rate in r.epoch_throughput_rps] for r in results}


def _leads(scenarios: Sequence[ScenarioInfo], rates: Rates) -> Iterator[Comparison]:
    for scenario in scenarios:
        for level in scenario.levels:
            if level.rate_rps:
                continue
            place = (scenario.name, level)
            means = {key[0]: from_epochs(values).value for key, values in rates.items() if key[1:] == place}
            leader = max(means, key=means.__getitem__, default="")
            for other in sorted(means, key=means.__getitem__, reverse=True):
                if other != leader:
                    ratio = _ratio(rates, leader, other, scenario.name, level)
                    found = verdict(ratio, Metric.THROUGHPUT)
                    yield Comparison(scenario.name, level, Metric.THROUGHPUT, other, leader, ratio, found)


def _slopes(shapes: Sequence[Shape], scenarios: Sequence[ScenarioInfo], epochs: int) -> Iterator[MemorySlope]:
    for scenario in scenarios:
        if len(scenario.levels) > 1 and not scenario.levels[0].rate_rps:
            for shape in shapes:
                if len({held_by(shape, level) for level in scenario.levels}) < 2:
                    continue
                noise = random.Random(shape.name)
                values = [shape.kib_per_request + noise.gauss(0, 0.3) for _ in range(epochs)]
                yield MemorySlope(shape.name, scenario.name, mean_estimate(values))
