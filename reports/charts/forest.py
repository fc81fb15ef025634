"""Ratios to the baseline with their intervals, sorted by effect."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from ...results.summary import Comparison, Verdict
from ..format import exact, plain, ratio, shortened
from .canvas import FONT, Words, draw, nice_ticks, plot_area, ticks
from .palette import AXIS, BAD, BAND, GOOD, INK, MUTED, PAPER

MARGIN = 0.02
ROW = 34.0
FOOT = 46.0
NAME_COLUMNS = 31
NARROW_REACH = 3.0
_MARKERS = {Verdict.FASTER: ">", Verdict.SLOWER: "<", Verdict.SAME: "s", Verdict.INCONCLUSIVE: "o"}


def forest(words: Words, comparisons: Sequence[Comparison], reach: tuple[float, float], over: str) -> str:
    """One row for each comparison, the largest ratio on top; `reach` is the range of the axis, `over` its name."""
    ordered = sorted(comparisons, key=lambda comparison: comparison.ratio.value)

    def paint(figure: Figure) -> None:
        axes = plot_area(figure, 8, 8, FOOT, 2)
        _frame(axes, len(ordered), reach)
        axes.set_xlabel(f"{over} (log scale), better →", loc="right")
        for position, comparison in enumerate(ordered):
            _row(axes, position, comparison)

    return draw(words, FOOT + ROW * len(ordered) + 8, paint)


def reach_of(comparisons: Sequence[Comparison]) -> tuple[float, float]:
    """The range that shows every interval, 1× and the margin, with a little room."""
    edges = [1 / 1.05, 1.05]
    for comparison in comparisons:
        bounds = (comparison.ratio.value, comparison.ratio.low, comparison.ratio.high)
        edges += [bound for bound in bounds if bound is not None and bound > 0 and math.isfinite(bound)]
    room = (max(edges) / min(edges)) ** 0.04
    return min(edges) / room, max(edges) * room


def _frame(axes: Axes, rows: int, reach: tuple[float, float]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*reach)
    axes.set_ylim(-0.62, rows - 0.3)
    axes.axvspan(1 / (1 + MARGIN), 1 + MARGIN, color=BAND, linewidth=0)
    axes.axvline(1, color=AXIS, linewidth=1)
    axes.spines["left"].set_visible(False)
    axes.yaxis.set_visible(False)
    values = _ratio_ticks(*reach)
    ticks(axes, "x", values, [f"{exact(value)}×" for value in values])


def _ratio_ticks(low: float, high: float) -> list[float]:
    """1× and round ratios beside it, far enough from it and from the right edge to be read."""
    width = math.log(high / low)
    if high / low > NARROW_REACH:
        values = nice_ticks(low, high)
    else:
        step = next(step for step in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / step <= 6)
        values = [1 + step * number for number in range(-6, 7) if low <= 1 + step * number <= high]
    inside = [value for value in values if math.log(high / value) > 0.04 * width]
    return sorted([1.0, *(value for value in inside if abs(math.log(value)) > 0.09 * width)])


def _row(axes: Axes, position: int, comparison: Comparison) -> None:
    estimate = comparison.ratio
    colour = {Verdict.FASTER: GOOD, Verdict.SLOWER: BAD}.get(comparison.verdict, MUTED)
    at = position - 0.2
    if estimate.low is not None and estimate.high is not None:
        axes.plot([estimate.low, estimate.high], [at, at], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([estimate.low, estimate.high], [at, at], color=colour, marker="|", linestyle="none", markersize=8)
    face = PAPER if comparison.verdict is Verdict.INCONCLUSIVE else colour
    axes.plot([estimate.value], [at], marker=_MARKERS[comparison.verdict], color=colour, markerfacecolor=face)
    place = blended_transform_factory(axes.transAxes, axes.transData)
    name = shortened(plain(comparison.target), NAME_COLUMNS)
    axes.text(0, position + 0.2, name, transform=place, ha="left", va="center", color=INK, fontsize=FONT)
    said = f"{ratio(estimate)} {comparison.verdict.value}" if estimate.low is not None else ratio(estimate)
    axes.text(1, position + 0.2, said, transform=place, ha="right", va="center", color=colour, fontsize=FONT - 0.5)
