"""A claim's chart: lines over counts, or a row for each thing measured; what was claimed lies behind as a band."""

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import blended_transform_factory

from ...results.claims import Chart, Claimed, Series
from ..charts.canvas import FONT, Words, draw, grid_lines, nice_ticks, plot_area, spread_out, ticks
from ..charts.palette import AXIS, BAND, INK, MUTED, Style, styles
from ..format import exact, number, plain, shortened
from .words import range_words

HEIGHT, BOTTOM, TOP, RIGHT = 290, 44, 22, 14
ROW, FOOT, BAND_ROW = 34.0, 42.0, 17.0
NAME_COLUMNS, FIGURE_COLUMNS, LABEL_COLUMNS = 31, 32, 44
TICK_GAP, LABEL_GAP = 0.16, 0.075
Bounds = tuple[float, float]
Point = tuple[float, float, float | None, float | None]


def drawn(chart: Chart, ident: str) -> str:
    """The chart as an ``<svg>`` element; nothing where it has no point to show."""
    dots = chart.kind == "dots"
    series = [
        Series(one.name, _shown(one.points, chart.log_x and not dots, _log_figures(chart))) for one in chart.series
    ]
    series = [one for one in series if one.points]
    if not series:
        return ""
    about = plain(f"{chart.takeaway} {_bands_in_words(chart)}".strip())
    words = Words(ident, plain(chart.title), about)
    return _dots(words, chart, series) if dots else _lines(words, chart, series)


def looks(chart: Chart) -> dict[str, Style]:
    """The style of each series, by its name."""
    return styles([one.name for one in chart.series])


def _log_figures(chart: Chart) -> bool:
    """Whether the axis that figures stand on is logarithmic."""
    return chart.log_x or chart.log_y if chart.kind == "dots" else chart.log_y


def _shown(points: Sequence[Point], log_x: bool, log_y: bool) -> tuple[Point, ...]:
    """The points that have a place on their axes."""
    return tuple(
        point
        for point in points
        if all(map(math.isfinite, point[:2])) and (point[0] > 0 or not log_x) and (point[1] > 0 or not log_y)
    )


def _bands_in_words(chart: Chart) -> str:
    return " ".join(f"{text}: {range_words(Claimed(low, high), '')}." for text, low, high in chart.bands)


def _lines(words: Words, chart: Chart, series: Sequence[Series]) -> str:
    style = looks(chart)
    xs = sorted({point[0] for one in series for point in one.points})
    reach = _reach(chart, series, chart.log_y)
    shown = _ticks(*reach, chart.log_y)
    left = max(54.0, 14 + 6.4 * max(len(exact(value)) for value in shown))

    def paint(canvas: Canvas) -> None:
        axes = plot_area(canvas, left, RIGHT, BOTTOM, TOP)
        _scale(axes.set_xscale, axes.set_xlim, chart.log_x, _room(xs, chart.log_x))
        _scale(axes.set_yscale, axes.set_ylim, chart.log_y, reach)
        ticks(axes, "x", _apart(xs, axes.get_xlim(), chart.log_x))
        ticks(axes, "y", shown)
        _level_bands(axes, chart, reach)
        grid_lines(axes)
        for one in series:
            _line(axes, one, style[one.name], reach)
        axes.set_xlabel(_axis_name(chart.x_label, chart.log_x))
        axes.annotate(
            _axis_name(chart.y_label, chart.log_y), (0, 1), xycoords="axes fraction", xytext=(-left + 6, 4),
            textcoords="offset points", va="bottom", color=MUTED, fontsize=FONT - 0.5,
        )  # fmt: skip

    return draw(words, HEIGHT, paint)


def _dots(words: Words, chart: Chart, series: Sequence[Series]) -> str:
    style, log = looks(chart), _log_figures(chart)
    reach = _reach(chart, series, log)
    head = 6 + BAND_ROW * len(chart.bands)

    def paint(canvas: Canvas) -> None:
        axes = plot_area(canvas, 8, 8, FOOT, head)
        _scale(axes.set_xscale, axes.set_xlim, log, reach)
        axes.set_ylim(-0.62, len(series) - 0.3)
        axes.spines["left"].set_visible(False)
        axes.yaxis.set_visible(False)
        shown = _ticks(*reach, log)
        ticks(axes, "x", _apart(shown, reach, log))
        _upright_bands(axes, chart, reach, log)
        grid_lines(axes, "x")
        for position, one in enumerate(reversed(series)):
            _row(axes, position, one, style[one.name], reach)
        axes.set_xlabel(_axis_name(chart.x_label or chart.y_label, log))

    return draw(words, FOOT + head + ROW * len(series), paint)


def _row(axes: Axes, position: int, one: Series, style: Style, reach: Bounds) -> None:
    """A name and its figure, and below them where it stands."""
    at = position - 0.2
    for _, value, low, high in one.points:
        if low is not None and high is not None:
            ends = [_within(low, reach), _within(high, reach)]
            axes.plot(ends, [at, at], color=style.colour, linewidth=2.2, solid_capstyle="butt")
            axes.plot(ends, [at, at], color=style.colour, marker="|", linestyle="none", markersize=8)
        axes.plot([value], [at], marker=style.marker, color=style.colour, markeredgewidth=0, markersize=6)
    place = blended_transform_factory(axes.transAxes, axes.transData)
    name, figure = shortened(plain(one.name), NAME_COLUMNS), shortened(_told(one.points), FIGURE_COLUMNS)
    axes.text(0, position + 0.2, name, transform=place, ha="left", va="center", color=INK, fontsize=FONT)
    axes.text(1, position + 0.2, figure, transform=place, ha="right", va="center", color=MUTED, fontsize=FONT - 0.5)


