"""One launch of both sides: started in a random order, proven, pressed, weighed, and what came of it."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic

from ...results.gate.records import BASE, HEAD, EpochNoise, FailureKind, GateFailure, GateTurns, Order
from ...results.gate.values import DECIDING, in_time
from ...results.problems import Problem, ProblemCode, Severity
from ...results.records import Trial
from ...results.validity import judge
from ...scenarios.model import Scenario
from ..epoch import Epoch, EpochResult
from ..instruments import Instruments, LiveT
from ..machine import Cores, Noise, cpu_pressure_s
from ..manifest import target_info
from ..pieces import Piece
from ..plan import Plan
from ..targets.services import ServiceOptions
from .building import Side
from .naming import side_of
from .weighing import Weighing

FAILED = {
    ProblemCode.NOT_STARTED: FailureKind.NOT_STARTED,
    ProblemCode.WRONG_ANSWERS: FailureKind.WRONG_ANSWERS,
    ProblemCode.SERVER_DIED: FailureKind.DIED,
    ProblemCode.WORKER_DIED: FailureKind.DIED,
    ProblemCode.WORKER_COUNT: FailureKind.DIED,
    ProblemCode.SKIPPED_WORK: FailureKind.WRONG_ANSWERS,
}
REHEARSED_ERROR_SHARE = 0.01
# With these, a launch's figures are no figures.
UNUSABLE = frozenset({ProblemCode.LEDGER_UNBALANCED, ProblemCode.IMPOSSIBLE})


@dataclass(frozen=True, slots=True)
class Compared:
    """What is compared, and with what: all that stays the same from launch to launch."""

    base: Side
    head: Side
    scenarios: tuple[Scenario, ...]
    connections: int | None
    cores: Cores
    seed: int
    services: ServiceOptions = field(default_factory=ServiceOptions)
    share: float = 1.0  # of the usual time that each launch is pressed

    def plan(self, pieces: Sequence[Piece], order: Order = Order.BASE_FIRST) -> Plan:
        """A plan of one launch of both sides."""
        targets = (self.base.target, self.head.target)
        return Plan(
            suite="gate",
            title=f"{self.base.target.app.path}: {self.base.source.label} and {self.head.source.label}",
            targets=targets if order is Order.BASE_FIRST else targets[::-1],
            baseline=self.base.target.name,
            pieces=tuple(pieces),
            epochs_min=1,
            epochs_max=1,
            exact_epochs=True,
            budget_s=0.0,
            seed=self.seed,
            cores=self.cores,
            services=self.services,
        )

    def order(self, number: int) -> Order:
        """Who is started first: a coin for each launch by itself. The tests that decide count the ways in which such
        coins can fall, so that two equal sides are as likely either way round, whatever the first place is worth."""
        drawn = random.Random(f"{self.seed}/order/{number}").random() < 0.5
        return Order.BASE_FIRST if drawn else Order.HEAD_FIRST


@dataclass(frozen=True, slots=True)
class Seen:
    """What one launch of both sides gave. `failures` are as it looks this time, `unusable` why there are no figures."""

    number: int
    order: Order
    hash_seed: int
    started_s: float
    elapsed_s: float
    turns: GateTurns
    noise: EpochNoise
    problems: tuple[Problem, ...]
    failures: tuple[GateFailure, ...]
    unusable: str = ""


class Launches(Generic[LiveT]):
    """Launches both sides, again and again. The instruments' load session weighs."""

    def __init__(self, compared: Compared, instruments: Instruments[LiveT], weighing: Weighing) -> None:
        """`weighing` is the instruments' load session."""
        self._compared = compared
        self._instruments = instruments
        self._weighing = weighing
        self._infos = {side.name: target_info(side.target) for side in (compared.base, compared.head)}

    def once(self, number: int, pieces: Sequence[Piece], *, rehearsal: bool = False) -> Seen:
        """One launch, from start to end. In a rehearsal, a head that errs often where the base does not has failed.
        Raises LoadError when the load side failed."""
        clock, order = self._instruments.clock, self._compared.order(number)
        plan = self._compared.plan(pieces, order)
        self._weighing.launched()
        trials: list[Trial] = []
        result, began, waited_s = EpochResult(), clock(), cpu_pressure_s()
        Epoch(number, plan, self._instruments, lambda found, _samples: trials.extend(found), result).run()
        elapsed_s, now_s = clock() - began, cpu_pressure_s()
        judged = self._judged(plan, trials)
        problems = tuple(sided(result.problems))
        of_trials = [problem for trial in judged for problem in trial.problems]
        wrong = next((problem for problem in of_trials if problem.code in UNUSABLE), None)
        pressure = None if waited_s is None or now_s is None else min((now_s - waited_s) / max(elapsed_s, 1e-9), 1.0)
        return Seen(
            number=number,
            order=order,
            hash_seed=result.hash_seed,
            started_s=round(began - self._instruments.started, 3),
            elapsed_s=round(elapsed_s, 3),
            turns=GateTurns(tuple(judged), tuple(self._weighing.growth), tuple(self._weighing.work)),
            noise=noise_of([noise for _, noise in result.noise], pressure),
            problems=problems,
            failures=tuple(failures_in([*problems, *of_trials], judged, number, rehearsal=rehearsal)),
            unusable=wrong.message if wrong else "",
        )

    def _judged(self, plan: Plan, trials: Sequence[Trial]) -> list[Trial]:
        """The trials by side, with all that is wrong with them."""
        scenarios = {info.name: info for info in plan.scenario_infos()}
        found = []
        for trial in trials:
            side = side_of(trial.target)
            wrong = judge(trial, self._infos[side], scenarios[trial.scenario], shared_core=plan.cores.shared)
            found.append(mildly(replace(trial, target=side, problems=tuple(sided(wrong)))))
        return found


