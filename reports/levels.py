"""Figures over the levels of one scenario: throughput, and memory. Their panels belong to one group."""

from collections.abc import Mapping, Sequence
from math import inf

from ..results.summary import Summary
from .charts.canvas import Words
from .charts.lines import Limit, Point, Series, capacity, memory
from .charts.palette import Style
from .figures import Figure
from .format import counted, exact, joined, plain, quantity, shortlist, value_of
from .holding import slope_of
from .measures import held_one
from .panels import Panel, Row, scenario_name
from .tables import Column, Line, Table, figure, memory_kind

FLAT_GROWTH = 1.1
NAMED_MAX = 4


def capacity_figure(
    panels: Sequence[Panel], styles: Mapping[str, Style], slots: Mapping[str, int], ident: str
) -> Figure:
    """Throughput over the levels of one scenario, given as its panels."""
    scenario = panels[0].scenario
    title = scenario_name(scenario)
    names = _ranked_everywhere(panels)
    measured = [panel for panel in panels if panel.ranked]
    if not names or len(measured) < 2:
        return Figure(title, "No chart: a capacity curve needs valid results at two levels or more.")
    series = [
        Series(styles[name], tuple(_throughput_point(panel, name) for panel in _with(panels, name))) for name in names
    ]
    limits = _limits(measured, {name: slots[name] for name in names if name in slots})
    table = _levels_table(f"Throughput in {panels[0].measure.unit}, {title}", panels, names)
    caption = _capacity_caption(measured, names)
    return Figure(title, caption, capacity(Words(ident, f"Capacity: {title}", caption), series, limits), table)


def memory_figure(panels: Sequence[Panel], summary: Summary, styles: Mapping[str, Style], ident: str) -> Figure:
    """Idle and peak memory over the levels of one scenario; a chart only where requests wait."""
    scenario = panels[0].scenario
    title = scenario_name(scenario)
    names = [name for name in _ranked_everywhere(panels) if any(_peak(panel, name) for panel in panels)]
    if not names:
        return Figure(title, "Memory was not read, or no result is valid.")
    table = _memory_table(panels, summary, names)
    if not scenario.waiting or len(panels) < 2:
        return Figure(title, "", table=table)
    series = [
        Series(styles[name], _memory_points(panels, name), _slope_label(summary, name, scenario.name)) for name in names
    ]
    caption = _memory_caption(summary, names, panels)
    kind = memory_kind(panels[-1])
    words = Words(ident, f"Memory over connections: {title}", caption)
    drawn = [one for one in series if len(one.points) > 1]
    svg = memory(words, drawn, f"MiB {kind}, whole process tree") if drawn else ""
    return Figure(title, caption, svg, table)


def _ranked_everywhere(panels: Sequence[Panel]) -> list[str]:
    """Every target with a valid result at some level, in the order of the highest level."""
    return list(dict.fromkeys(row.result.target for panel in reversed(panels) for row in panel.ranked))


def _with(panels: Sequence[Panel], name: str) -> list[Panel]:
    return [panel for panel in panels if any(row.result.target == name for row in panel.ranked)]


def _row(panel: Panel, name: str) -> Row | None:
    return next((row for row in panel.ranked if row.result.target == name), None)


def _throughput_point(panel: Panel, name: str) -> Point:
    row = _row(panel, name)
    estimate = row.result.throughput_rps if row else None
    if estimate is None:
        raise ValueError(f"{name} has no throughput at {panel.place}")
    return Point(panel.level.concurrency, estimate.value, estimate.low, estimate.high)


def _limits(panels: Sequence[Panel], slots: Mapping[str, int]) -> list[Limit]:
    floor_ms = panels[0].scenario.floor_ms
    if floor_ms <= 0:
        return []
    levels = [float(panel.level.concurrency) for panel in panels]
    ends = (min(levels), max(levels))
    limits = [Limit(tuple((x, x / floor_ms * 1000) for x in ends), f"N / {exact(floor_ms)} ms")]
    for count in sorted({count for count in slots.values() if count < ends[1]}):
        height = count / floor_ms * 1000
        limits.append(Limit(((max(float(count), ends[0]), height), (ends[1], height)), f"{counted(count, 'slot')}"))
    return limits


