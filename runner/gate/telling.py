"""What is shown on stderr while a gate goes on: a line for each launch, and on a terminal what is done now."""

import time
from collections.abc import Callable, Sequence
from typing import Self

from rich.console import Console
from rich.status import Status

from ...results.gate.records import GateEpoch
from ...results.gate.settings import GateMetric
from ...results.gate.verdicts import GateResult, MetricResult
from ...results.records import Trial
from ..pieces import Piece

SHOWN = (GateMetric.THROUGHPUT, GateMetric.CPU, GateMetric.P50, GateMetric.P90)
WORDS = {
    GateMetric.THROUGHPUT: "throughput",
    GateMetric.CPU: "CPU/request",
    GateMetric.P50: "p50",
    GateMetric.P90: "p90",
}


class Telling:
    """Watches a gate. Use as a context manager around the measurement; it tells only what is going on."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        """`console` writes to stderr."""
        self._console = console
        self._clock = clock
        self._started = clock()
        self._status = Status("starting the load side", console=console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def phase(self, epoch: int, text: str) -> None:
        """What is being done now; on a terminal only, where it is drawn over."""
        if self._status is not None:
            self._status.update(f"epoch {epoch}: {text}" if epoch else text)

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        """A piece is over: nothing is told before the launch is."""

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        """Is not told by epochs that stand alone."""

    def epoch_judged(self, epoch: GateEpoch, so_far: GateResult, of: int) -> None:
        """A launch is over: what is known by now."""
        self.line(f"epoch {epoch.number} of {of} at most  {told_of(so_far.metrics)}")

    def line(self, text: str) -> None:
        """One line, with the time."""
        elapsed = self._clock() - self._started
        # In a log a line stays one; a terminal gets whole words.
        whole = not self._console.is_terminal
        self._console.print(f"{elapsed:6.1f} s  {text}", highlight=False, markup=False, soft_wrap=whole)


def told_of(metrics: Sequence[MetricResult]) -> str:
    """What is known by now; of several scenarios, with their names."""
    shown = [each for each in metrics if each.metric in SHOWN]
    scenarios = list(dict.fromkeys(each.scenario for each in shown))
    parts = [", ".join(told(each) for each in shown if each.scenario == scenario) for scenario in scenarios]
    if len(parts) > 1:
        parts = [f"{scenario}: {part}" for scenario, part in zip(scenarios, parts, strict=True)]
    return "; ".join(parts)


def told(result: MetricResult) -> str:
    """``p50 +1.2 % (worse)``."""
    change = result.change
    spread = "" if change.low is None or change.high is None else f" [{change.low:+.1f}, {change.high:+.1f}]"
    return f"{WORDS[result.metric]} {change.value:+.1f}{spread} %"
