"""Whether targets did the work that their answers stand for: the upstream has counted how often it was called."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from ..results.errors import TargetError
from ..results.records import Problem, ProblemCode, Severity
from ..scenarios.model import Scenario
from .load.orders import BlockReport
from .targets.launch import UPSTREAM_VARIABLE


class Caller(Protocol):
    """A launched target, as the upstream knows it."""

    @property
    def name(self) -> str:
        """The target's name."""

    @property
    def own_services(self) -> frozenset[str]:
        """The variables of the run's services that its own environment has."""

    def upstream_hits(self) -> int:
        """How often it has called the upstream so far. Raises TargetError when the upstream is lost."""


class UpstreamWork:
    """What the targets of a piece ask of the upstream, from now on."""

    def __init__(self, scenario: Scenario, callers: Sequence[Caller]) -> None:
        """Read the counts, where the scenario needs the upstream at all."""
        self._scenario = scenario
        self._before = {caller.name: _hits(caller) for caller in callers} if scenario.upstream else {}

    def skipped(self, caller: Caller, report: BlockReport, index: int) -> Iterator[Problem]:
        """The problem where a target, the block's endpoint `index`, was asked more often than it asked the upstream."""
        if self._scenario.upstream is None:
            return
        if UPSTREAM_VARIABLE in caller.own_services:
            message = (
                f"{UPSTREAM_VARIABLE} is set in its environment: it calls an upstream of its own, so nothing checks "
                "how often, and no target's answers are held to the latency of the run's upstream"
            )
            yield Problem(ProblemCode.UNCHECKED, message, caller.name, self._scenario.name, Severity.WARNING)
            return
        before, after = self._before[caller.name], _hits(caller)
        if before is None or after is None:
            message = "the upstream was lost: it cannot be told whether the answers are its own work"
            yield Problem(ProblemCode.SKIPPED_WORK, message, caller.name, self._scenario.name)
            return
        # Warm-up and all: every right answer needs its calls, and they were counted before it could be given.
        right = sum(turn.ledger.ok for turn in report.turns if turn.order.endpoint == index)
        due, made = right * self._scenario.upstream.calls, after - before
        if made < due:
            message = f"{right} right answers take {due} calls of the upstream, which was called {made} times"
            yield Problem(ProblemCode.SKIPPED_WORK, message, caller.name, self._scenario.name)


def _hits(caller: Caller) -> int | None:
    try:
        return caller.upstream_hits()
    except TargetError:
        return None
