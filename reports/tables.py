"""Tables as data, for the page, the terminal and Markdown alike; and the key table of each panel."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from ..results.estimate import Estimate
from ..results.summary import Metric, Result, Verdict
from .format import MISSING, interval, joined, plain, ratio_interval, ratio_value, shortlist, value_of
from .measures import RESPONSE_NOTE, START_NOTE, figure_of, held_one, percentile_name
from .panels import Panel, Row
from .standing import Standing


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
    """A figure, and beneath it a `note`: mostly its interval. `brief` stands for the text where room is scarce."""

    text: str
    note: str = ""
    tone: Tone = Tone.NEUTRAL
    word: str = ""
    brief: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A row: its heading, and one cell for each further column, or a single text across all of them."""

    name: str
    cells: tuple[Cell, ...]
    tag: str = ""
    across: str = ""
    tone: Tone = Tone.BAD  # of what stands across


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
SILENT_NOTE = (
    "Answers nobody: every request timed out beside the slow clients. That is a finding, and no fault of the "
    "measurement."
)
NOT_POSSIBLE = "not possible"
PARTIAL_NOTE = "‡ Some launches were invalid; the figures come from the others."
CUT_SHORT = "longer than half a turn, whose end would cut it short"
FEW_ANSWERS = "too few answers (each launch needs ten beyond a percentile)"
CLOSED_LOOP = (
    Column("Over the baseline", weight=9),
    Column("Service p50", "ms", weight=4),
    Column("Service p99", "ms", weight=7),
)
ONE_LAUNCH_NOTE = "One launch: figures without an interval, and ratios without a verdict."


def key_table(panel: Panel) -> Table:
    """The figures that matter most, for every target of a panel."""
    measure = panel.measure
    columns = [Column("Target", numeric=False, weight=10), Column(measure.name, measure.unit, weight=8)]
    if panel.cold:
        columns += [Column("Over the baseline", weight=9), Column("CPU", "ms/start", weight=7)]
    else:
        columns += [
            *(_times_at_a_rate(panel) if panel.open_loop else CLOSED_LOOP),
            Column("CPU", f"µs/{measure.one}", weight=5),
            Column("Memory peak", f"MiB {memory_kind(panel)}".rstrip(), weight=6),
        ]
    if panel.holding:
        columns.insert(1, Column("Memory slope", panel.held_unit, weight=9))
    if interpreted(panel):
        columns.insert(1, Column("Interpreter", numeric=False, weight=7))
    lines = (*(_key_line(panel, row) for row in panel.rows), *cannot_lines(panel))
    return Table(panel.place, tuple(columns), lines, panel_notes(panel))


def _times_at_a_rate(panel: Panel) -> tuple[Column, ...]:
    """Each percentile with its ratio beside it, where it is compared; the higher ones count most."""
    weights = {"p50": (4, 3), "p90": (7, 9), "p99": (6, 0)}
    ratios = {percentile_name(metric) for metric in panel.metrics}
    return tuple(
        column
        for name, (weight, over) in weights.items()
        for column in (
            Column(f"Response {name}", "ms", weight=weight),
            *([Column("Over the baseline", name, weight=over)] if name in ratios else []),
        )
    )


def interpreted(panel: Panel) -> bool:
    """Whether its rows have to say which interpreter runs them."""
    return any(row.interpreter for row in panel.rows)


def cannot_lines(panel: Panel) -> tuple[Line, ...]:
    """A line for each target that could not be asked."""
    names = dict.fromkeys(plain(cell.target) for cell in panel.not_possible)
    tags = {panel.baseline: "baseline"}
    return tuple(Line(name, (), tags.get(name, ""), NOT_POSSIBLE, Tone.MUTED) for name in names)


