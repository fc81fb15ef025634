"""Counting what becomes of each request of a turn, at nanosecond prices while it runs."""

from array import array
from collections import Counter

import numpy as np

from ...results.histogram import Histogram, bucket_indices
from ...results.ledger import ErrorKind, Ledger
from .intervals import Intervals
from .orders import TurnOrder, TurnReport
from .processor import CpuUse

FLUSH_AT = 4096  # binning this many takes some 40 us


class Latencies:
    """Latencies in nanoseconds, binned to microseconds piece by piece, so that memory is bounded.

    While the turn runs the bins are a dense array: adding to it costs a fifth of merging histograms, and what binning
    takes makes requests late.
    """

    __slots__ = ("_bins", "waiting")

    def __init__(self) -> None:
        self.waiting = array("q")
        self._bins = np.zeros(0, dtype=np.int64)

    def flush(self) -> None:
        """Bin what is waiting."""
        if self.waiting:
            values_ns = np.array(self.waiting, dtype=np.int64)
            del self.waiting[:]
            indices = bucket_indices((values_ns + 500) // 1000)
            short = int(indices.max()) + 1 - len(self._bins)
            if short > 0:
                self._bins = np.concatenate((self._bins, np.zeros(short, dtype=np.int64)))
            np.add.at(self._bins, indices, 1)

    def flush_if_many(self) -> None:
        """Bin what is waiting if it is worth it; called a few times a second from the sweep."""
        if len(self.waiting) >= FLUSH_AT:
            self.flush()

    def take_back(self, latency_ns: int) -> None:
        """Remove a latency that was recorded before."""
        self.flush()
        self._bins[bucket_indices(np.array([(latency_ns + 500) // 1000]))] -= 1

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return int(self._bins.sum()) + len(self.waiting)

    def histogram(self) -> Histogram:
        """All that was recorded."""
        self.flush()
        (filled,) = np.nonzero(self._bins)
        return Histogram(dict(zip(filled.tolist(), self._bins[filled].tolist(), strict=True)))


class Tally:
    """The counts of one turn. `sent` is counted when sending, right answers and errors when they are seen, and what
    is in flight by looking at the connections: the ledger's balance is a check, not a tautology."""

    __slots__ = (
        "connects", "dropped", "error_times", "errors", "first_error", "in_flight", "intervals", "lags",
        "reopened", "response_so_far", "responses", "scheduled", "service", "service_so_far", "waiting_ns",
    )  # fmt: skip

    def __init__(self) -> None:
        self.scheduled: int | None = None
        self.dropped = 0
        self.in_flight = 0
        self.connects = 0
        self.reopened = 0
        self.errors: Counter[ErrorKind] = Counter()
        self.service = Latencies()
        self.error_times = Latencies()
        self.responses = Latencies()
        self.lags = Latencies()
        self.service_so_far = Latencies()
        self.response_so_far = Latencies()
        self.first_error = ""
        self.waiting_ns = 0
        self.intervals = Intervals()

    def flush_if_many(self) -> None:
        """Bin what has piled up."""
        for latencies in (self.service, self.error_times, self.responses, self.lags):
            latencies.flush_if_many()

    def error(self, kind: ErrorKind, latency_ns: int, reason: str = "") -> None:
        """A request failed, after so long."""
        self.errors[kind] += 1
        self.error_times.waiting.append(latency_ns)
        if reason and not self.first_error:
            self.first_error = reason

    def unanswered(self, now_ns: int, sent_ns: int, planned_ns: int) -> None:
        """A request is in flight at the turn's end; `planned_ns` is 0 in a closed loop."""
        self.in_flight += 1
        self.service_so_far.waiting.append(now_ns - sent_ns)
        if planned_ns:
            self.response_so_far.waiting.append(now_ns - planned_ns)

    def close_interval(self, until_s: float, sent: int) -> None:
        """A second is over: `until_s` after the turn's start, with so many requests sent in all."""
        self.intervals.close(until_s, sent, self.service.count, self.errors.total())

    def close_last_interval(self, until_s: float, sent: int) -> None:
        """The turn is over, and what is left of its last second with it."""
        self.intervals.finish(until_s, sent, self.service.count, self.errors.total())

    def report(
        self,
        order: TurnOrder,
        started_ns: int,
        elapsed_s: float,
        sent: int,
        cpu: CpuUse,
        *,
        open_loop: bool = False,
    ) -> TurnReport:
        """The turn's report, given what is known outside: its times, how many requests were sent, and what CPU time
        target and load process used."""
        return TurnReport(
            order=order,
            started_ns=started_ns,
            elapsed_s=elapsed_s,
            ledger=self.ledger(sent),
            service_time=self.service.histogram(),
            response_time=self.responses.histogram() if open_loop else None,
            schedule_lag=self.lags.histogram() if open_loop else None,
            error_time=self.error_times.histogram(),
            target_cpu_s=cpu.target_s,
            load_cpu_s=cpu.load_s,
            connects=self.connects,
            reopened=self.reopened,
            first_error=self.first_error,
            waiting_s=self.waiting_ns / 1e9,
            service_so_far=self.service_so_far.histogram(),
            response_so_far=self.response_so_far.histogram() if open_loop else None,
            intervals=tuple(self.intervals.closed),
            load_wait_s=cpu.load_wait_s,
        )

    def ledger(self, sent: int) -> Ledger:
        """The turn's ledger, given how many requests were sent. In a closed loop what is sent is what was scheduled."""
        return Ledger(
            scheduled=sent if self.scheduled is None else self.scheduled,
            sent=sent,
            dropped=self.dropped,
            ok=self.service.count,
            in_flight=self.in_flight,
            errors={kind.value: count for kind, count in sorted(self.errors.items())},
        )
