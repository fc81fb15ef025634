"""Whether a server was another one in the end than in the beginning: one figure for both would describe neither."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .orders import Interval

# Machines change their speed as well, but seldom as much, and seldom in one direction only.
CHANGE_SHARE = 1 / 3
TREND_P = 0.01
FEWEST = 6  # with fewer intervals no order of them is rare enough
MOST = 60  # of a long run, several intervals are taken as one
SIDE = 3  # intervals on each side of a sudden change
# Counts scatter by their square root: a difference has to be this many times as large.
SCATTERS = 4.0


@dataclass(frozen=True, slots=True)
class Change:
    """Right answers per second before and after. `at_s` is when they changed, None where they did so little by little;
    `before_s` and `after_s` are the stretches that the figures are from, in seconds from the start."""

    before_rps: float
    after_rps: float
    before_s: tuple[float, float]
    after_s: tuple[float, float]
    at_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Stretch:
    from_s: float
    until_s: float
    ok: int

    @property
    def rps(self) -> float:
        return self.ok / (self.until_s - self.from_s)


def change_over_time(intervals: Sequence[Interval]) -> Change | None:
    """How the rate of right answers changed, the first interval left out; None where it did not, or not surely."""
    starts = [interval.until_s for interval in intervals]
    stretches = [
        _Stretch(start_s, interval.until_s, interval.ok)
        for start_s, interval in zip(starts, intervals[1:], strict=False)
        if interval.until_s > start_s
    ]
    if len(stretches) < FEWEST:
        return None
    size = -(-len(stretches) // MOST)
    stretches = [_whole(stretches[at : at + size]) for at in range(0, len(stretches), size)]
    return _sudden(stretches) or _gradual(stretches)


def _sudden(stretches: Sequence[_Stretch]) -> Change | None:
    """One moment before which every second was better (or worse) than every one after it, by most of the difference."""
    found: list[tuple[float, Change]] = []
    for at in range(SIDE, len(stretches) - SIDE + 1):
        before, after = stretches[:at], stretches[at:]
        change = _change(before, after, at_s=before[-1].until_s)
        gap_rps = max(
            min(part.rps for part in before) - max(part.rps for part in after),
            min(part.rps for part in after) - max(part.rps for part in before),
        )
        if change is not None and gap_rps > abs(change.after_rps - change.before_rps) / 2:
            found.append((gap_rps, change))
    return max(found, key=lambda each: each[0])[1] if found else None


def _gradual(stretches: Sequence[_Stretch]) -> Change | None:
    """A trend in one direction: Kendall's test, and the last fifth against the first."""
    if _trend_p([stretch.rps for stretch in stretches]) >= TREND_P:
        return None
    part = max(len(stretches) // 5, 2)
    return _change(stretches[:part], stretches[-part:])


def _change(before: Sequence[_Stretch], after: Sequence[_Stretch], at_s: float | None = None) -> Change | None:
    one, other = _whole(before), _whole(after)
    lower, higher = sorted((one.rps, other.rps))
    if lower > higher * (1 - CHANGE_SHARE):
        return None
    scatter_rps = math.hypot(*(math.sqrt(part.ok) / (part.until_s - part.from_s) for part in (one, other)))
    if higher - lower <= SCATTERS * scatter_rps:
        return None
    return Change(one.rps, other.rps, (one.from_s, one.until_s), (other.from_s, other.until_s), at_s)


def _whole(stretches: Sequence[_Stretch]) -> _Stretch:
    return _Stretch(stretches[0].from_s, stretches[-1].until_s, sum(stretch.ok for stretch in stretches))


def _trend_p(values: Sequence[float]) -> float:
    """How likely such an order of values is without a trend: Kendall's (Mann's) test, two-sided, by the normal
    approximation, which is on the safe side for few values."""
    count = len(values)
    score = sum(
        (later > earlier) - (later < earlier) for at, earlier in enumerate(values) for later in values[at + 1 :]
    )
    deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return math.erfc(max(abs(score) - 1, 0) / deviation / math.sqrt(2))
