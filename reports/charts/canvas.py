"""From a matplotlib figure to SVG that can stand in a page beside others."""

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from ..format import exact
from .palette import AXIS, GRID, MUTED, as_css

POINTS_PER_INCH = 72
WIDTH = 420
FONT = 11.0
_TENTHS = tuple(1 + step / 10 for step in range(90))
# Untyped: which names are allowed differs between versions of matplotlib.
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sgibench",
    # Names may hold dollar signs, which are no formulas here.
    "text.parse_math": False,
    "font.size": FONT,
    "axes.linewidth": 0.8,
    "axes.edgecolor": AXIS,
    "axes.labelcolor": MUTED,
    "axes.labelsize": FONT - 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "xtick.color": AXIS,
    "ytick.color": AXIS,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": FONT - 1,
    "ytick.labelsize": FONT - 1,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}


@dataclass(frozen=True, slots=True)
class Words:
    """What names a chart: `ident` sets its ids apart from other charts', `title` and `about` are read aloud."""

    ident: str
    title: str
    about: str


def draw(words: Words, height: float, paint: Callable[[Figure], None]) -> str:
    """The chart that `paint` draws on an empty figure, as an ``<svg>`` element."""
    with warnings.catch_warnings(), matplotlib.rc_context():
        # The page's font will have it, whatever glyph matplotlib's own lacks.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        figure = Figure(figsize=(WIDTH / POINTS_PER_INCH, height / POINTS_PER_INCH), dpi=POINTS_PER_INCH)
        paint(figure)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inlined(buffer.getvalue(), words)


def plot_area(figure: Figure, left: float, right: float, bottom: float, top: float) -> Axes:
    """Axes with fixed margins, in the figure's own units."""
    width, height = (float(side) * POINTS_PER_INCH for side in figure.get_size_inches())
    axes = figure.add_axes(
        (left / width, bottom / height, (width - left - right) / width, (height - bottom - top) / height)
    )
    axes.patch.set_visible(False)
    return axes


def grid_lines(axes: Axes, direction: str = "y") -> None:
    """Faint lines at the ticks, behind the data."""
    lines = axes.yaxis if direction == "y" else axes.xaxis
    lines.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def ticks(axes: Axes, direction: str, values: Sequence[float], labels: Sequence[str] | None = None) -> None:
    """Ticks at these values and no others."""
    axis = axes.xaxis if direction == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_major_formatter(FixedFormatter(list(labels) if labels else [exact(value) for value in values]))
    axis.set_minor_locator(NullLocator())


def nice_ticks(low: float, high: float) -> list[float]:
    """Round figures from `low` to `high` on a logarithmic axis: decades, or 1-2-5 where there are few of those."""
    decades = [10.0**exponent for exponent in range(-6, 13)]
    for steps, enough in (((1.0,), 4), ((1.0, 2.0, 5.0), 4), ((1.0, 1.5, 2.0, 3.0, 5.0, 7.0), 3), (_TENTHS, 2)):
        found = [step * decade for decade in decades for step in steps if low <= step * decade <= high]
        if len(found) >= enough:
            return found if len(found) <= 7 else found[:: -(-len(found) // 6)]
    return [low, high] if high > low else [low]


def spread_out(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The positions moved apart to at least `gap` between neighbours, inside `low` to `high` as far as that goes."""
    order = sorted(range(len(positions)), key=lambda at: positions[at])
    moved = list(positions)
    floor = low
    for at in order:
        moved[at] = max(moved[at], floor)
        floor = moved[at] + gap
    ceiling = high
    for at in reversed(order):
        moved[at] = min(moved[at], ceiling)
        ceiling = moved[at] - gap
    return moved


def _inlined(document: str, words: Words) -> str:
    svg = document[document.index("<svg") :]
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    # matplotlib's style element would hold for the whole page.
    svg = re.sub(r"<style[^>]*>.*?</style>", "", svg, flags=re.DOTALL)
    # Everything drawn lies within its axes.
    svg = re.sub(r"<clipPath.*?</clipPath>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _tag(tag[0]), svg)
    svg = _own_ids(svg, words.ident)
    box = re.search(r'viewBox="([^"]*)"', svg)
    head = (
        f'<svg class="chart" viewBox="{box[1] if box else ""}" role="img" '
        f'aria-labelledby="{words.ident}-title {words.ident}-desc">'
        f'<title id="{words.ident}-title">{escape(words.title)}</title>'
        f'<desc id="{words.ident}-desc">{escape(words.about)}</desc>'
    )
    svg = re.sub(r"^<svg[^>]*>", lambda _: head, svg, count=1)
    svg = re.sub(r">\s+<", "><", svg).strip()
    svg = re.sub(r"<defs></defs>|<path d=\"[^\"]*\" style=\"fill:none\"/>", "", svg)
    return svg if "<g " in svg else re.sub(r"</?g>", "", svg)


def _tag(tag: str) -> str:
    """A tag with fewer digits, the page's font, and colours that follow the page's scheme."""
    tag = re.sub(r"(?<!opacity: )-?\b\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}".removesuffix(".0"), tag)
    tag = re.sub(r" clip-path=\"[^\"]*\"| transform=\"rotate\(-0 [^)]*\)\"| ?font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r"font: (?:(\d+|bold) )?([\d.]+)px [^;\"]*", _font, tag)
    tag = re.sub(r"([:;]) ", r"\1", as_css(tag.replace("xlink:href", "href")))
    tag = tag.replace("stroke-dashoffset:0;", "")
    return re.sub(r" (\"|/?>)", r"\1", re.sub(r"\s+", " ", tag))


def _font(match: re.Match[str]) -> str:
    weight = f"; font-weight: {match[1]}" if match[1] else ""
    return f"font-size: {match[2]}px{weight}"


def _own_ids(svg: str, ident: str) -> str:
    """Ids that nothing refers to are dropped; the others get the chart's own prefix."""
    used = set(re.findall(r'href="#([^"]+)"', svg)) | set(re.findall(r"url\(#([^)]+)\)", svg))
    names = {name: f"{ident}-{number}" for number, name in enumerate(sorted(used))}
    svg = re.sub(r' id="([^"]+)"', lambda match: f' id="{names[match[1]]}"' if match[1] in names else "", svg)
    svg = re.sub(r'href="#([^"]+)"', lambda match: f'href="#{names[match[1]]}"', svg)
    return re.sub(r"url\(#([^)]+)\)", lambda match: f"url(#{names[match[1]]})", svg)
