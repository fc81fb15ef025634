"""What is shown on stderr while a run goes on: a live view on a terminal, plain lines elsewhere."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live

from ..reports.format import counted, duration, number
from ..reports.live import LiveRow, LiveState, live_view
from ..reports.measures import metrics_of, percentile_name
from ..reports.panels import of_speed, rank_of
from ..results.records import Level, Manifest, Run, Trial
from ..results.summarise import summarise
from ..results.summary import RESPONSES, Metric, Result, Summary, figure
from .pace import Pace
from .pieces import Piece
from .plan import START_S, Plan
from .priority import give_way

REFRESHES_PER_S = 4
OTHER_LINES = 5  # of the live view: title, bar, head
TIMES = (Metric.START, *RESPONSES)
Cell = tuple[str, Level]


class Display:
    """Watches a run and shows it. Use as a context manager around the measurement."""

    def __init__(
        self,
        plan: Plan,
        manifest: Manifest,
        console: Console,
        clock: Callable[[], float] = time.monotonic,
        start_s: float = START_S,
    ) -> None:
        """`console` writes to stderr; on a terminal the view is redrawn in place. The start takes about `start_s`."""
        self._plan = plan
        self._manifest = manifest
        self._console = console
        self._clock = clock
        self._started = clock()
        self._epochs, rest_s = Pace(plan).epochs(0, plan.budget_s - start_s)
        self._ends = self._started + start_s + rest_s
        self._phase = "starting the load side"
        self._trials: dict[Cell, list[Trial]] = {}
        self._rows: dict[str, tuple[LiveRow, ...]] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                get_renderable=self._view,
                console=self._console,
                refresh_per_second=REFRESHES_PER_S,
                transient=True,
            )
            self._live.start()
        else:
            targets = counted(len(self._plan.targets), "target")
            self._line(f"{self._plan.title}: {targets}, about {duration(self._ends - self._started)}")
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def _view(self) -> RenderableType:
        if threading.current_thread() is not threading.main_thread():
            give_way()  # rich's own thread, which draws on the load's core
        return live_view(self.state())

    def phase(self, epoch: int, text: str) -> None:
        """What is being done now."""
        self._phase = f"launch {epoch} of {self._epochs} · {text}" if epoch else text
        self._line(self._phase)

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        """A piece is over: its figures join the table, of each scenario the highest level so far."""
        if self._live is None:
            return
        of_piece = self._trials.setdefault((piece.scenario.name, piece.level), [])
        of_piece += trials
        if piece.level == max(level for name, level in self._trials if name == piece.scenario.name):
            self._rows.pop(piece.scenario.name, None)  # to stand last
            self._rows[piece.scenario.name] = rows_of(summarise(Run(self._manifest, tuple(of_piece))))

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        """An epoch is over; by now's reckoning there will be `of`, and the rest of them will take `rest_s`."""
        self._epochs = of
        self._ends = self._clock() + rest_s

    def state(self) -> LiveState:
        """What there is to show at this moment."""
        elapsed, left = self._clock() - self._started, max(self._ends - self._clock(), 0.0)
        return LiveState(
            title=self._plan.title,
            phase=self._phase,
            done=min(elapsed / max(elapsed + left, 0.1), 0.99),
            time_left_s=left,
            rows=self._shown(),
        )

    def _shown(self) -> tuple[LiveRow, ...]:
        """All rows, as long as the terminal has room for them; else those of the scenarios that were measured last."""
        shown: tuple[LiveRow, ...] = ()
        for rows in reversed(self._rows.values()):
            if shown and len(rows) + len(shown) > self._console.height - OTHER_LINES:
                break
            shown = (*rows, *shown)
        return shown

    def _line(self, text: str) -> None:
        if self._live is None:
            elapsed = self._clock() - self._started
            self._console.print(f"{elapsed:6.1f} s  {text}", highlight=False, markup=False, soft_wrap=True)


def note_of(result: Result, metric: Metric) -> str:
    """What else there is to say of a row: that it is invalid, or how long a start takes, or answers at a set rate."""
    if not result.valid:
        return "invalid"
    known = figure(result, metric) if metric in TIMES else None
    name = percentile_name(metric)
    return f"{f'{name} ' if name else ''}{number(known.value)} ms" if known else ""


def rows_of(summary: Summary) -> tuple[LiveRow, ...]:
    """The live table: for each scenario its highest level measured so far, the best first. Ratios are of what targets
    are compared by, a larger one being the better one."""
    scenarios = {scenario.name: scenario for scenario in summary.manifest.scenarios}
    highest = {result.scenario: result.level for result in summary.results}
    ratios = {
        (found.scenario, found.level, found.metric, found.target): of_speed(found).ratio
        for found in summary.comparisons
    }
    rows = []
    for scenario, level in highest.items():
        metric = metrics_of(scenarios[scenario], level)[-1]
        shown = [result for result in summary.results if result.scenario == scenario and result.level == level]
        shown.sort(key=partial(rank_of, metric=metric))
        rows += [
            LiveRow(
                target=result.target,
                scenario=f"{scenario} {result.level.label}",
                throughput=result.throughput_rps,
                ratio=ratios.get((scenario, result.level, metric, result.target)),
                memory_mib=result.memory_mib.peak.value if result.memory_mib.peak else None,
                note=note_of(result, metric),
            )
            for result in shown
        ]
    return tuple(rows)
