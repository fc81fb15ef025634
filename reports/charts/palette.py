"""Colours, markers and dashes: each target has the same in every chart, and differs in more than colour."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Placeholders that matplotlib draws with; in the SVG each becomes a variable of the page's style sheet.
INK = "#0a0b01"
MUTED = "#0a0b02"
AXIS = "#0a0b03"
GRID = "#0a0b04"
BAND = "#0a0b05"
PAPER = "#0a0b06"
GOOD = "#0a0b07"
BAD = "#0a0b08"
_SERIES = tuple(f"#0a0c{number:02x}" for number in range(1, 9))
_VARIABLES: Mapping[str, str] = {
    INK: "ink",
    MUTED: "muted",
    AXIS: "axis",
    GRID: "grid",
    BAND: "band",
    PAPER: "paper",
    GOOD: "good",
    BAD: "bad",
    **{colour: f"series-{number}" for number, colour in enumerate(_SERIES, start=1)},
}
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.8), (7, 2, 1.5, 2), (3, 1.5))
# The same markers as paths in a box of 10 by 10.
_MARKER_PATHS: Mapping[str, str] = {
    "o": "M5 1a4 4 0 1 0 0 8a4 4 0 1 0 0-8z",
    "s": "M1.5 1.5h7v7h-7z",
    "^": "M5 1l4 8h-8z",
    "D": "M5 .5l4.5 4.5l-4.5 4.5l-4.5-4.5z",
    "v": "M5 9l4-8h-8z",
    "P": "M3.5 1h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5z",
    "X": "M3 1l2 2l2-2l2 2l-2 2l2 2l-2 2l-2-2l-2 2l-2-2l2-2l-2-2z",
    "<": "M1 5l8-4v8z",
    ">": "M9 5l-8-4v8z",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How one target is drawn."""

    colour: str
    marker: str
    dashes: tuple[float, ...]

    @property
    def linestyle(self) -> tuple[int, tuple[float, ...]] | str:
        """The dashes as matplotlib wants them."""
        return (0, self.dashes) if self.dashes else "solid"

    @property
    def swatch(self) -> str:
        """A short stretch of the line with its marker, as SVG."""
        dashes = f' stroke-dasharray="{" ".join(f"{length * 1.6:g}" for length in self.dashes)}"' if self.dashes else ""
        colour = as_css(self.colour)
        return (
            '<svg class="swatch" viewBox="0 0 34 10" aria-hidden="true">'
            f'<path d="M0 5h34" style="stroke:{colour};stroke-width:1.8"{dashes}/>'
            f'<path transform="translate(12 0)" d="{_MARKER_PATHS[self.marker]}" style="fill:{colour}"/></svg>'
        )


def styles(names: Sequence[str]) -> dict[str, Style]:
    """A style for each name, by position: eight colours, each time round with other markers and dashes."""
    return {name: _style(number) for number, name in enumerate(names)}


def _style(number: int) -> Style:
    return Style(
        _SERIES[number % len(_SERIES)],
        _MARKERS[number % len(_MARKERS)],
        _DASHES[(number + number // len(_SERIES)) % len(_DASHES)],
    )


def as_css(text: str) -> str:
    """Text with every placeholder replaced by its variable."""
    return re.sub(r"#0a0[bc][0-9a-f]{2}", lambda match: f"var(--{_VARIABLES[match[0]]})", text)
