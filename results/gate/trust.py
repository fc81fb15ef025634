"""Which epochs count, whether the load side could press, and what is a failure: none of it looks at a change."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..ledger import ErrorKind, Ledger
from .records import BASE, HEAD, GateEpoch

# Of all epochs, so many may be left out; so many may show the load side at its limit.
DROPPED_SHARE_MAX = 0.2
LIMITED_SHARE_MAX = 0.2
# An epoch is noisy if others took so many cores more than usual in this run.
NOISE_FLOOR_CORES = 0.25
NOISE_SPREADS = 5.0
NORMAL_SPREAD = 1.4826  # from the median distance to the standard deviation, of normal noise
# If others take more than that in the middle epoch, it is named where nothing can be decided.
USUAL_NOISE_CORES = 0.3
ERROR_SHARE_LIMIT = 0.001
# An app gives a wrong answer by itself; a deadline is also missed where the machine stands still.
DELAYS = frozenset({ErrorKind.TIMEOUT.value, ErrorKind.CONNECT.value})
# Errors in so many epochs are no accident, and so many wrong answers, however thinly they are spread; where the base
# gives none, wrong answers in one epoch are enough. That lets the head not pass.
ERROR_EPOCHS = 2
FEW_WRONG = 5
# That they are the head's own is sure if each of the first so many epochs has them, and none any of the base's. Two
# equal versions that err in half of their launches get there once in a thousand runs (4**-5), all others less often. A
# machine that stands still may do so for some epochs in a row, so delays need more of them.
SURE_EPOCHS = 5
SURE_DELAYED = 8
# Or, at a planned look, if a coin would not give them to the head so often: in 8 epochs of 8.
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


def kept_epochs(epochs: Sequence[GateEpoch]) -> list[GateEpoch]:
    """All epochs but those that are left out."""
    dropped = set(dropped_epochs(epochs))
    return [epoch for epoch in epochs if epoch.number not in dropped]


def limited_epochs(epochs: Iterable[GateEpoch]) -> int:
    """In how many epochs the load side may have been the limit: a slower head may look as fast there. Where it was late
    in the open loop, there are no response times, and nothing else is in doubt."""
    return sum(bool(epoch.limited) for epoch in epochs)


@dataclass(frozen=True, slots=True)
class Erring:
    """How both sides erred in so many epochs.

    In `head` of them the head erred far more than the base did in the same scenario, in `wrongly` of these by wrong
    answers alone, in `base` the other way round; `kinds` are the head's errors there, in its worst scenario, of so many
    requests `sent`. `of_head` and `of_base` are all errors in all epochs and scenarios, `asked` all requests to the
    head; `wrong_in` and `base_in` tell in how many epochs the head gave wrong answers, and the base erred at all.
    """

    epochs: int
    head: int
    wrongly: int
    base: int
    kinds: Mapping[str, int]
    sent: int
    of_head: Mapping[str, int]
    of_base: Mapping[str, int]
    asked: int
    wrong_in: int
    base_in: int

    @classmethod
    def of(cls, epochs: Sequence[GateEpoch]) -> "Erring":
        """Of those epochs."""
        compared = [_compared(epoch) for epoch in epochs]
        worst = [each for each in compared if each.worst is not None]
        heads, bases = ([_total(epoch, side) for epoch in epochs] for side in (HEAD, BASE))
        of_head, of_base = Ledger.total(heads), Ledger.total(bases)
        there = Ledger.total(each.worst for each in worst if each.worst is not None)
        return cls(
            epochs=len(epochs),
            head=len(worst),
            wrongly=sum(each.wrongly for each in worst),
            base=sum(each.better for each in compared),
            kinds=there.errors,
            sent=there.sent,
            of_head=of_head.errors,
            of_base=of_base.errors,
            asked=of_head.sent,
            wrong_in=sum(_wrong(ledger.errors) > 0 for ledger in heads),
            base_in=sum(ledger.error_count > 0 for ledger in bases),
        )

    @property
    def doubtful(self) -> bool:
        """Whether the head errs more than once, and more often than the base; or gives wrong answers, if in one epoch
        only or few in all, where the base gives none."""
        if self.head >= ERROR_EPOCHS and self.head > self.base:
            return True
        return self._wrong_alone and (self.wrongly > 0 or _wrong(self.of_head) >= FEW_WRONG)

    @property
    def sure_at_once(self) -> bool:
        """Whether each epoch from the first has them, and none any of the base."""
        enough = SURE_EPOCHS if self.wrongly == self.epochs else SURE_DELAYED
        return self.head == self.epochs >= enough and not self.base_in

    @property
    def sure_at_look(self) -> bool:
        """Whether that is no accident: in so many more epochs than at the base that a coin would not."""
        return _coin(self.head, self.base) <= ERROR_ALPHA or (
            self._wrong_alone and _wrong(self.of_head) >= FEW_WRONG and _coin(self.wrong_in, 0) <= ERROR_ALPHA
        )

    @property
    def _wrong_alone(self) -> bool:
        return not _wrong(self.of_base)

    @property
    def told(self) -> str:
        """How the head errs, and the base, in words."""
        if self.head >= self.wrong_in:
            share, often = sum(self.kinds.values()) / self.sent, f"in {self.head} of {self.epochs} epochs"
            said = f"the head answers {share:.2%} of its requests wrongly or not at all {often} ({_listed(self.kinds)})"
        else:
            said = f"the head answers {sum(self.of_head.values()):,} of {self.asked:,} requests wrongly or not at all"
            said += f" ({_listed(self.of_head)}), wrongly in {self.wrong_in} of {self.epochs} epochs"
        base = f"in {self.base_in} of {self.epochs} ({_listed(self.of_base)})" if self.base_in else "in none"
        return f"{said}; the base errs {base}"


def head_errs(epochs: Sequence[GateEpoch], *, look: bool) -> str:
    """In words, how the head errs where the base does not; empty where that is not sure. `look`: at a planned look, or
    at the end, where a coin is asked too. Only epochs that count are looked at."""
    if not any(ledger.error_count for epoch in epochs for (_, side), ledger in epoch.ledgers.items() if side == HEAD):
        return ""
    found = Erring.of(kept_epochs(epochs))
    return found.told if found.sure_at_once or (look and found.sure_at_look) else ""


def head_may_err(epochs: Sequence[GateEpoch]) -> str:
    """In words, that the head errs and the base does not, or less often, however sure that is; empty if not. No such
    head passes. A wrong answer is one in a noisy epoch too."""
    found = Erring.of(epochs)
    return f"{found.told}: too seldom to be sure; give it a larger budget" if found.doubtful else ""


def unanswered_epochs(epochs: Iterable[GateEpoch]) -> int:
    """In how many epochs the base itself did not answer all rightly and in time: what is compared is only the rest."""
    return sum(
        any(_share(ledger) > ERROR_SHARE_LIMIT for (_, side), ledger in epoch.ledgers.items() if side == BASE)
        for epoch in epochs
    )


@dataclass(frozen=True, slots=True)
class _Compared:
    """The head's `worst` scenario of those in which it erred far more than the base, if there is any; whether wrong
    answers alone were enough in one; and whether the base erred far more in one."""

    worst: Ledger | None
    wrongly: bool
    better: bool


def _compared(epoch: GateEpoch) -> _Compared:
    worse, wrongly, better = list[Ledger](), False, False
    for scenario in dict.fromkeys(scenario for scenario, _ in epoch.ledgers):
        base, head = (epoch.ledgers.get((scenario, side), Ledger()) for side in (BASE, HEAD))
        if _far_more(_share(head), _share(base)):
            worse.append(head)
            wrongly |= _far_more(_wrong(head.errors) / head.sent, _share(base))
        better |= _far_more(_share(base), _share(head))
    return _Compared(max(worse, key=_share, default=None), wrongly, better)


def _far_more(share: float, other: float) -> bool:
    return share > max(ERROR_SHARE_LIMIT, 2 * other)


def _share(ledger: Ledger) -> float:
    """Of the requests that were sent, those that were not answered rightly."""
    return ledger.error_count / ledger.sent if ledger.sent else 0.0


def _wrong(errors: Mapping[str, int]) -> int:
    return sum(count for kind, count in errors.items() if kind not in DELAYS)


def _total(epoch: GateEpoch, side: str) -> Ledger:
    return Ledger.total(ledger for (_, of_side), ledger in epoch.ledgers.items() if of_side == side)


def _coin(count: int, other: int) -> float:
    """The chance that of so many tosses as many or more fall on one side."""
    total = count + other
    return sum(math.comb(total, many) for many in range(count, total + 1)) * 0.5**total


def _listed(errors: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(errors.items()) if count)
