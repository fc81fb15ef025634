"""What stands at the end of the page: every figure, the ledger, what was measured, and on what machine."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.estimate import Estimate
from ..results.ledger import ErrorKind
from ..results.records import TargetInfo
from ..results.summary import Comparison, Metric, Summary
from .figures import comparison_table
from .format import MISSING, exact, joined, number, plain, whole
from .measures import figure_of, ratio_name
from .panels import UNCOMPARED, Panel, level_text, scenario_name
from .physics import physics_cell, physics_note
from .standing import Standing
from .tables import (
    YOURS_NOTE,
    Cell,
    Column,
    Line,
    Table,
    cannot_lines,
    cannot_notes,
    figure,
    no_time_note,
    scaled,
    tags,
)
from .whole import whole_table

NAME = Column("Target", numeric=False)
CPU_NAME = "CPU per request (lower is better)"


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in the environment with its value, or with entries of its own."""

    name: str
    value: str = ""
    entries: tuple["Entry", ...] = ()
    folded: bool = False


def number_tables(panel: Panel, summary: Summary, *, full: bool = True) -> tuple[Table, ...]:
    """Every figure of a panel, invalid results included; where there is no room, one line for each result."""
    if not full:
        return (whole_table(panel),)
    times = () if panel.cold else _latencies(panel)
    return (_figures(panel), *times, _ledger(panel), *_comparisons(panel, summary))


def _figures(panel: Panel) -> Table:
    measure, cold = panel.measure, panel.cold
    pressed = () if cold else (Column("Context switches", f"per {measure.one}"),)
    columns = (
        NAME,
        Column(measure.name, measure.unit),
        Column("CPU", f"{'ms' if cold else 'µs'}/{measure.one}"),
        *pressed,
        *(() if cold else (Column("Memory idle", "MiB"), Column("Memory peak", "MiB"), Column("Kind", numeric=False))),
        *(() if cold else (Column("Load side", numeric=False),)),
        Column("Launches"),
        Column("Standing", numeric=False),
        Column("Physics", numeric=False),
    )
    lines = []
    for row in panel.rows:
        result, best, memory = row.result, figure_of(row.result), row.result.memory_mib
        known = memory.idle is not None or memory.peak is not None
        cells = [figure(best), figure(scaled(result.cpu_us_per_request, 1 / 1000 if cold else 1))]
        if not cold:
            kind = Cell(memory.kind.upper() if known else MISSING)
            cells += [figure(result.context_switches_per_request), figure(memory.idle), figure(memory.peak), kind]
            cells.append(Cell(result.generator.in_words.replace("%", " %")))
        standing = f"invalid: {row.reason}" if row.standing is Standing.INVALID else row.standing.value
        cells += [Cell(whole(best.n if best else 0)), Cell(standing), physics_cell(panel, row)]
        lines.append(Line(plain(result.target), tuple(cells), tags(row)))
    notes = (physics_note(panel), *cannot_notes([panel]))
    return Table(f"Figures, {panel.place}", columns, (*lines, *cannot_lines(panel)), notes)


def _latencies(panel: Panel) -> Iterator[Table]:
    kinds: tuple[tuple[str, list[Mapping[str, Estimate]]], ...] = (
        ("Service time, from the actual send", [row.result.service_time_ms for row in panel.rows]),
        ("Response time, from the planned instant", [row.result.response_time_ms or {} for row in panel.rows]),
        (
            "Schedule lag, from the planned instant to the send",
            [row.result.schedule_lag_ms or {} for row in panel.rows],
        ),
    )
    for title, times in kinds:
        names = list(dict.fromkeys(name for table in times for name in table))
        if names:
            columns = (NAME, *(Column(name, "ms") for name in names))
            lines = [
                Line(plain(row.result.target), tuple(figure(table.get(name)) for name in names))
                for row, table in zip(panel.rows, times, strict=True)
            ]
            gaps = any(name not in table for table in times for name in names)
            notes = (no_time_note(panel.open_loop),) if gaps else ()
            yield Table(f"{title}, {panel.place}", columns, tuple(lines), notes)


