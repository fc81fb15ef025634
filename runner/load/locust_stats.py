"""Locust's own statistics, kept in agreement with our ledgers without paying for each request."""

import time
from collections.abc import Iterable
from typing import Any

from locust.stats import RequestStats, StatsEntry, StatsError, bucket_response_time

from ...results.histogram import Histogram, bucket_highest_us
from .orders import Block, Endpoint, TurnReport


def add_turns(stats: RequestStats, block: Block, turns: Iterable[TurnReport]) -> None:
    """Add what the turns saw to Locust's statistics: each endpoint's entry, the total, and its table of errors.

    As in Locust, failures count as requests too. What was in flight at a turn's end had no outcome and is not counted.
    """
    for turn in turns:
        endpoint = block.endpoints[turn.order.endpoint]
        seen = _entry(stats, endpoint, turn)
        if seen.num_requests:
            stats.entries[(endpoint.name, endpoint.method)].extend(seen)
            stats.total.extend(seen)
        for kind, count in turn.ledger.errors.items():
            key = StatsError.create_key(endpoint.method, endpoint.name, kind)
            error = stats.errors.setdefault(key, StatsError(endpoint.method, endpoint.name, kind))
            error.occurrences += count


def _entry(stats: RequestStats, endpoint: Endpoint, turn: TurnReport) -> StatsEntry:
    entry = StatsEntry(stats, endpoint.name, endpoint.method)
    ended_at = time.time() - (time.monotonic_ns() - turn.started_ns) / 1e9 + turn.elapsed_s
    entry.start_time = ended_at - turn.elapsed_s
    entry.last_request_timestamp = ended_at
    entry.num_requests = turn.ledger.ok + turn.ledger.error_count
    entry.num_failures = turn.ledger.error_count
    _add_times(entry, turn.service_time + turn.error_time)
    entry.num_reqs_per_sec.update(_spread(entry.num_requests, entry.start_time, ended_at))
    entry.num_fail_per_sec.update(_spread(entry.num_failures, entry.start_time, ended_at))
    return entry


def _add_times(entry: StatsEntry, times: Histogram) -> None:
    # Locust's annotations say int; its own clients give it fractions of milliseconds.
    entry_times: Any = entry
    for index, count in times.counts.items():
        time_ms = bucket_highest_us(index) / 1000
        entry.response_times[bucket_response_time(time_ms)] += count
        entry_times.total_response_time += time_ms * count
    if times.counts:
        entry_times.min_response_time = times.min_us / 1000
        entry_times.max_response_time = times.max_us / 1000


def _spread(count: int, start: float, end: float) -> dict[int, int]:
    """A count laid evenly over the seconds from `start` to `end`."""
    seconds = range(int(start), int(end) + 1)
    each, left = divmod(count, len(seconds))
    return {second: each + (at < left) for at, second in enumerate(seconds) if each + (at < left)}
