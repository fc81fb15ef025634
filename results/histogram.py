"""Latency histograms: log-linear buckets of three significant digits, as HdrHistogram lays them out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# HdrHistogram's layout for 3 significant digits: 2048 sub-buckets, each further bucket doubles the step.
# https://github.com/HdrHistogram/HdrHistogram (AbstractHistogram.countsArrayIndex)
SUB_BUCKET_BITS = 11
HALF = 1 << (SUB_BUCKET_BITS - 1)
# No bucket is wider than this share of its values.
RESOLUTION = 1 / HALF
RESOLUTION_US = 0.5  # stands for "below a microsecond" where a logarithm needs something above zero


def bucket_indices(values_us: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of the bucket that counts each value (whole microseconds, 0 or more; shape kept)."""
    # frexp's exponent of an int below 2**53 is its bit length: exact, and vectorised.
    bit_length = np.frexp(values_us.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(bit_length - SUB_BUCKET_BITS, 0)
    return (shift << (SUB_BUCKET_BITS - 1)) + (values_us >> shift)


def bucket_highest_us(index: int) -> int:
    """The highest value that falls into a bucket, in microseconds."""
    if index < 2 * HALF:
        return index
    shift = index // HALF - 1
    return ((index - shift * HALF + 1) << shift) - 1


def bucket_lowest_us(index: int) -> int:
    """The lowest value that falls into a bucket, in microseconds."""
    return bucket_highest_us(index - 1) + 1 if index else 0


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often each latency was seen. `counts` maps bucket index to count; no value is off by more than 0.1 %."""

    counts: Mapping[int, int]

    @classmethod
    def of_us(cls, values_us: Iterable[int] | NDArray[np.int64]) -> "Histogram":
        """The histogram of latencies in whole microseconds."""
        values = np.asarray(values_us if isinstance(values_us, np.ndarray) else list(values_us), dtype=np.int64)
        if values.size == 0:
            return cls({})
        indices, counts = np.unique(bucket_indices(values), return_counts=True)
        return cls(dict(zip(indices.tolist(), counts.tolist(), strict=True)))

    @property
    def count(self) -> int:
        """How many latencies were recorded."""
        return sum(self.counts.values())

    @property
    def mean_us(self) -> float:
        """Mean latency in microseconds, from the middle of each bucket; 0 for an empty histogram."""
        total = sum(
            count * (bucket_highest_us(index) + bucket_highest_us(index - 1) + 1) / 2 if index else 0.0
            for index, count in self.counts.items()
        )
        return total / self.count if self.counts else 0.0

    @property
    def min_us(self) -> int:
        """The lowest latency in microseconds (its bucket's lower end). Raises ValueError when empty."""
        return bucket_lowest_us(min(self.counts))

    @property
    def max_us(self) -> int:
        """The highest latency in microseconds (its bucket's upper end). Raises ValueError when empty."""
        return bucket_highest_us(max(self.counts))

    def percentile_us(self, percentile: float) -> int:
        """The latency in microseconds that `percentile` (0 to 100) of all stay at or below.

        Raises ValueError when the histogram is empty.
        """
        return self.percentiles_us([percentile])[0]

    def percentiles_us(self, percentiles: Sequence[float]) -> list[int]:
        """Several percentiles in one pass over the buckets."""
        if not self.counts:
            raise ValueError("an empty histogram has no percentiles")
        indices = np.array(sorted(self.counts), dtype=np.int64)
        cumulative = np.cumsum([self.counts[int(index)] for index in indices])
        # As HdrHistogram: the smallest value with at least that many at or below it, never fewer than one.
        ranks = np.maximum(np.ceil(np.array(percentiles) / 100 * cumulative[-1] - 1e-9), 1)
        return [bucket_highest_us(int(indices[at])) for at in np.searchsorted(cumulative, ranks)]

    def supports(self, percentile: float, beyond: int = 10) -> bool:
        """Whether at least `beyond` samples lie beyond this percentile, so that it says something."""
        return self.count * (100 - percentile) / 100 >= beyond - 1e-9

    def __add__(self, other: "Histogram") -> "Histogram":
        counts = dict(self.counts)
        for index, count in other.counts.items():
            counts[index] = counts.get(index, 0) + count
        return Histogram(counts)

    @classmethod
    def total(cls, histograms: Iterable["Histogram"]) -> "Histogram":
        """The sum of all; an empty one for none."""
        return sum(histograms, start=cls({}))

    def to_dict(self) -> dict[str, int]:
        """As JSON: bucket index to count."""
        return {str(index): count for index, count in sorted(self.counts.items())}

    @classmethod
    def from_dict(cls, data: Mapping[str, int]) -> "Histogram":
        """The histogram that `to_dict` wrote."""
        return cls({int(index): int(count) for index, count in data.items()})
