"""Claims put to the test: what was claimed, what was measured, and the verdict that follows from the intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what a claim's experiment runs in has neither numpy nor scipy
    from .estimate import Estimate

CLAIMS_SCHEMA_VERSION = 1


class ClaimVerdict(StrEnum):
    """What the measurement says of a claim."""

    REPRODUCED = "reproduced"
    IN_PART = "in part"
    REFUTED = "refuted"
    OUTDATED = "outdated"
    NOT_MEASURABLE = "not measurable here"


class Agreement(StrEnum):
    """How a measured interval stands to what was claimed: within it, apart from it, across one of its ends."""

    HOLDS = "holds"
    FAILS = "fails"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True, slots=True)
class Claimed:
    """The range that a claim gives a figure, in the figure's unit; None where it is open on that side.

    Articles give round figures: what is measured may miss an end by the factor `rounding` (1.25: by a quarter) and
    still be what was said. A claim of a bare fact has the range 1 to 1 and no rounding, and is measured as a share.
    """

    low: float | None
    high: float | None
    rounding: float = 1.25

    def agreement(self, estimate: Estimate) -> Agreement:
        """HOLDS if the whole interval lies within, FAILS if it lies wholly outside, else UNDECIDED.

        One repetition has no interval, and decides nothing.
        """
        if estimate.low is None or estimate.high is None:
            return Agreement.UNDECIDED
        floor = float("-inf") if self.low is None else self.low / self.rounding
        ceiling = float("inf") if self.high is None else self.high * self.rounding
        if estimate.low >= floor and estimate.high <= ceiling:
            return Agreement.HOLDS
        if estimate.high < floor or estimate.low > ceiling:
            return Agreement.FAILS
        return Agreement.UNDECIDED


FACT = Claimed(1, 1, rounding=1)  # so it was in every repetition


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to take a claim, and the figure that decides it.

    `measure` names the figure among the measured ones. `before` names the versions of which it was true, where it is
    known to have been (``"Pydantic 1"``): if it fails, it is outdated, not wrong from the start.
    """

    text: str
    measure: str
    claimed: Claimed
    before: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of a reading."""

    reading: Reading
    agreement: Agreement

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        claimed = self.reading.claimed
        return {
            "text": self.reading.text,
            "measure": self.reading.measure,
            "low": claimed.low,
            "high": claimed.high,
            "rounding": claimed.rounding,
            "before": self.reading.before,
            "agreement": self.agreement.value,
        }


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured figure: its name, its unit, and where the name does not say enough, what it is."""

    name: str
    unit: str
    estimate: Estimate
    text: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {**self.estimate.to_dict(), "unit": self.unit, "text": self.text}


