"""A piece of cold starts: each target is started alone, again and again, while the others idle."""

import random
from collections.abc import Sequence
from typing import Any

from ..results.errors import TargetError
from ..results.histogram import Histogram
from ..results.ledger import ErrorKind, Ledger
from ..results.records import Problem, ProblemCode, Trial, Turn
from .instruments import Instruments
from .load.orders import Expectation
from .pieces import Piece
from .targets.cold_start import Start
from .targets.launch import Target


def starts_of(
    piece: Piece,
    targets: Sequence[tuple[Target, Expectation]],
    epoch: int,
    hash_seed: int,
    instruments: Instruments[Any],
    rng: random.Random,
) -> list[Trial]:
    """Start each target, whose right answer is known, as often as the piece says, in rounds of random order.

    Gives a trial for each, in which a turn is a start. A target that fails once is not started again.
    """
    turns: dict[str, list[Turn]] = {target.name: [] for target, _ in targets}
    failed: dict[str, TargetError] = {}
    order = list(targets)
    for number in range(piece.rounds(0.0)):
        rng.shuffle(order)
        for position, (target, expect) in enumerate(order):
            if target.name in failed:
                continue
            outcome = instruments.launcher.start_alone(target, epoch, hash_seed, piece.scenario, expect)
            start = None if isinstance(outcome, TargetError) else outcome
            turns[target.name].append(_turn(start, number, position, instruments.started))
            if isinstance(outcome, TargetError):
                failed[target.name] = outcome
    return [_trial(piece, epoch, target.name, turns[target.name], failed.get(target.name)) for target, _ in targets]


def _trial(piece: Piece, epoch: int, target: str, turns: Sequence[Turn], error: TargetError | None) -> Trial:
    problems = (Problem(ProblemCode.NOT_STARTED, error.told, target, piece.scenario.name),) if error else ()
    return Trial(
        epoch=epoch,
        target=target,
        scenario=piece.scenario.name,
        level=piece.level,
        turns=tuple(turns),
        service_time=Histogram.of_us([round(turn.elapsed_s * 1e6) for turn in turns if turn.ledger.ok]),
        problems=problems,
        first_error=error.told if error else "",
    )


def _turn(start: Start | None, number: int, position: int, started: float) -> Turn:
    """A start, or the attempt at one that failed."""
    return Turn(
        round=number,
        position=position,
        started_s=start.at - started if start else 0.0,
        planned_s=start.elapsed_s if start else 0.0,
        elapsed_s=start.elapsed_s if start else 0.0,
        ledger=Ledger(1, 1, ok=1) if start else Ledger(1, 1, errors={ErrorKind.CONNECT: 1}),
        target_cpu_s=start.cpu_s if start else None,
        load_cpu_s=0.0,
    )
