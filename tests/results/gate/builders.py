"""Made-up gate runs: epochs with the changes that a test names."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from sgibench.results.gate.records import (
    BASE,
    HEAD,
    WHOLE,
    EpochNoise,
    GateEpoch,
    GateFailure,
    GateRun,
    Order,
    Pair,
    Source,
)
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.ledger import Ledger
from sgibench.results.problems import Problem, ProblemCode

from ..builders import ledger

TYPICAL = {
    GateMetric.THROUGHPUT: 1000.0,
    GateMetric.CPU: 900.0,
    GateMetric.THROUGHPUT_TOTAL: 980.0,
    GateMetric.CPU_TOTAL: 950.0,
    GateMetric.P50: 4.0,
    GateMetric.P90: 8.0,
    GateMetric.P99: 20.0,
    GateMetric.MEMORY_IDLE: 50.0,
    GateMetric.MEMORY_PEAK: 60.0,
    GateMetric.LEAK: 1.0,
}
# What repeats around zero, so that tests without chance have some spread: in percent.
SWAY = (0.3, -0.2, 0.1, -0.4, 0.2, -0.1, 0.4, -0.3)
Changes = Mapping[GateMetric, float | Sequence[float]]


def pair(metric: GateMetric, percent: float) -> Pair:
    """A pair whose head is worse by so many percent; of a leak, by so many bytes per request."""
    base = TYPICAL[metric]
    if not metric.in_percent:
        return Pair(base, base + percent)
    factor = 1 + percent / 100
    return Pair(base, base / factor if metric.higher_is_better else base * factor)


def epoch(
    number: int,
    percents: Mapping[GateMetric, float],
    *,
    noise: EpochNoise | None = None,
    problems: Iterable[Problem] = (),
    errors: Mapping[str, Ledger] | None = None,
    limited: Iterable[str] = (),
    late: Iterable[str] = (),
) -> GateEpoch:
    """An epoch with those changes in percent, and 1,000 right answers of each side where `errors` says nothing else."""
    return GateEpoch(
        number=number,
        order=Order.BASE_FIRST if number % 2 else Order.HEAD_FIRST,
        hash_seed=number,
        started_s=6.5 * number,
        elapsed_s=6.4,
        values={(WHOLE if metric.of_launch else "json", metric): pair(metric, by) for metric, by in percents.items()},
        ledgers={("json", side): (errors or {}).get(side, ledger(1000)) for side in (BASE, HEAD)},
        noise=noise or EpochNoise(0.05, 0.01, 0.02),
        problems=tuple(problems),
        limited=tuple(limited),
        late=tuple(late),
    )


def without(epoch: GateEpoch, *metrics: GateMetric, late: Iterable[str] = ()) -> GateEpoch:
    """The epoch, in which those metrics were not measured."""
    values = {key: pair for key, pair in epoch.values.items() if key[1] not in metrics}
    return replace(epoch, values=values, late=tuple(late))


def epochs(count: int, changes: Changes | None = None) -> list[GateEpoch]:
    """So many epochs, all metrics in each, equal on average but for those named: in percent, or one value per epoch."""
    changes = changes or {}
    found = []
    for number in range(1, count + 1):
        percents = {}
        for at, metric in enumerate(GateMetric):
            by = changes.get(metric, 0.0)
            sway = SWAY[(number + at) % len(SWAY)]
            percents[metric] = by + sway if isinstance(by, int | float) else by[number - 1]
        found.append(epoch(number, percents))
    return found


def gate_run(
    those: Iterable[GateEpoch] = (),
    settings: GateSettings | None = None,
    *,
    failures: Iterable[GateFailure] = (),
    problems: Iterable[Problem] = (),
    status: str = "complete",
) -> GateRun:
    """A run of those epochs."""
    return GateRun(
        run_id="run-1",
        started_at="2026-01-01T00:00:00+00:00",
        elapsed_s=91.5,
        status=status,
        command=("bench", "gate", "--base", "main"),
        seed=7,
        app="shop:app",
        setup="uvicorn",
        scenarios=("json",),
        settings=settings or GateSettings(),
        base=Source(BASE, "main", "/tmp/a/base", "0123456789abcdef", python="3.11.7", versions={"flask": "3.1"}),
        head=Source(HEAD, ".", "/tmp/a/head", dirty=True),
        environment={"cpu": {"model": "made up"}},
        epochs=tuple(those),
        failures=tuple(failures),
        problems=tuple(problems),
    )


def limited(side: str = BASE) -> Problem:
    """The load side was the limit, or late."""
    return Problem(ProblemCode.GENERATOR_LIMITED, "the load side was the limit", side, "json")


def worse(percent: float) -> float:
    """The change of that many percent."""
    return math.log1p(percent / 100)
