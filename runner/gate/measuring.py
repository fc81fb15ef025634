"""A gate's run: a rehearsal, then launch after launch, each saved at once, until the verdict is known or time is up."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol

from ...results.errors import LoadError, LoadStartError, UsageError
from ...results.gate.judge import judge
from ...results.gate.looks import epochs_to_decide, plan_looks
from ...results.gate.records import BASE, SIDES, FailureKind, GateEpoch, GateFailure, GateRun
from ...results.gate.store import GateStore
from ...results.gate.trust import DELAYS, ERROR_EPOCHS, ERROR_SHARE_LIMIT
from ...results.gate.values import epoch_of
from ...results.gate.verdicts import GateResult, GateVerdict
from ...results.problems import Problem, ProblemCode, Severity
from ...results.records import ScenarioKind, Trial
from ..instruments import Instruments, LiveT
from ..measure import Interrupted, interruptible
from ..pieces import Piece
from .asked import Pressed, connections_for, pieces_for, pressing_s, rehearsal_piece
from .launches import Compared, Launches, Seen
from .weighing import Weighing

TRIES = 2
UNUSABLE_MAX = 3
# What an app says that opens a port of its own, besides the server's.
PLACE_TAKEN = re.compile(r"address already in use|Errno 98", re.IGNORECASE)
Decide = Callable[[GateRun], GateResult]
CUT_SHORT = frozenset({ProblemCode.LOAD_LOST, ProblemCode.INTERRUPTED})
KILLED = "the gate ended before it was over: it holds what was finished by then"
BETWEEN_S = 0.5  # what lies between turns


class GateWatcher(Protocol):
    """Is told how a gate gets on."""

    def epoch_judged(self, epoch: GateEpoch, so_far: GateResult, of: int) -> None:
        """A launch is over and saved; by now's reckoning there are `of` at most."""


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """A gate's run as far as it came."""

    run: GateRun
    interrupted: bool

    @property
    def result(self) -> GateResult:
        """Its verdict. What the load side lost is no pass. Raises TargetError where the base failed."""
        return judged(self.run)


def judged(run: GateRun) -> GateResult:
    """A run's last word. One that was cut short has no last look: when it ends must not depend on what was seen.

    Raises TargetError where the base failed, LoadStartError where there was no load side.
    """
    lost = [problem.message for problem in run.problems if problem.code is ProblemCode.LOAD_LOST]
    if lost and run.status == "interrupted" and not run.epochs:
        raise LoadStartError(lost[0])
    short = [problem.message for problem in run.problems if problem.code in CUT_SHORT]
    if not short and run.status != "interrupted":
        return judge(run, final=True)
    result = judge(run, final=False)
    if result.verdict is not GateVerdict.GO_ON:
        return result
    return replace(result, verdict=GateVerdict.INCONCLUSIVE, reasons=tuple(short) or (KILLED,))


def so_far(run: GateRun) -> GateResult:
    """What is known of a run that goes on. Raises TargetError where the base failed."""
    return judge(run, final=False)


