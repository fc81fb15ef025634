"""One epoch: a fresh launch of every target, measured together in shuffled rounds of short turns."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, TypeVar

from ..reports.format import counted
from ..results.errors import TargetError
from ..results.records import MemoryMark, Problem, ProblemCode, Severity, Trial
from ..scenarios.model import Scenario
from .load.orders import Arrival, Block, Endpoint, LoadSession, TurnOrder
from .machine import CpuReading, Noise
from .plan import WARMUP_AGAIN_S, WARMUP_S, Piece, Plan
from .sampler import Sampled, Sampler, context_switches
from .targets.checking import Conformity
from .targets.launch import HOST, Target
from .turns import disagreement, idle_users, noted, per_measured, request_bytes, shuffled_turns, trial_of

MARK_AT = 0.6  # of a turn: all requests are in flight by then
MARK_FROM_S = 0.25


class Live(Sampled, Protocol):
    """A launched target, as the rotation sees it."""

    def condition(self) -> list[tuple[ProblemCode, str]]:
        """What became of it since it was last looked at; empty when it is well."""


LiveT = TypeVar("LiveT", bound=Live)


class Launcher(Protocol[LiveT]):
    """Starts targets and proves them. A fake one lets the rotation be tested without servers."""

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveT | TargetError]:
        """Launch all side by side; for each its live target, ready and pinned, or why there is none."""

    def prove(self, targets: Sequence[LiveT], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        """Ask each for everything it owes: what it will be held to under load, or what was wrong."""

    def stop(self) -> None:
        """End every process tree of this epoch."""


class RunWatcher(Protocol):
    """Is told how a run gets on."""

    def phase(self, epoch: int, text: str) -> None:
        """What is being done now; before the first epoch, `epoch` is 0."""

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        """A piece is over and saved."""

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        """An epoch is over; by now's reckoning there will be `of`, and the rest of them will take `rest_s`."""


class Calibrator(Protocol):
    """Finds out what the load side can do at best."""

    def needs_s(self, levels: Iterable[int], /) -> float:
        """About how long that takes for these numbers of connections; nothing for what is known."""

    def ceiling_rps(self, connections: int, /) -> float:
        """The ceiling in requests/s. Raises LoadError when it cannot be found."""

    def close(self) -> None:
        """End what was started for it."""


@dataclass(frozen=True, slots=True)
class Instruments(Generic[LiveT]):
    """All that touches the world, so that what is measured with it can be tested without.

    `started` is the run's start on `clock` (monotonic, the one that turns are dated by). Without a `calibrator` no
    ceiling of the load side is known.
    """

    launcher: Launcher[LiveT]
    load: LoadSession
    sampler: Sampler
    watcher: RunWatcher
    started: float
    clock: Callable[[], float] = time.monotonic
    read_cpu: Callable[[], CpuReading] = CpuReading.now
    calibrator: Calibrator | None = None


@dataclass(slots=True)
class EpochResult:
    """What an epoch leaves besides the trials it handed over."""

    problems: list[Problem] = field(default_factory=list)
    noise: list[tuple[str, Noise]] = field(default_factory=list)
    piece_s: dict[str, float] = field(default_factory=dict)


SavePiece = Callable[[Sequence[Trial], Sequence[Mapping[str, Any]]], None]


