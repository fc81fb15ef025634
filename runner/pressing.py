"""A piece under load: one block of turns for all its targets, and what came of it, target by target."""

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic

from ..results.records import MemoryMark, Problem, ProblemCode, ScenarioKind, Severity, Trial
from .background_work import BackgroundWork
from .endpoints import endpoint_for
from .instruments import Instruments, LiveT
from .load.orders import Arrival, Block, TurnOrder
from .machine import SPARE_FILES, Noise, open_files
from .pieces import Piece
from .plan import Plan
from .sampler import context_switches
from .targets.checking import Conformity
from .turns import disagreement, idle_users, noted, per_measured, shuffled_turns, slow_clients_lost, trial_of
from .upstream_work import UpstreamWork

MARK_AT = 0.6  # of a turn: all requests are in flight by then
MARK_FROM_S = 0.25

Proven = tuple[LiveT, Conformity]
Idle = Mapping[str, MemoryMark | None]


@dataclass(slots=True)
class Pressed:
    """What a piece gave."""

    noise: Noise
    trials: list[Trial] = field(default_factory=list)
    samples: list[Mapping[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class Press(Generic[LiveT]):
    """Puts load on the targets of an epoch, piece by piece."""

    def __init__(
        self,
        epoch: int,
        plan: Plan,
        instruments: Instruments[LiveT],
        rng: random.Random,
        ceilings: Mapping[int, float],
    ) -> None:
        """`ceilings` are the load side's, by connections; `rng` decides all that is random."""
        self._epoch = epoch
        self._plan = plan
        self._load = instruments.load
        self._sampler = instruments.sampler
        self._read_cpu = instruments.read_cpu
        self._started = instruments.started
        self._clock = instruments.clock
        self._sleep = instruments.sleep
        self._random = rng
        self._ceilings = ceilings

    def on(self, piece: Piece, present: Sequence[Proven[LiveT]], idle: Idle, warm: Collection[str]) -> Pressed:
        """Measure a piece. `warm` are the names of the targets that had load before. Raises LoadError when the load
        side fails.

        Where the system allows fewer connections than all targets together would need, they take their turns in
        several blocks instead of one.
        """
        before = self._read_cpu()
        pressed = Pressed(Noise(0.0, 0.0))
        at_once = most_at_once(piece, self._plan.load_processes)
        for at in range(0, len(present), at_once):
            self._block(piece, present[at : at + at_once], idle, pressed, warm)
        pressed.noise = Noise.between(before, self._read_cpu())
        return pressed

    def _block(
        self, piece: Piece, present: Sequence[Proven[LiveT]], idle: Idle, pressed: Pressed, warm: Collection[str]
    ) -> None:
        lives = [live for live, _ in present]
        block = self._ordered(piece, present, warm)
        switches = {live.name: context_switches(live.pids) for live in lives}
        self._sampler.take()
        self._sampler.watch(lives)
        work = UpstreamWork(piece.scenario, lives)
        background = BackgroundWork(piece.scenario, lives, self._clock, self._sleep)

        def on_turn(order: TurnOrder) -> None:
            if not order.warmup and order.seconds >= MARK_FROM_S:
                self._sampler.mark_later(lives[order.endpoint], "peak", order.seconds * MARK_AT)

        report = self._load.run(block, on_turn)
        background.ended()
        self._sampler.watch(())
        rows, marks = self._sampler.take()
        pressed.samples += rows
        pressed.problems += noted(report, piece)
        trials = []
        for index, live in enumerate(lives):
            peaks: Sequence[MemoryMark | None] = marks.get(live.name) or [self._sampler.mark(live, "peak")]
            trial = trial_of(report, index, self._epoch, live.name, piece, self._started, self._plan.load_processes)
            switched = per_measured(context_switches(live.pids) - switches[live.name], report, index)
            problems = (
                *self._after(live, piece),
                *disagreement(report, live.name, piece),
                *idle_users(report, index, live.name, piece),
                *slow_clients_lost(report, index, live.name, piece),
                *work.skipped(live, report, index),
            )
            trials.append(
                replace(
                    trial,
                    memory=tuple(mark for mark in (idle.get(live.name), *peaks) if mark is not None),
                    context_switches=switched,
                    problems=problems,
                    ceiling_rps=self._ceiling_rps(piece),
                )
            )
        pressed.trials += background.judged(trials, report)

    def _ordered(self, piece: Piece, present: Sequence[Proven[LiveT]], warm: Collection[str]) -> Block:
        name, level = piece.scenario.name, piece.level
        slots = {target.name: target.setup.slots for target in self._plan.targets}
        lengths = [piece.turn_s(proof.service_s.get(name, 0.0), slots[live.name]) for live, proof in present]
        warmups = [piece.warmup_s(first=live.name not in warm) for live, _ in present]
        return Block(
            id=self._random.randrange(1, 2**31),
            endpoints=tuple(endpoint_for(piece.scenario, live, proof.expectations[name]) for live, proof in present),
            arrival=Arrival(level.concurrency, level.rate_rps, piece.scenario.load.poisson),
            turns=tuple(shuffled_turns(piece, lengths, warmups, self._random)),
            timeout_s=piece.scenario.load.timeout_s,
            seed=self._random.randrange(2**31),
        )

    def _ceiling_rps(self, piece: Piece) -> float | None:
        """What the load side can do at best: of requests, as nothing else was calibrated."""
        return self._ceilings.get(piece.level.concurrency) if piece.kind is ScenarioKind.HTTP else None

    def _after(self, live: LiveT, piece: Piece) -> Iterator[Problem]:
        """What became of the target while it was measured."""
        for code, message in live.condition():
            yield Problem(code, message, live.name, piece.scenario.name)
        if self._plan.cores.shared:
            message = "server and load share a core: absolute figures are too low, ratios come closer together"
            yield Problem(ProblemCode.SHARED_CORE, message, "", piece.scenario.name, Severity.WARNING)


def most_at_once(piece: Piece, load_processes: int) -> int:
    """How many targets can have their connections at the same time: by the files that the load processes may open.

    Slow clients are no idle ones. Those of all targets together would keep the cores busy, so each has them alone.
    """
    if piece.scenario.slow_clients:
        return 1
    return max(1, (open_files() - SPARE_FILES) * load_processes // piece.level.concurrency)
