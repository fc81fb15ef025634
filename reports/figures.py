"""The page's figures of single panels: each a chart, with what it shows in a sentence computed from the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..results.summary import Comparison, Metric, Verdict
from .charts.canvas import Words
from .charts.forest import forest, reach_of
from .charts.lines import SPECTRUM_FROM, Point, Series, spectrum
from .charts.palette import Style
from .format import counted, joined, plain, quantity, ratio, ratio_interval, ratio_value, shortlist, whole
from .measures import RATIO_NAMES, percentile_name, ratio_name
from .panels import Panel, Row
from .standing import Standing, overloaded
from .tables import CUT_SHORT, FEW_ANSWERS, VERDICT_SIGNS, Cell, Column, Line, Table, times_of


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart with its caption and data; or, where there is no chart, `caption` says why."""

    title: str
    caption: str
    svg: str = ""
    table: Table | None = None
    headline: bool = True


def ratios_of(panels: Sequence[Panel]) -> list[tuple[Panel, Metric]]:
    """What a forest is drawn of: each panel once for each metric that it is compared by; once where it has no ratio."""
    found = ((panel, [metric for metric in panel.metrics if _compared(panel, metric)]) for panel in panels)
    return [(panel, metric) for panel, metrics in found for metric in metrics or [panel.metric]]


def forest_figure(of: tuple[Panel, Metric], panels: Sequence[Panel], ident: str) -> Figure:
    """A panel's ratios to the baseline by one metric; panels of one scenario share the ratio axis."""
    panel, metric = of
    comparisons = _compared(panel, metric)
    if not comparisons:
        return Figure(panel.place, f"No ratio: {_why_no_ratio(panel)}.", headline=panel.headline)
    place = f"{panel.place}: response {percentile_name(metric)} at the set rate" if panel.open_loop else panel.place
    alike = [
        found for other in panels if other.scenario.name == panel.scenario.name for found in _compared(other, metric)
    ]
    about = "; ".join(f"{plain(c.target)} {ratio(c.ratio)} {c.verdict.value}" for c in reversed(comparisons))
    name = ratio_name(metric)
    words = Words(ident, f"{name[0].upper()}{name[1:]} over the baseline's: {panel.place}", about)
    svg = forest(words, comparisons, reach_of(alike), f"{RATIO_NAMES[metric]} over the baseline's")
    return Figure(place, _forest_caption(panel, comparisons), svg, None, panel.headline)


def latency_figure(panel: Panel, styles: Mapping[str, Style], ident: str) -> Figure:
    """The percentile spectrum of every ranked target."""
    shown = [(row.result.target, _spectrum(row)) for row in panel.ranked]
    series = [Series(styles[name], points) for name, points in shown if len(points) > 1]
    if not series:
        return Figure(panel.place, f"No chart: {_no_latencies(panel)}.", headline=panel.headline)
    caption = f"{_latency_caption(panel)} {_loop_note(panel)}".strip()
    words = Words(ident, f"Latency percentile spectrum: {panel.place}", caption)
    return Figure(panel.place, caption, spectrum(words, series), None, panel.headline)


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
    apart = (row for row in panel.rows if row.standing in (Standing.INVALID, Standing.AT_LEAST))
    names = shortlist([plain(row.result.target) for row in apart])
    return f"Left out, being invalid or a lower bound only: {joined(names)}." if names else ""


def _compared(panel: Panel, metric: Metric) -> list[Comparison]:
    rows = [row.over(metric) for row in panel.ranked]
    return sorted((found for found in rows if found and found.ratio.value > 0), key=lambda found: found.ratio.value)


def _why_no_ratio(panel: Panel) -> str:
    if panel.paced:
        return "its users set the rate"
    if any(cell.target == panel.baseline for cell in panel.not_possible):
        return f"it is not possible for the baseline, {plain(panel.baseline)}"
    if panel.ranked and not any(row.is_baseline for row in panel.ranked):
        return f"{plain(panel.baseline)}, the baseline, has no figure that may be compared"
    if panel.open_loop and any(row.is_baseline and overloaded(row.result) for row in panel.ranked):
        return (
            f"{plain(panel.baseline)}, the baseline, could not take what was due, and what was not sent has no "
            "response time"
        )
    if panel.open_loop and len(panel.ranked) > 1:
        return "no target beside the baseline has response times that can be compared with its"
    return "there is no valid result beside the baseline's"


def _forest_caption(panel: Panel, comparisons: Sequence[Comparison]) -> str:
    counts = {verdict: sum(found.verdict is verdict for found in comparisons) for verdict in Verdict}
    said = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    best = comparisons[-1]
    text = f"Against {plain(panel.baseline)}, of {counted(len(comparisons), 'target')}: {joined(said)}. "
    text += f"The largest ratio is {plain(best.target)}'s, {ratio(best.ratio)}."
    return f"{text} {left_out(panel)}".strip()


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
    gap = f"No 99th percentile of {joined(shortlist(unknown))}: {why}." if unknown else ""
    if not known:
        return f"{gap} {left_out(panel)}".strip()
    (low, first), (high, last) = known[0], known[-1]
    text = f"99 % of the {panel.measure.one}s to {first} are answered within {quantity(low, 'ms')}"
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
