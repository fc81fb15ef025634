"""What a gate looks at, what it lets pass, and how sure it has to be."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any


class GateMetric(StrEnum):
    """What two versions are compared by. The values are the names in JSON, CLI and reports.

    Throughput and CPU are those of the usual turn, which is what small changes are told by: the middle mean of rounds.
    What happens now and then only (a long garbage collection, a flush) does not show there: their totals, over all
    turns together, are for that, with more room.
    """

    THROUGHPUT = "throughput_rps"
    CPU = "cpu_us_per_request"
    THROUGHPUT_TOTAL = "throughput_total_rps"
    CPU_TOTAL = "cpu_total_us_per_request"
    P50 = "response_time_p50_ms"
    P90 = "response_time_p90_ms"
    P99 = "response_time_p99_ms"
    MEMORY_IDLE = "memory_idle_mib"
    MEMORY_PEAK = "memory_peak_mib"
    LEAK = "leak_bytes_per_request"

    @property
    def higher_is_better(self) -> bool:
        """Whether a larger figure is the better one."""
        return self in (GateMetric.THROUGHPUT, GateMetric.THROUGHPUT_TOTAL)

    @property
    def gating(self) -> bool:
        """Whether it decides unless asked otherwise. Tail percentiles are only reported."""
        return self is not GateMetric.P99

    @property
    def percentile(self) -> float | None:
        """Which percentile of the response time it is; None for what is none."""
        return {GateMetric.P50: 50.0, GateMetric.P90: 90.0, GateMetric.P99: 99.0}.get(self)

    @property
    def of_launch(self) -> bool:
        """Whether it belongs to a launch as a whole, and to no scenario: its scenario is ``""``."""
        return self in (GateMetric.CPU_TOTAL, GateMetric.MEMORY_IDLE, GateMetric.MEMORY_PEAK, GateMetric.LEAK)

    @property
    def in_percent(self) -> bool:
        """Whether its change is a ratio; a leak's is a difference in bytes per request."""
        return self is not GateMetric.LEAK

    @property
    def unit(self) -> str:
        """Unit of the figure itself, for reports."""
        return {
            GateMetric.THROUGHPUT: "requests/s",
            GateMetric.CPU: "µs",
            GateMetric.THROUGHPUT_TOTAL: "requests/s",
            GateMetric.CPU_TOTAL: "µs",
            GateMetric.MEMORY_IDLE: "MiB",
            GateMetric.MEMORY_PEAK: "MiB",
            GateMetric.LEAK: "bytes/request",
        }.get(self, "ms")


# As multiples of the threshold that is asked for (2 % unless said otherwise): what is noisier needs more room.
THRESHOLD_FACTORS: Mapping[GateMetric, float] = {
    GateMetric.THROUGHPUT: 1.0,
    GateMetric.CPU: 1.0,
    GateMetric.THROUGHPUT_TOTAL: 2.5,
    GateMetric.CPU_TOTAL: 2.5,
    GateMetric.P50: 2.0,
    GateMetric.P90: 5.0,
    GateMetric.P99: 10.0,
    GateMetric.MEMORY_IDLE: 2.5,
    GateMetric.MEMORY_PEAK: 2.5,
}
THRESHOLD_PERCENT = 2.0
# What is tolerated for sure, as a share of the threshold: enough for what differs between two folders of the same code,
# and no more, since what is to be caught at the threshold must be told from the margin, in some 15 epochs: the smaller
# it is, the more often that is done (benchmarks/README.md, "The gate's rule, simulated"). False alarms do not depend on
# it: their bound holds with no margin at all.
MARGIN_SHARE = 0.0625
# Of the certainty against false alarms, how much each metric may use up, in parts: most where small changes are to be
# found in few epochs. The others get what they need to be found in 11 epochs, so that they are in 90 s even where three
# are left out, and at thresholds so much wider need no more.
WEIGHTS: Mapping[GateMetric, float] = {GateMetric.THROUGHPUT: 6.0, GateMetric.CPU: 6.0}


