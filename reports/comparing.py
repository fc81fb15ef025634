"""Two runs side by side on the terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..results.summary import Verdict
from ..results.two_runs import Pair, TwoRuns
from .format import counted, joined, number, plain, ratio

STYLES = {Verdict.FASTER: "green", Verdict.SLOWER: "red", Verdict.SAME: "", Verdict.INCONCLUSIVE: "dim"}


def comparison_view(runs: TwoRuns) -> RenderableType:
    """What changed from the first run to the second, and where their environments differ."""
    return Group(*_parts(runs))


def _parts(runs: TwoRuns) -> Iterator[RenderableType]:
    yield Text.assemble(("first   ", "dim"), plain(runs.first), "\n", ("second  ", "dim"), plain(runs.second), "\n")
    yield from _environment(runs)
    if not runs.pairs:
        yield Text("The two runs have no target and scenario in common.")
        return
    yield _table(runs)
    yield Text()
    yield from (Text(line) for line in conclusions(runs))
    for which, names in (("first", runs.only_first), ("second", runs.only_second)):
        if names:
            yield Text(f"Only in the {which} run: {plain(joined(names))}.", style="dim")


def conclusions(runs: TwoRuns) -> Iterator[str]:
    """What follows, in sentences."""
    related = [pair for pair in runs.pairs if pair.change is not None]
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
        f"Relative to {plain(runs.baseline)}, of {counted(len(related), 'comparison')}: {len(changed)} changed, "
        f"{same} surely the same, {undecided} undecided."
    )
    for pair in changed:
        word = "faster" if pair.change is Verdict.FASTER else "slower"
        yield f"{plain(pair.target)} under {_where(pair)} is {word} than before: {ratio(pair.relative)}."
    against = [pair for pair in runs.pairs if pair.contradicts]
    if against:
        names = joined([f"{plain(pair.target)} under {_where(pair)}" for pair in against])
        yield f"The runs contradict each other on {names}."
    else:
        yield "No verdict of the first run is contradicted by the second."


def _environment(runs: TwoRuns) -> Iterator[RenderableType]:
    if not runs.environment:
        yield Text("The environments are the same.\n", style="dim")
        return
    count = counted(len(runs.environment), "difference")
    yield Text(f"The environments are not the same ({count}): changes may come from there.", style="yellow")
    table = Table("", "first", "second", box=None, pad_edge=False, header_style="dim")
    for item in runs.environment:
        table.add_row(plain(item.key), plain(item.first or "–"), plain(item.second or "–"))
    yield table
    yield Text()


def _table(runs: TwoRuns) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("target", overflow="fold")
    table.add_column("scenario", no_wrap=True)
    table.add_column("first\nreq/s", justify="right", no_wrap=True)
    table.add_column("second\nreq/s", justify="right", no_wrap=True)
    table.add_column("second over first,\neach over its baseline", justify="right", no_wrap=True)
    table.add_column("change", no_wrap=True)
    for pair in runs.pairs:
        is_baseline = pair.target == runs.baseline
        change = "baseline" if is_baseline else pair.change.value if pair.change else "–"
        table.add_row(
            plain(pair.target),
            _where(pair),
            number(pair.first.value if pair.first else None),
            number(pair.second.value if pair.second else None),
            "" if is_baseline else ratio(pair.relative),
            Text(change, style="dim" if is_baseline or pair.change is None else STYLES[pair.change]),
        )
    return table


def _where(pair: Pair) -> str:
    return f"{plain(pair.scenario)} {pair.level.label}"
