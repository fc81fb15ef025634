"""What a turn looks at a few times a second: deadlines, latencies to bin, and seconds that are over."""

from time import monotonic_ns
from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .intervals import Seconds

if TYPE_CHECKING:
    from .turn import Turn

SWEEP_S = 0.05


class Watch:
    """One pass over all lanes is cheaper than a timer for each request."""

    __slots__ = ("_every_s", "_seconds", "_turn")

    def __init__(self, turn: "Turn") -> None:
        self._turn = turn
        self._every_s = max(min(turn.rules.timeout_s / 20, SWEEP_S), 0.001)

    def begin(self) -> None:
        """The clock has started."""
        self._seconds = Seconds(self._turn.started_ns, self._turn.rules.order.seconds)
        self.sweep()

    def sweep(self) -> None:
        """Look at everything, and again a little later."""
        turn = self._turn
        if not turn.running:
            return
        now = monotonic_ns()
        oldest_ns = self._fire_deadlines(now)
        if turn.until_ns:
            # Before the next deadline no answer is late, so that connections need not look.
            turn.until_ns = min(turn.end_ns, oldest_ns + turn.timeout_ns)
        turn.tally.flush_if_many()
        if now < turn.end_ns and self._seconds.one_over(now):
            turn.tally.close_interval((now - turn.started_ns) / 1e9, turn.sent)
        turn.loop.call_later(self._every_s, self.sweep)

    def _fire_deadlines(self, now: int) -> int:
        """Settle what is overdue; since when the oldest of the others has waited."""
        turn = self._turn
        limit_ns = now - turn.timeout_ns
        oldest_ns = now
        for lane in turn.pool.lanes:
            connection = lane.connection
            if connection is not None and connection.sent_ns:
                if connection.sent_ns < limit_ns:
                    turn.settle(lane, connection, turn.verdict(connection, ErrorKind.TIMEOUT, now), now)
                else:
                    oldest_ns = min(oldest_ns, connection.sent_ns)
            elif lane.attempt is not None:
                if lane.since_ns < limit_ns:
                    turn.give_up(lane)
                else:
                    oldest_ns = min(oldest_ns, lane.since_ns)
        return oldest_ns
