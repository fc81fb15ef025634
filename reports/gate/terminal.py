"""A gate's verdict in a terminal: the word first, why, and a table as wide as the terminal is."""

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from ...results.gate.records import GateRun
from ...results.gate.verdicts import GateResult, GateVerdict
from ..format import counted
from ..grids import fitted
from ..problems import problem_sentence
from .checks import State, checks, problems_of, told_by
from .tables import key_table
from .words import ICONS, WORDS, facts, headline, readable, reasons

STYLES = {GateVerdict.PASS: "bold green", GateVerdict.REGRESSED: "bold red"}
CHECK_STYLES = {State.WARNING: "yellow", State.INVALID: "bold red"}
PROBLEMS_MAX = 8


def gate_view(run: GateRun, result: GateResult) -> RenderableType:
    """The verdict, drawn to the width of the terminal."""
    return _GateView(run, result)


@dataclass(frozen=True, slots=True)
class _GateView:
    run: GateRun
    result: GateResult

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*_parts(self.run, self.result, options.max_width))


def _parts(run: GateRun, result: GateResult, width: int) -> Iterator[RenderableType]:
    style = STYLES.get(result.verdict, "bold yellow")
    word = f"{ICONS[result.verdict]} {WORDS[result.verdict]}"
    yield Text.assemble((word, style), "  ", (headline(run, result), "bold"))
    for reason in reasons(run, result):
        yield Padding(Text(reason), (0, 0, 0, 2))
    yield Text("")
    for gating in (True, False):
        table = key_table(run, result, gating=gating)
        if table.lines:
            yield from fitted(table, width)
            yield Text("")
    doubts = [check for check in checks(run, result) if check.state is not State.FINE]
    for check in doubts:
        yield Text.assemble((f"{check.sign} {check.name}: ", CHECK_STYLES[check.state]), check.text)
    every = [each for each in problems_of(run, result) if not told_by(doubts, each[0])]
    for problem, epochs in every[:PROBLEMS_MAX]:
        seen = f" (in {counted(epochs, 'epoch')})" if epochs > 1 else ""
        yield Text.assemble((f"! {problem.code.value} ", "yellow"), readable(problem_sentence(problem)), seen)
    if len(every) > PROBLEMS_MAX:
        yield Text(f"! {len(every) - PROBLEMS_MAX} more are on the page", style="yellow")
    yield Text("; ".join(facts(run, result)), style="dim")