@dataclass(frozen=True, slots=True)
class Look:
    """A planned look at the data: after so many epochs, and how much of each kind of error it may use up.

    `alpha` is for false alarms, over all metrics together; `pass_alpha` for passing what is as slow as the threshold.
    """

    epochs: int
    alpha: float
    pass_alpha: float


@dataclass(frozen=True, slots=True)
class GateSettings:
    """What decides.

    A change of `threshold_percent` or more is to be caught, one of up to `margin_percent` is never to be blamed; what
    lies between may go either way. `thresholds` hold a metric's own threshold in percent, where it is not the usual
    multiple of `threshold_percent`. `alpha` bounds the chance that two equal versions are called regressed by a
    metric, over all metrics, scenarios and looks of a run; errors are judged beside it, by chances of their own
    (`trust.Erring`). `pass_alpha` bounds the chance that a change as large as the threshold passes. `looks` are
    those before the end of the budget; the one at its end gets what they leave.
    """

    threshold_percent: float = THRESHOLD_PERCENT
    thresholds: Mapping[GateMetric, float] = field(default_factory=dict)
    margin_share: float = MARGIN_SHARE
    gated: tuple[GateMetric, ...] = tuple(metric for metric in GateMetric if metric.gating)
    alpha: float = 0.01
    pass_alpha: float = 0.01
    memory_floor_mib: float = 4.0
    leak_limit_bytes: float = 100.0
    budget_s: float = 180.0
    looks: tuple[Look, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot decide anything."""
        percents = (self.threshold_percent, *self.thresholds.values())
        if not all(math.isfinite(percent) and percent > 0 for percent in percents):
            raise ValueError("a threshold must be a number of percent above zero")
        if not 0 <= self.margin_share < 1:
            raise ValueError("the margin must be below the threshold: its share is 0 up to, not including, 1")
        if not (0 < self.alpha < 0.5 and 0 < self.pass_alpha < 0.5):
            raise ValueError("a chance of error must lie between 0 and 0.5")
        if not self.gated:
            raise ValueError("a gate needs at least one metric that decides")
        counts = [look.epochs for look in self.looks]
        if counts != sorted(set(counts)):
            raise ValueError("looks must come one after another")
        spent, passed = sum(look.alpha for look in self.looks), sum(look.pass_alpha for look in self.looks)
        if spent > self.alpha * (1 + 1e-9) or passed > self.pass_alpha * (1 + 1e-9):
            raise ValueError("the looks use up more than there is")

    def threshold_of(self, metric: GateMetric) -> float:
        """The threshold of a metric in percent (of a leak: in bytes per request, twice the limit)."""
        if not metric.in_percent:
            return 2 * self.leak_limit_bytes
        return self.thresholds.get(metric, self.threshold_percent * THRESHOLD_FACTORS[metric])

    def margin_of(self, metric: GateMetric) -> float:
        """What is tolerated of a metric in percent (of a leak: in bytes per request)."""
        return self.threshold_of(metric) * self.margin_share if metric.in_percent else self.leak_limit_bytes

    def looking(self, looks: tuple[Look, ...]) -> "GateSettings":
        """The same, with those looks."""
        return replace(self, looks=looks)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {
            "thresholds": {metric.value: percent for metric, percent in self.thresholds.items()},
            "gated": [metric.value for metric in self.gated],
            "looks": [asdict(look) for look in self.looks],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GateSettings":
        """The settings that `to_dict` wrote. Raises KeyError, TypeError or ValueError when they are none."""
        values = dict(data) | {
            "thresholds": {GateMetric(name): float(percent) for name, percent in data["thresholds"].items()},
            "gated": tuple(GateMetric(name) for name in data["gated"]),
            "looks": tuple(Look(**look) for look in data["looks"]),
        }
        return cls(**values)
