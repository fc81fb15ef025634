"""The closed loop: each connection sends when it has been answered."""

from time import monotonic_ns

from ...results.ledger import ErrorKind
from .connection import Connection
from .pool import Lane
from .turn import Turn

BACKOFF_S = 0.01
BACKOFF_PER_LANE_S = 0.0005  # many connections to a dead port must not keep the load core busy


class ClosedTurn(Turn):
    """All connections are busy until the time is up; each then rests after its last answer."""

    def begin(self) -> None:
        """Send on every connection, or connect for a first request."""
        self.until_ns = self.end_ns
        for lane in self.pool.lanes:
            if self.pool.renews:
                self.sent += 1
                lane.owe(0)
            elif lane.connection is not None:
                self.sent += 1
                lane.connection.send(monotonic_ns())
            elif not self._reopened(lane):
                self.no_connection(lane)

    def ready(self, lane: Lane, connection: Connection) -> None:
        """Send at once on a connection that was reopened."""
        now = monotonic_ns()
        if now < self.end_ns:
            self.sent += 1
            connection.send(now)
        else:
            lane.drop()

    def no_connection(self, lane: Lane) -> None:
        """Count the attempt, and try again after a pause."""
        owed = lane.owed
        self._no_connection_error(lane)
        if monotonic_ns() < self.end_ns:
            lane.open_later(max(BACKOFF_S, BACKOFF_PER_LANE_S * len(self.pool.lanes)))
        elif owed:
            self._settled()

    def idle_lost(self, lane: Lane, connection: Connection) -> None:
        """It rests already; the next turn opens it again."""

    def settle(self, lane: Lane, connection: Connection, kind: ErrorKind | None, now: int) -> None:
        """Count the outcome; send the next while there is time, on a new connection after an error."""
        time_left = now < self.end_ns
        if not time_left and not self.rules.drain:
            self.tally.unanswered(now, connection.sent_ns, connection.planned_ns)
            lane.drop()
            return
        latency_ns = now - connection.sent_ns
        self._book(latency_ns, kind, now)
        if kind is None and connection.keep:
            if time_left:
                self.sent += 1
                connection.send(now)
                return
            connection.rest(latency_ns)
        else:
            lane.drop()
            if time_left:
                lane.open()
                return
        self._settled()