def _capacity_caption(panels: Sequence[Panel], names: Sequence[str]) -> str:
    before, last = panels[-2], panels[-1]
    growth = {}
    for name in names:
        lower, upper = _row(before, name), _row(last, name)
        if lower and upper and lower.result.throughput_rps and upper.result.throughput_rps:
            growth[name] = upper.result.throughput_rps.value / lower.result.throughput_rps.value
    flat = [plain(name) for name, factor in growth.items() if factor < FLAT_GROWTH]
    step = f"from {before.level.concurrency} to {counted(last.level.concurrency, 'connection')}"
    if not growth:
        return (
            f"No target has valid results both at {before.level.concurrency} and {last.level.concurrency} connections."
        )
    if not flat:
        return f"Every target gains 10 % or more {step}."
    rest = len(growth) - len(flat)
    shown = joined(shortlist(flat, NAMED_MAX))
    verb = "gains" if len(flat) == 1 else "gain"
    others = f" The other {counted(rest, 'target') if rest > 1 else 'target'} {'gain' if rest > 1 else 'gains'} more."
    return f"{shown} {verb} less than 10 % {step}: more connections do not help.{others if rest else ''}"


def _levels_table(caption: str, panels: Sequence[Panel], names: Sequence[str]) -> Table:
    levels = (Column(panel.level.label, panel.measure.unit) for panel in panels)
    columns = (Column("Target", numeric=False), *levels)
    rows = [[_row(panel, name) for panel in panels] for name in names]
    lines = [
        Line(plain(name), tuple(figure(row.result.throughput_rps if row else None) for row in cells))
        for name, cells in zip(names, rows, strict=True)
    ]
    return Table(caption, columns, tuple(lines))


def _peak(panel: Panel, name: str) -> float | None:
    row = _row(panel, name)
    return row.result.memory_mib.peak.value if row and row.result.memory_mib.peak else None


def _memory_points(panels: Sequence[Panel], name: str) -> tuple[Point, ...]:
    rows = [(panel, _row(panel, name)) for panel in panels]
    idle = next((row.result.memory_mib.idle for _, row in rows if row and row.result.memory_mib.idle), None)
    points = [Point(0.0, idle.value, idle.low, idle.high)] if idle else []
    for panel, row in rows:
        peak = row.result.memory_mib.peak if row else None
        if peak:
            points.append(Point(panel.level.concurrency, peak.value, peak.low, peak.high))
    return tuple(points)


def _slope_label(summary: Summary, name: str, scenario: str) -> str:
    slope = slope_of(summary, name, scenario)
    return f"{value_of(slope)} KiB" if slope else ""


def _memory_caption(summary: Summary, names: Sequence[str], panels: Sequence[Panel]) -> str:
    scenario, levels = panels[0].scenario.name, [panel.level.concurrency for panel in panels]
    slots = {target.name: target.slots for target in summary.manifest.targets if target.slots is not None}
    slopes = [(slope_of(summary, name, scenario), plain(name)) for name in names]
    full = [
        plain(name) for name in names if not slope_of(summary, name, scenario) and slots.get(name, inf) <= min(levels)
    ]
    whose, verb = ("its", "has") if len(full) == 1 else ("their", "have")
    gap = f" {joined(shortlist(full))} {verb} no slope: all of {whose} slots are taken at every level." if full else ""
    known = sorted(((slope, name) for slope, name in slopes if slope), key=lambda pair: pair[0].value)
    if not known:
        return f"Memory of the whole process tree, idle and at the peak of each level.{gap}"
    (low, first), (high, last) = known[0], known[-1]
    one = held_one(panels[0].scenario)
    text = f"One more {one} held costs {first} {quantity(low, 'KiB')}"
    text += f", and {last} {quantity(high, 'KiB')}." if len(known) > 1 else "."
    text += " The figures at the lines' ends are these slopes."
    if any(slots.get(name, inf) < max(levels) for name in names):
        text += " A target holds no more requests than it has slots; the connections beyond only wait."
    return f"{text}{gap}"


def _memory_table(panels: Sequence[Panel], summary: Summary, names: Sequence[str]) -> Table:
    kind = memory_kind(panels[-1]) or "PSS"
    sloped = any(slope_of(summary, name, panels[0].scenario.name) for name in names)
    columns = (
        Column("Target", numeric=False),
        Column("Idle", f"MiB {kind}"),
        *(Column(f"Peak, {panel.level.label}", f"MiB {kind}") for panel in panels),
        *([Column(f"A {held_one(panels[0].scenario)} held", "KiB")] if sloped else []),
    )
    lines = []
    for name in names:
        rows = [_row(panel, name) for panel in panels]
        idle = next((row.result.memory_mib.idle for row in reversed(rows) if row and row.result.memory_mib.idle), None)
        slope = slope_of(summary, name, panels[0].scenario.name)
        cells = [figure(idle), *(figure(row.result.memory_mib.peak if row else None) for row in rows)]
        lines.append(Line(plain(name), (*cells, *([figure(slope)] if sloped else []))))
    return Table(f"Memory, {plain(panels[0].scenario.name)}", columns, tuple(lines))
