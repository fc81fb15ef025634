"""Whether orders were carried out that were answered at once: each launch's database tells it, after the piece."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ..apps.database.books import Books
from ..results.errors import TargetError
from ..results.records import Problem, ProblemCode, Severity, Trial
from ..scenarios.model import Scenario
from .load.orders import BlockReport, TurnReport
from .load.processor import cpu_time_ns
from .targets.launch import DATABASE_VARIABLE

DRAINED_WITHIN_S = 30.0
LOOK_EVERY_S = 0.02
# What is left undone, or done outside of a target's own turns, is told from here on.
BACKLOG_S = 0.5
BACKLOG_SHARE = 0.1
IDLE_SHARE = 0.005  # of a core, which a server may use for itself while it idles
DEAD = {ProblemCode.SERVER_DIED, ProblemCode.WORKER_DIED}
# Which request of a mix comes next is drawn: chance does not take a share lower than this many standard deviations.
DEVIATIONS = 6.0


class Shop(Protocol):
    """A launched target, as its database knows it."""

    pids: tuple[int, ...]

    @property
    def name(self) -> str:
        """The target's name."""

    @property
    def own_services(self) -> frozenset[str]:
        """The services' variables that its own environment has."""

    @property
    def ours(self) -> bool:
        """Whether it is an app of the suite."""

    def books(self) -> Books | None:
        """What its database says; None where it has none that is ours. Raises TargetError where it cannot be read."""


@dataclass(slots=True)
class _Watched:
    """What is known of one target: its books as the block began, as it ended, and when they were in order again."""

    before: Books | None = None
    at_end: Books | None = None
    now: Books | None = None
    drain_s: float = 0.0
    cpu_before_ns: int | None = None
    cpu_s: float | None = None
    lost: str = ""

    @property
    def settled(self) -> bool:
        """Whether there is nothing left to wait for."""
        if self.lost or self.before is None or self.now is None:
            return True
        return _left(self.before, self.now) == (0, 0) and _amiss(self.before, self.now) == 0


