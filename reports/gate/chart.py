"""The dot plot of epochs: one metric's change in each, in the order of time, beside the limits that decide."""

import math
from collections.abc import Sequence
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ...results.gate.verdicts import MetricResult, MetricVerdict
from ..charts.canvas import FONT, Words, draw, grid_lines, plot_area, spread_out, ticks
from ..charts.lines import thinned
from ..charts.palette import AXIS, BAD, BAND, GOOD, INK, MUTED, PAPER
from ..format import counted, exact
from .words import Dot, change_words, limit_words

HEIGHT, BOTTOM, TOP, RIGHT = 226, 40, 22, 78
LABEL_GAP = 0.085
ROOM_TIMES = 4.0
COLOURS = {MetricVerdict.REGRESSED: BAD, MetricVerdict.PASS: GOOD, MetricVerdict.UNDECIDED: MUTED}
KEY = (
    "Filled dots: the base was started first; hollow: the head. Crosses do not count. Whiskers: one standard error, as "
    "far as the epoch's own rounds tell it."
)


def drawn(each: MetricResult, dots: Sequence[Dot], ident: str, title: str) -> str:
    """The chart as an ``<svg>`` element; nothing where no epoch has a figure."""
    if not dots:
        return ""
    reach = reach_of(each, dots)
    words = Words(ident, f"{title}: change by epoch", caption(each, dots))
    shown = _ticks(*reach)
    left = max(40.0, 16 + 6.4 * max(len(_tick(value, each)) for value in shown))

    def paint(canvas: Canvas) -> None:
        axes = plot_area(canvas, left, RIGHT, BOTTOM, TOP)
        numbers = sorted({dot.epoch for dot in dots})
        axes.set_xlim(numbers[0] - 0.6, numbers[-1] + 0.6)
        axes.set_ylim(*reach)
        ticks(axes, "x", thinned(numbers))
        ticks(axes, "y", shown, [_tick(value, each) for value in shown])
        grid_lines(axes)
        _limits(axes, each, reach)
        for dot in dots:
            _whisker(axes, dot, reach)
            _dot(axes, dot, reach)
        axes.set_xlabel("epoch")
        axes.annotate(
            "change, worse ↑", (0, 1), xycoords="axes fraction", xytext=(-left + 6, 5), textcoords="offset points",
            va="bottom", color=MUTED, fontsize=FONT - 0.5,
        )  # fmt: skip

    return draw(words, HEIGHT, paint)


def caption(each: MetricResult, dots: Sequence[Dot]) -> str:
    """What the chart shows, in words."""
    low, high = reach_of(each, dots)
    outside = sum(not low <= dot.change <= high for dot in dots)
    beyond = f" {counted(outside, 'epoch')} beyond the edge, at the arrowhead." if outside else ""
    limits = f"threshold {limit_words(each.threshold, each.unit)}, margin {limit_words(each.margin, each.unit)}"
    said = each.verdict.value if each.gating else "reported only"
    return f"{change_words(each)}, {limits}: {said}.{beyond}"


def reach_of(each: MetricResult, dots: Sequence[Dot]) -> tuple[float, float]:
    """The range that shows zero, both limits, the interval, and every epoch that is not far beyond them all."""
    ends = [end for end in (each.change.value, each.change.low, each.change.high) if end is not None]
    wanted = [0.0, each.margin, each.threshold, *(end for end in ends if math.isfinite(end))]
    changes = [dot.change for dot in dots]
    middle = median(changes)
    room = ROOM_TIMES * max(median(abs(value - middle) for value in changes), (max(wanted) - min(wanted)) / 3)
    wanted += [min(max(value, middle - room), middle + room) for value in changes]
    low, high = min(wanted), max(wanted)
    edge = (high - low) * 0.07 or 1.0
    return low - edge, high + edge


def _limits(axes: Axes, each: MetricResult, reach: tuple[float, float]) -> None:
    """The interval as a band with its estimate, zero, margin and threshold, each named at the right."""
    colour = COLOURS[each.verdict] if each.gating else MUTED
    change = each.change
    if change.low is not None and change.high is not None:
        axes.axhspan(max(change.low, reach[0]), min(change.high, reach[1]), color=BAND, linewidth=0)
    axes.axhline(0, color=AXIS, linewidth=1)
    axes.axhline(each.margin, color=MUTED, linewidth=1, linestyle=(0, (1.5, 2)))
    axes.axhline(each.threshold, color=BAD, linewidth=1.2, linestyle=(0, (5, 3)))
    named = [(each.margin, "margin", MUTED), (each.threshold, "threshold", BAD)]
    if reach[0] <= change.value <= reach[1]:
        axes.axhline(change.value, color=colour, linewidth=1.8)
        named.append((change.value, "estimate", colour if colour is not MUTED else INK))
    places = [(value - reach[0]) / (reach[1] - reach[0]) for value, _, _ in named]
    for (_, text, ink), place in zip(named, spread_out(places, LABEL_GAP, 0.02, 0.98), strict=True):
        axes.text(1.02, place, text, transform=axes.transAxes, va="center", color=ink, fontsize=FONT - 1)


def _whisker(axes: Axes, dot: Dot, reach: tuple[float, float]) -> None:
    low, high = max(dot.change - dot.error, reach[0]), min(dot.change + dot.error, reach[1])
    if low < high and dot.error:
        axes.plot([dot.epoch] * 2, [low, high], color=MUTED, linewidth=1, solid_capstyle="butt")


def _dot(axes: Axes, dot: Dot, reach: tuple[float, float]) -> None:
    if dot.change > reach[1] or dot.change < reach[0]:
        above = dot.change > reach[1]
        place = reach[1] if above else reach[0]
        marker, face = "^" if above else "v", INK if dot.counts else MUTED
    else:
        place, marker, face = dot.change, "o", PAPER if dot.head_first else INK
    if not dot.counts and marker == "o":
        axes.plot([dot.epoch], [place], marker="x", color=MUTED, markersize=6, linestyle="none", markeredgewidth=1.4)
        return
    axes.plot(
        [dot.epoch], [place], marker=marker, color=INK, markerfacecolor=face, markersize=5.5, linestyle="none",
        markeredgewidth=1.2,
    )  # fmt: skip


def _tick(value: float, each: MetricResult) -> str:
    sign = "+" if value > 0 else ""
    return f"{sign}{exact(value)}{' %' if each.metric.in_percent else ''}"


def _ticks(low: float, high: float) -> list[float]:
    """Round figures, zero among them, at most six or so."""
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(step * power for step in (1, 2, 2.5, 5, 10, 20) if (high - low) / (step * power) <= 6)
    return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]
