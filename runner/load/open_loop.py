"""The open loop: requests are due at planned instants, whether or not answers come."""

import math
import random
from collections import deque
from collections.abc import Iterator
from time import monotonic_ns

from ...results.ledger import ErrorKind
from .connection import Connection
from .pool import Lane, Pool
from .rules import Rules
from .turn import SPIN_NS, Turn

SENDS_IN_A_ROW = 64  # then answers get their turn, however late the plan is


def planned_instants(rules: Rules) -> Iterator[int]:
    """The instants at which requests are due, in nanoseconds from the turn's start, up to its end."""
    window_ns = rules.window_ns
    if rules.poisson:
        draw = random.Random(rules.seed)
        at_s = draw.expovariate(rules.rate_rps)
        while at_s * 1e9 < window_ns:
            yield round(at_s * 1e9)
            at_s += draw.expovariate(rules.rate_rps)
    else:
        count = 0
        while (at_ns := round((count / rules.rate_rps + rules.phase_s) * 1e9)) < window_ns:
            yield at_ns
            count += 1


class OpenTurn(Turn):
    """Sends when due on a connection that is free. What finds none is dropped and counted; nothing is caught up.

    A lane that could not connect takes a request too, which then is a connection error: a dead server must show as
    errors, not as drops. Where every request has a connection of its own, no lane is connected before one is due.
    """

    def __init__(self, rules: Rules, pool: Pool) -> None:
        super().__init__(rules, pool)
        self.tally.scheduled = self._scheduled = 0
        # First in, first out, as servers accept: one that waits for the bytes of one connection at a time gets them.
        self._free: deque[Lane] = deque()
        self._shut: deque[Lane] = deque()
        self._plan = planned_instants(rules)
        self._next_ns: int | None = None

    def begin(self) -> None:
        """Start the plan."""
        for lane in self.pool.lanes:
            if lane.connection is not None:
                self._free.append(lane)
            elif not self._reopened(lane):
                self._shut.append(lane)
        self._advance()
        self._tick()

    def ready(self, lane: Lane, connection: Connection) -> None:
        """A lane is free again."""
        self._free.append(lane)

    def no_connection(self, lane: Lane) -> None:
        """A request that had waited for this connection has failed with it."""
        if lane.owed:
            self._no_connection_error(lane)
            self._settled()
        self._shut.append(lane)

    def idle_lost(self, lane: Lane, connection: Connection) -> None:
        """A free connection was closed: open it again, if it ever served."""
        self._free.remove(lane)
        if connection.used:
            self.tally.reopened += 1
            lane.kept = False
            self._reopen(lane)
        else:
            self._shut.append(lane)

    def settle(self, lane: Lane, connection: Connection, kind: ErrorKind | None, now: int) -> None:
        """Count the outcome; the lane is free, or is opened again."""
        if now >= self.end_ns and not self.rules.drain:
            self.tally.unanswered(now, connection.sent_ns, connection.planned_ns)
            lane.drop()
            return
        latency_ns = now - connection.sent_ns
        response_ns = now - connection.planned_ns
        self._book(latency_ns, kind, now)
        if kind is None:
            self.tally.responses.waiting.append(response_ns)
        if kind is None and connection.keep:
            connection.rest(latency_ns, response_ns)
            self._free.append(lane)
        else:
            lane.drop()
            self._reopen(lane)
        self._settled()

    def take_back(self, connection: Connection) -> None:
        """The last answer was wrong after all."""
        super().take_back(connection)
        self.tally.responses.take_back(connection.last_response_ns)

    @property
    def elapsed_s(self) -> float:
        """The planned window: an answer that came in the drain was planned in it, and does not lengthen it."""
        return self.window_s

    def _reopen(self, lane: Lane) -> None:
        if self.pool.renews:
            self._shut.append(lane)
        elif monotonic_ns() < self.end_ns:
            lane.open()

    def _advance(self) -> None:
        offset_ns = next(self._plan, None)
        self._next_ns = None if offset_ns is None else self.started_ns + offset_ns

    def _tick(self) -> None:
        if not self.running:
            return
        self._send_due(SENDS_IN_A_ROW)
        if self._next_ns is None or self._ending:
            return
        wait_ns = self._next_ns - monotonic_ns()
        if wait_ns < SPIN_NS:
            self.loop.call_soon(self._tick)  # still serves I/O in each iteration
        else:
            self.loop.call_later((wait_ns - SPIN_NS / 2) / 1e9, self._tick)

    def _send_due(self, at_most: float) -> None:
        handled = 0
        while self._next_ns is not None and self._next_ns <= (now := monotonic_ns()) and handled < at_most:
            if self._next_ns >= self.end_ns:
                self._next_ns = None  # the turn was stopped: this is not planned any more
                break
            handled += 1
            planned_ns = self._next_ns
            self._advance()
            self._scheduled += 1
            if not self._free and not self._shut:
                self.tally.dropped += 1
                continue
            self.sent += 1
            self.tally.lags.waiting.append(now - planned_ns)
            if self._free:
                connection = self._free.popleft().connection
                assert connection is not None
                connection.planned_ns = planned_ns
                connection.send(now)
            else:
                self._shut.popleft().owe(planned_ns)
        self.tally.scheduled = self._scheduled

    def _end(self) -> None:
        self._send_due(math.inf)  # what fell due while the loop was late
        super()._end()