def cannot_notes(panels: Iterable[Panel]) -> tuple[str, ...]:
    """Why something is not possible, each reason once: ``Not possible (websocket): flask speaks WSGI, which …``"""
    where: dict[str, dict[str, None]] = {}
    for panel in panels:
        for cell in panel.not_possible:
            where.setdefault(plain(cell.reason).rstrip("."), {})[plain(panel.scenario.name)] = None
    alike: dict[tuple[str, ...], list[str]] = {}
    for reason, scenarios in where.items():
        alike.setdefault(tuple(scenarios), []).append(reason)
    return tuple(
        f"Not possible ({joined(shortlist(scenarios))}): {'; '.join(reasons)}." for scenarios, reasons in alike.items()
    )


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


def held_note(panel: Panel) -> str:
    """What the slope is."""
    return (
        f"Memory slope: what one more {held_one(panel.scenario)} held takes, so less is better; it is known where a "
        "target was measured at two levels or more."
    )


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


def _key_line(panel: Panel, row: Row) -> Line:
    result = row.result
    name = plain(result.target)
    if row.standing is Standing.INVALID:
        return Line(name, (), tags(row), f"invalid: {row.reason}")
    if row.standing is Standing.SILENT:
        return Line(name, (), tags(row), row.standing.value)
    first = figure(figure_of(result))
    if row.standing is Standing.AT_LEAST:
        first = Cell(f"at least {first.text}", "", Tone.MUTED)
    cells = [first]
    times = times_of(result)
    if panel.open_loop:
        for metric in panel.metrics:
            cells += [figure(times.get(percentile_name(metric))), ratio_cell(row, metric)]
        cells.append(figure(times.get("p99")))
    else:
        cells.append(ratio_cell(row, panel.metric))
        cells += [] if panel.cold else [figure(times.get(name)) for name in ("p50", "p99")]
    if panel.cold:
        cells.append(figure(scaled(result.cpu_us_per_request, 1 / 1000)))
    else:
        cells += [figure(result.cpu_us_per_request), figure(result.memory_mib.peak)]
    if panel.holding:
        cells.insert(0, figure(row.held))
    if interpreted(panel):
        cells.insert(0, Cell(plain(row.interpreter)))
    return Line(name, tuple(cells), tags(row))


def scaled(estimate: Estimate | None, factor: float) -> Estimate | None:
    """The same in another unit."""
    if estimate is None:
        return None
    low, high = (None if bound is None else bound * factor for bound in (estimate.low, estimate.high))
    return Estimate(estimate.value * factor, low, high, estimate.n, estimate.method)


def ratio_cell(row: Row, metric: Metric) -> Cell:
    """Where a row stands to the baseline by one metric."""
    if row.standing is Standing.AT_LEAST:
        return Cell("not ranked", "", Tone.MUTED)
    if row.is_baseline:
        return Cell("1×", "", Tone.MUTED)
    found = row.over(metric)
    if found is None:
        return Cell(MISSING, "", Tone.MUTED)
    sign, tone = VERDICT_SIGNS[found.verdict]
    return Cell(ratio_value(found.ratio), ratio_interval(found.ratio), tone, f"{sign} {found.verdict.value}")


def panel_notes(panel: Panel) -> tuple[str, ...]:
    """What has to be said beneath a panel's figures."""
    ranked = [figure_of(row.result) for row in panel.ranked]
    shown = [times_of(row.result) for row in (*panel.ranked, *panel.standing(Standing.AT_LEAST))]
    missing = any(name not in times for times in shown for name in ("p50", "p99"))
    notes = (
        (START_NOTE, panel.cold and bool(ranked)),
        (RESPONSE_NOTE, panel.open_loop and bool(ranked)),
        (held_note(panel), panel.holding and bool(ranked)),
        (AT_LEAST_NOTE, bool(panel.standing(Standing.AT_LEAST))),
        (SILENT_NOTE, bool(panel.standing(Standing.SILENT))),
        (no_time_note(panel.open_loop), missing and not panel.cold),
        (YOURS_NOTE, any(not row.ours for row in panel.rows)),
        (PARTIAL_NOTE, any(row.partial for row in panel.rows)),
        (ONE_LAUNCH_NOTE, bool(ranked) and all(estimate is not None and estimate.low is None for estimate in ranked)),
    )
    return (*(note for note, applies in notes if applies), *cannot_notes([panel]))
