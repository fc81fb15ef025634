"""Which epochs count, whether the load side could press, and what is a failure: none of it looks at a change."""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ..ledger import ErrorKind
from ..problems import ProblemCode, Severity
from .records import BASE, HEAD, GateEpoch

# Of all epochs, so many may be left out; so many may show the load side at its limit.
DROPPED_SHARE_MAX = 0.2
LIMITED_SHARE_MAX = 0.2
# An epoch is noisy if others took so many cores more than usual in this run.
NOISE_FLOOR_CORES = 0.25
NOISE_SPREADS = 5.0
NORMAL_SPREAD = 1.4826  # from the median distance to the standard deviation, of normal noise
ERROR_SHARE_LIMIT = 0.001
# An app gives a wrong answer by itself; a deadline is also missed where the machine stands still.
ERROR_EPOCHS = 2
DELAY_EPOCHS = 3
DELAYS = frozenset({ErrorKind.TIMEOUT.value, ErrorKind.CONNECT.value})
ERROR_ALPHA = 0.001


def noisy_epochs(epochs: Sequence[GateEpoch]) -> tuple[int, ...]:
    """Numbers of the epochs in which others took far more of the machine than in the others, the worst first."""
    if not epochs:
        return ()
    taken = np.array([epoch.noise.foreign_cores + epoch.noise.steal_cores for epoch in epochs])
    usual = float(np.median(taken))
    spread = NORMAL_SPREAD * float(np.median(np.abs(taken - usual)))
    limit = usual + max(NOISE_FLOOR_CORES, NOISE_SPREADS * spread)
    return tuple(epochs[at].number for at in np.argsort(-taken, kind="stable") if taken[at] > limit)


def dropped_epochs(epochs: Sequence[GateEpoch]) -> tuple[int, ...]:
    """Numbers of the epochs that are left out, whole: the noisy ones, the worst first, up to a fifth of all."""
    return tuple(sorted(noisy_epochs(epochs)[: int(DROPPED_SHARE_MAX * len(epochs))]))


def usual_noise_cores(epochs: Sequence[GateEpoch]) -> float:
    """How many cores others took, in the middle epoch."""
    return float(np.median([each.noise.foreign_cores + each.noise.steal_cores for each in epochs])) if epochs else 0.0


def limited_epochs(epochs: Iterable[GateEpoch]) -> int:
    """In how many epochs the load side may have been the limit: a slower head may look as fast there."""
    return sum(
        any(
            problem.code is ProblemCode.GENERATOR_LIMITED and problem.severity is Severity.INVALID
            for problem in epoch.problems
        )
        for epoch in epochs
    )


def error_shares(epochs: Sequence[GateEpoch], side: str) -> list[float]:
    """Share of a side's requests that were not answered rightly, by epoch."""
    return [_share(epoch, side)[0] for epoch in epochs]


def head_errs(epochs: Sequence[GateEpoch]) -> str:
    """In words, how the head errs where the base does not; empty where it does not, or the base errs as well.

    Once is no proof: wrong answers must show in two epochs, missed deadlines in three, with none at the base. Where
    the base errs too, the head must err more in so many epochs that a coin would not.
    """
    worse, better, delays = 0, 0, True
    kinds: dict[str, int] = {}
    sent = wrong = 0
    for epoch in epochs:
        base, _, _ = _share(epoch, BASE)
        head, errors, asked = _share(epoch, HEAD)
        if head > max(ERROR_SHARE_LIMIT, 2 * base):
            worse += 1
            delays = delays and set(errors) <= DELAYS
            for kind, count in errors.items():
                kinds[kind] = kinds.get(kind, 0) + count
            sent, wrong = sent + asked, wrong + sum(errors.values())
        elif base > max(ERROR_SHARE_LIMIT, 2 * head):
            better += 1
    if not _proves(worse, better, delays):
        return ""
    said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
    return f"the head answers {wrong / sent:.2%} of its requests wrongly or not at all in {worse} of {len(epochs)} " + (
        f"epochs ({said}); the base does so in {better or 'none'}"
    )


def _proves(worse: int, better: int, delays: bool) -> bool:
    if better == 0:
        return worse >= (DELAY_EPOCHS if delays else ERROR_EPOCHS)
    total = worse + better
    as_many = sum(math.comb(total, count) for count in range(worse, total + 1))
    return as_many * 0.5**total <= ERROR_ALPHA


def _share(epoch: GateEpoch, side: str) -> tuple[float, Mapping[str, int], int]:
    """Share of errors, errors by kind, and how many requests were sent: of the scenario with the largest share."""
    found: tuple[float, Mapping[str, int], int] = (0.0, {}, 0)
    for (_, of_side), ledger in epoch.ledgers.items():
        if of_side == side and ledger.sent and ledger.error_count / ledger.sent > found[0]:
            found = ledger.error_count / ledger.sent, ledger.errors, ledger.sent
    return found
