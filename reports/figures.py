"""The page's figures: each a chart, what it shows in a sentence computed from the data, and the data as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from ..results.summary import Comparison, Summary, Verdict
from .charts.canvas import Words
from .charts.forest import forest, reach_of
from .charts.lines import SPECTRUM_FROM, Limit, Point, Series, capacity, memory, spectrum
from .charts.palette import Style
from .format import counted, exact, joined, plain, quantity, ratio, ratio_interval, ratio_value, value_of, whole
from .panels import Panel, Row, Standing
from .sentences import slope_of
from .tables import CUT_SHORT, FEW_ANSWERS, VERDICT_SIGNS, Cell, Column, Line, Table, figure, memory_kind, times_of

FLAT_GROWTH = 1.1
NAMED_MAX = 4


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its caption and data; or, where there is no chart, `caption` says why."""

    title: str
    caption: str
    svg: str = ""
    table: Table | None = None
    headline: bool = True


def forest_figure(panel: Panel, panels: Sequence[Panel], ident: str) -> Figure:
    """Ratios to the baseline; panels of one scenario share the ratio axis."""
    comparisons = _compared(panel)
    if not comparisons:
        why = "its users set the rate" if panel.paced else "there is no valid result beside the baseline's"
        return Figure(panel.place, f"No ratio: {why}.", headline=panel.headline)
    alike = [found for other in panels if other.scenario.name == panel.scenario.name for found in _compared(other)]
    about = "; ".join(f"{plain(c.target)} {ratio(c.ratio)} {c.verdict.value}" for c in reversed(comparisons))
    words = Words(ident, f"Throughput over the baseline's: {panel.place}", about)
    svg = forest(words, comparisons, reach_of(alike))
    return Figure(panel.place, _forest_caption(panel, comparisons), svg, None, panel.headline)


def capacity_figure(
    panels: Sequence[Panel], styles: Mapping[str, Style], slots: Mapping[str, int], ident: str
) -> Figure:
    """Throughput over the levels of one scenario, given as its panels."""
    scenario = panels[0].scenario
    title = plain(scenario.name)
    names = _ranked_everywhere(panels)
    measured = [panel for panel in panels if panel.ranked]
    if not names or len(measured) < 2:
        return Figure(title, "No chart: a capacity curve needs valid results at two levels or more.")
    series = [
        Series(styles[name], tuple(_throughput_point(panel, name) for panel in _with(panels, name))) for name in names
    ]
    limits = _limits(measured, {name: slots[name] for name in names if name in slots})
    table = _levels_table(f"Throughput in requests/s, {title}", panels, names)
    caption = _capacity_caption(measured, names)
    return Figure(title, caption, capacity(Words(ident, f"Capacity: {title}", caption), series, limits), table)


def latency_figure(panel: Panel, styles: Mapping[str, Style], ident: str) -> Figure:
    """The percentile spectrum of every ranked target."""
    shown = [(row.result.target, _spectrum(row)) for row in panel.ranked]
    series = [Series(styles[name], points) for name, points in shown if len(points) > 1]
    if not series:
        return Figure(panel.place, f"No chart: {_no_latencies(panel)}.", headline=panel.headline)
    caption = f"{_latency_caption(panel)} {_loop_note(panel)}".strip()
    words = Words(ident, f"Latency percentile spectrum: {panel.place}", caption)
    return Figure(panel.place, caption, spectrum(words, series), None, panel.headline)


def memory_figure(panels: Sequence[Panel], summary: Summary, styles: Mapping[str, Style], ident: str) -> Figure:
    """Idle and peak memory over the levels of one scenario; a chart only where requests wait."""
    scenario = panels[0].scenario
    title = plain(scenario.name)
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


def comparison_table(caption: str, comparisons: Sequence[Comparison]) -> Table:
    """Ratios with their verdicts, the largest first."""
    columns = (Column("Target", numeric=False), Column("Ratio"), Column("Verdict", numeric=False), Column("Launches"))
    lines = [
        Line(
            plain(found.target),
            (
                Cell(ratio_value(found.ratio), ratio_interval(found.ratio)),
                Cell(f"{VERDICT_SIGNS[found.verdict][0]} {found.verdict.value}", tone=VERDICT_SIGNS[found.verdict][1]),
                Cell(whole(found.ratio.n)),
            ),
        )
        for found in sorted(comparisons, key=lambda found: -found.ratio.value)
    ]
    return Table(caption, columns, tuple(lines))


def left_out(panel: Panel) -> str:
    """A sentence naming the results that no chart may show."""
    names = [plain(row.result.target) for row in panel.rows if row.standing is not Standing.RANKED]
    return f"Left out, being invalid or a lower bound only: {joined(names)}." if names else ""


