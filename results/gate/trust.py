"""Which epochs count, whether the load side could press, and what is a failure: none of it looks at a change."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..ledger import ErrorKind
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
DELAYS = frozenset({ErrorKind.TIMEOUT.value, ErrorKind.CONNECT.value})
# Errors in so many epochs are no accident; that they are the head's own is sure if each of so many epochs has them, or
# if they fall to the head so often as a coin would with this chance. Of an app that errs in one launch of ten, whatever
# its version, the first three have them at the head, and none at the base, in less than one run of a thousand.
ERROR_EPOCHS = 2
SURE_EPOCHS = 3
ERROR_ALPHA = 0.005


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
    """In how many epochs the load side may have been the limit: a slower head may look as fast there. Where it was late
    in the open loop, there are no response times, and nothing else is in doubt."""
    return sum(bool(epoch.limited) for epoch in epochs)


def error_shares(epochs: Sequence[GateEpoch], side: str) -> list[float]:
    """Share of a side's requests that were not answered rightly, by epoch."""
    return [_share(epoch, side)[0] for epoch in epochs]


@dataclass(frozen=True, slots=True)
class Erring:
    """In how many of so many epochs one side erred far more than the other, and what those errors of the head were."""

    head: int
    base: int
    epochs: int
    sent: int
    kinds: Mapping[str, int]

    @classmethod
    def of(cls, epochs: Sequence[GateEpoch]) -> "Erring":
        """Of those epochs."""
        worse = better = sent = 0
        kinds: Counter[str] = Counter()
        for epoch in epochs:
            base, _, _ = _share(epoch, BASE)
            head, errors, asked = _share(epoch, HEAD)
            if head > max(ERROR_SHARE_LIMIT, 2 * base):
                worse, sent = worse + 1, sent + asked
                kinds.update(errors)
            elif base > max(ERROR_SHARE_LIMIT, 2 * head):
                better += 1
        return cls(worse, better, len(epochs), sent, kinds)

    @property
    def doubtful(self) -> bool:
        """Whether the head errs more than once, and more often than the base."""
        return self.head >= ERROR_EPOCHS and self.head > self.base

    @property
    def sure(self) -> bool:
        """Whether that is no accident: in every epoch, or in so many more that a coin would not."""
        if self.head == self.epochs:
            return self.head >= SURE_EPOCHS
        total = self.head + self.base
        as_many = sum(math.comb(total, count) for count in range(self.head, total + 1))
        return as_many * 0.5**total <= ERROR_ALPHA

    @property
    def told(self) -> str:
        """How the head errs, in words."""
        said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        share = sum(self.kinds.values()) / self.sent
        often = f"in {self.head} of {self.epochs} epochs ({said}); the base does so in {self.base or 'none'}"
        return f"the head answers {share:.2%} of its requests wrongly or not at all {often}"


def head_errs(epochs: Sequence[GateEpoch]) -> str:
    """In words, how the head errs where the base does not; empty where that is not sure."""
    found = Erring.of(epochs)
    return found.told if found.sure else ""


def head_may_err(epochs: Sequence[GateEpoch]) -> str:
    """In words, that the head errs more than once and more often than the base, however sure that is; empty if not.
    No such head passes."""
    found = Erring.of(epochs)
    return f"{found.told}: too seldom to be sure; give it a larger budget" if found.doubtful else ""


def _share(epoch: GateEpoch, side: str) -> tuple[float, Mapping[str, int], int]:
    """Share of errors, errors by kind, and how many requests were sent: of the scenario with the largest share."""
    found: tuple[float, Mapping[str, int], int] = (0.0, {}, 0)
    for (_, of_side), ledger in epoch.ledgers.items():
        if of_side == side and ledger.sent and ledger.error_count / ledger.sent > found[0]:
            found = ledger.error_count / ledger.sent, ledger.errors, ledger.sent
    return found
