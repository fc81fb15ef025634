"""Percentiles of latencies, some known only so far: a request still in flight has taken that long at least.

Leaving those out makes a server look best when it hangs. Here each is taken to be like the answers that took as long
(Kaplan and Meier's estimate); what the answers do not reach cannot be known, and has a lower bound instead.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...results.histogram import Histogram, bucket_highest_us, bucket_lowest_us

PERCENTILES: Mapping[str, float] = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
MAX = "max"
SAMPLES_BEYOND = 10
NOTHING = Histogram({})


@dataclass(frozen=True, slots=True)
class Percentiles:
    """By name (``p50`` … ``max``), in milliseconds: what is known, else None; and what that is at the least, where
    requests without an answer hide it. With fewer than ten samples beyond, a percentile is neither."""

    known_ms: Mapping[str, float | None]
    at_least_ms: Mapping[str, float]


def percentiles_of(times: Histogram, so_far: Histogram = NOTHING) -> Percentiles:
    """Of answers that took `times`, and of requests in flight that have taken `so_far`."""
    every = times + so_far
    known: dict[str, float | None] = {}
    at_least: dict[str, float] = {}
    for name, percentile in PERCENTILES.items():
        known[name] = None
        if every.supports(percentile, SAMPLES_BEYOND):
            known[name] = _known_ms(times, so_far, percentile)
            if known[name] is None:
                at_least[name] = bucket_lowest_us(_bucket(every, percentile)) / 1000
    known[MAX] = None
    if so_far.counts and max(so_far.counts) > max(times.counts, default=-1):
        at_least[MAX] = bucket_lowest_us(max(so_far.counts)) / 1000
    elif times.counts:
        known[MAX] = times.max_us / 1000
    return Percentiles(known, at_least)


def count_above(times: Histogram, limit_us: float) -> int:
    """How many latencies are surely above a limit."""
    return sum(count for bucket, count in times.counts.items() if bucket_lowest_us(bucket) > limit_us)


def _known_ms(times: Histogram, so_far: Histogram, percentile: float) -> float | None:
    buckets = np.array(sorted({*times.counts, *so_far.counts}), dtype=np.int64)
    answered = np.array([times.counts.get(int(bucket), 0) for bucket in buckets], dtype=np.int64)
    in_flight = np.array([so_far.counts.get(int(bucket), 0) for bucket in buckets], dtype=np.int64)
    # As many are known to have taken this long; of those, so many were answered then.
    this_long = np.cumsum((answered + in_flight)[::-1])[::-1]
    longer_share = np.cumprod(1 - answered / this_long)
    (reached,) = np.nonzero(longer_share <= (100 - percentile) / 100 + 1e-9)
    if not reached.size or this_long[reached[0]] < SAMPLES_BEYOND:
        return None
    return bucket_highest_us(int(buckets[reached[0]])) / 1000


def _bucket(times: Histogram, percentile: float) -> int:
    highest_us = times.percentile_us(percentile)
    return next(bucket for bucket in times.counts if bucket_highest_us(bucket) == highest_us)
