"""What is shown while a run goes on: what is being done, how far it is, and figures whose intervals narrow."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table as Grid
from rich.text import Text

from ..results.estimate import Estimate
from .format import MISSING, duration, interval, number, plain, ratio_interval, ratio_value, shortened, value_of

NARROW_COLUMNS = 100
TARGET_COLUMNS = 34
TARGET_COLUMNS_NARROW = 22
SCENARIO_COLUMNS = 20
SCENARIO_COLUMNS_NARROW = 10


@dataclass(frozen=True, slots=True)
class LiveRow:
    """What is known so far of one target under one scenario. `note` is a word or two: ``measuring``, ``invalid``."""

    target: str
    scenario: str
    throughput: Estimate | None
    ratio: Estimate | None
    memory_mib: float | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class LiveState:
    """A run at one moment. `done` is the fraction of it that is done; `time_left_s` is None while it is not known."""

    title: str
    phase: str
    done: float
    time_left_s: float | None
    rows: tuple[LiveRow, ...]


def live_view(state: LiveState) -> RenderableType:
    """The state drawn to the width of the terminal."""
    return _LiveView(state)


@dataclass(frozen=True, slots=True)
class _LiveView:
    state: LiveState

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        parts: list[RenderableType] = [_head(self.state), _bar(self.state)]
        if self.state.rows:
            parts += [Text(""), _rows(self.state.rows, options.max_width)]
        yield Group(*parts)


def _head(state: LiveState) -> Text:
    return Text.assemble((plain(state.title), "bold"), "  ", plain(state.phase), overflow="ellipsis", no_wrap=True)


def _bar(state: LiveState) -> Grid:
    share = min(max(state.done, 0.0), 1.0)
    left = "" if state.time_left_s is None else f"about {duration(max(state.time_left_s, 0.0))} left"
    grid = Grid.grid(padding=(0, 1), expand=True)
    grid.add_column(ratio=1)
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(justify="right", no_wrap=True)
    bar = ProgressBar(total=1.0, completed=share, complete_style="cyan", finished_style="green")
    grid.add_row(bar, Text(f"{share:.0%}".rjust(4), style="bold"), Text(left, style="dim"))
    return grid


def _rows(rows: tuple[LiveRow, ...], width: int) -> Grid:
    narrow = width < NARROW_COLUMNS
    grid = Grid(box=None, padding=(0, 1), pad_edge=False, header_style="dim", expand=False)
    grid.add_column("target", no_wrap=True)
    grid.add_column("scenario", no_wrap=True)
    grid.add_column("requests/s", justify="right", no_wrap=True)
    if not narrow:
        grid.add_column("", justify="left", no_wrap=True, style="dim")
    grid.add_column("over base" if narrow else "over baseline", justify="right", no_wrap=True)
    if not narrow:
        grid.add_column("", justify="left", no_wrap=True, style="dim")
    grid.add_column("MiB", justify="right", no_wrap=True)
    grid.add_column("", no_wrap=True, overflow="ellipsis", style="yellow", max_width=12)
    for row in rows:
        grid.add_row(*_cells(row, narrow))
    return grid


def _cells(row: LiveRow, narrow: bool) -> list[Text]:
    name = Text(shortened(plain(row.target), TARGET_COLUMNS_NARROW if narrow else TARGET_COLUMNS))
    limit = SCENARIO_COLUMNS_NARROW if narrow else SCENARIO_COLUMNS
    scenario = Text(shortened(plain(row.scenario), limit), style="dim")
    memory = Text(number(row.memory_mib))
    note = Text(plain(row.note))
    if narrow:
        return [name, scenario, _with_margin(row.throughput), _with_margin(row.ratio, "×"), memory, note]
    return [
        name,
        scenario,
        Text(value_of(row.throughput), style="bold"),
        Text(interval(row.throughput)),
        Text(ratio_value(row.ratio), style="bold"),
        Text(ratio_interval(row.ratio)),
        memory,
        note,
    ]


def _with_margin(estimate: Estimate | None, sign: str = "") -> Text:
    """A figure with its interval's half width in per cent, where there is no room for the interval."""
    value = value_of(estimate)
    if value == MISSING or estimate is None:
        return Text(value)
    text = Text(f"{value}{sign}", style="bold")
    if estimate.low is not None and estimate.high is not None and estimate.value > 0:
        margin = (estimate.high - estimate.low) / 2 / estimate.value * 100
        text.append(f" ±{margin:.1f}%" if margin < 10 else f" ±{margin:.0f}%", style="dim")
    return text
