"""Decisions drawn from a pool: what a run of the gate would have said, had it met these epochs in this order.

A decision takes epochs from the pool in random order, none twice, until its budget is spent, as a run does: start-up
comes first, and another epoch begins only while the longest of the last three would still fit. Looks are planned from
the middle epoch's time. Then `sgibench.results.gate.judge` says what the run would have said, and after which epoch.

In a pool of equal versions it is arbitrary which side is called the head: with `swap`, a coin says so for each epoch.
A plant is never just as large as was meant: `exactly` moves a pool's changes to where they would be if it were.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from sgibench.results.gate.judge import judge
from sgibench.results.gate.looks import plan_looks
from sgibench.results.gate.metrics import OF_MEMORY
from sgibench.results.gate.records import BASE, HEAD, GateEpoch, GateRun, Key, Order, Pair, Source
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.statistics import percent_estimate
from sgibench.results.gate.verdicts import GateVerdict

from .intervals import Share, middle_95
from .pools import Recorded, changes_of

OTHER = {BASE: HEAD, HEAD: BASE}
ERRORS = "errors"
RAN_OUT = "ran out"  # undecided when the pool had no more epochs, with time left


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run is given: time, and the change that it is to catch."""

    name: str
    seconds: float
    threshold_percent: float

    def settings(self, epoch_s: float, startup_s: float) -> GateSettings:
        """What such a run decides by, if an epoch takes so long."""
        settings = GateSettings(threshold_percent=self.threshold_percent, budget_s=self.seconds)
        return settings.looking(plan_looks(max(int((self.seconds - startup_s) / epoch_s), 0), settings))


BUDGETS = (Budget("90 s, 2 %", 90, 2.0), Budget("3 min, 2 %", 180, 2.0), Budget("5 min, 1 %", 300, 1.0))


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, when it was known, and what was named as worse (metrics, the weightiest first, or ``errors``)."""

    verdict: str
    seconds: float
    epochs: int
    named: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """The epochs of one decision, in their new order and with new numbers. `ends_s` is when each of them is over;
    `short` tells that the pool had no more of them, though there was time."""

    epochs: tuple[GateEpoch, ...]
    ends_s: tuple[float, ...]
    settings: GateSettings
    short: bool
    taken: tuple[int, ...]  # where each lay in the pool


class Drawer:
    """Draws decisions from a pool."""

    def __init__(self, pool: Sequence[Recorded], swap: bool = False, gap_s: float | None = None) -> None:
        """`gap_s` lies between two epochs, where the pool itself does not tell. Raises ValueError for no epochs."""
        if not pool:
            raise ValueError("the pool has no epochs")
        self._pool = pool
        self._swap = swap
        self._between_s = between_s(pool) if gap_s is None else gap_s
        self._epoch_s = float(np.median([each.epoch.elapsed_s for each in pool])) + self._between_s

    def draw(self, budget: Budget, rng: np.random.Generator) -> Drawn:
        """The epochs that a run with this budget meets."""
        startup_s = self._pool[int(rng.integers(len(self._pool)))].startup_s
        clock_s = startup_s
        epochs: list[GateEpoch] = []
        ends_s: list[float] = []
        taken: list[int] = []
        order = [int(at) for at in rng.permutation(len(self._pool))]
        while order and self._fits(budget.seconds - clock_s, epochs):
            at = order.pop()
            epoch = replace(self._pool[at].epoch, number=len(epochs) + 1)
            epochs.append(swapped(epoch) if self._swap and rng.random() < 0.5 else epoch)
            taken.append(at)
            clock_s += epoch.elapsed_s + self._between_s
            ends_s.append(clock_s)
        short = not order and self._fits(budget.seconds - clock_s, epochs)
        settings = budget.settings(self._epoch_s, startup_s)
        return Drawn(tuple(epochs), tuple(ends_s), settings, short, tuple(taken))

    def _fits(self, left_s: float, before: Sequence[GateEpoch]) -> bool:
        """Whether another epoch is begun, as `sgibench.runner.gate.measuring` has it."""
        return left_s >= max((each.elapsed_s for each in before[-3:]), default=self._epoch_s)

    def decide(self, budget: Budget, rng: np.random.Generator) -> Decision:
        """One decision."""
        return decided(self.draw(budget, rng))


def between_s(pool: Sequence[Recorded]) -> float:
    """What lies between an epoch and the next one of the same run, in the middle."""
    gaps = [
        after.epoch.started_s - before.epoch.started_s - before.epoch.elapsed_s
        for before, after in itertools.pairwise(pool)
        if before.run == after.run and after.epoch.number == before.epoch.number + 1
    ]
    return max(float(np.median(gaps)), 0.0) if gaps else 0.0


def swapped(epoch: GateEpoch) -> GateEpoch:
    """The epoch with the sides' names exchanged."""
    return replace(
        epoch,
        order=Order.HEAD_FIRST if epoch.order is Order.BASE_FIRST else Order.BASE_FIRST,
        values={key: replace(pair, base=pair.head, head=pair.base) for key, pair in epoch.values.items()},
        ledgers={(scenario, OTHER[side]): ledger for (scenario, side), ledger in epoch.ledgers.items()},
        problems=tuple(replace(each, target=OTHER.get(each.target, each.target)) for each in epoch.problems),
    )


