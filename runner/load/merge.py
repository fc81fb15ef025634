"""Adding up what several load processes saw of the same turns."""

from collections.abc import Sequence
from itertools import zip_longest

from ...results.histogram import Histogram
from ...results.ledger import Ledger
from .orders import Interval, SlowReport, TurnReport


def merge_turns(parts: Sequence[TurnReport]) -> TurnReport:
    """One turn from its parts: counts and histograms add up.

    It lasted from the first start to the last end, or for the planned window where every part did. Every part saw the
    CPU of the same target: the widest window counts. Of their own, the busiest one's: the
    fullest core is the limit, however idle the others are.
    """
    target_cpu_s = [part.target_cpu_s for part in parts]
    return TurnReport(
        order=parts[0].order,
        started_ns=min(part.started_ns for part in parts),
        elapsed_s=_elapsed_s(parts),
        ledger=Ledger.total(part.ledger for part in parts),
        service_time=Histogram.total(part.service_time for part in parts),
        response_time=_total([part.response_time for part in parts]),
        schedule_lag=_total([part.schedule_lag for part in parts]),
        error_time=Histogram.total(part.error_time for part in parts),
        target_cpu_s=None if None in target_cpu_s else max(cpu for cpu in target_cpu_s if cpu is not None),
        load_cpu_s=len(parts) * max(part.load_cpu_s for part in parts),
        connects=sum(part.connects for part in parts),
        reopened=sum(part.reopened for part in parts),
        first_error=next((part.first_error for part in parts if part.first_error), ""),
        waiting_s=max(part.waiting_s for part in parts),
        service_so_far=Histogram.total(part.service_so_far for part in parts),
        response_so_far=_total([part.response_so_far for part in parts]),
        intervals=_merge_intervals([part.intervals for part in parts]),
        load_wait_s=len(parts) * max(part.load_wait_s for part in parts),
    )


def merge_slow(parts: Sequence[SlowReport]) -> tuple[SlowReport, ...]:
    """One report of each endpoint's slow clients from those of all load processes."""
    return tuple(
        SlowReport(
            endpoint=endpoint,
            wanted=sum(part.wanted for part in own),
            held=sum(part.held for part in own),
            ended=sum(part.ended for part in own),
            refused=sum(part.refused for part in own),
        )
        for endpoint in sorted({part.endpoint for part in parts})
        if (own := [part for part in parts if part.endpoint == endpoint])
    )


def _merge_intervals(parts: Sequence[tuple[Interval, ...]]) -> tuple[Interval, ...]:
    """The n-th intervals of all parts as one. A part that has fewer than the others adds to those it has."""
    return tuple(
        Interval(
            until_s=max(interval.until_s for interval in together),
            sent=sum(interval.sent for interval in together),
            ok=sum(interval.ok for interval in together),
            errors=sum(interval.errors for interval in together),
        )
        for row in zip_longest(*parts)
        if (together := [interval for interval in row if interval is not None])
    )


def _elapsed_s(parts: Sequence[TurnReport]) -> float:
    planned_s = parts[0].order.seconds
    if all(part.elapsed_s == planned_s for part in parts):
        return planned_s
    first_ns = min(part.started_ns for part in parts)
    return max((part.started_ns - first_ns) / 1e9 + part.elapsed_s for part in parts)


def _total(histograms: Sequence[Histogram | None]) -> Histogram | None:
    known = [histogram for histogram in histograms if histogram is not None]
    return Histogram.total(known) if known else None