@dataclass(frozen=True, slots=True)
class Series:
    """Points of a chart that belong together: (x, y, low, high), the interval being y's, or None and None.

    A row of dots has its figures as y; x does not matter there.
    """

    name: str
    points: tuple[tuple[float, float, float | None, float | None], ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A claim's chart. `kind` is ``lines`` (y over x) or ``dots`` (a row with its interval for each series).

    Dots stand by their y along the horizontal axis, which `x_label` names and `log_x` makes logarithmic; `y_label` then
    says what the rows are, and may be empty. `bands` are what was claimed: (text, low, high) on the axis of the
    figures, which is the y axis of lines and the x axis of dots; None where the claim is open. The takeaway is the
    caption.
    """

    title: str
    takeaway: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    kind: str = "lines"
    log_x: bool = False
    log_y: bool = False
    bands: tuple[tuple[str, float | None, float | None], ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What an experiment gave: its figures in the order to show them, a chart, and what a reader must know besides.

    `notes` are whole sentences: a limit that stopped it and what was reached, a count that was less on this machine.
    """

    figures: tuple[Figure, ...]
    chart: Chart | None = None
    notes: tuple[str, ...] = ()

    def of(self, name: str) -> Estimate | None:
        """The figure of that name, None where it could not be had."""
        return next((figure.estimate for figure in self.figures if figure.name == name), None)


def findings(readings: Sequence[Reading], measured: Measured) -> tuple[Finding, ...]:
    """How each reading stands to what was measured."""
    found = []
    for reading in readings:
        estimate = measured.of(reading.measure)
        agreement = Agreement.NOT_MEASURED if estimate is None else reading.claimed.agreement(estimate)
        found.append(Finding(reading, agreement))
    return tuple(found)


def judge(found: Sequence[Finding]) -> ClaimVerdict:
    """The verdict on a claim, from its readings alone.

    All hold: reproduced. Those that fail were all true of older versions: outdated. Some hold: in part. All fail that
    were measured: refuted. Else none holds and some are undecided, so that it could still be either: not measurable
    here.
    """
    agreements = [finding.agreement for finding in found]
    failing = [finding for finding in found if finding.agreement is Agreement.FAILS]
    if agreements and all(agreement is Agreement.HOLDS for agreement in agreements):
        return ClaimVerdict.REPRODUCED
    if failing and all(finding.reading.before for finding in failing):
        return ClaimVerdict.OUTDATED
    if Agreement.HOLDS in agreements:
        return ClaimVerdict.IN_PART
    if failing and Agreement.UNDECIDED not in agreements:
        return ClaimVerdict.REFUTED
    return ClaimVerdict.NOT_MEASURABLE


@dataclass(frozen=True, slots=True)
class ClaimResult:
    """A claim with what was measured and its verdict: all that a report shows of it.

    `why` is the mechanism in a sentence. `source` says which article and section. `code` is the experiment as it ran.
    `problem` says what kept it from being measured, `failed` that this is a fault and not the machine's way.
    `interpreter` is the one it ran in.
    """

    id: str
    title: str
    source: str
    claimed: str
    unit: str
    why: str
    verdict: ClaimVerdict
    findings: tuple[Finding, ...]
    measured: Measured
    code: str = ""
    problem: str = ""
    failed: bool = False
    interpreter: str = ""
    elapsed_s: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "title": self.title,
            "source": self.source,
            "claimed": self.claimed,
            "measured": {figure.name: figure.to_dict() for figure in self.measured.figures},
            "unit": self.unit,
            "verdict": self.verdict.value,
            "why": self.why,
            "readings": [finding.to_dict() for finding in self.findings],
            "chart": None if self.measured.chart is None else asdict(self.measured.chart),
            "notes": list(self.measured.notes),
            "problem": self.problem,
            "failed": self.failed,
            "interpreter": self.interpreter,
            "elapsed_s": self.elapsed_s,
            "code": self.code,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClaimResult:
        """What `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not that."""
        from .claims_reading import result_from_dict  # it needs estimates

        return result_from_dict(data)


def judged_again(result: ClaimResult) -> ClaimResult:
    """The same figures, judged by today's rule. What could not be measured then stays so."""
    found = findings([finding.reading for finding in result.findings], result.measured)
    return replace(result, findings=found, verdict=result.verdict if result.problem else judge(found))


@dataclass(frozen=True, slots=True)
class ClaimsRun:
    """All claims that were put to the test in one go, and where."""

    run_id: str
    started_at: str
    elapsed_s: float
    quick: bool
    seed: int
    command: tuple[str, ...]
    environment: Mapping[str, Any]
    results: tuple[ClaimResult, ...]
    status: str = "complete"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": CLAIMS_SCHEMA_VERSION,
            "run_id": self.run_id,
            "status": self.status,
            "started_at": self.started_at,
            "elapsed_s": self.elapsed_s,
            "quick": self.quick,
            "seed": self.seed,
            "command": list(self.command),
            "environment": dict(self.environment),
            "claims": [result.to_dict() for result in self.results],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ClaimsRun:
        """What `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not that."""
        from .claims_reading import run_from_dict

        return run_from_dict(data)
