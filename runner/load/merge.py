"""Adding up what several load processes saw of the same turns."""

from collections.abc import Sequence

from ...results.histogram import Histogram
from ...results.ledger import Ledger
from .orders import TurnReport


def merge_turns(parts: Sequence[TurnReport]) -> TurnReport:
    """One turn from its parts: counts, histograms and load CPU add up; it lasted from the first start, at the longest.

    Every part saw the CPU of the same target: the widest window counts.
    """
    target_cpu_s = [part.target_cpu_s for part in parts]
    return TurnReport(
        order=parts[0].order,
        started_ns=min(part.started_ns for part in parts),
        elapsed_s=max(part.elapsed_s for part in parts),
        ledger=Ledger.total(part.ledger for part in parts),
        service_time=Histogram.total(part.service_time for part in parts),
        response_time=_total([part.response_time for part in parts]),
        schedule_lag=_total([part.schedule_lag for part in parts]),
        error_time=Histogram.total(part.error_time for part in parts),
        target_cpu_s=None if None in target_cpu_s else max(cpu for cpu in target_cpu_s if cpu is not None),
        load_cpu_s=sum(part.load_cpu_s for part in parts),
        connects=sum(part.connects for part in parts),
        reopened=sum(part.reopened for part in parts),
        first_error=next((part.first_error for part in parts if part.first_error), ""),
    )


def _total(histograms: Sequence[Histogram | None]) -> Histogram | None:
    known = [histogram for histogram in histograms if histogram is not None]
    return Histogram.total(known) if known else None