def _ledger(panel: Panel) -> Table:
    kinds = [kind.value for kind in ErrorKind if any(row.result.ledger.errors.get(kind.value) for row in panel.rows)]
    names = ("Scheduled", "Sent", "Dropped", "Right", "In flight", *(f"Error: {kind}" for kind in kinds))
    lines = []
    for row in panel.rows:
        ledger = row.result.ledger
        counts = (ledger.scheduled, ledger.sent, ledger.dropped, ledger.ok, ledger.in_flight)
        every = (*counts, *(ledger.errors.get(kind, 0) for kind in kinds))
        cells = tuple(Cell(whole(count)) for count in every)
        lines.append(Line(plain(row.result.target), cells, "" if ledger.balanced else "does not balance"))
    note = (
        "Scheduled = sent + dropped; sent = right answers + errors + in flight at the end. Only kinds of error that "
        "occurred have a column."
    )
    columns = (NAME, *(Column(name) for name in names))
    return Table(f"Ledger in {panel.measure.one}s, {panel.place}", columns, tuple(lines), (note,))


def _comparisons(panel: Panel, summary: Summary) -> Iterator[Table]:
    over = f"over {plain(panel.baseline)}'s, {panel.place}"
    for metric in panel.metrics:
        found = [comparison for row in panel.rows if (comparison := row.over(metric)) is not None]
        if found:
            name = ratio_name(metric)
            yield comparison_table(f"{name[0].upper()}{name[1:]} {over}", found)
    of_cpu = _ratios(panel, summary)
    if of_cpu:
        yield comparison_table(f"{CPU_NAME} {over}", of_cpu)


def _ratios(panel: Panel, summary: Summary) -> list[Comparison]:
    """Ratios of CPU time."""
    if panel.group is UNCOMPARED:
        return []
    place = (panel.group.name, panel.scenario.name, panel.level, Metric.CPU)
    return [each for each in summary.comparisons if (each.group, each.scenario, each.level, each.metric) == place]


def targets_table(targets: Sequence[TargetInfo]) -> Table:
    """What was measured, and exactly how it was started."""
    columns = tuple(
        Column(name, numeric=name in ("Workers", "Threads", "Slots"))
        for name in ("Target", "Interface", "Server", "Workers", "Threads", "Slots", "Interpreter", "App", "Command")
    )
    lines = [
        Line(
            plain(target.name),
            (
                Cell(target.interface),
                Cell(plain(f"{target.server} {target.version}".rstrip())),
                Cell(whole(target.workers)),
                Cell(MISSING if target.threads is None else whole(target.threads)),
                Cell("unbounded" if target.slots is None else whole(target.slots)),
                Cell(plain(target.interpreter or target.python)),
                Cell("suite's" if target.ours else "yours †"),
                Cell(plain(shlex.join(target.command)), word="code"),
            ),
        )
        for target in targets
    ]
    note = (
        "Slots: how many requests a target can hold in service at once (processes × threads). Threads: of each "
        "process, where the setup fixes them."
    )
    notes = (note,) if all(target.ours for target in targets) else (note, YOURS_NOTE)
    return Table("Targets", columns, tuple(lines), notes)


def scenarios_table(panels: Sequence[Panel]) -> Table:
    """What was asked."""
    columns = tuple(
        Column(name, unit, numeric=name == "No answer before")
        for name, unit in (("Scenario", ""), ("Asks", ""), ("Request", ""), ("Levels", ""), ("No answer before", "ms"))
    )
    lines = []
    for scenario in dict.fromkeys(panel.scenario for panel in panels):
        told = (level_text(panel.level, scenario) for panel in panels if panel.scenario is scenario)
        levels = joined(list(dict.fromkeys(told)))
        cells = (
            Cell(plain(scenario.title)),
            Cell(plain(scenario.locustfile or f"{scenario.method} {scenario.path}".rstrip()), word="code"),
            Cell(levels or MISSING),
            Cell(exact(scenario.floor_ms) if scenario.floor_ms else MISSING),
        )
        lines.append(Line(scenario_name(scenario), cells))
    return Table("Scenarios", columns, tuple(lines))


def environment_entries(environment: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The environment as nested names and values; long lists of packages are folded."""
    return tuple(_entry(str(name), value) for name, value in environment.items())


def _entry(name: str, value: Any) -> Entry:
    said = plain(name.replace("_", " "))
    if isinstance(value, Mapping):
        return Entry(said, "", environment_entries(value), "package" in name.lower()) if value else Entry(said, MISSING)
    return Entry(said, _said(value))


def _said(value: Any) -> str:
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}" if math.isfinite(value) and 1e-4 <= abs(value) < 1e6 else number(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return ", ".join(_said(item) for item in value) or MISSING
    if isinstance(value, Mapping):
        return ", ".join(f"{plain(str(name))} {_said(item)}" for name, item in value.items())
    return plain(str(value))
