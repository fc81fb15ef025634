"""Tables in a terminal: as much detail and as many columns as its width allows, or all columns in several blocks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.console import JustifyMethod, RenderableType
from rich.table import Table as Grid
from rich.text import Text

from .format import columns, shortened
from .tables import Cell, Column, Line, Table, Tone

GAP_COLUMNS = 3
COLUMNS_MIN = 3
# The columns that a table gives up details for, before it gives up the columns themselves.
WANTED_WEIGHT = 6
SIGNS = "▲ faster  ▼ slower  ≈ same  ? inconclusive"
BLOCK_GAP = 2
HEADING_COLUMNS = 11


@dataclass(frozen=True, slots=True)
class Detail:
    """How much each cell says: intervals for columns from this weight on, words or signs, and so long names."""

    interval_weight: int
    words: bool
    name_columns: int


DETAILS = (Detail(0, True, 34), Detail(8, True, 30), Detail(9, True, 30), Detail(9, False, 22))
TONE_STYLES = {Tone.NEUTRAL: "", Tone.GOOD: "green", Tone.BAD: "red", Tone.MUTED: "dim"}


def blocks(table: Table, width: int) -> Iterator[RenderableType]:
    """The table with its first column in front of as many others as fit, then of the next ones, and so on."""
    tight = Table(
        table.caption,
        tuple(replace(column, unit="") for column in table.columns),
        tuple(replace(line, cells=tuple(map(_tight, line.cells))) for line in table.lines),
    )
    names = _names([line.name for line in table.lines], max(width // 4, 30))
    first = max((columns(part) for name in names for part in name.split("\n")), default=0)
    widths = [
        max([_widest(_chopped(column.name)), *(columns(line.cells[at].text) for line in tight.lines)])
        for at, column in enumerate(tight.columns[1:])
    ]
    yield Text(table.caption, style="bold")
    at = 0
    while at < len(widths):
        end, used = at, first
        while end < len(widths) and (end == at or used + widths[end] + BLOCK_GAP <= width):
            used += widths[end] + BLOCK_GAP
            end += 1
        yield _block(tight, names, range(at, end))
        at = end
    briefs = {_tight(cell).text: cell.text for line in table.lines for cell in line.cells if cell.brief}
    if briefs:
        yield Text(", ".join(f"{brief}: {text}" for brief, text in briefs.items()), style="dim")
    for note in table.notes:
        yield Text(note, style="dim")


def _block(table: Table, names: Sequence[str], which: range) -> RenderableType:
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", show_edge=False)
    grid.add_column(no_wrap=True)
    for at in which:
        heading = Text(_chopped(table.columns[at + 1].name))
        justify: JustifyMethod = "right" if table.columns[at + 1].numeric else "left"
        grid.add_column(heading, justify=justify, vertical="bottom", no_wrap=True, overflow="ellipsis")
    for line, name in zip(table.lines, names, strict=True):
        first = Text(name, style="underline" if line.tag else "")
        grid.add_row(first, *(Text(line.cells[at].text, style=TONE_STYLES[line.cells[at].tone]) for at in which))
    return grid


def _tight(cell: Cell) -> Cell:
    text = (cell.brief or cell.text).replace(" ", "", 1) if cell.text[:1] in "▲▼≈?" else cell.brief or cell.text
    return replace(cell, text=text.removesuffix("×") if len(text) > 2 else text)


def _chopped(heading: str) -> str:
    """A heading broken at its hyphens, and where a part is longer than a figure."""
    return "\n".join(wrap(heading, HEADING_COLUMNS, break_on_hyphens=True))


def fitted(table: Table, width: int) -> Iterator[RenderableType]:
    """The table at the width there is: the least important details and columns go first."""
    detail, rows, widths = _fitted(table, width)
    kept = _columns_that_fit(table.columns, widths, width)
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="bold", show_edge=False)
    for at in kept:
        column = table.columns[at]
        justify: JustifyMethod = "right" if column.numeric else "left"
        grid.add_column(Text(_heading(column)), justify=justify, vertical="bottom", no_wrap=True, overflow="ellipsis")
    for row in rows:
        grid.add_row(*(row[at] for at in kept))
    yield Text(table.caption, style="bold")
    yield grid
    signed = any(cell.note and cell.word for line in table.lines for cell in line.cells)
    for note in (*([SIGNS] if signed and not detail.words else []), *table.notes):
        yield Text(note, style="dim")


def _fitted(table: Table, width: int) -> tuple[Detail, list[list[Text]], list[int]]:
    """The rows with as much detail as leaves room for the columns that are wanted, and the columns' widths."""
    wanted = [at for at, column in enumerate(table.columns) if column.weight >= WANTED_WEIGHT]
    headings = [_widest(_heading(column)) for column in table.columns]
    for detail in DETAILS:
        names = _names([line.name for line in table.lines], detail.name_columns)
        rows = [_row(table, line, name, detail) for line, name in zip(table.lines, names, strict=True)]
        cells = [[_widest(row[at].plain) for row in rows] for at in range(len(headings))]
        widths = [max([heading, *column]) for heading, column in zip(headings, cells, strict=True)]
        if _total(wanted, widths) <= width:
            break
    return detail, rows, widths


def _names(names: list[str], limit: int) -> list[str]:
    """The names in so many columns: cut in the middle, or in full over several lines where cut ones would be alike."""
    short = [shortened(name, limit) for name in names]
    if len(set(short)) == len(set(names)):
        return short
    return ["\n".join(wrap(name, limit)) for name in names]


def _row(table: Table, line: Line, name: str, detail: Detail) -> list[Text]:
    first = Text(name)
    if line.tag:
        first.append(f" {line.tag}", style="dim")
    if line.across:
        return [first, Text(line.across, style=TONE_STYLES[line.tone]), *(Text("") for _ in table.columns[2:])]
    cells = zip(table.columns[1:], line.cells, strict=True)
    return [first, *(_cell(column, cell, detail) for column, cell in cells)]


def _cell(column: Column, cell: Cell, detail: Detail) -> Text:
    text = Text(cell.text, style=TONE_STYLES[cell.tone])
    if cell.note and column.weight >= detail.interval_weight:
        text.append(f" {cell.note}", style="dim")
    if cell.word:
        word = cell.word if detail.words or not cell.note else cell.word.partition(" ")[0]
        text.append(f" {word}", style=TONE_STYLES[cell.tone])
    return text


def _heading(column: Column) -> str:
    """One word a line, so that columns are as narrow as their figures."""
    return "\n".join([*column.name.split(), *([column.unit] if column.unit else [])])


def _widest(text: str) -> int:
    return max(columns(line) for line in text.split("\n"))


def _total(kept: list[int], widths: list[int]) -> int:
    return sum(widths[at] + GAP_COLUMNS for at in kept) - GAP_COLUMNS


def _columns_that_fit(every: tuple[Column, ...], widths: list[int], width: int) -> list[int]:
    """Indices of the columns to show: the least important ones are left out until the rest fits."""
    kept = list(range(len(every)))
    while len(kept) > COLUMNS_MIN and _total(kept, widths) > width:
        kept.remove(min(kept, key=lambda at: every[at].weight))
    return kept
