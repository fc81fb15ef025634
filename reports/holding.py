"""What waiting costs: how near a target comes to what waiting allows, and what memory each request in flight takes."""

from collections.abc import Sequence

from ..results.estimate import Estimate
from ..results.summary import Result, Summary
from .format import counted, exact, number, percent, plain, quantity
from .measures import figure_of, held_one
from .panels import Panel, Row

NAMED_MEMORIES_MAX = 4


def slope_sentence(panel: Panel, *, first: bool) -> str:
    """What one more held costs, from the least to the most; `first` in its verdict, so that it begins in lower case."""
    known = [row for row in panel.ranked if row.held is not None]
    one = held_one(panel.scenario)
    if not known:
        return f"{'what' if first else 'What'} one {one} takes is not known, for want of a second level."
    least, most = known[0], known[-1]
    text = f"{'one' if first else 'One'} more {one} held costs {_name(least)} {quantity(least.held, 'KiB')}"
    return f"{text}, and {_name(most)} {quantity(most.held, 'KiB')}." if most != least else f"{text}."


def holding_rate(panel: Panel) -> list[str]:
    """Who answers most of those that hold, which is bounded by the wait alone."""
    answered = [row for row in panel.ranked if row.result.throughput_rps is not None]
    if panel.open_loop or not answered:
        return []
    best = max(answered, key=lambda row: row.result.throughput_rps.value if row.result.throughput_rps else 0.0)
    return [
        f"{_name(best)} answers most, {quantity(figure_of(best.result), panel.measure.unit)}.",
        *limit_of(panel, best),
    ]


def limit_of(panel: Panel, row: Row) -> list[str]:
    """How near a target comes to what waiting allows."""
    limit = panel.limit_rps
    if not limit or not row.result.throughput_rps:
        return []
    return [
        f"That is {percent(row.result.throughput_rps.value / limit)} of the {number(limit)} requests/s that "
        f"{counted(panel.level.concurrency, 'connection')} can give when every answer takes "
        f"{exact(panel.scenario.floor_ms)} ms at least."
    ]


def memories(rows: Sequence[Row], panel: Panel, summary: Summary) -> list[str]:
    """The memory of some targets at their peak."""
    known = [memory for row in rows[:NAMED_MEMORIES_MAX] if (memory := _memory(row.result, panel, summary))]
    return [f"Memory at the peak: {'; '.join(known)}."] if known else []


def slope_of(summary: Summary, target: str, scenario: str) -> Estimate | None:
    """What a request in flight costs a target in memory, KiB."""
    slopes = (slope for slope in summary.memory_slopes if slope.target == target and slope.scenario == scenario)
    found = next(slopes, None)
    return found.memory_per_request_kib if found else None


def _memory(result: Result, panel: Panel, summary: Summary) -> str:
    if result.memory_mib.peak is None:
        return ""
    text = f"{plain(result.target)} {quantity(result.memory_mib.peak, f'MiB {result.memory_mib.kind.upper()}')}"
    slope = None if panel.holding else slope_of(summary, result.target, result.scenario)
    return f"{text}, {quantity(slope, 'KiB')} for each {held_one(panel.scenario)} held" if slope else text


def _name(row: Row) -> str:
    return plain(row.result.target)
