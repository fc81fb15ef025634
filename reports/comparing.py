"""Two runs side by side on the terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from textwrap import wrap

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..results.differences import DefinitionDifference, EnvironmentDifference
from ..results.estimate import Estimate
from ..results.summary import RESPONSES, Metric, Verdict
from ..results.two_runs import NotCompared, Pair, TwoRuns
from .format import MISSING, columns, counted, joined, number, plain, ratio, ratio_interval, ratio_value
from .measures import inverted

STYLES = {Verdict.FASTER: "green", Verdict.SLOWER: "red", Verdict.SAME: "", Verdict.INCONCLUSIVE: "dim"}
TIMES_NOTE = "Cold starts, and response times where the rate was set: in ms, and as ratio how many times as fast."
RATE_NOTE = "At a set rate throughput is that rate, and is not compared."
NOTES = {
    NotCompared.REDEFINED: "Redefined: the scenario asked for something else, so there is no ratio.",
    NotCompared.LIMITED: "Load-limited: the load side was the limit in one of the runs, so there is no ratio.",
    NotCompared.OVERLOADED: (
        "Overloaded: in one of the runs not all that was due could be sent, and what was not has no response time."
    ),
}
ONE_LAUNCH_NOTE = "A ratio without brackets rests on a run with one launch: nothing follows from it."
GAP_COLUMNS = 2
NAME_COLUMNS_MIN = 16
NAMED_MAX = 6


@dataclass(frozen=True, slots=True)
class _RunsView:
    runs: TwoRuns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Group(*_parts(self.runs, options.max_width))


def comparison_view(runs: TwoRuns) -> RenderableType:
    """What changed from the first run to the second, and where their environments differ."""
    return _RunsView(runs)


def _parts(runs: TwoRuns, width: int) -> Iterator[RenderableType]:
    yield Text.assemble(("first   ", "dim"), plain(runs.first), "\n", ("second  ", "dim"), plain(runs.second), "\n")
    yield from _environment(runs, width)
    yield from _definitions(runs, width)
    if runs.pairs:
        yield _table(runs, width)
        yield Text()
        yield from (Text(note, style="dim") for note in _notes(runs))
        yield from (Text(line) for line in conclusions(runs))
    else:
        yield Text("The two runs have no target and scenario in common.")
    for which, names in (("first", runs.only_first), ("second", runs.only_second)):
        if names:
            shown = [plain(name) for name in names[:NAMED_MAX]]
            rest = [f"{len(names) - NAMED_MAX} more"] if len(names) > NAMED_MAX else []
            yield Text(f"Only in the {which} run: {joined([*shown, *rest])}.", style="dim")


def conclusions(runs: TwoRuns) -> Iterator[str]:
    """What follows, in sentences."""
    groups = {group.name: plain(group.title or group.name) for group in runs.groups}
    for name in dict.fromkeys(pair.group for pair in runs.pairs if pair.baseline or not runs.groups):
        head = f"{groups[name]}. " if name in groups else ""
        lines = _conclusions([pair for pair in runs.pairs if pair.group == name], runs.baseline)
        yield from (f"{head if not number else ''}{line}" for number, line in enumerate(lines))


def _conclusions(pairs: Sequence[Pair], baseline: str) -> Iterator[str]:
    related = [pair for pair in pairs if pair.change is not None]
    if not related:
        yield (
            "With no comparison in common, only absolute figures stand side by side, and these hold "
            "whatever else the machine did."
        )
        return
    changed = [pair for pair in related if pair.change in (Verdict.FASTER, Verdict.SLOWER)]
    same = sum(pair.change is Verdict.SAME for pair in related)
    undecided = len(related) - len(changed) - same
    yield (
        f"Relative to {plain(related[0].baseline or baseline)}, of {counted(len(related), 'comparison')}: "
        f"{len(changed)} changed, {same} the same, {undecided} undecided."
    )
    for pair in changed:
        word = "faster" if pair.change is Verdict.FASTER else "slower"
        yield f"{plain(pair.target)} under {_where(pair)} is {word} than before: {ratio(_of_speed(pair))}."
    against = [pair for pair in pairs if pair.contradicts]
    if against:
        names = joined([f"{plain(pair.target)} under {_where(pair)}" for pair in against])
        yield f"The runs contradict each other on {names}."
    else:
        yield "No verdict of the first run is contradicted by the second."


def _environment(runs: TwoRuns, width: int) -> Iterator[RenderableType]:
    if not runs.environment:
        yield Text("The environments are the same.\n", style="dim")
        return
    count = counted(len(runs.environment), "difference")
    yield Text(f"The environments are not the same ({count}): changes may come from there.", style="yellow")
    for item in runs.environment:
        yield Padding(_difference(item.key, item, width - 2), (0, 0, 0, 2))
    yield Text()


def _definitions(runs: TwoRuns, width: int) -> Iterator[RenderableType]:
    if not runs.definitions:
        return
    count = counted(len(runs.definitions), "difference")
    names = list(dict.fromkeys(plain(item.scenario) for item in runs.definitions if item.matters))
    so = f": {joined(names)} {'is' if len(names) == 1 else 'are'} not compared." if names else "."
    yield Text(f"The runs were not asked for the same ({count}){so}", style="yellow")
    for item in runs.definitions:
        key = f"{item.scenario}: {item.key}" if item.scenario else item.key
        yield Padding(_difference(key, item, width - 2), (0, 0, 0, 2))
    yield Text()


def _difference(name: str, item: EnvironmentDifference | DefinitionDifference, width: int) -> RenderableType:
    """On one line where it fits, else one line for each run's value."""
    key, first, second = (plain(text) if text else MISSING for text in (name, item.first, item.second))
    line = Text.assemble((f"{key}  ", "dim"), first, (" → ", "dim"), second)
    if columns(line.plain) <= width:
        return line
    grid = Table.grid(padding=(0, GAP_COLUMNS, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    grid.add_row(Text("  first"), Text(first))
    grid.add_row(Text("  second"), Text(second))
    return Group(Text(key, style="dim", overflow="fold"), grid)


def _table(runs: TwoRuns, width: int) -> Table:
    """Under each scenario its targets: a target's name is long enough to want the width for itself."""
    unit = "ms" if all(map(_of_time, runs.pairs)) else "req/s"
    headings = ["", f"first\n{unit}", f"second\n{unit}", "second / first, each\nover its baseline", "change"]
    titles = {group.name: plain(group.title or group.name) for group in runs.groups}
    figures = [_figures(pair, runs.baseline) for pair in runs.pairs]
    heads = [max(map(len, heading.split("\n"))) for heading in headings[1:]]
    taken = sum(max(head, *(len(row[at]) for row in figures)) + GAP_COLUMNS for at, head in enumerate(heads))
    room = max(width - taken, NAME_COLUMNS_MIN)
    table = Table(box=None, padding=(0, GAP_COLUMNS, 0, 0), pad_edge=False, header_style="dim")
    for at, heading in enumerate(headings):
        final = at == len(headings) - 1
        table.add_column(heading, justify="right" if at and not final else "left", overflow="fold", no_wrap=at > 0)
    blank = [Text() for _ in headings[1:]]
    last = None
    for (group, where), pairs in groupby(runs.pairs, lambda pair: (pair.group, _where(pair))):
        if runs.groups and group != last:
            table.add_row(_name(titles.get(group, "In no comparison"), room, "bold underline"), *blank)
            last = group
        table.add_row(_name(where, room, "bold"), *blank)
        for pair in pairs:
            cells = [Text(text) for text in _figures(pair, runs.baseline)]
            cells[-1].stylize(STYLES[pair.change] if pair.change else "dim")
            table.add_row(_name(plain(pair.target), room), *cells)
    return table


def _name(text: str, room: int, style: str = "") -> Text:
    """A name, broken at its hyphens where it is too long for one line."""
    return Text("\n".join(wrap(text, room, subsequent_indent="  ")) or text, style=style)


def _figures(pair: Pair, baseline: str) -> tuple[str, str, str, str]:
    unit = " ms" if pair.metric is Metric.START else ""
    rates = [f"{number(one.value)}{unit}" if one else MISSING for one in (pair.first, pair.second)]
    if pair.target == (pair.baseline or baseline):
        return rates[0], rates[1], "", pair.not_compared or "baseline"
    speed = _of_speed(pair)
    relative = MISSING if speed is None else f"{ratio_value(speed)} {ratio_interval(speed)}"
    change = pair.change or pair.not_compared or MISSING
    return rates[0], rates[1], relative.strip(), change


def _of_speed(pair: Pair) -> Estimate | None:
    """What became of its speed: of times the inverse."""
    return inverted(pair.relative) if pair.relative and _of_time(pair) else pair.relative


def _of_time(pair: Pair) -> bool:
    return pair.metric is Metric.START or pair.metric in RESPONSES


def _notes(runs: TwoRuns) -> Iterator[str]:
    if any(map(_of_time, runs.pairs)):
        yield TIMES_NOTE
    if any(pair.metric in RESPONSES for pair in runs.pairs):
        yield RATE_NOTE
    yield from (note for why, note in NOTES.items() if any(pair.not_compared is why for pair in runs.pairs))
    if any(pair.relative is not None and pair.relative.low is None for pair in runs.pairs):
        yield ONE_LAUNCH_NOTE


def _where(pair: Pair) -> str:
    where = f"{plain(pair.scenario)} {pair.level.label}"
    return where if pair.metric.percentile is None else f"{where} (p{pair.metric.percentile:g} ms at the set rate)"
