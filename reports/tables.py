"""Tables as data, for the page, the terminal and Markdown alike; and the key table of each panel."""

from dataclasses import dataclass, field
from enum import StrEnum

from ..results.estimate import Estimate
from ..results.summary import Result, Verdict
from .format import MISSING, interval, plain, ratio_interval, ratio_value, value_of
from .panels import Panel, Row, Standing


class Tone(StrEnum):
    """How a cell is to be taken, for colour; the words say it too."""

    NEUTRAL = ""
    GOOD = "good"
    BAD = "bad"
    MUTED = "muted"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's heading and unit. The least `weight` goes first where there is little room."""

    name: str
    unit: str = ""
    numeric: bool = True
    weight: int = 0

    @property
    def heading(self) -> str:
        """Name and unit in one line."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure, and beneath it a `note`: mostly its interval."""

    text: str
    note: str = ""
    tone: Tone = Tone.NEUTRAL
    word: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its heading, and one cell for each further column, or a single text across all of them."""

    name: str
    cells: tuple[Cell, ...]
    tag: str = ""
    across: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A caption, columns (the first one names the rows) and lines."""

    caption: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = field(default=())


VERDICT_SIGNS = {
    Verdict.FASTER: ("▲", Tone.GOOD),
    Verdict.SLOWER: ("▼", Tone.BAD),
    Verdict.SAME: ("≈", Tone.MUTED),
    Verdict.INCONCLUSIVE: ("?", Tone.MUTED),
}
YOURS_NOTE = (
    "† Your own app: it has no contract with the suite's apps, and is not claimed to do the same work. "
    "Before measuring, its answers were checked against the scenario's expectation only."
)
AT_LEAST_NOTE = "“At least”: the load side was the limit, so the figure is a lower bound and has no rank."
PARTIAL_NOTE = "‡ Some launches were invalid; the figures come from the others."
CUT_SHORT = "longer than half a turn, whose end would cut it short"
FEW_ANSWERS = "too few answers (each launch needs ten beyond a percentile)"
KEY_PERCENTILES = ("p50", "p99")
ONE_LAUNCH_NOTE = "One launch: figures without an interval, and ratios without a verdict."


def key_table(panel: Panel) -> Table:
    """The figures that matter most, for every target of a panel."""
    times = "Response" if panel.open_loop else "Service"
    columns = (
        Column("Target", numeric=False, weight=10),
        Column("Throughput", "requests/s", weight=8),
        Column("Over the baseline", weight=9),
        *(Column(f"{times} {name}", "ms", weight=weight) for name, weight in zip(KEY_PERCENTILES, (4, 7), strict=True)),
        Column("CPU", "µs/request", weight=5),
        Column("Memory peak", f"MiB {memory_kind(panel)}".rstrip(), weight=6),
    )
    return Table(panel.place, columns, tuple(_key_line(row) for row in panel.rows), _notes(panel))


def memory_kind(panel: Panel) -> str:
    """``PSS`` or ``RSS``; both where the results differ; nothing where no memory was read."""
    kinds = dict.fromkeys(
        row.result.memory_mib.kind.upper().replace("/", " or ")
        for row in panel.rows
        if row.result.memory_mib.peak is not None
    )
    return " or ".join(kinds)


def figure(estimate: Estimate | None) -> Cell:
    """A figure over its interval."""
    text = value_of(estimate)
    return Cell(text, interval(estimate), Tone.MUTED if text == MISSING else Tone.NEUTRAL)


def tags(row: Row) -> str:
    """What is to be said of a target beside its name."""
    marks = (("baseline", row.is_baseline), ("†", not row.ours), ("‡", row.partial))
    return " ".join(mark for mark, holds in marks if holds)


def times_of(result: Result) -> dict[str, Estimate]:
    """The latencies that count: from the planned instant in the open loop, else from the send."""
    return dict(result.service_time_ms if result.response_time_ms is None else result.response_time_ms)


def no_time_note(open_loop: bool) -> str:
    """Why a latency may be missing: the closed loop's turns would cut long ones short."""
    why = FEW_ANSWERS if open_loop else f"{FEW_ANSWERS}, or {CUT_SHORT}"
    return f"Latency “{MISSING}”: {why}."


def _key_line(row: Row) -> Line:
    result = row.result
    name = plain(result.target)
    if row.standing is Standing.INVALID:
        return Line(name, (), tags(row), f"invalid: {row.reason}")
    throughput = figure(result.throughput_rps)
    if row.standing is Standing.AT_LEAST:
        throughput = Cell(f"at least {throughput.text}", "", Tone.MUTED)
    times = times_of(result)
    cells = (
        throughput,
        _ratio_cell(row),
        *(figure(times.get(name)) for name in KEY_PERCENTILES),
        figure(result.cpu_us_per_request),
        figure(result.memory_mib.peak),
    )
    return Line(name, cells, tags(row))


def _ratio_cell(row: Row) -> Cell:
    if row.standing is Standing.AT_LEAST:
        return Cell("not ranked", "", Tone.MUTED)
    if row.is_baseline:
        return Cell("1×", "", Tone.MUTED)
    if row.comparison is None:
        return Cell(MISSING, "", Tone.MUTED)
    sign, tone = VERDICT_SIGNS[row.comparison.verdict]
    ratio = row.comparison.ratio
    return Cell(ratio_value(ratio), ratio_interval(ratio), tone, f"{sign} {row.comparison.verdict.value}")


def _notes(panel: Panel) -> tuple[str, ...]:
    ranked = [row.result.throughput_rps for row in panel.ranked]
    shown = [times_of(row.result) for row in panel.rows if row.standing is not Standing.INVALID]
    notes = (
        (AT_LEAST_NOTE, bool(panel.standing(Standing.AT_LEAST))),
        (no_time_note(panel.open_loop), any(name not in times for times in shown for name in KEY_PERCENTILES)),
        (YOURS_NOTE, any(not row.ours for row in panel.rows)),
        (PARTIAL_NOTE, any(row.partial for row in panel.rows)),
        (ONE_LAUNCH_NOTE, bool(ranked) and all(estimate is not None and estimate.low is None for estimate in ranked)),
    )
    return tuple(note for note, applies in notes if applies)
