"""Charts with one line for each target: capacity, latency, memory and stability."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..format import exact
from .canvas import FONT, Words, draw, grid_lines, nice_ticks, plot_area, spread_out, ticks
from .palette import AXIS, BAND, INK, MUTED, Style

HEIGHT = 290
LEFT = 54
BOTTOM = 44
TOP = 22
LIMIT_LABELS = 62
SPECTRUM_FROM = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """A value with its interval, where it has one."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One target's points. `label` stands at the line's end, where there is something to say."""

    style: Style
    points: tuple[Point, ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Limit:
    """What cannot be exceeded: points of a line, and what it is."""

    points: tuple[tuple[float, float], ...]
    label: str


def capacity(words: Words, series: Sequence[Series], limits: Sequence[Limit]) -> str:
    """Throughput over connections, both logarithmic, below the lines that physics draws."""

    def paint(figure: Figure) -> None:
        axes = plot_area(figure, LEFT, LIMIT_LABELS if limits else 12, BOTTOM, TOP)
        shown = [point for one in series for point in one.points]
        levels = sorted({point.x for point in shown})
        axes.set_xscale("log")
        axes.set_yscale("log")
        heights = [point.y for point in shown] + [y for limit in limits for _, y in limit.points]
        axes.set_xlim(levels[0] / 1.25, levels[-1] * 1.1)
        axes.set_ylim(min(heights) / 1.5, max(heights) * 1.4)
        ticks(axes, "x", thinned(levels))
        ticks(axes, "y", nice_ticks(*axes.get_ylim()))
        grid_lines(axes)
        _draw_limits(axes, limits)
        for one in series:
            _line(axes, one, marked=True)
        axes.set_xlabel("connections (log scale)")
        _y_title(axes, "requests/s (log scale)")

    return draw(words, HEIGHT, paint)


def spectrum(words: Words, series: Sequence[Series]) -> str:
    """Latency over 1/(1-p), both logarithmic: the tail as wide as the body. Points are (percentile, ms).

    It begins at the 10th percentile: the single fastest answers would take half the height.
    """

    def paint(figure: Figure) -> None:
        axes = plot_area(figure, LEFT, 12, BOTTOM, TOP)
        moved = [
            Series(one.style, tuple(Point(1 / (1 - p.x / 100), p.y) for p in one.points if p.x >= SPECTRUM_FROM))
            for one in series
        ]
        heights = [point.y for one in moved for point in one.points]
        farthest = max(point.x for one in moved for point in one.points)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(1, max(farthest * 1.1, 12))
        axes.set_ylim(min(heights) / 1.15, max(heights) * 1.15)
        shares = [(1.0, "0"), (2.0, "50 %"), (10.0, "90 %"), (1e2, "99 %"), (1e3, "99.9 %"), (1e4, "99.99 %")]
        inside = [(x, label) for x, label in shares if x <= axes.get_xlim()[1]]
        ticks(axes, "x", [x for x, _ in inside], [label for _, label in inside])
        ticks(axes, "y", nice_ticks(*axes.get_ylim()))
        grid_lines(axes)
        grid_lines(axes, "x")
        for one in moved:
            _line(axes, one, marked=False)
        axes.set_xlabel("share of requests at or below")
        _y_title(axes, "ms (log scale)")

    return draw(words, HEIGHT, paint)


def memory(words: Words, series: Sequence[Series], unit: str) -> str:
    """Memory over connections, both linear and from zero, so that the slope is what a request costs; idle is at 0."""

    def paint(figure: Figure) -> None:
        axes = plot_area(figure, LEFT, 62 if any(one.label for one in series) else 12, BOTTOM, TOP)
        levels = sorted({point.x for one in series for point in one.points})
        top = max(point.high or point.y for one in series for point in one.points) * 1.08
        axes.set_xlim(0, levels[-1] * 1.03)
        axes.set_ylim(0, top)
        shown = apart([0.0, *levels], levels[-1] * 0.11)
        ticks(axes, "x", shown, ["idle" if level == 0 else exact(level) for level in shown])
        _linear_ticks(axes, top)
        grid_lines(axes)
        for one in series:
            _line(axes, one, marked=True)
        labelled = [one for one in series if one.label]
        places = spread_out([one.points[-1].y for one in labelled], top * 0.058, 0, top)
        for one, place in zip(labelled, places, strict=True):
            _end_label(axes, one, place)
        axes.set_xlabel("connections")
        _y_title(axes, unit)

    return draw(words, HEIGHT, paint)


def stability(words: Words, series: Sequence[Series], field: Sequence[Point]) -> str:
    """Each epoch's throughput over the target's own average, the epoch's speed taken out; `field` is that speed."""

    def paint(figure: Figure) -> None:
        axes = plot_area(figure, LEFT, 12, BOTTOM, TOP)
        values = [point.y for one in series for point in one.points] + [point.y for point in field] + [0.95, 1.05]
        epochs = sorted({point.x for one in series for point in one.points})
        axes.set_xlim(epochs[0] - 0.3, epochs[-1] + 0.3)
        axes.set_ylim(min(values) - 0.02, max(values) + 0.02)
        low, high = axes.get_ylim()
        step = next(step for step in (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 10.0, math.inf) if (high - low) / step <= 6)
        shown = [1 + step * number for number in range(-7, 8) if low <= 1 + step * number <= high]
        ticks(axes, "y", shown, [f"{(value - 1) * 100:+.0f} %".replace("-", "−").replace("+0", "0") for value in shown])
        ticks(axes, "x", thinned(epochs))
        grid_lines(axes)
        axes.axhspan(0.98, 1.02, color=BAND, linewidth=0)
        if field:
            axes.plot([p.x for p in field], [p.y for p in field], color=AXIS, linewidth=5, alpha=0.45)
        for one in series:
            _line(axes, one, marked=True)
        axes.set_xlabel("epoch")
        _y_title(axes, "difference from the average")

    return draw(words, HEIGHT, paint)


def thinned(values: Sequence[float], most: int = 9) -> list[float]:
    """At most so many of the values, evenly, the last one kept."""
    step = -(-len(values) // most)
    return list(values)[::-1][::step][::-1]


def apart(values: Sequence[float], gap: float) -> list[float]:
    """Those of the rising values that are `gap` apart, the first and the last one kept."""
    kept: list[float] = list(values[:1])
    for value in values[1:-1]:
        if value - kept[-1] >= gap and values[-1] - value >= gap:
            kept.append(value)
    return kept + list(values[-1:]) if len(values) > 1 else kept


def _line(axes: Axes, series: Series, marked: bool) -> None:
    style = series.style
    xs, ys = [point.x for point in series.points], [point.y for point in series.points]
    for point in series.points:
        if marked and point.low is not None and point.high is not None:
            axes.plot([point.x, point.x], [point.low, point.high], color=style.colour, linewidth=1)
    every = 1 if marked else max(len(xs) // 5, 1)
    axes.plot(
        xs, ys, color=style.colour, linestyle=style.linestyle, marker=style.marker, markevery=every, markeredgewidth=0
    )


def _draw_limits(axes: Axes, limits: Sequence[Limit]) -> None:
    """The limits as thin lines, named beside the axes where no data can be."""
    low, high = (math.log(bound) for bound in axes.get_ylim())
    ends = [(math.log(limit.points[-1][1]) - low) / (high - low) for limit in limits]
    for limit, place in zip(limits, spread_out(ends, 0.06, 0, 1), strict=True):
        xs, ys = zip(*limit.points, strict=True)
        axes.plot(xs, ys, color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
        axes.text(1.02, place, limit.label, transform=axes.transAxes, va="center", color=MUTED, fontsize=FONT - 1.5)


def _end_label(axes: Axes, series: Series, place: float) -> None:
    last = series.points[-1]
    axes.annotate(
        series.label,
        (last.x, place),
        xytext=(10, 0),
        textcoords="offset points",
        va="center",
        color=INK,
        fontsize=FONT - 2,
        annotation_clip=False,
    )
    axes.annotate(
        "",
        (last.x, last.y),
        xytext=(last.x * 1.035, place),
        arrowprops={"arrowstyle": "-", "color": series.style.colour, "linewidth": 0.8},
        annotation_clip=False,
    )


def _y_title(axes: Axes, text: str) -> None:
    """The unit above the axis, where it reads without turning one's head."""
    axes.annotate(
        text,
        (0, 1),
        xycoords="axes fraction",
        xytext=(-LEFT + 6, 4),
        textcoords="offset points",
        va="bottom",
        color=MUTED,
        fontsize=FONT - 0.5,
    )


def _linear_ticks(axes: Axes, top: float) -> None:
    power = 10.0 ** math.floor(math.log10(top / 4)) if top > 0 else 1.0
    step = next((step * power for step in (1, 2, 2.5, 5, 10) if top / (step * power) <= 5.5), 10 * power)
    ticks(axes, "y", [step * number for number in range(7) if step * number <= top])