def _told(points: Sequence[Point]) -> str:
    if len(points) > 1:
        values = [point[1] for point in points]
        return f"{number(min(values))} to {number(max(values))}"
    _, value, low, high = points[0]
    return number(value) if low is None or high is None else f"{number(value)} [{number(low)}, {number(high)}]"


def _line(axes: Axes, one: Series, style: Style, reach: Bounds) -> None:
    points = sorted(one.points, key=lambda point: point[0])
    for x, _, low, high in points:
        if low is not None and high is not None:
            ends = [_within(low, reach), _within(high, reach)]
            axes.plot([x, x], ends, color=style.colour, linewidth=1, marker="_", markersize=6)
    axes.plot(
        [point[0] for point in points], [point[1] for point in points], color=style.colour,
        linestyle=style.linestyle, marker=style.marker, markeredgewidth=0,
    )  # fmt: skip


def _level_bands(axes: Axes, chart: Chart, reach: Bounds) -> None:
    """What was claimed, across the whole width, each named at its middle."""
    middles = []
    for _, low, high in chart.bands:
        floor, ceiling = _band(low, high, reach)
        _shade(axes.axhspan, axes.axhline, floor, ceiling)
        middles.append((_share(floor, reach, chart.log_y) + _share(ceiling, reach, chart.log_y)) / 2)
    for (text, _, _), place in zip(chart.bands, spread_out(middles, LABEL_GAP, 0.04, 0.96), strict=True):
        _band_label(axes, text, 0.015, place, "left")


def _upright_bands(axes: Axes, chart: Chart, reach: Bounds, log: bool) -> None:
    """What was claimed, from bottom to top, each named in a row of its own above."""
    for row, (text, low, high) in enumerate(chart.bands):
        floor, ceiling = _band(low, high, reach)
        _shade(axes.axvspan, axes.axvline, floor, ceiling)
        middle = (_share(floor, reach, log) + _share(ceiling, reach, log)) / 2
        side = "left" if middle < 0.34 else "right" if middle > 0.66 else "center"
        edge = {"left": _share(floor, reach, log), "right": _share(ceiling, reach, log), "center": middle}[side]
        height = float(axes.bbox.height)
        _band_label(axes, text, edge, 1 + (row + 0.5) * BAND_ROW / height, side)


def _shade(span: Callable[..., object], line: Callable[..., object], floor: float, ceiling: float) -> None:
    span(floor, ceiling, color=BAND, linewidth=0, alpha=0.75)
    for edge in (floor, ceiling):  # a band of no width is seen by its edges
        line(edge, color=AXIS, linewidth=0.8, linestyle=(0, (3, 2)))


def _band_label(axes: Axes, text: str, x: float, y: float, side: str) -> None:
    label = shortened(plain(text), LABEL_COLUMNS)
    axes.text(x, y, label, transform=axes.transAxes, ha=side, va="center", color=MUTED, fontsize=FONT - 1.5, zorder=5)


def _reach(chart: Chart, series: Sequence[Series], log: bool) -> Bounds:
    """The range of figures that shows every point, interval and band, from zero on where the axis is linear."""
    values = [point[1] for one in series for point in one.points]
    values += [bound for one in series for point in one.points for bound in point[2:] if bound is not None]
    values += [bound for _, *bounds in chart.bands for bound in bounds if bound is not None]
    values = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if log:
        room = max((max(values) / min(values)) ** 0.06, 1.25)
        return min(values) / room, max(values) * room
    low, high = min(*values, 0.0), max(*values, 0.0)
    if low == high:
        return 0.0, 1.0
    return low * 1.06, high * 1.06 if high > 0 else -low * 0.06


def _room(xs: Sequence[float], log: bool) -> Bounds:
    """The range of the counts with a little room at both ends."""
    low, high = xs[0], xs[-1]
    if log:
        room = max((high / low) ** 0.05, 1.2)
        return low / room, high * room
    room = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _scale(set_scale: Callable[[str], object], set_limits: Callable[..., object], log: bool, reach: Bounds) -> None:
    if log:
        set_scale("log")
    set_limits(*reach)


def _ticks(low: float, high: float, log: bool) -> list[float]:
    if log:
        return nice_ticks(low, high)
    power = 10.0 ** math.floor(math.log10((high - low) / 4))
    step = next(step * power for step in (1, 2, 5, 10, 20) if (high - low) / (step * power) <= 5.5)
    return [step * count for count in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _apart(values: Sequence[float], reach: Bounds, log: bool) -> list[float]:
    """Those of the rising values that are far enough apart to be named; the last one kept."""
    kept: list[float] = []
    for value in reversed(values):
        if not kept or _share(kept[-1], reach, log) - _share(value, reach, log) >= TICK_GAP:
            kept.append(value)
    return kept[::-1]


def _share(value: float, reach: Bounds, log: bool) -> float:
    """Where a value lies on its axis, from 0 to 1."""
    low, high = reach
    return math.log(value / low) / math.log(high / low) if log else (value - low) / (high - low)


def _band(low: float | None, high: float | None, reach: Bounds) -> Bounds:
    """A band's ends as far as the axis goes."""
    return _within(reach[0] if low is None else low, reach), _within(reach[1] if high is None else high, reach)


def _within(value: float, reach: Bounds) -> float:
    return min(max(value, reach[0]), reach[1])


def _axis_name(name: str, log: bool) -> str:
    return f"{shortened(plain(name), 58)}{' (log scale)' if log else ''}".strip()
