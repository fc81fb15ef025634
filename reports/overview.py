"""What a reader of a wide run wants first: a group's targets by scenarios, and who is first in each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..results.records import GroupInfo
from ..results.summary import Summary, figure
from .format import MISSING, counted, exact, joined, number, plain, value_of, whole
from .measures import figure_of, percentile_name
from .panels import Panel, Row, decided, panels, undecided
from .sentences import Outcome, Sentence, leader_of, verdicts
from .standing import Standing, falls_behind
from .tables import NOT_POSSIBLE, VERDICT_SIGNS, Cell, Column, Line, Table, Tone, cannot_notes

# From so many scenarios on, tables one below the other answer nobody's question.
WIDE_FROM = 5
SIGNS_NOTE = "▲ faster, ▼ slower, ≈ the same, ? inconclusive. Intervals are in the table of each scenario."
BEHIND = "▼ behind"
ORDER_NOTE = "Rows are in the order of the geometric mean of each target's ratios, which is for the order only."


@dataclass(frozen=True, slots=True)
class Section:
    """A group with all that is shown of it; a run without groups is one section without a title."""

    group: GroupInfo
    panels: tuple[Panel, ...]
    sentences: tuple[Sentence, ...]

    @property
    def title(self) -> str:
        """The group's own, or its name."""
        return plain(self.group.title or self.group.name)

    @property
    def meaning(self) -> str:
        """What is compared here, in a sentence or two."""
        if not self.group.name:
            return ""
        baseline = f"The baseline is {plain(self.group.baseline)}."
        if self.group.slots is None:
            return f"Each target has the workers and threads that its name says, many or few. {baseline}"
        apart = joined([plain(name) for name in self.group.without])
        others = f", nor where something other than slots decides: {apart}" if apart else ""
        return (
            f"Up to {counted(self.group.slots, 'connection')}, each of these targets has a slot for every request, so "
            f"that what differs is the code. What presses harder is not compared here{others}. {baseline}"
        )

    @property
    def headlines(self) -> tuple[Panel, ...]:
        """Each scenario at its highest level."""
        return tuple(panel for panel in self.panels if panel.headline)

    @property
    def shown(self) -> tuple[Panel, ...]:
        """The panels that have something to show."""
        return tuple(panel for panel in self.panels if panel.rows)


def sections(summary: Summary) -> tuple[Section, ...]:
    """One for each group that is compared."""
    pairs = list(zip(panels(summary), verdicts(summary), strict=True))
    return tuple(
        Section(
            group,
            tuple(panel for panel, _ in pairs if panel.group == group),
            tuple(sentence for panel, sentence in pairs if panel.group == group),
        )
        for group in summary.manifest.compared
    )


def is_wide(summary: Summary) -> bool:
    """Whether there are so many scenarios that an overview has to come first."""
    return len(summary.manifest.scenarios) >= WIDE_FROM


def overview_table(section: Section) -> Table:
    """Targets by scenarios, each at its headline level: the ratio to the baseline, or why there is none."""
    everybody = len(section.group.targets)
    shown = [panel for panel in section.headlines if panel.rows or len(panel.not_possible) >= everybody]
    rows = [{row.result.target: row for row in panel.rows} for panel in shown]
    names = _in_order(section, shown)
    interpreters = {name: row.interpreter for found in rows for name, row in found.items() if row.interpreter}
    columns = [Column("Target", numeric=False), *map(_column, shown)]
    if interpreters:
        columns.insert(1, Column("Interpreter", numeric=False))
    lines = []
    for name in names:
        cells = [_cell(panel, found.get(name), name) for panel, found in zip(shown, rows, strict=True)]
        if interpreters:
            cells.insert(0, Cell(plain(interpreters.get(name, MISSING))))
        lines.append(Line(plain(name), tuple(cells), "baseline" if name == section.group.baseline else ""))
    labels = [f"{plain(p.scenario.name)}: {plain(p.scenario.note)}." for p in shown if p.scenario.note]
    missing = any(cell.text == MISSING for line in lines for cell in line.cells)
    gaps = (f"{MISSING}: not measured, or too few answers.",) if missing else ()
    notes = (SIGNS_NOTE, *gaps, *_absolutes(shown), *labels, *cannot_notes(shown), ORDER_NOTE)
    return Table(f"All scenarios: ratios over {plain(section.group.baseline)}", tuple(columns), tuple(lines), notes)


def leaders_table(section: Section) -> Table:
    """Who is first in each scenario."""
    columns = (
        Column("Scenario", numeric=False, weight=10),
        Column("First", numeric=False, weight=9),
        Column("With", weight=7),
        Column("Over the next", weight=8),
    )
    sentences = zip(section.panels, section.sentences, strict=True)
    lines = [_leader_line(panel, sentence) for panel, sentence in sentences if panel.headline]
    return Table("First in each scenario", columns, tuple(lines))


