"""What stands at the end of the page: every figure, the ledger, what was measured, and on what machine."""

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..results.estimate import Estimate
from ..results.ledger import ErrorKind
from ..results.records import TargetInfo
from ..results.summary import Metric, Summary
from .figures import comparison_table
from .format import MISSING, exact, joined, number, percent, plain, whole
from .panels import Panel, level_text
from .tables import YOURS_NOTE, Cell, Column, Line, Table, figure, no_time_note, tags

NAME = Column("Target", numeric=False)
METRIC_NAMES = {
    Metric.THROUGHPUT: "Throughput",
    Metric.CPU: "CPU per request (lower is better)",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in the environment with its value, or with entries of its own."""

    name: str
    value: str = ""
    entries: tuple["Entry", ...] = ()
    folded: bool = False


def number_tables(panel: Panel, summary: Summary) -> tuple[Table, ...]:
    """Every figure of a panel, invalid results included."""
    return (_figures(panel), *_latencies(panel), _ledger(panel), *_comparisons(panel, summary))


def _figures(panel: Panel) -> Table:
    columns = (
        NAME,
        Column("Throughput", "requests/s"),
        Column("CPU", "µs/request"),
        Column("Context switches", "per request"),
        Column("Memory idle", "MiB"),
        Column("Memory peak", "MiB"),
        Column("Kind", numeric=False),
        Column("Load side's CPU"),
        Column("Load side's ceiling"),
        Column("Launches"),
        Column("Standing", numeric=False),
    )
    lines = []
    for row in panel.rows:
        result = row.result
        memory = result.memory_mib
        known = memory.idle is not None or memory.peak is not None
        cells = (
            figure(result.throughput_rps),
            figure(result.cpu_us_per_request),
            figure(result.context_switches_per_request),
            figure(memory.idle),
            figure(memory.peak),
            Cell(memory.kind.upper() if known else MISSING),
            Cell(percent(result.generator.cpu_share)),
            Cell(percent(result.generator.ceiling_share)),
            Cell(whole(result.throughput_rps.n if result.throughput_rps else 0)),
            Cell(row.standing.value if row.standing.value != "invalid" else f"invalid: {row.reason}"),
        )
        lines.append(Line(plain(result.target), cells, tags(row)))
    return Table(f"Figures, {panel.place}", columns, tuple(lines))


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
    return Table(f"Ledger in requests, {panel.place}", (NAME, *(Column(name) for name in names)), tuple(lines), (note,))


def _comparisons(panel: Panel, summary: Summary) -> Iterator[Table]:
    for metric in Metric:
        found = [
            comparison
            for comparison in summary.comparisons
            if comparison.metric is metric
            and comparison.scenario == panel.scenario.name
            and comparison.level == panel.level
        ]
        if found:
            yield comparison_table(f"{METRIC_NAMES[metric]} over {plain(panel.baseline)}'s, {panel.place}", found)


def targets_table(targets: Sequence[TargetInfo]) -> Table:
    """What was measured, and exactly how it was started."""
    columns = tuple(
        Column(name, numeric=name in ("Workers", "Slots"))
        for name in ("Target", "Interface", "Server", "Workers", "Slots", "Python", "App", "Command")
    )
    lines = [
        Line(
            plain(target.name),
            (
                Cell(target.interface),
                Cell(plain(f"{target.server} {target.version}".rstrip())),
                Cell(whole(target.workers)),
                Cell("unbounded" if target.slots is None else whole(target.slots)),
                Cell(plain(target.python)),
                Cell("suite's" if target.ours else "yours †"),
                Cell(plain(shlex.join(target.command)), word="code"),
            ),
        )
        for target in targets
    ]
    note = "Slots: how many requests a target can hold in service at once (processes × threads)."
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
        levels = joined([level_text(panel.level, scenario) for panel in panels if panel.scenario is scenario])
        cells = (
            Cell(plain(scenario.title)),
            Cell(plain(scenario.locustfile or f"{scenario.method} {scenario.path}".rstrip()), word="code"),
            Cell(levels or MISSING),
            Cell(exact(scenario.floor_ms) if scenario.floor_ms else MISSING),
        )
        lines.append(Line(plain(scenario.name), cells))
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
