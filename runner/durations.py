"""Durations as users write them: ``10s``, ``2m``, ``1h``, ``500ms``, ``1m30s``, or plain seconds."""

import math
import re

from ..results.errors import UsageError

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(ms|s|m|h)")
_LONGEST_S = 7 * 24 * 3600.0


def parse_duration_s(text: str) -> float:
    """The duration in seconds. Raises UsageError when it is none, or not above zero."""
    written = text.strip().lower()
    try:
        seconds = float(written)
    except ValueError:
        parts = _PART.findall(written)
        if not parts or _PART.sub("", written).strip():
            raise UsageError(f"{text!r} is no duration", "write for example 10s, 2m, 500ms or 1m30s") from None
        seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    if not math.isfinite(seconds) or not 0 < seconds <= _LONGEST_S:
        raise UsageError(f"{text!r} is no duration that can be measured", "it must be above zero, and a week at most")
    return seconds
