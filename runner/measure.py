"""A whole run: epoch after epoch while the budget lasts, every finished piece saved, and the rest told honestly."""

import math
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, Generic

from ..reports.format import counted, joined
from ..results.errors import LoadError, TargetError, UsageError
from ..results.records import Manifest, Problem, ProblemCode, Run, Severity, Trial
from ..results.store import RunStore
from .epoch import Epoch, EpochResult
from .instruments import Instruments, LiveT
from .load.calibration import uncalibrated
from .machine import Noise
from .pace import Pace
from .plan import START_S, Plan
from .signals import ending, handled

FOREIGN_CORES_LIMIT = 0.10
STEAL_CORES_LIMIT = 0.10


class Interrupted(KeyboardInterrupt):
    """The user, or the system, wants the run to end now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run as far as it came."""

    run: Run
    interrupted: bool


@contextmanager
def interruptible() -> Iterator[None]:
    """Within: Ctrl-C (or another signal that ends) raises Interrupted, once; while it is handled, further ones are
    ignored."""

    def interrupt(_signum: int, _frame: FrameType | None) -> None:
        for signum in ending():
            signal.signal(signum, signal.SIG_IGN)
        raise Interrupted

    with handled(interrupt):
        yield


class Measurement(Generic[LiveT]):
    """Carries out a plan. All that touches the world is handed in, so that the pipeline is testable without it."""

    def __init__(self, plan: Plan, manifest: Manifest, store: RunStore, instruments: Instruments[LiveT]) -> None:
        """The budget counts from the instruments' start."""
        self._plan = plan
        self._manifest = manifest
        self._store = store
        self._instruments = instruments
        self._clock = instruments.clock
        self._started = instruments.started
        self._trials: list[Trial] = []
        self._problems: list[Problem] = []
        self._noise: list[tuple[str, Noise]] = []
        self._ceilings: dict[int, float] = {}

    def run(self) -> Outcome:
        """Measure until the plan is carried out, the budget is spent, or someone interrupts.

        Raises TargetError when no target at all could be measured; whatever else goes wrong is told in the problems.
        """
        self._store.save_manifest(self._manifest)
        interrupted = lost = False
        try:
            with interruptible():
                self._calibrate()
                self._epochs()
        except Interrupted:
            interrupted = True
            message = "the run was interrupted: it holds what was finished by then"
            self._problems.append(Problem(ProblemCode.INTERRUPTED, message))
        except (LoadError, UsageError) as error:  # it was lost, or refuses what it is asked for
            lost = True
            self._problems.append(Problem(ProblemCode.LOAD_LOST, error.told))
        failed = not self._trials and not interrupted
        status = "failed" if failed else "interrupted" if interrupted or lost else "complete"
        manifest = self._manifest_now(status)
        # Saved before anything is drawn: what was seen must survive a failure to show it.
        self._store.save_manifest(manifest)
        if failed:
            self._raise_nothing_measured()
        return Outcome(Run(manifest, tuple(self._trials)), interrupted)

    def _manifest_now(self, status: str) -> Manifest:
        return replace(
            self._manifest,
            status=status,
            epochs=max((trial.epoch for trial in self._trials), default=0),
            elapsed_s=round(self._clock() - self._started, 3),
            problems=(*self._manifest.problems, *self._problems, *noise_problems(self._noise)),
        )

    def _calibrate(self) -> None:
        """Find out what the load side can do at best, as far as the budget has time for it. A run can do without."""
        calibrator = self._instruments.calibrator
        if calibrator is None:
            return
        levels = self._plan.calibrated
        why = "the budget has no time for it"
        try:
            for connections in levels:
                needs_s = calibrator.needs_s((connections,))
                if needs_s > self._spare_s():
                    continue
                if needs_s:
                    text = f"calibrating the load side, {counted(connections, 'connection')}"
                    self._instruments.watcher.phase(0, text)
                self._ceilings[connections] = calibrator.ceiling_rps(connections)
        except (LoadError, UsageError) as error:
            why = error.message
        finally:
            calibrator.close()
        missing = [str(connections) for connections in levels if connections not in self._ceilings]
        if missing:
            self._problems.append(uncalibrated(why, joined(missing)))
        self._problems += calibrator.noted

    def _spare_s(self) -> float:
        """What the budget has left beyond the fewest epochs."""
        if self._plan.exact_epochs:
            return math.inf
        return self._left_s() - (self._plan.least_s() - START_S)

    def _epochs(self) -> None:
        number, pace = 0, Pace(self._plan)
        while pace.epochs(number, self._left_s())[0] > number:
            number += 1
            began = self._clock()
            result = self._epoch(number)
            if not self._trials:
                break
            pace.saw(self._clock() - began, result.piece_s)
            planned, rest_s = pace.epochs(number, self._left_s())
            self._instruments.watcher.epoch_over(number, planned, rest_s)
            self._store.save_manifest(self._manifest_now("running"))

    def _epoch(self, number: int) -> EpochResult:
        # A target that could not be measured once is not tried again: it would cost every launch its time.
        plan = self._plan.without({problem.target for problem in self._problems})
        result = EpochResult()
        try:
            Epoch(number, plan, self._instruments, self._save, result, self._ceilings).run()
        finally:
            self._problems += result.problems
            self._noise += result.noise
        return result

    def _left_s(self) -> float:
        return self._plan.budget_s - (self._clock() - self._started)

    def _save(self, trials: Sequence[Trial], samples: Sequence[Mapping[str, Any]]) -> None:
        self._trials += trials
        self._store.save_trials(trials, samples)

    def _raise_nothing_measured(self) -> None:
        problems = [problem for problem in self._problems if problem.severity is Severity.INVALID]
        message = problems[0].message if problems else "no target could be measured"
        more = len(problems) - 1
        raise TargetError(message, f"and {more} more of {len(self._plan.targets)} targets failed" if more > 0 else "")


def noise_problems(noise: Sequence[tuple[str, Noise]]) -> Iterator[Problem]:
    """A warning where others used the machine meanwhile: the rotation bears it, absolute figures suffer."""
    for name, limit, figures in (
        ("other processes", FOREIGN_CORES_LIMIT, [(item.foreign_cores, label) for label, item in noise]),
        ("the hypervisor", STEAL_CORES_LIMIT, [(item.steal_cores, label) for label, item in noise]),
    ):
        beyond = [figure for figure in figures if figure[0] > limit]
        if beyond:
            worst, label = max(beyond)
            yield Problem(
                ProblemCode.NOISY_MACHINE,
                f"{name} took up to {worst:.2f} cores ({label}; in {len(beyond)} of {len(figures)} pieces more than "
                f"{limit:.2f}): ratios bear that, absolute figures are lower than on a quiet machine",
                severity=Severity.WARNING,
            )
