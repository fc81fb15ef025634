"""The summary in a terminal: verdict sentences, problems, and a key table that fits the width there is."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, JustifyMethod, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from ..results.records import Severity
from ..results.summary import Summary
from .format import columns, shortened
from .panels import panels
from .problems import merged_problems, problem_sentence
from .sentences import Outcome, Sentence, validity, verdicts
from .tables import Cell, Column, Line, Table, Tone, key_table

GAP_COLUMNS = 3
COLUMNS_MIN = 3
# The columns that a table gives up details for, before it gives up the columns themselves.
WANTED_WEIGHT = 6
SIGNS = "▲ faster  ▼ slower  ≈ same  ? inconclusive"
PROBLEMS_SHOWN_MAX = 12

OUTCOME_STYLES = {
    Outcome.FASTEST: "bold green",
    Outcome.SAME: "bold cyan",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.MEASURED: "bold cyan",
    Outcome.INVALID: "bold red",
    Outcome.MISSING: "bold yellow",
}


@dataclass(frozen=True, slots=True)
class Detail:
    """How much each cell says: intervals for columns from this weight on, words or signs, and so long names."""

    interval_weight: int
    words: bool
    name_columns: int


DETAILS = (Detail(0, True, 34), Detail(8, True, 30), Detail(9, True, 30), Detail(9, False, 22))
TONE_STYLES = {Tone.NEUTRAL: "", Tone.GOOD: "green", Tone.BAD: "red", Tone.MUTED: "dim"}


def summary_view(summary: Summary) -> RenderableType:
    """The summary drawn to the width of the terminal."""
    return _SummaryView(summary)


def render_terminal(summary: Summary, width: int = 100, color: bool = False) -> str:
    """The same as text; with ANSI colours where `color` is set."""
    output = io.StringIO()
    console = Console(
        file=output,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
        highlight=False,
        emoji=False,
        markup=False,
    )
    console.print(summary_view(summary))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


@dataclass(frozen=True, slots=True)
class _SummaryView:
    summary: Summary

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*_parts(self.summary, options.max_width))


def _parts(summary: Summary, width: int) -> Iterator[RenderableType]:
    for sentence in verdicts(summary):
        if sentence.headline:
            yield _sentence(sentence)
    yield Text("")
    yield Text(validity(summary), style="bold" if summary.valid else "bold red")
    yield from _problems(summary)
    for panel in panels(summary):
        if panel.headline and panel.rows:
            yield Text("")
            yield from _table(key_table(panel), width)


def _sentence(sentence: Sentence) -> RenderableType:
    style = OUTCOME_STYLES[sentence.outcome]
    grid = Grid.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    word = Text(f"{sentence.outcome.icon} {sentence.outcome.value}".ljust(14), style=style)
    grid.add_row(word, Text.assemble((sentence.place, "bold"), ": ", sentence.text))
    return grid


def _problems(summary: Summary) -> Iterator[RenderableType]:
    problems = merged_problems(summary)
    for problem in problems[:PROBLEMS_SHOWN_MAX]:
        invalid = problem.severity is Severity.INVALID
        sign = ("✕ ", "red") if invalid else ("! ", "yellow")
        text = Text.assemble(sign, (problem.code.value, "bold"), "  ", problem_sentence(problem))
        yield Padding(text, (0, 0, 0, 2))
    if len(problems) > PROBLEMS_SHOWN_MAX:
        yield Padding(Text(f"and {len(problems) - PROBLEMS_SHOWN_MAX} more", style="dim"), (0, 0, 0, 2))


def _table(table: Table, width: int) -> Iterator[RenderableType]:
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
        return [first, Text(line.across, style="red"), *(Text("") for _ in table.columns[2:])]
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