class GateMeasurement(Generic[LiveT]):
    """Carries a gate out. All that touches the world is handed in."""

    def __init__(
        self,
        compared: Compared,
        run: GateRun,
        store: GateStore,
        instruments: Instruments[LiveT],
        weighing: Weighing,
        watcher: GateWatcher,
        service_s: Callable[[], Mapping[tuple[str, str], float]],
        waited_s: Callable[[], float],
        decide: Decide | None = None,
    ) -> None:
        """The budget counts from the instruments' start. Of the launch before, `service_s` tells how long a request
        took alone, by scenario and side, and `waited_s` how long it waited for the load side, as only the first one
        does. `decide` is asked after each launch whether to go on."""
        self._decide = decide or so_far
        self._compared = compared
        self._run = run
        self._store = store
        self._watcher = watcher
        self._phases = instruments.watcher
        self._service_s = service_s
        self._waited_s = waited_s
        self._clock, self._started = instruments.clock, instruments.started
        self._launches = Launches(compared, instruments, weighing)
        self._failed: Counter[str] = Counter()
        self._number = 0

    def run(self) -> GateOutcome:
        """Measure until the verdict is known, the budget is spent, or someone interrupts. What is finished is saved.

        Raises UsageError for what no budget this small can hold, LoadStartError where there is no load side.
        """
        self._save("running")
        interrupted, status = False, "interrupted"
        try:
            with interruptible():
                if not self._run.failures:
                    self._epochs()
            status = "complete"
        except Interrupted:
            interrupted = True
            message = "the gate was interrupted: it holds what was finished by then"
            self._problem(ProblemCode.INTERRUPTED, message)
        except LoadStartError as error:
            self._problem(ProblemCode.LOAD_LOST, error.told)
            raise
        except LoadError as error:
            status = "complete"
            self._problem(ProblemCode.LOAD_LOST, error.told)
        finally:
            self._save(status)
        return GateOutcome(self._run, interrupted)

    def _epochs(self) -> None:
        rehearsed = self._rehearse()
        if rehearsed is None:
            return
        pieces, launch_s = rehearsed
        epoch_s = launch_s + pressing_s(pieces) + BETWEEN_S
        settings = self._run.settings
        expected = max(int(self._left_s() / epoch_s), 0)
        scenarios = len(self._compared.scenarios)
        if not expected:
            needed = epochs_to_decide(settings, scenarios)
            left_s = max(self._left_s(), 0.0)
            spent_s = settings.budget_s - left_s
            raise UsageError(
                f"an epoch takes about {epoch_s:.0f} s here, and after the rehearsal {left_s:.0f} s are left: a "
                f"verdict needs {needed} epochs",
                f"--budget {math.ceil((spent_s + (needed + 1) * epoch_s) / 10) * 10}s, or fewer paths",
            )
        self._run = replace(self._run, settings=settings.looking(plan_looks(expected, settings, scenarios)))
        taken: list[float] = []
        while self._left_s() >= max(taken[-3:], default=epoch_s):
            seen = self._launch(pieces)
            if seen is None:
                return
            taken.append(seen.elapsed_s)
            epoch = self._keep(seen)
            judged_now = self._decide(self._run)
            of = len(self._run.epochs) + max(int(self._left_s() / max(taken[-3:])), 0)
            self._watcher.epoch_judged(epoch, judged_now, of)
            if judged_now.verdict is not GateVerdict.GO_ON or self._base_errs():
                return

    def _rehearse(self) -> tuple[list[Piece], float] | None:
        """One short launch: whether both sides work, and what the base can take. The pieces of all launches, and how
        long a launch takes besides; None where a side failed."""
        setup = self._compared.base.target.setup
        connections = {
            scenario.name: connections_for(scenario, setup, self._compared.connections)
            for scenario in self._compared.scenarios
        }
        short = [rehearsal_piece(scenario, connections[scenario.name]) for scenario in self._compared.scenarios]
        self._phases.phase(0, "a rehearsal")
        seen = self._launch(short, rehearsal=True)
        if seen is None:
            return None
        pieces: list[Piece] = []
        for scenario in self._compared.scenarios:
            found = self._pressed(seen.turns.trials, scenario.name)
            slots = setup.slots if scenario.kind is ScenarioKind.HTTP else None
            pieces += pieces_for(scenario, connections[scenario.name], found, self._compared.share, slots)
        pressed_s = sum(turn.elapsed_s for trial in seen.turns.trials for turn in trial.turns)
        return pieces, max(seen.elapsed_s - pressed_s - self._waited_s(), 0.0)

    def _pressed(self, trials: Sequence[Trial], scenario: str) -> Pressed:
        """What both sides can take."""
        rates = {
            trial.target: trial.ledger.ok / max(trial.elapsed_s, 1e-9) for trial in trials if trial.scenario == scenario
        }
        alone = self._service_s()
        times = {side: alone.get((scenario, side), 0.0) for side in SIDES}
        return Pressed(rates[BASE], min(rates.values()), times[BASE], max(times.values()))

    def _launch(self, pieces: Sequence[Piece], *, rehearsal: bool = False) -> Seen | None:
        """One launch that worked: another try is given where one did not. None where a side failed for good."""
        unusable, failed = 0, list[GateFailure]()
        while True:
            seen = self._launches.once(self._number, pieces, rehearsal=rehearsal)
            self._number += 1
            if seen.failures:
                failed += seen.failures
                if self._failed_for_good(seen.failures):
                    return None
            elif seen.unusable:
                unusable += 1
                if unusable == UNUSABLE_MAX:
                    raise LoadError(seen.unusable)
            else:
                self._worked_at_last(failed)
                return seen

    def _failed_for_good(self, failures: Sequence[GateFailure]) -> bool:
        """Count them; whether a side has now failed as often as it may be tried.

        Raises UsageError where both want the same place: that is nobody's fault, and no verdict.
        """
        for failure in failures:
            if failure.kind is FailureKind.NOT_STARTED and PLACE_TAKEN.search(failure.message):
                raise UsageError(
                    f"the {failure.side} does not start beside the other side: {failure.message}",
                    "both run at the same time: in a gate the app must open no port of its own, or any free one",
                )
            self._failed[failure.side] += 1
            if self._failed[failure.side] >= TRIES:
                self._fail(failure)
        return bool(self._run.failures)

    def _worked_at_last(self, failed: Sequence[GateFailure]) -> None:
        """What failed just now and works when it is tried again is told; that it did not start is forgiven besides."""
        for failure in failed:
            message = f"epoch {failure.epoch} failed, and the next one worked: {failure.message}"
            self._problem(ProblemCode.NOT_STARTED, message, failure.side, Severity.WARNING)
            if failure.kind is FailureKind.NOT_STARTED:
                self._failed[failure.side] -= 1

    def _keep(self, seen: Seen) -> GateEpoch:
        epoch = epoch_of(
            seen.number,
            seen.order,
            seen.hash_seed,
            seen.started_s,
            seen.elapsed_s,
            seen.turns,
            seen.noise,
            seen.problems,
        )
        self._store.save_epoch(epoch)
        self._run = replace(self._run, epochs=(*self._run.epochs, epoch))
        self._save("running")
        return epoch

    def _base_errs(self) -> bool:
        """Whether the base itself gives wrong answers under load, so that it is nothing to compare with."""
        seen = [
            (epoch, scenario, ledger)
            for epoch in self._run.epochs
            for (scenario, side), ledger in epoch.ledgers.items()
            if side == BASE and ledger.error_count > ERROR_SHARE_LIMIT * ledger.sent and set(ledger.errors) - DELAYS
        ]
        if len({epoch.number for epoch, _, _ in seen}) < ERROR_EPOCHS:
            return False
        epoch, scenario, ledger = seen[-1]
        said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(ledger.errors.items()) if count)
        message = f"{ledger.error_count / ledger.sent:.2%} of its requests were not answered rightly ({said})"
        self._fail(GateFailure(BASE, FailureKind.ERRORS, message, epoch.number, scenario))
        return True

    def _fail(self, failure: GateFailure) -> None:
        self._run = replace(self._run, failures=(*self._run.failures, failure))

    def _problem(
        self, code: ProblemCode, message: str, target: str = "", severity: Severity = Severity.INVALID
    ) -> None:
        problem = Problem(code, message, target, severity=severity)
        self._run = replace(self._run, problems=(*self._run.problems, problem))

    def _save(self, status: str) -> None:
        elapsed_s = round(self._clock() - self._started, 3)
        self._run = replace(self._run, status=status, elapsed_s=elapsed_s)
        self._store.save(self._run)

    def _left_s(self) -> float:
        return self._run.settings.budget_s - (self._clock() - self._started)
