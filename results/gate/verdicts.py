"""The gate's published result: what ``bench gate --json`` prints, and what reports are drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..errors import ExitCode
from ..estimate import Estimate
from ..problems import Problem
from .records import GATE_SCHEMA_VERSION, Pair
from .settings import GateMetric


class GateVerdict(StrEnum):
    """What the gate says. `go on` is said only while a run is under way."""

    PASS = "pass"
    REGRESSED = "regressed"
    INCONCLUSIVE = "inconclusive"
    GO_ON = "go on"

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        codes = {GateVerdict.PASS: ExitCode.DONE, GateVerdict.REGRESSED: ExitCode.REGRESSED}
        return codes.get(self, ExitCode.INCONCLUSIVE)


class MetricVerdict(StrEnum):
    """What one metric says: surely worse than its margin, surely not worse than its threshold, or neither yet."""

    REGRESSED = "regressed"
    PASS = "pass"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric of a scenario. `change` is in percent, of a leak in bytes per request, positive is worse; `threshold`
    and `margin` are in the same unit, as they applied. `typical` are both sides' middle values. `p_regressed` and
    `p_pass` are the one-sided p-values of "not worse than the margin" and "as bad as the threshold or worse"."""

    scenario: str
    metric: GateMetric
    change: Estimate
    verdict: MetricVerdict
    threshold: float
    margin: float
    gating: bool
    typical: Pair
    p_regressed: float
    p_pass: float

    @property
    def unit(self) -> str:
        """Unit of the change."""
        return "%" if self.metric.in_percent else "bytes/request"

    def to_dict(self) -> dict[str, Any]:
        """As JSON. A leak has no percent: its change stands in `change` alone."""
        percent = self.metric.in_percent
        return {
            "scenario": self.scenario,
            "metric": self.metric.value,
            "change_percent": self.change.to_dict() if percent else None,
            "verdict": self.verdict.value,
            "threshold_percent": self.threshold if percent else None,
            "gating": self.gating,
            "change": self.change.to_dict(),
            "unit": self.unit,
            "threshold": self.threshold,
            "margin": self.margin,
            "base": self.typical.base,
            "head": self.typical.head,
            "p_regressed": self.p_regressed,
            "p_pass": self.p_pass,
        }


@dataclass(frozen=True, slots=True)
class GateResult:
    """The verdict and all it rests on. `reasons` are sentences, the weightiest first; for ``regressed`` they name the
    metrics or the failure, for ``inconclusive`` what was missing. `epochs` were measured; `dropped` are the numbers of
    those that were left out for noise, `decided_at` is the number of epochs at the look that decided."""

    verdict: GateVerdict
    reasons: tuple[str, ...]
    metrics: tuple[MetricResult, ...]
    epochs: int
    elapsed_s: float
    dropped: tuple[int, ...] = ()
    decided_at: int | None = None
    problems: tuple[Problem, ...] = ()
    about: Mapping[str, Any] | None = None

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        return self.verdict.exit_code

    @property
    def regressed(self) -> tuple[MetricResult, ...]:
        """The gating metrics that got surely worse."""
        return tuple(each for each in self.metrics if each.gating and each.verdict is MetricVerdict.REGRESSED)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": GATE_SCHEMA_VERSION,
            "verdict": self.verdict.value,
            "exit_code": int(self.exit_code),
            "reasons": list(self.reasons),
            "epochs": self.epochs,
            "dropped_epochs": list(self.dropped),
            "decided_at": self.decided_at,
            "elapsed_s": self.elapsed_s,
            "problems": [problem.to_dict() for problem in self.problems],
            "metrics": [metric.to_dict() for metric in self.metrics],
            **(self.about or {}),
        }
