"""A turn of plain Locust: what the suite's own requests and a user's own locustfile have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic_ns

from gevent.event import Event

from ....results.errors import BenchError
from ..intervals import Seconds
from ..orders import Block, BlockReport, Endpoint, Json, TurnOrder, TurnReport
from ..processor import CpuMark
from ..rules import Rules
from ..tally import Tally

LOOK_EVERY_S = 0.25

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
        mark = CpuMark(self.endpoint.pids)
        self.started_ns = self.last_ns = self.end_ns = monotonic_ns()
        if not self._over.is_set():
            self.end_ns += self.rules.window_ns
            self.begin()
        self._await_end()
        self.settle()
        cpu = mark.since_s()
        self.leave()
        if self._failure is not None:
            raise self._failure
        self.tally.close_last_interval(self.elapsed_s, self.sent)
        return self.tally.report(self.rules.order, self.started_ns, self.elapsed_s, self.sent, cpu)

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
        seconds = Seconds(self.started_ns, self.rules.order.seconds)
        while (left_ns := self.end_ns - monotonic_ns()) > 0:
            if self._over.wait(min(left_ns / 1e9, LOOK_EVERY_S)):
                self.end_ns = min(self.end_ns, monotonic_ns())
                return
            self.tally.flush_if_many()
            now = monotonic_ns()
            if now < self.end_ns and seconds.one_over(now):
                self.tally.close_interval((now - self.started_ns) / 1e9, self.sent)
