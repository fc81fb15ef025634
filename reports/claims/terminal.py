"""The verdicts on the claims in a terminal: a table as wide as the terminal is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table as Grid
from rich.text import Text

from ...results.claims import ClaimResult, ClaimsRun, ClaimVerdict
from ..format import duration, plain
from ..grids import TONE_STYLES
from .words import (
    AGREEMENT_SIGNS,
    Case,
    cases,
    interpreter_name,
    interpreters,
    machine_words,
    measured,
    tally,
    verdict_words,
    why,
)

# From so many columns on there is room for what was claimed and why beside the figures.
WIDE_FROM = 120
SIGNS = "✓ as claimed  ✕ not so  ? undecided  – not measured; brackets: 95 % interval"
VERDICT_STYLES = {
    ClaimVerdict.REPRODUCED: "bold green",
    ClaimVerdict.IN_PART: "bold yellow",
    ClaimVerdict.REFUTED: "bold red",
    ClaimVerdict.OUTDATED: "bold yellow",
    ClaimVerdict.NOT_MEASURABLE: "bold",
}


def claims_view(run: ClaimsRun) -> RenderableType:
    """The verdict table, drawn to the width of the terminal."""
    return _ClaimsView(run)


@dataclass(frozen=True, slots=True)
class _ClaimsView:
    run: ClaimsRun

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*_parts(self.run, options.max_width))


def _parts(run: ClaimsRun, width: int) -> Iterator[RenderableType]:
    every, names = cases(run), [interpreter_name(name, run.environment) for name in interpreters(run)]
    if every:
        yield _table(every, names, width)
        yield Text(SIGNS, style="dim")
        yield Text("")
    for name, interpreter in zip(names, interpreters(run), strict=True):
        yield Text.assemble((tally(run, interpreter), "bold"), f" on {name}")
    if not every:
        yield Text("No claim was put to the test.")
    kind = "a quick run: few repetitions, small counts" if run.quick else "a full run"
    yield Text(f"{machine_words(run.environment)}; {kind}, {duration(run.elapsed_s)}", style="dim")
    if run.status != "complete":
        yield Text(f"! this run is {plain(run.status)}: only these claims were put to the test", style="bold yellow")


def _table(every: Sequence[Case], names: Sequence[str], width: int) -> Grid:
    wide, single = width >= WIDE_FROM, len(names) == 1
    grid = Grid(box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False, header_style="bold", show_edge=False, show_lines=False)
    grid.add_column("Claim", overflow="fold", ratio=3, vertical="top")
    if wide:
        grid.add_column("Claimed", overflow="fold", ratio=2)
    if single:
        grid.add_column("Verdict", overflow="fold", min_width=12, max_width=14)
        grid.add_column("Measured", overflow="fold", ratio=4)
    else:
        for name in names:
            grid.add_column(Text(name), overflow="fold", ratio=3)
    if wide:
        grid.add_column("Why", overflow="fold", ratio=4)
    grid.expand = True
    for case in every:
        grid.add_row(*_row(case, wide=wide, single=single))
        grid.add_row()  # rows of several lines need air between them
    return grid


def _row(case: Case, *, wide: bool, single: bool) -> Iterator[Text]:
    first = case.first
    yield Text.assemble((plain(case.id), "bold"), "\n", (plain(first.title if wide else first.claimed), "dim"))
    if wide:
        yield Text(plain(first.claimed))
    if single:
        yield _verdict(first)
        yield _figures(first, wide=wide)
    else:
        for result in case.results:
            yield (
                Text("not tested", style="dim") if result is None else _verdict(result) + Text("\n") + _figures(result)
            )
    if wide:
        yield Text("\n").join(Text(text) for text in dict.fromkeys(why(result) for result in case.known))


def _verdict(result: ClaimResult) -> Text:
    return Text(verdict_words(result.verdict), style=VERDICT_STYLES[result.verdict])


def _figures(result: ClaimResult, *, wide: bool = True) -> Text:
    """The figures that the verdict rests upon; where nothing was measured and there is no other place for it, why."""
    lines: list[Text] = []
    for finding in result.findings:
        sign, tone = AGREEMENT_SIGNS[finding.agreement]
        told = measured(result, finding.reading.measure)
        line = Text.assemble((sign, TONE_STYLES[tone]), f" {plain(finding.reading.measure)}: {told.value}")
        if told.interval:
            line.append(f" {told.interval}", style="dim")
        if line.plain not in [other.plain for other in lines]:
            lines.append(line)
    if result.problem and not wide:
        lines = [Text(why(result))]
    return Text("\n").join(lines)