def exactly(pool: Sequence[Recorded], percent: float) -> list[Recorded]:
    """The pool as if CPU time per request were, in the middle, worse by just so much: all that is timed is moved alike,
    by the same factor in every epoch. How far epochs lie apart stays as it is."""
    seen = percent_estimate(changes_of(pool, GateMetric.CPU)).value
    factor = (1 + percent / 100) / (1 + seen / 100)
    return [replace(each, epoch=replace(each.epoch, values=_slower(each.epoch, factor))) for each in pool]


def _slower(epoch: GateEpoch, factor: float) -> dict[Key, Pair]:
    """The epoch's values, the head's times longer by that factor."""
    return {key: _timed_slower(pair, key[1], factor) for key, pair in epoch.values.items()}


def _timed_slower(pair: Pair, metric: GateMetric, factor: float) -> Pair:
    if metric in OF_MEMORY or not metric.in_percent:
        return pair
    return replace(pair, head=pair.head / factor if metric.higher_is_better else pair.head * factor)


def decided(drawn: Drawn) -> Decision:
    """What a run that meets these epochs says, and when. A run asks after each of them, and gets the first verdict that
    there is: one question for all gives the same."""
    count = len(drawn.epochs)
    result = judge(run_of(drawn, count), final=not drawn.short)
    at = result.decided_at or count
    verdict = RAN_OUT if result.verdict is GateVerdict.GO_ON else result.verdict.value
    named = tuple(each.metric.value for each in result.regressed)
    if result.verdict is GateVerdict.REGRESSED and not named:
        named = (ERRORS,)
    return Decision(verdict, round(drawn.ends_s[at - 1], 1) if at else 0.0, at, named)


def run_of(drawn: Drawn, count: int) -> GateRun:
    """A run that has met the first so many of these epochs."""
    scenarios = dict.fromkeys(scenario for epoch in drawn.epochs for scenario, _ in epoch.ledgers)
    return GateRun(
        run_id="drawn",
        started_at="",
        elapsed_s=drawn.ends_s[count - 1] if count else 0.0,
        status="complete",
        command=(),
        seed=0,
        app="",
        setup="",
        scenarios=tuple(scenarios),
        settings=drawn.settings,
        base=Source(BASE, BASE, ""),
        head=Source(HEAD, HEAD, ""),
        epochs=drawn.epochs[:count],
    )


def summary(decisions: Sequence[Decision]) -> dict[str, Any]:
    """Verdicts counted, the middle time to each of them, and what was named."""
    verdicts = Counter(each.verdict for each in decisions)
    named = Counter(name for each in decisions for name in each.named)
    first = Counter(each.named[0] for each in decisions if each.named)
    return {
        "decisions": len(decisions),
        "verdicts": dict(verdicts),
        "median_s": round(float(np.median([each.seconds for each in decisions])), 1),
        "median_epochs": float(np.median([each.epochs for each in decisions])),
        "named": dict(named.most_common()),
        "named_first": dict(first.most_common()),
    }


def share_of(cell: Mapping[str, Any], verdict: GateVerdict) -> Share:
    """How many of a summary's decisions have that verdict; those that ran out of epochs have none, and do not count."""
    return Share(int(cell["verdicts"].get(verdict.value, 0)), int(cell["decisions"]) - ran_out(cell))


def ran_out(cell: Mapping[str, Any]) -> int:
    """How many of a summary's decisions ran out of epochs."""
    return int(cell["verdicts"].get(RAN_OUT, 0))


def bootstrapped(
    pool: Sequence[Recorded],
    budget: Budget,
    verdicts: Iterable[GateVerdict],
    replicates: int,
    each: int,
    rng: np.random.Generator,
) -> dict[str, tuple[float, float]]:
    """Between which shares each verdict lies in 95 % of pools that are drawn anew, with repetition, from this one.

    That is how much the answer hangs on which epochs happened to be recorded. Here an epoch may be twice in a decision,
    and of each pool there are only `each` decisions: both make it wider than need be. What ran out of epochs does not
    count; where nothing else is left, there is no entry.
    """
    found: dict[str, list[float]] = {verdict.value: [] for verdict in verdicts}
    for _ in range(replicates):
        again = [pool[int(at)] for at in rng.integers(len(pool), size=len(pool))]
        drawer = Drawer(again, gap_s=between_s(pool))
        said = Counter(drawer.decide(budget, rng).verdict for _ in range(each))
        if counted := each - said[RAN_OUT]:
            for verdict, shares in found.items():
                shares.append(said[verdict] / counted)
    return {verdict: middle_95(shares) for verdict, shares in found.items() if shares}
