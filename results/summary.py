"""The published result: what reports show and ``--json`` prints. Computed from a run, never edited by hand."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from .estimate import Estimate
from .generator import Generator
from .ledger import Ledger
from .records import Level, Manifest, Problem, TargetInfo


class Metric(StrEnum):
    """What two targets are compared by."""

    THROUGHPUT = "throughput_rps"
    CPU = "cpu_us_per_request"
    START = "start_ms"
    RESPONSE_P50 = "response_p50_ms"
    RESPONSE_P90 = "response_p90_ms"

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger figure is the better one."""
        return self is Metric.THROUGHPUT

    @property
    def percentile(self) -> float | None:
        """Which percentile of the response time it is; None for what is none."""
        return {Metric.RESPONSE_P50: 50.0, Metric.RESPONSE_P90: 90.0}.get(self)


RESPONSES = (Metric.RESPONSE_P50, Metric.RESPONSE_P90)  # what is compared where the rate was set


class Verdict(StrEnum):
    """How a target stands to its baseline. `same` means surely within the noise margin, not merely undecided."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`target` over `baseline`, as a ratio with its interval and what follows from it. Both belong to `group`, which is
    empty where a run compares all its targets with each other."""

    scenario: str
    level: Level
    metric: Metric
    baseline: str
    target: str
    ratio: Estimate
    verdict: Verdict
    group: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "scenario": self.scenario,
            "concurrency": self.level.concurrency,
            "rate_rps": self.level.rate_rps or None,
            "group": self.group,
            "metric": self.metric.value,
            "baseline": self.baseline,
            "target": self.target,
            "ratio": self.ratio.to_dict(),
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of a target's process tree in MiB, idle (warmed up) and at its peak under this load."""

    idle: Estimate | None
    peak: Estimate | None
    kind: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"idle": _maybe(self.idle), "peak": _maybe(self.peak), "kind": self.kind}


@dataclass(frozen=True, slots=True)
class Result:
    """One target under one scenario at one level, over all epochs.

    Percentile tables map ``"p50"`` and so on to milliseconds; a percentile with too few samples beyond it is absent.
    `spectrum` has (percentile, milliseconds) pairs of the pooled distribution, for drawing. `epoch_throughput_rps`
    has one figure per valid epoch, `launches` counts the invalid ones too. `at_least` marks a figure that the load
    side limited; `generator` says how near it came in the launch in which it came nearest. `start_ms`, from launch to
    first right answer, is all that a cold start has.
    """

    target: str
    app: str
    setup: str
    scenario: str
    level: Level
    valid: bool
    launches: int
    problems: tuple[Problem, ...]
    throughput_rps: Estimate | None
    at_least: bool
    cpu_us_per_request: Estimate | None
    context_switches_per_request: Estimate | None
    service_time_ms: Mapping[str, Estimate]
    response_time_ms: Mapping[str, Estimate] | None
    schedule_lag_ms: Mapping[str, Estimate] | None
    memory_mib: Memory
    generator: Generator
    ledger: Ledger
    spectrum: tuple[tuple[float, float], ...]
    epoch_throughput_rps: tuple[tuple[int, float], ...]
    start_ms: Estimate | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        lag = None if self.schedule_lag_ms is None else _table(self.schedule_lag_ms)
        return {
            "target": self.target,
            "app": self.app,
            "setup": self.setup,
            "scenario": self.scenario,
            "concurrency": self.level.concurrency,
            "rate_rps": self.level.rate_rps or None,
            "valid": self.valid,
            "launches": self.launches,
            "problems": [problem.to_dict() for problem in self.problems],
            "throughput_rps": _maybe(self.throughput_rps),
            "at_least": self.at_least,
            "start_ms": _maybe(self.start_ms),
            "cpu_us_per_request": _maybe(self.cpu_us_per_request),
            "context_switches_per_request": _maybe(self.context_switches_per_request),
            "service_time_ms": _table(self.service_time_ms),
            "response_time_ms": None if self.response_time_ms is None else _table(self.response_time_ms),
            "schedule_lag_ms": lag,
            "generator": {**self.generator.to_dict(), "schedule_lag_ms": lag},
            "memory_mib": self.memory_mib.to_dict(),
            "ledger": self.ledger.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class MemorySlope:
    """What one more request in flight costs a target, in KiB: the slope of memory over concurrency."""

    target: str
    scenario: str
    memory_per_request_kib: Estimate

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "target": self.target,
            "scenario": self.scenario,
            "memory_per_request_kib": self.memory_per_request_kib.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a report needs. `comparisons` are against the baseline of each group; `leads` are each scenario's and
    level's fastest target of a group against every other (its `baseline` is the other one), for the verdict
    sentences."""

    manifest: Manifest
    valid: bool
    problems: tuple[Problem, ...]
    results: tuple[Result, ...]
    comparisons: tuple[Comparison, ...]
    leads: tuple[Comparison, ...]
    memory_slopes: tuple[MemorySlope, ...]

    def target(self, name: str) -> TargetInfo:
        """The target of that name. Raises KeyError when there is none."""
        return {target.name: target for target in self.manifest.targets}[name]

    def to_dict(self, report: str | None = None) -> dict[str, Any]:
        """As JSON; `report` is the path of the HTML page, if there is one."""
        manifest = self.manifest
        return {
            "schema_version": manifest.schema_version,
            "run_id": manifest.run_id,
            "suite": manifest.suite,
            "status": manifest.status,
            "started_at": manifest.started_at,
            "elapsed_s": manifest.elapsed_s,
            "command": list(manifest.command),
            "seed": manifest.seed,
            "driver": manifest.driver,
            "epochs": manifest.epochs,
            "baseline": manifest.baseline,
            "groups": [asdict(group) for group in manifest.compared if manifest.groups],
            "not_possible": [asdict(cell) for cell in manifest.not_possible],
            "valid": self.valid,
            "problems": [problem.to_dict() for problem in self.problems],
            "environment": dict(manifest.environment),
            "report": report,
            "results": [result.to_dict() for result in self.results],
            "comparisons": [comparison.to_dict() for comparison in self.comparisons],
            "leads": [comparison.to_dict() for comparison in self.leads],
            "memory_slopes": [slope.to_dict() for slope in self.memory_slopes],
        }


def figure(result: Result, metric: Metric) -> Estimate | None:
    """A result's own figure of what it is compared by; None where it has none."""
    if metric.percentile is not None:
        return (result.response_time_ms or {}).get(f"p{metric.percentile:g}")
    figures = {
        Metric.THROUGHPUT: result.throughput_rps,
        Metric.CPU: result.cpu_us_per_request,
        Metric.START: result.start_ms,
    }
    return figures[metric]


def _maybe(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else estimate.to_dict()


def _table(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate.to_dict() for name, estimate in estimates.items()}
