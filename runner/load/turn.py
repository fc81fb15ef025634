"""A turn: load on one endpoint for a short stretch. What closed and open loop have in common."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from time import monotonic_ns

from ...results.ledger import ErrorKind, Ledger
from .connection import Connection
from .draws import Draws
from .pool import Lane, Pool
from .rules import Rules
from .tally import Tally
from .watch import Watch

SPIN_NS = 1_500_000  # no timer is finer than 1 ms, and uvloop's rounds down
RESEND_WITHIN_NS = 20_000_000  # an end that crossed with a request is seen at once
DEADLINES_TO_CONNECT = 10


class Turn(ABC):
    """Hears from its pool's lanes what becomes of connections and requests, and keeps the books.

    Up to `until_ns` connections count and send by themselves (0: never); `record` and `sent` are theirs to use.
    """

    def __init__(self, rules: Rules, pool: Pool) -> None:
        self.rules = rules
        self.pool = pool
        self.loop = pool.loop
        self.tally = Tally()
        self.known = b""  # a whole right answer: one that is the same byte for byte is right too
        self.draws = Draws(pool.endpoint.mix, rules.mix_seed)
        self.record: Callable[[int], None] = self.tally.service.waiting.append
        self.sent = 0
        self.until_ns = 0
        self.end_ns = 0
        self.started_ns = 0
        self.last_ns = 0
        self.running = False
        self.timeout_ns = round(rules.timeout_s * 1e9)
        self.outcome: asyncio.Future[None] = self.loop.create_future()
        self._ending = False
        self._stopped = False
        self._outstanding = 0
        self._connecting = 0
        self._all_connected: asyncio.Future[None] | None = None
        self._watch = Watch(self)

    # The stretches of a turn

    async def prepare(self) -> None:
        """Open all connections, before the clock starts. One that cannot be opened keeps its reason.

        Where every request has a connection of its own, connecting belongs to it: then there is nothing to prepare.
        """
        self.pool.begin(self)
        if self._stopped or self.pool.renews:
            return
        shut = [lane for lane in self.pool.lanes if lane.connection is None]
        for lane in shut:
            self.tally.reopened += lane.kept
            lane.kept = False
            lane.open()
        self._connecting = len(shut)
        if not shut:
            return
        self._all_connected = self.loop.create_future()
        if not await self._connect_all(self._all_connected):
            for lane in shut:
                if lane.attempt is not None:
                    self.give_up(lane)
        self._all_connected = None

    async def _connect_all(self, all_connected: asyncio.Future[None]) -> bool:
        """Wait until all connections stand, as long as within a deadline at least one more does; False if not."""
        for _ in range(DEADLINES_TO_CONNECT):
            before = self._connecting
            done, _ = await asyncio.wait([all_connected], timeout=self.rules.timeout_s)
            if done or self._connecting == before:
                return bool(done)
        return False

    async def run(self, start_ns: int = 0) -> None:
        """Load until the time is up and the end is settled. With `start_ns`, begin at that instant."""
        while (wait_ns := start_ns - monotonic_ns()) > 0:  # noqa: ASYNC110 - a clock, no event
            await asyncio.sleep(max(wait_ns - SPIN_NS, 0) / 1e9)
        self.running = True
        self.started_ns = self.last_ns = self.end_ns = monotonic_ns()
        if not self._stopped:
            self.end_ns += self.rules.window_ns
            self.begin()
        self._await_end()
        self._watch.begin()
        try:
            await self.outcome
        finally:
            self.running = False
            self.pool.settle()
        self.tally.close_last_interval(self.elapsed_s, self.sent)

    def stop(self, end_ns: int = 0) -> None:
        """End before the time is up: at the instant `end_ns`, or now if that is past. One that has not begun ends as
        soon as it begins."""
        end_ns = max(end_ns, monotonic_ns())
        if self._all_connected is not None and not self._all_connected.done():
            self._all_connected.set_result(None)
        if not self.started_ns:
            self._stopped = True
        elif end_ns < self.end_ns:
            self._stopped = True
            self.end_ns = end_ns
            self.until_ns = min(self.until_ns, end_ns)
            self._await_end()

    @property
    def elapsed_s(self) -> float:
        """With drain, from first send to last outcome; else the planned window."""
        return (self.last_ns - self.started_ns) / 1e9 if self.rules.drain else self.window_s

    @property
    def window_s(self) -> float:
        """How long requests were sent: as planned, unless the turn was stopped."""
        return (self.end_ns - self.started_ns) / 1e9 if self._stopped else self.rules.order.seconds

    def ledger(self) -> Ledger:
        """What became of every request."""
        return self.tally.ledger(self.sent)

    # What lanes tell

    def connected(self, lane: Lane, connection: Connection) -> None:
        """A connection stands."""
        if not self.running:
            self._one_connected()
        elif lane.owed:
            lane.owed = False
            connection.planned_ns = lane.planned_ns
            connection.send(lane.sent_ns or monotonic_ns())
        else:
            self.ready(lane, connection)

    def connect_failed(self, lane: Lane, reason: str, kind: ErrorKind = ErrorKind.CONNECT) -> None:
        """A connection could not be made, or was of no use: `kind` is what a request is that needed it."""
        lane.failure, lane.failed_as = reason, kind
        if not self.running:
            self._one_connected()
        else:
            self.no_connection(lane)

    def lost(self, lane: Lane, connection: Connection, exc: Exception | None) -> None:
        """A connection ended that nobody here had closed."""
        if not self.running:
            return
        if not connection.sent_ns:
            self.idle_lost(lane, connection)
            return
        now = monotonic_ns()
        kind = connection.at_end(exc)
        if kind in (ErrorKind.CLOSED, ErrorKind.RESET) and self._crossed(connection, now):
            self.tally.reopened += 1
            connection.give_back()
            lane.owe(connection.planned_ns, connection.sent_ns)
            return
        self.settle(lane, connection, self.verdict(connection, kind, now), now)

    def unasked(self, lane: Lane, connection: Connection) -> None:
        """Bytes came while no request was in flight: the answer before had a surplus, so it was not right."""
        lane.drop()
        if not self.running:
            lane.kept = connection.used
            return
        if connection.last_ns:
            self.take_back(connection)
            self.tally.error(ErrorKind.SURPLUS, connection.last_ns, connection.explain(ErrorKind.SURPLUS))
        self.idle_lost(lane, connection)

    def verdict(self, connection: Connection, kind: ErrorKind | None, now: int) -> ErrorKind | None:
        """An outcome in view of the deadline: whatever comes after it is a timeout. Notes the first error."""
        kind = ErrorKind.TIMEOUT if now - connection.sent_ns > self.timeout_ns else kind
        if kind is not None and not self.tally.first_error:
            self.tally.first_error = connection.explain(kind)
        return kind

    # What closed and open loop do differently

    @abstractmethod
    def begin(self) -> None:
        """The clock has started."""

    @abstractmethod
    def ready(self, lane: Lane, connection: Connection) -> None:
        """A new connection stands, in the middle of the turn."""

    @abstractmethod
    def no_connection(self, lane: Lane) -> None:
        """A connection could not be made, in the middle of the turn."""

    @abstractmethod
    def idle_lost(self, lane: Lane, connection: Connection) -> None:
        """A connection with nothing in flight was closed."""

    @abstractmethod
    def settle(self, lane: Lane, connection: Connection, kind: ErrorKind | None, now: int) -> None:
        """A request has its outcome: right (`kind` None), or wrong."""

    def take_back(self, connection: Connection) -> None:
        """The connection's last answer had counted as right, and turned out wrong."""
        self.tally.service.take_back(connection.last_ns)

    def _reopened(self, lane: Lane) -> bool:
        """Open again what the server closed while it was kept alive for this turn; False if it is not that."""
        kept, lane.kept = lane.kept, False
        if kept:
            self.tally.reopened += 1
            lane.open()
        return kept

    def _crossed(self, connection: Connection, now: int) -> bool:
        """Whether a connection was closed while idle, its end crossing with our request: that is sent again, once."""
        at_once = now - connection.sent_ns <= RESEND_WITHIN_NS
        return connection.untouched and at_once and connection.repeatable

    # Books

    def _book(self, latency_ns: int, kind: ErrorKind | None, now: int) -> None:
        self.last_ns = now
        if kind is None:
            self.record(latency_ns)
        else:
            self.tally.error(kind, latency_ns)

    def _no_connection_error(self, lane: Lane) -> None:
        """Book an attempt to connect as a request that was sent and failed."""
        now = self.last_ns = monotonic_ns()
        if not lane.owed:
            self.sent += 1
        kind = lane.failed_as if lane.failure else ErrorKind.CONNECT
        self.tally.error(kind, now - lane.since_ns, lane.failure or "the connection did not last")
        lane.owed = False

    def give_up(self, lane: Lane) -> None:
        """A connection has taken too long to be made."""
        endpoint = self.pool.endpoint
        opening = lane.incoming is not None and lane.incoming.opening
        lane.cancel()
        what = "no WebSocket" if opening else "no connection"
        reason = f"{what} to {endpoint.host}:{endpoint.port} within {self.rules.timeout_s:g} s"
        self.connect_failed(lane, reason, ErrorKind.TIMEOUT if opening else ErrorKind.CONNECT)

    # Time

    def _await_end(self) -> None:
        left_ns = self.end_ns - monotonic_ns()
        if left_ns <= 0:
            # Once round the loop first: an answer that is here and was not yet looked at is none that was not given.
            self.loop.call_soon(self.loop.call_soon, self._end)
        elif left_ns > SPIN_NS:
            self.loop.call_later((left_ns - SPIN_NS / 2) / 1e9, self._await_end)
        else:
            self.loop.call_later(0.001, self._await_end)

    def _end(self) -> None:
        """The time is up: whoever only tries to connect rests, and what is in flight is waited for, or is not."""
        if not self.running or self._ending:
            return
        now = monotonic_ns()
        for lane in self.pool.lanes:
            if not lane.owed:
                lane.cancel()
            if not self.rules.drain and lane.in_flight:
                since_ns = lane.waiting_since_ns
                self.tally.unanswered(now, since_ns, lane.due_ns)
                self.tally.waiting_ns = max(self.tally.waiting_ns, now - since_ns)
                lane.owed = False
                lane.cancel()
                lane.drop()
        self._outstanding = sum(lane.in_flight for lane in self.pool.lanes)
        self._ending = True
        self._finish_if_settled()

    def _settled(self) -> None:
        """One request fewer is in flight."""
        if self._ending:
            self._outstanding -= 1
            self._finish_if_settled()

    def _finish_if_settled(self) -> None:
        if self._outstanding == 0 and not self.outcome.done():
            self.outcome.set_result(None)

    def _one_connected(self) -> None:
        self._connecting -= 1
        if self._connecting == 0 and self._all_connected is not None and not self._all_connected.done():
            self._all_connected.set_result(None)