def _leader_line(panel: Panel, sentence: Sentence) -> Line:
    name = plain(panel.scenario.name)
    if not panel.ranked or panel.open_loop or panel.holding or not panel.leads:
        said = sentence.outcome.value if not panel.ranked else "not ranked: see the overview"
        return Line(name, (), "", said, Tone.MUTED)
    leader = leader_of(panel)
    ties, clear = undecided(panel), decided(panel)
    first = plain(leader.result.target)
    if ties:
        first += f"; {len(ties)} more {'the same' if sentence.outcome is Outcome.SAME else 'undecided'}"
    limited = panel.standing(Standing.AT_LEAST)
    if limited:
        first += f"; {len(limited)} not ranked"
    figure = Cell(f"{value_of(figure_of(leader.result))} {panel.measure.unit}")
    ahead = Cell(f"{number(clear[0].ratio.value)}×" if clear else "", tone=Tone.GOOD)
    return Line(name, (Cell(first), figure, ahead))


def _column(panel: Panel) -> Column:
    kind = panel.measure.unit
    if panel.holding:
        kind = panel.held_unit
    elif panel.open_loop:
        unit = "" if _has_ratios(panel) else " ms"
        kind = f"{percentile_name(panel.metric)}{unit} at {exact(panel.level.rate_rps)}/s"
    elif _has_ratios(panel):
        kind = "" if panel.cold else f"at {whole(panel.level.concurrency)}"
    return Column(plain(panel.scenario.name), kind)


def _has_ratios(panel: Panel) -> bool:
    compared = any(row.over(panel.metric) for row in panel.ranked)
    relative = compared or (not panel.open_loop and any(row.is_baseline for row in panel.ranked))
    return relative and not (panel.paced or panel.holding)


def _absolutes(shown: Sequence[Panel]) -> list[str]:
    """Which columns hold no ratio of throughput, and why."""
    holding = [plain(panel.scenario.name) for panel in shown if panel.holding]
    at_rates = [panel for panel in shown if panel.open_loop and not panel.holding]
    ratios = [plain(panel.scenario.name) for panel in at_rates if _has_ratios(panel)]
    rates = [plain(panel.scenario.name) for panel in at_rates if not _has_ratios(panel)]
    told = {*holding, *rates}
    bare = [name for p in shown if p.rows and not _has_ratios(p) and (name := plain(p.scenario.name)) not in told]
    notes = []
    if holding:
        verb = "is" if len(holding) == 1 else "are"
        notes.append(
            f"{joined(holding)} {verb} about memory: what one more request or connection held takes; less is better. "
            "▼ does not keep up."
        )
    if ratios:
        verb = "comes" if len(ratios) == 1 else "come"
        notes.append(
            f"{joined(ratios)} {verb} at a fixed rate: how many times as fast 90 of 100 requests are responded to "
            f"(p90). {BEHIND}: does not keep up."
        )
    if rates:
        verb = "comes" if len(rates) == 1 else "come"
        notes.append(
            f"{joined(rates)} {verb} at a fixed rate: response time in ms that 90 of 100 requests stay within; "
            "▼ who does not keep up."
        )
    if bare:
        verb = "has" if len(bare) == 1 else "have"
        notes.append(f"{joined(bare)} {verb} no figure of the baseline to be set against: absolute figures.")
    return notes


def _cell(panel: Panel, row: Row | None, name: str) -> Cell:
    if row is None:
        cannot = any(cell.target == name for cell in panel.not_possible)
        return Cell(NOT_POSSIBLE, tone=Tone.MUTED, brief="cannot") if cannot else Cell(MISSING, tone=Tone.MUTED)
    if row.standing is Standing.INVALID:
        return Cell("✕ invalid", tone=Tone.BAD, brief="✕")
    if row.standing is Standing.SILENT:
        return Cell("▼ answers nobody", tone=Tone.BAD, brief="▼ nobody")
    if row.standing is Standing.AT_LEAST:
        bound = "" if panel.holding else value_of(figure_of(row.result))
        return Cell("at least", bound, Tone.MUTED)
    behind = panel.open_loop and falls_behind(row.result)
    if panel.holding or (panel.open_loop and not _has_ratios(panel)):
        shown = row.held if panel.holding else figure(row.result, panel.metric)
        return Cell(f"{'▼ ' if behind else ''}{value_of(shown)}", tone=Tone.BAD if behind else Tone.NEUTRAL)
    if behind:
        return Cell(BEHIND, tone=Tone.BAD)
    if row.is_baseline:
        return Cell("1×", tone=Tone.MUTED)
    found = row.over(panel.metric)
    if found is None:
        return Cell(MISSING, tone=Tone.MUTED) if panel.open_loop else Cell(value_of(figure_of(row.result)))
    sign, tone = VERDICT_SIGNS[found.verdict]
    return Cell(f"{sign} {number(found.ratio.value)}×", tone=tone)


def _in_order(section: Section, shown: Sequence[Panel]) -> list[str]:
    """The targets, the best on average first; those without a ratio last, in the order of the plan."""
    logs: dict[str, list[float]] = {}
    for panel in shown:
        for row in panel.ranked if _has_ratios(panel) else ():
            found = row.over(panel.metric)
            if row.is_baseline or found:
                ratio = found.ratio.value if found else 1.0
                logs.setdefault(row.result.target, []).append(math.log(ratio))
    means: Mapping[str, float] = {name: sum(values) / len(values) for name, values in logs.items()}
    seen = (row.result.target for panel in shown for row in panel.rows)
    names = list(dict.fromkeys([*section.group.targets, *seen]))
    return sorted(names, key=lambda name: -means.get(name, -math.inf))