def _compared(panel: Panel) -> list[Comparison]:
    rows = [row.comparison for row in panel.ranked if row.comparison is not None]
    return sorted((found for found in rows if found.ratio.value > 0), key=lambda found: found.ratio.value)


def _forest_caption(panel: Panel, comparisons: Sequence[Comparison]) -> str:
    counts = {verdict: sum(found.verdict is verdict for found in comparisons) for verdict in Verdict}
    said = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    best = comparisons[-1]
    text = f"Against {plain(panel.baseline)}, of {counted(len(comparisons), 'target')}: {joined(said)}. "
    text += f"The largest ratio is {plain(best.target)}'s, {ratio(best.ratio)}."
    return f"{text} {left_out(panel)}".strip()


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
    shown = joined(flat if len(flat) <= NAMED_MAX else [*flat[:NAMED_MAX], f"{len(flat) - NAMED_MAX} more"])
    verb = "gains" if len(flat) == 1 else "gain"
    others = f" The other {counted(rest, 'target') if rest > 1 else 'target'} {'gain' if rest > 1 else 'gains'} more."
    return f"{shown} {verb} less than 10 % {step}: more connections do not help.{others if rest else ''}"


def _levels_table(caption: str, panels: Sequence[Panel], names: Sequence[str]) -> Table:
    columns = (Column("Target", numeric=False), *(Column(f"{panel.level.label}", "requests/s") for panel in panels))
    rows = [[_row(panel, name) for panel in panels] for name in names]
    lines = [
        Line(plain(name), tuple(figure(row.result.throughput_rps if row else None) for row in cells))
        for name, cells in zip(names, rows, strict=True)
    ]
    return Table(caption, columns, tuple(lines))


def _spectrum(row: Row) -> tuple[Point, ...]:
    """The points that ten samples or more lie beyond."""
    ok = row.result.ledger.ok
    return tuple(
        Point(percentile, latency)
        for percentile, latency in row.result.spectrum
        if latency > 0 and SPECTRUM_FROM <= percentile < 100 and ok * (100 - percentile) / 100 >= 10 - 1e-6
    )


def _latency_caption(panel: Panel) -> str:
    tails = [(times_of(row.result).get("p99"), plain(row.result.target)) for row in panel.ranked]
    known = sorted(((tail, name) for tail, name in tails if tail is not None), key=lambda pair: pair[0].value)
    unknown = [name for tail, name in tails if tail is None]
    why = FEW_ANSWERS if panel.open_loop else f"{FEW_ANSWERS}, or {CUT_SHORT}"
    gap = f"No 99th percentile of {joined(unknown)}: {why}." if unknown else ""
    if not known:
        return f"{gap} {left_out(panel)}".strip()
    (low, first), (high, last) = known[0], known[-1]
    text = f"99 % of the requests to {first} are answered within {quantity(low, 'ms')}"
    text += f", of those to {last} within {quantity(high, 'ms')}." if len(known) > 1 else "."
    return " ".join(part for part in (text, gap, left_out(panel)) if part)


def _no_latencies(panel: Panel) -> str:
    if not panel.ranked:
        return "there are no latencies of valid results"
    return FEW_ANSWERS if panel.open_loop else f"{FEW_ANSWERS}, or every latency is {CUT_SHORT}"


def _loop_note(panel: Panel) -> str:
    if any(row.result.response_time_ms is not None for row in panel.ranked):
        return "Open loop: response time, counted from the planned instant, so that waiting to be sent is in it."
    return "Closed loop: service time, counted from the actual send; not corrected for coordinated omission."


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
    gap = f" {joined(full)} {verb} no slope: all of {whose} slots are taken at every level." if full else ""
    known = sorted(((slope, name) for slope, name in slopes if slope), key=lambda pair: pair[0].value)
    if not known:
        return f"Memory of the whole process tree, idle and at the peak of each level.{gap}"
    (low, first), (high, last) = known[0], known[-1]
    text = f"One more request held costs {first} {quantity(low, 'KiB')}"
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
        *([Column("A request held", "KiB")] if sloped else []),
    )
    lines = []
    for name in names:
        rows = [_row(panel, name) for panel in panels]
        idle = next((row.result.memory_mib.idle for row in reversed(rows) if row and row.result.memory_mib.idle), None)
        slope = slope_of(summary, name, panels[0].scenario.name)
        cells = [figure(idle), *(figure(row.result.memory_mib.peak if row else None) for row in rows)]
        lines.append(Line(plain(name), (*cells, *([figure(slope)] if sloped else []))))
    return Table(f"Memory, {plain(panels[0].scenario.name)}", columns, tuple(lines))
