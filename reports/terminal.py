"""The summary in a terminal: verdict sentences, problems, and a key table that fits the width there is."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from ..results.records import Severity
from ..results.summary import Summary
from .grids import blocks, fitted
from .overview import Section, is_wide, leaders_table, overview_table, sections
from .problems import merged_problems, problem_sentence
from .sentences import Outcome, Sentence, validity
from .tables import key_table

EVERY_TABLE = "The table of each scenario, with intervals, is in the page, and in: bench report RUN --markdown"
PROBLEMS_SHOWN_MAX = 12

OUTCOME_STYLES = {
    Outcome.FASTEST: "bold green",
    Outcome.SAME: "bold cyan",
    Outcome.INCONCLUSIVE: "bold yellow",
    Outcome.MEASURED: "bold cyan",
    Outcome.INVALID: "bold red",
    Outcome.MISSING: "bold yellow",
    Outcome.NOT_POSSIBLE: "bold",
}


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
    every = sections(summary)
    if is_wide(summary):
        yield from _wide(summary, every, width)
        return
    for section in every:
        yield from _heading(section)
        for sentence in section.sentences:
            if sentence.headline:
                yield _sentence(sentence)
    yield Text("")
    yield from _validity(summary)
    for section in every:
        if section.title:
            yield from (Text(""), Text(section.title, style="bold underline"))
        for panel in section.headlines:
            if panel.rows:
                yield Text("")
                yield from fitted(key_table(panel), width)


def _wide(summary: Summary, every: Sequence[Section], width: int) -> Iterator[RenderableType]:
    """Of many scenarios an overview: their tables and sentences would be longer than anybody scrolls."""
    for section in every:
        yield from _heading(section)
        yield from blocks(overview_table(section), width)
        yield Text("")
        yield from fitted(leaders_table(section), width)
        yield Text("")
    yield from _validity(summary)
    yield Text(EVERY_TABLE, style="dim")


def _heading(section: Section) -> Iterator[RenderableType]:
    if section.title:
        yield Text("")
        yield Text(section.title, style="bold underline")
        yield Text(section.meaning)
        yield Text("")


def _validity(summary: Summary) -> Iterator[RenderableType]:
    yield Text(validity(summary), style="bold" if summary.valid else "bold red")
    yield from _problems(summary)


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
