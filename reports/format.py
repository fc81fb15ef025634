"""Numbers and names as people read them: three significant figures, thousands separators, never an exponent."""

import math
import unicodedata
from collections.abc import Sequence

from ..results.estimate import Estimate

MISSING = "–"
SIGNIFICANT = 3
NAMED_MAX = 6
_DECIMALS_MAX = 6
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


def number(value: float | None) -> str:
    """A single figure: ``12,300``, ``1.83``, ``0.0123``; an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    return _fixed(value, _decimals(value))


def exact(value: float) -> str:
    """A figure that was chosen, not measured: ``50``, ``0.5``, ``1,500``; without zeros that would claim precision."""
    if not math.isfinite(value):
        return MISSING
    text = _fixed(value, _DECIMALS_MAX)
    return text.rstrip("0").rstrip(".")


def value_of(estimate: Estimate | None) -> str:
    """An estimate's value alone, rounded as in its interval."""
    if estimate is None or not math.isfinite(estimate.value):
        return MISSING
    return _fixed(estimate.value, _decimals_of(estimate))


def interval(estimate: Estimate | None) -> str:
    """``[12,100 to 12,500]``, or nothing where one repetition gives no interval."""
    bounds = _bounds(estimate)
    return f"[{bounds[0]} to {bounds[1]}]" if bounds else ""


def ratio_interval(estimate: Estimate | None) -> str:
    """``[1.12, 1.25]``, or nothing where one repetition gives no interval."""
    bounds = _bounds(estimate)
    return f"[{bounds[0]}, {bounds[1]}]" if bounds else ""


def quantity(estimate: Estimate | None, unit: str = "") -> str:
    """A figure in prose, with its unit and its interval: ``12,300 requests/s [12,100 to 12,500]``."""
    if estimate is None or not math.isfinite(estimate.value):
        return MISSING
    head = f"{value_of(estimate)} {unit}".rstrip()
    return f"{head} {interval(estimate) or no_interval(estimate)}"


def ratio(estimate: Estimate | None) -> str:
    """A ratio with its interval: ``1.18× [1.12, 1.25]``."""
    if estimate is None or not math.isfinite(estimate.value):
        return MISSING
    return f"{value_of(estimate)}× {ratio_interval(estimate) or no_interval(estimate)}"


def ratio_value(estimate: Estimate | None) -> str:
    """A ratio alone, for where its interval stands beside it: ``1.18×``."""
    text = value_of(estimate)
    return text if text == MISSING else f"{text}×"


def no_interval(estimate: Estimate) -> str:
    """Why there is no interval."""
    return "(one launch: no interval)" if estimate.n == 1 else "(no interval)"


def percent(share: float | None) -> str:
    """A share of one as a percentage: ``2.4 %``."""
    text = number(None if share is None else share * 100)
    return text if text == MISSING else f"{text} %"


def whole(value: int) -> str:
    """An exact count: ``1,234,567``."""
    return f"{value:,}".replace("-", "−")


def duration(seconds: float | None) -> str:
    """A stretch of time: ``0.25 s``, ``48 s``, ``2 min 05 s``, ``1 h 02 min``."""
    if seconds is None or not math.isfinite(seconds) or seconds < 0:
        return MISSING
    if seconds < 10:
        return f"{_fixed(seconds, min(_decimals(seconds), 2))} s"
    total = round(seconds)
    minutes, rest = divmod(total, 60)
    if total < 60:
        return f"{total} s"
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"


def counted(count: int, noun: str, plural: str = "") -> str:
    """A count and its noun: ``1 target``, ``3 targets``."""
    return f"{whole(count)} {noun if count == 1 else plural or noun + 's'}"


def joined(names: Sequence[str]) -> str:
    """Names in prose: ``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def shortlist(names: Sequence[str], most: int = NAMED_MAX) -> list[str]:
    """The first few of many names, and how many more there are."""
    kept = list(names[:most]) if len(names) > most + 1 else list(names)
    return kept if len(kept) == len(names) else [*kept, f"{len(names) - len(kept)} more"]


def plain(text: str) -> str:
    """Text from outside, made harmless for a terminal and for SVG: one line, no control characters."""
    return "".join("\ufffd" if _is_control(character) else character for character in " ".join(text.split()))


def shortened(text: str, limit: int) -> str:
    """Text in at most `limit` columns, cut in the middle, since the ends of a target's name tell most."""
    if columns(text) <= limit:
        return text
    head, tail = "", ""
    for front, back in zip(text, reversed(text), strict=True):
        if columns(head + front + tail) >= limit:
            break
        head += front
        if columns(head + back + tail) >= limit:
            break
        tail = back + tail
    return f"{head}…{tail}"


def columns(text: str) -> int:
    """How many columns text takes where East Asian characters take two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return category in ("Cc", "Cs", "Cn") or character in _BIDI_CONTROLS


def _bounds(estimate: Estimate | None) -> tuple[str, str] | None:
    if estimate is None or estimate.low is None or estimate.high is None:
        return None
    if not all(math.isfinite(bound) for bound in (estimate.value, estimate.low, estimate.high)):
        return None
    decimals = _decimals_of(estimate)
    return _fixed(estimate.low, decimals), _fixed(estimate.high, decimals)


def _decimals_of(estimate: Estimate) -> int:
    """How an estimate and its bounds are rounded alike.

    A value near zero inside a wide interval needs no more digits than the interval; an interval so narrow that its
    bounds would read the same gets one digit more.
    """
    low, high = estimate.low, estimate.high
    if low is None or high is None or not math.isfinite(high - low):
        return _decimals(estimate.value)
    decimals = _decimals(max(abs(estimate.value), (high - low) / 2))
    collapsed = low < high and _fixed(low, decimals) == _fixed(high, decimals)
    return min(decimals + 1, _DECIMALS_MAX) if collapsed else decimals


def _decimals(value: float) -> int:
    if value == 0:
        return 0
    exponent = int(f"{value:.{SIGNIFICANT - 1}e}".rpartition("e")[2])
    return min(SIGNIFICANT - 1 - exponent, _DECIMALS_MAX)


def _fixed(value: float, decimals: int) -> str:
    # Close to the largest float, rounding up would overflow.
    rounded = round(value, decimals) if abs(value) < 1e300 else value
    text = f"{rounded:,.{max(decimals, 0)}f}"
    if text.startswith("-"):
        text = f"−{text[1:]}" if any(digit in "123456789" for digit in text) else text[1:]
    return text