class Epoch(Generic[LiveT]):
    """Carries one epoch out. `save` gets the trials and samples of each piece as soon as it is over.

    `ceilings` are the load side's in requests/s, by number of connections, as far as they are known.
    """

    def __init__(
        self,
        number: int,
        plan: Plan,
        instruments: Instruments[LiveT],
        save: SavePiece,
        result: EpochResult,
        ceilings: Mapping[int, float] | None = None,
    ) -> None:
        """All that is random follows from the plan's seed and the epoch's number. `result` is filled as it goes."""
        self.number = number
        self._plan = plan
        self._launcher = instruments.launcher
        self._load = instruments.load
        self._sampler = instruments.sampler
        self._watcher = instruments.watcher
        self._read_cpu = instruments.read_cpu
        self._clock = instruments.clock
        self._pieces = plan.pieces_in(number)
        self._started = instruments.started
        self._save = save
        self._random = random.Random(f"{plan.seed}/{number}")
        self._result = result
        self._ceilings = ceilings or {}
        self._gone: set[str] = set()

    def run(self) -> None:
        """Launch, prove, measure piece by piece, and always stop what was launched."""
        self._watcher.phase(self.number, f"launching {counted(len(self._plan.targets), 'target')}")
        hash_seed = self._random.randrange(1, 2**32)
        try:
            proven = self._prove(self._start(hash_seed))
            idle = {live.name: self._sampler.mark(live, "idle") for live, _ in proven}
            for piece in self._pieces:
                present = [(live, proof) for live, proof in proven if live.name not in self._gone]
                if present:
                    began = self._clock()
                    self._measure(piece, present, idle)
                    self._result.piece_s[piece.label] = self._clock() - began
        finally:
            self._sampler.watch(())
            self._launcher.stop()

    def _start(self, hash_seed: int) -> list[LiveT]:
        alive = []
        outcomes = self._launcher.start(self._plan.targets, self.number, hash_seed)
        for target, outcome in zip(self._plan.targets, outcomes, strict=True):
            if isinstance(outcome, TargetError):
                self._note(ProblemCode.NOT_STARTED, target.name, outcome)
            else:
                alive.append(outcome)
        return alive

    def _note(self, code: ProblemCode, target: str, error: TargetError) -> None:
        message = error.message + (f" ({error.hint})" if error.hint else "")
        self._result.problems.append(Problem(code, message, target))

    def _prove(self, alive: Sequence[LiveT]) -> list[tuple[LiveT, Conformity]]:
        self._watcher.phase(self.number, "checking that every target gives the right answers")
        scenarios = list({piece.scenario.name: piece.scenario for piece in self._pieces}.values())
        proven = []
        for live, outcome in zip(alive, self._launcher.prove(alive, scenarios), strict=True):
            if isinstance(outcome, TargetError):
                self._note(ProblemCode.WRONG_ANSWERS, live.name, outcome)
            else:
                proven.append((live, outcome))
        return proven

    def _measure(
        self,
        piece: Piece,
        present: Sequence[tuple[LiveT, Conformity]],
        idle: Mapping[str, MemoryMark | None],
    ) -> None:
        self._watcher.phase(self.number, piece.label)
        lives = [live for live, _ in present]
        block = self._block(piece, present)
        switches = {live.name: context_switches(live.pids) for live in lives}
        self._sampler.take()
        self._sampler.watch(lives)
        before = self._read_cpu()

        def on_turn(order: TurnOrder) -> None:
            if not order.warmup and order.seconds >= MARK_FROM_S:
                self._sampler.mark_later(lives[order.endpoint], "peak", order.seconds * MARK_AT)

        report = self._load.run(block, on_turn)
        noise = Noise.between(before, self._read_cpu())
        self._sampler.watch(())
        rows, marks = self._sampler.take()
        self._result.noise.append((piece.label, noise))
        self._result.problems += noted(report, piece)
        trials = []
        for index, live in enumerate(lives):
            peaks: Sequence[MemoryMark | None] = marks.get(live.name) or [self._sampler.mark(live, "peak")]
            memory = tuple(mark for mark in (idle.get(live.name), *peaks) if mark is not None)
            trial = trial_of(report, index, self.number, live.name, piece, self._started, self._plan.load_processes)
            switched = per_measured(context_switches(live.pids) - switches[live.name], report, index)
            problems = (
                *self._after(live, piece),
                *disagreement(report, live.name, piece),
                *idle_users(report, index, live.name, piece),
            )
            ceiling_rps = self._ceilings.get(piece.level.concurrency)
            trials.append(
                replace(trial, memory=memory, context_switches=switched, problems=problems, ceiling_rps=ceiling_rps)
            )
        self._save(trials, rows)
        self._watcher.finished(self.number, piece, trials)

    def _block(self, piece: Piece, present: Sequence[tuple[LiveT, Conformity]]) -> Block:
        lengths = [piece.turn_s(proof.service_s.get(piece.scenario.name, 0.0)) for _, proof in present]
        endpoints = tuple(
            Endpoint(
                name=live.name,
                host=HOST,
                port=live.port,
                request=request_bytes(piece, live.port),
                expect=proof.expectations[piece.scenario.name],
                pids=live.pids,
                method=piece.scenario.request.method,
            )
            for live, proof in present
        )
        first = piece is self._pieces[0]
        warmup_s = WARMUP_S if first else (0.0 if piece.scenario.waiting else WARMUP_AGAIN_S)
        level = piece.level
        return Block(
            id=self._random.randrange(1, 2**31),
            endpoints=endpoints,
            arrival=Arrival(level.concurrency, level.rate_rps, piece.scenario.load.poisson),
            turns=tuple(shuffled_turns(piece, lengths, warmup_s, self._random)),
            timeout_s=piece.scenario.load.timeout_s,
            seed=self._random.randrange(2**31),
        )

    def _after(self, live: LiveT, piece: Piece) -> Iterator[Problem]:
        """What became of the target while it was measured."""
        for code, message in live.condition():
            yield Problem(code, message, live.name, piece.scenario.name)
            if code is ProblemCode.SERVER_DIED:
                self._gone.add(live.name)
        if self._plan.cores.shared:
            message = "server and load share a core: absolute figures are too low, ratios come closer together"
            yield Problem(ProblemCode.SHARED_CORE, message, "", piece.scenario.name, Severity.WARNING)
