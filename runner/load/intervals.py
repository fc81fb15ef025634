"""A turn second by second: stretches whose counts add up to the ledger's, whatever is corrected later."""

from .orders import Interval

INTERVAL_NS = 1_000_000_000
INTERVALS_FROM_S = 2.0  # a shorter turn is told as a whole
SHORTEST_S = 0.5  # what is left over at the end and shorter belongs to the stretch before


class Seconds:
    """When the next second of a turn is over."""

    __slots__ = ("_end_ns",)

    def __init__(self, started_ns: int, planned_s: float) -> None:
        self._end_ns = started_ns + INTERVAL_NS if planned_s >= INTERVALS_FROM_S else None

    def one_over(self, now_ns: int) -> bool:
        """Whether one is, or several at once; then the next is waited for."""
        if self._end_ns is None or now_ns < self._end_ns:
            return False
        self._end_ns += (1 + (now_ns - self._end_ns) // INTERVAL_NS) * INTERVAL_NS
        return True


class Intervals:
    """The stretches of a turn that are over."""

    __slots__ = ("_errors", "_ok", "_sent", "closed")

    def __init__(self) -> None:
        self.closed: list[Interval] = []
        self._sent = self._ok = self._errors = 0

    def close(self, until_s: float, sent: int, ok: int, errors: int) -> None:
        """End a stretch, `until_s` after the turn's start, with so many requests sent, right and wrong in all."""
        part = Interval(until_s, sent - self._sent, ok - self._ok, errors - self._errors)
        self._sent, self._ok, self._errors = sent, ok, errors
        self.closed.append(part)
        self._take_back()

    def finish(self, until_s: float, sent: int, ok: int, errors: int) -> None:
        """End the turn's last stretch."""
        if not self.closed:
            return
        self.close(max(until_s, self.closed[-1].until_s), sent, ok, errors)
        *_, before, last = self.closed
        if last.until_s - before.until_s < SHORTEST_S:
            self.closed[-2:] = [_together(before, last)]

    def _take_back(self) -> None:
        """An answer that was taken back had counted in a stretch before: no stretch has fewer than none."""
        at = len(self.closed) - 1
        while at > 0 and (owed := -self.closed[at].ok) > 0:
            here, before = self.closed[at], self.closed[at - 1]
            self.closed[at] = Interval(here.until_s, here.sent, 0, here.errors)
            self.closed[at - 1] = Interval(before.until_s, before.sent, before.ok - owed, before.errors)
            at -= 1


def _together(one: Interval, other: Interval) -> Interval:
    return Interval(other.until_s, one.sent + other.sent, one.ok + other.ok, one.errors + other.errors)