class BackgroundWork:
    """What the targets of a block owe after their answers, where a scenario's answers are orders. Nothing is read
    while they have their turns: only before, at the end (`ended`), and after it (`judged`)."""

    def __init__(
        self,
        scenario: Scenario,
        shops: Sequence[Shop],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the books as they are, where the scenario makes orders at all. `clock` and `sleep` are for the wait."""
        self._scenario = scenario
        self._share = scenario.order_share
        self._shops = shops if self._share else ()
        self._clock = clock
        self._sleep = sleep
        self._began = self._ended = clock()
        self._watched = {shop.name: _Watched(cpu_before_ns=cpu_time_ns(shop.pids)) for shop in self._shops}
        for shop in self._shops:
            self._watched[shop.name].before = self._books(shop)

    def ended(self) -> None:
        """The last turn is over: see how much is left."""
        self._ended = self._clock()
        for shop in self._shops:
            watched = self._watched[shop.name]
            watched.at_end = watched.now = self._books(shop)

    def judged(self, trials: Sequence[Trial], report: BlockReport) -> list[Trial]:
        """The block's trials, one for each target in their order, with what is wrong or to be told: once all have done
        what they promised, or their time is up. Of a server or a worker that died, nothing more is expected: what it
        had to do is gone with it."""
        died = {trial.target for trial in trials if DEAD & {each.code for each in trial.problems}}
        self._drain([shop for shop in self._shops if shop.name not in died])
        judged = {trial.target: trial for trial in trials}
        for index, shop in enumerate(self._shops):
            if shop.name not in died:
                trial = judged[shop.name]
                turns = [turn for turn in report.turns if turn.order.endpoint == index]
                found = self._problems(shop, turns, trial.level.concurrency)
                judged[shop.name] = replace(trial, problems=(*trial.problems, *found))
        return list(judged.values())

    def _drain(self, shops: Sequence[Shop]) -> None:
        waiting = [shop for shop in shops if not self._watched[shop.name].settled]
        while waiting and self._clock() - self._ended < DRAINED_WITHIN_S:
            self._sleep(LOOK_EVERY_S)
            for shop in waiting:
                watched = self._watched[shop.name]
                watched.now, watched.drain_s = self._books(shop), self._clock() - self._ended
            waiting = [shop for shop in waiting if not self._watched[shop.name].settled]
        for shop in shops:
            watched, now_ns = self._watched[shop.name], cpu_time_ns(shop.pids)
            if now_ns is not None and watched.cpu_before_ns is not None:
                watched.cpu_s = (now_ns - watched.cpu_before_ns) / 1e9

    def _problems(self, shop: Shop, turns: Sequence[TurnReport], connections: int) -> Iterator[Problem]:
        """What its books have to say to its turns, in which it was asked over so many connections."""
        watched = self._watched[shop.name]
        if watched.lost:
            message = f"it cannot be told whether its orders were carried out: {watched.lost}"
            yield self._problem(ProblemCode.SKIPPED_WORK, message, shop)
        elif watched.before is None or watched.now is None:
            given = DATABASE_VARIABLE not in shop.own_services
            why = "it was given none" if given else f"{DATABASE_VARIABLE} is set in its environment"
            yield self._unchecked(shop, f"its orders are in a database of its own ({why})")
        elif not shop.ours and watched.now.orders == watched.before.orders:
            yield self._unchecked(shop, f"it made no order in the database that {DATABASE_VARIABLE} names")
        else:
            yield from self._skipped(shop, watched.before, watched.now, turns)
            yield from self._backlog(shop, watched, turns, connections)

    def _skipped(self, shop: Shop, before: Books, now: Books, turns: Sequence[TurnReport]) -> Iterator[Problem]:
        right, due = self._due(turns)
        made = now.orders - before.orders
        if made < due:
            stand_for = f"{right} right answers" if self._share == 1 else f"the orders among {right} right answers"
            least = f"stand for {due} orders" + ("" if self._share == 1 else " at least")
            yield self._problem(
                ProblemCode.SKIPPED_WORK, f"{stand_for} {least}, and its database has {made} more", shop
            )
        left, reserved = _left(before, now)
        if left or reserved:
            message = (
                f"{left} of its {made} orders were still open {DRAINED_WITHIN_S:g} s after the load, and "
                f"{reserved} items reserved: they were answered, and not carried out"
            )
            yield self._problem(ProblemCode.SKIPPED_WORK, message, shop)
        elif _amiss(before, now):
            message = (
                f"orders that are done took {now.taken - before.taken} items, and the stock fell by "
                f"{before.stock - now.stock}"
            )
            yield self._problem(ProblemCode.SKIPPED_WORK, message, shop)

    def _due(self, turns: Sequence[TurnReport]) -> tuple[int, int]:
        """The right answers, and how many of them must have been orders. Warm-up and all: an order is made before it
        is answered. Of a mix the share is known, and any error may have been an order's."""
        right = sum(turn.ledger.ok for turn in turns)
        if self._share == 1:
            return right, right
        errors = sum(turn.ledger.error_count + turn.ledger.in_flight for turn in turns)
        asked = right + errors
        chance = DEVIATIONS * math.sqrt(asked * self._share * (1 - self._share))
        return right, max(0, math.floor(asked * self._share - chance) - errors)

    def _backlog(
        self, shop: Shop, watched: _Watched, turns: Sequence[TurnReport], connections: int
    ) -> Iterator[Problem]:
        left = watched.at_end.open if watched.at_end else 0
        late = left > connections and watched.drain_s > BACKLOG_SHARE * sum(turn.elapsed_s for turn in turns)
        in_turns = [turn.target_cpu_s for turn in turns if turn.target_cpu_s is not None]
        own_s = sum(in_turns)
        outside_s = 0.0 if watched.cpu_s is None or len(in_turns) < len(turns) else watched.cpu_s - own_s
        idle_s = IDLE_SHARE * (self._ended + watched.drain_s - self._began)
        told = []
        if watched.settled and (late or watched.drain_s > BACKLOG_S):
            told.append(f"{left} orders were left when the load ended, and took {watched.drain_s:.2f} s more")
        if own_s and outside_s > BACKLOG_SHARE * own_s + idle_s:
            told.append(f"{outside_s:.2f} s of CPU went by outside of its turns, beside {own_s:.2f} s in them")
        if told:
            message = f"{'; '.join(told)}: requests/s count answers, not the work that was finished by then"
            yield self._problem(ProblemCode.BACKLOG, message, shop, Severity.WARNING)

    def _unchecked(self, shop: Shop, why: str) -> Problem:
        message = f"{why}: nothing checks that they were carried out"
        return self._problem(ProblemCode.UNCHECKED, message, shop, Severity.WARNING)

    def _problem(self, code: ProblemCode, message: str, shop: Shop, severity: Severity = Severity.INVALID) -> Problem:
        return Problem(code, message, shop.name, self._scenario.name, severity)

    def _books(self, shop: Shop) -> Books | None:
        try:
            return shop.books()
        except TargetError as error:
            self._watched[shop.name].lost = error.message
            return None


def _left(before: Books, now: Books) -> tuple[int, int]:
    """The orders that are open, and the items reserved, beyond those of before: an earlier block answers for them."""
    return max(now.open - before.open, 0), max(now.reserved - before.reserved, 0)


def _amiss(before: Books, now: Books) -> int:
    """By how much more the stock fell than the orders took that were done meanwhile; below zero, by how much less."""
    return (before.stock - now.stock) - (now.taken - before.taken)
