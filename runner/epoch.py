"""One epoch: a fresh launch of every target, measured together in shuffled rounds of short turns."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic

from ..reports.format import counted
from ..results.errors import TargetError
from ..results.records import MemoryMark, Problem, ProblemCode, ScenarioKind, Severity
from .instruments import Instruments, LiveT, SavePiece
from .machine import Noise
from .pieces import Piece
from .plan import Plan
from .pressing import Press, Proven
from .starting import starts_of


@dataclass(slots=True)
class EpochResult:
    """What an epoch leaves besides the trials it handed over."""

    problems: list[Problem] = field(default_factory=list)
    noise: list[tuple[str, Noise]] = field(default_factory=list)
    piece_s: dict[str, float] = field(default_factory=dict)
    hash_seed: int = 0


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
        self._targets = plan.targets_in(number)
        self._pieces = plan.pieces_in(number)
        self._instruments = instruments
        self._launcher = instruments.launcher
        self._watcher = instruments.watcher
        self._save = save
        self._random = random.Random(f"{plan.seed}/{number}")
        self._result = result
        self._ceilings = ceilings or {}
        self._hash_seed = 0
        self._gone: set[str] = set()
        self._warm: set[str] = set()

    def run(self) -> None:
        """Launch, prove, measure piece by piece, and always stop what was launched."""
        self._watcher.phase(self.number, f"launching {counted(len(self._targets), 'target')}")
        self._hash_seed = self._result.hash_seed = self._random.randrange(1, 2**32)
        sampler, clock = self._instruments.sampler, self._instruments.clock
        try:
            proven = self._prove(self._start())
            idle = {live.name: sampler.mark(live, "idle") for live, _ in proven}
            for piece in self._pieces:
                named = {target.name for target in self._plan.targets_of(piece)} - self._gone
                present = [(live, proof) for live, proof in proven if live.name in named]
                if present:
                    began = clock()
                    self._measure(piece, present, idle)
                    self._result.piece_s[piece.label] = clock() - began
        finally:
            sampler.watch(())
            self._launcher.stop()

    def _start(self) -> list[LiveT]:
        alive = []
        outcomes = self._launcher.start(self._targets, self.number, self._hash_seed)
        for target, outcome in zip(self._targets, outcomes, strict=True):
            if isinstance(outcome, TargetError):
                self._note(ProblemCode.NOT_STARTED, target.name, outcome)
            else:
                alive.append(outcome)
        return alive

    def _note(self, code: ProblemCode, target: str, error: TargetError) -> None:
        self._result.problems.append(Problem(code, error.told, target))

    def _prove(self, alive: Sequence[LiveT]) -> list[Proven[LiveT]]:
        self._watcher.phase(self.number, "checking that every target gives the right answers")
        scenarios = list({piece.scenario.name: piece.scenario for piece in self._pieces}.values())
        proven = []
        for live, outcome in zip(alive, self._launcher.prove(alive, scenarios), strict=True):
            if isinstance(outcome, TargetError):
                self._note(ProblemCode.WRONG_ANSWERS, live.name, outcome)
            else:
                proven.append((live, outcome))
        return proven

    def _measure(self, piece: Piece, present: Sequence[Proven[LiveT]], idle: Mapping[str, MemoryMark | None]) -> None:
        self._watcher.phase(self.number, piece.label)
        if piece.kind is ScenarioKind.COLD_START:
            targets = {target.name: target for target in self._targets}
            known = [(targets[live.name], proof.expectations[piece.scenario.name][0]) for live, proof in present]
            trials = starts_of(piece, known, self.number, self._hash_seed, self._instruments, self._random)
            self._save(trials, [])
        else:
            press = Press(self.number, self._plan, self._instruments, self._random, self._ceilings)
            pressed = press.on(piece, present, idle, self._warm)
            self._warm |= {live.name for live, _ in present}
            trials = pressed.trials
            self._result.noise.append((piece.label, pressed.noise))
            self._result.problems += pressed.problems
            self._save(trials, pressed.samples)
        self._gone |= {
            problem.target
            for trial in trials
            for problem in trial.problems
            if problem.code is ProblemCode.SERVER_DIED and problem.severity is Severity.INVALID
        }
        self._watcher.finished(self.number, piece, trials)