def sided(problems: Iterable[Problem]) -> list[Problem]:
    """The problems, with sides for targets."""
    return [replace(problem, target=side_of(problem.target)) for problem in problems]


def mildly(trial: Trial) -> Trial:
    """The trial; in the open loop, with a warning only where the load side was late and it matters to nothing that
    decides: `in_time` has the rule, and says how far a percentile can be off by it."""
    if not trial.level.rate_rps or not in_time(trial, *DECIDING):
        return trial
    problems = (
        replace(problem, severity=Severity.WARNING) if problem.code is ProblemCode.GENERATOR_LIMITED else problem
        for problem in trial.problems
    )
    return replace(trial, problems=tuple(problems))


def failures_in(
    problems: Iterable[Problem], trials: Sequence[Trial], number: int, *, rehearsal: bool = False
) -> list[GateFailure]:
    """What no figure can be: one for each side at most, the first. No right answer at all is one; in a rehearsal, so is
    a share of wrong ones that would take the time of all launches, where the base has none."""
    found: dict[str, GateFailure] = {}
    for each in problems:
        if each.code in FAILED and each.severity is Severity.INVALID and each.target in (BASE, HEAD):
            failure = GateFailure(each.target, FAILED[each.code], each.message, number, each.scenario)
            found.setdefault(each.target, failure)
    for trial in trials:
        if trial.ledger.sent and not trial.ledger.ok:
            why = f"no right answer to {trial.ledger.sent} requests; the first: {trial.first_error}"
            failure = GateFailure(trial.target, FailureKind.ERRORS, why, number, trial.scenario)
            found.setdefault(trial.target, failure)
    clean = {trial.scenario for trial in trials if trial.target == BASE and not trial.ledger.error_count}
    for trial in trials if rehearsal else ():
        share = trial.ledger.error_count / max(trial.ledger.sent, 1)
        if trial.target == HEAD and trial.scenario in clean and share > REHEARSED_ERROR_SHARE:
            why = f"{share:.1%} of {trial.ledger.sent} requests not answered rightly; the first: {trial.first_error}"
            found.setdefault(HEAD, GateFailure(HEAD, FailureKind.ERRORS, why, number, trial.scenario))
    return list(found.values())


def noise_of(pieces: Sequence[Noise], pressure: float | None) -> EpochNoise:
    """What others took of a launch: of its pieces, the mean."""
    if not pieces:
        return EpochNoise(pressure=pressure)
    count = len(pieces)
    return EpochNoise(
        round(sum(noise.foreign_cores for noise in pieces) / count, 4),
        round(sum(noise.steal_cores for noise in pieces) / count, 4),
        None if pressure is None else round(pressure, 4),
    )
