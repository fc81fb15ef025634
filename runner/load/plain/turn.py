"""A turn of plain Locust: what the suite's own requests and a user's own locustfile have in common."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic_ns

from gevent.event import Event

from ....results.errors import BenchError
from ....results.ledger import Ledger
from ..orders import Block, BlockReport, Endpoint, Json, TurnOrder, TurnReport
from ..processor import cpu_time_ns, cpu_wait_ns
from ..rules import Rules
from ..tally import Tally

LOOK_EVERY_S = 0.25
INTERVAL_NS = 1_000_000_000
INTERVALS_FROM_S = 2.0

Began = Callable[[TurnOrder], None]


class Press(ABC):
    """Whoever carries blocks out."""

    turn: "Turn | None" = None

    @abstractmethod
    def introduction(self) -> Json:
        """What the CLI should know of it."""

    @abstractmethod
    def carry_out(self, block: Block, began: Began) -> BlockReport:
        """All turns of a block, in order. Raises LoadError."""

    def stop(self) -> None:
        """End the turn under way before its time."""
        if self.turn is not None:
            self.turn.stop()


class Turn(ABC):
    """Load on one endpoint for a stretch of time. Greenlets do the work; this one waits, and keeps the books."""

    def __init__(self, rules: Rules, endpoint: Endpoint) -> None:
        self.rules = rules
        self.endpoint = endpoint
        self.tally = Tally()
        self.sent = 0
        self.started_ns = self.last_ns = self.end_ns = 0
        self._over = Event()
        self._stopped = False
        self._failure: BenchError | None = None

    def run(self, began: Began) -> TurnReport:
        """The whole turn. Raises LoadError when the load side failed."""
        self.prepare()
        began(self.rules.order)
        load_cpu_ns, target_cpu_ns = _load_cpu_ns(), cpu_time_ns(self.endpoint.pids)
        self.started_ns = self.last_ns = self.end_ns = monotonic_ns()
        if not self._over.is_set():
            self.end_ns += self.rules.window_ns
            self.begin()
        self._await_end()
        self.settle()
        target_cpu_end_ns = cpu_time_ns(self.endpoint.pids)
        load_cpu_ns = _load_cpu_ns() - load_cpu_ns
        self.leave()
        if self._failure is not None:
            raise self._failure
        self.tally.close_last_interval(self.elapsed_s, self.sent)
        known = target_cpu_ns is not None and target_cpu_end_ns is not None
        return self._report((target_cpu_end_ns or 0) - (target_cpu_ns or 0) if known else None, load_cpu_ns)

    def stop(self) -> None:
        """End before the time is up."""
        self._stopped = True
        self._over.set()

    def fail(self, error: BenchError) -> None:
        """End at once: figures from a load side that failed are no figures."""
        self._failure = self._failure or error
        self._over.set()

    @property
    def window_s(self) -> float:
        """How long requests were sent: as planned, unless the turn was stopped."""
        return (self.end_ns - self.started_ns) / 1e9 if self._stopped else self.rules.order.seconds

    # What each kind of turn does in its own way

    @property
    @abstractmethod
    def elapsed_s(self) -> float:
        """How long the turn was, as its rates are reckoned."""

    @abstractmethod
    def prepare(self) -> None:
        """Make all ready, before the clock starts."""

    @abstractmethod
    def begin(self) -> None:
        """The clock has started."""

    @abstractmethod
    def settle(self) -> None:
        """The time is up: await the last outcomes, or do without them."""

    @abstractmethod
    def leave(self) -> None:
        """Nothing is counted any more: go, or rest until the next turn."""

    def _await_end(self) -> None:
        interval_end_ns = self.started_ns + INTERVAL_NS
        while (left_ns := self.end_ns - monotonic_ns()) > 0:
            if self._over.wait(min(left_ns / 1e9, LOOK_EVERY_S)):
                self.end_ns = min(self.end_ns, monotonic_ns())
                return
            self.tally.flush_if_many()
            now = monotonic_ns()
            if self.rules.order.seconds >= INTERVALS_FROM_S and interval_end_ns <= now < self.end_ns:
                self.tally.close_interval((now - self.started_ns) / 1e9, self.sent)
                interval_end_ns += (1 + (now - interval_end_ns) // INTERVAL_NS) * INTERVAL_NS

    def _ledger(self) -> Ledger:
        return self.tally.ledger(self.sent)

    def _report(self, target_cpu_ns: int | None, load_cpu_ns: int) -> TurnReport:
        tally = self.tally
        return TurnReport(
            order=self.rules.order,
            started_ns=self.started_ns,
            elapsed_s=self.elapsed_s,
            ledger=self._ledger(),
            service_time=tally.service.histogram(),
            response_time=None,
            schedule_lag=None,
            error_time=tally.error_times.histogram(),
            target_cpu_s=None if target_cpu_ns is None else target_cpu_ns / 1e9,
            load_cpu_s=load_cpu_ns / 1e9,
            connects=tally.connects,
            reopened=tally.reopened,
            first_error=tally.first_error,
            waiting_s=tally.waiting_ns / 1e9,
            service_so_far=tally.service_so_far.histogram(),
            intervals=tuple(tally.intervals.closed),
        )


def _load_cpu_ns() -> int:
    """CPU time that this process has used or, in this thread, waited for."""
    return time.process_time_ns() + cpu_wait_ns()
