"""Histograms keep HdrHistogram's layout, and its promise of three digits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.histogram import RESOLUTION, Histogram, bucket_highest_us, bucket_indices

DAY_US = 86_400 * 10**6
LATENCIES = st.integers(0, DAY_US)
MANY = st.lists(LATENCIES, min_size=1, max_size=60)
PERCENTILES = st.one_of(st.sampled_from([0.0, 50.0, 90.0, 99.0, 99.9, 100.0]), st.floats(0, 100))


@pytest.mark.parametrize(
    ("value", "index"),
    [
        # countsArrayIndex by hand: shift = bits(value) - 11, or 0; index = shift * 1024 + (value >> shift)
        (0, 0),
        (1, 1),
        (2047, 2047),
        (2048, 1 * 1024 + 1024),
        (2049, 1 * 1024 + 1024),
        (2050, 1 * 1024 + 1025),
        (4095, 1 * 1024 + 2047),
        (4096, 2 * 1024 + 1024),
        (10**6, 9 * 1024 + 1953),  # 20 bits; 1 000 000 >> 9 = 1953
        (10**9, 19 * 1024 + 1907),  # 30 bits; 1 000 000 000 >> 19 = 1907
    ],
)
def test_buckets_lie_where_hdrhistogram_has_them(value: int, index: int) -> None:
    assert bucket_indices(np.array([value]))[0] == index
    assert Histogram.of_us([value]).counts == {index: 1}


@pytest.mark.parametrize(
    ("index", "highest"),
    [
        (0, 0),
        (1, 1),
        (2047, 2047),
        (2048, 2049),
        (3071, 4095),
        (3072, 4099),
        (9 * 1024 + 1953, (1954 << 9) - 1),
    ],
)
def test_a_buckets_highest_value_is_hdrhistograms(index: int, highest: int) -> None:
    assert bucket_highest_us(index) == highest


@given(LATENCIES)
def test_a_value_lies_in_its_bucket_which_is_narrow(value: int) -> None:
    index = int(bucket_indices(np.array([value]))[0])
    assert bucket_highest_us(index - 1) < value <= bucket_highest_us(index) or index == value == 0
    assert bucket_highest_us(index) - value <= value * RESOLUTION
    assert RESOLUTION < 0.001


@given(MANY, PERCENTILES)
def test_percentiles_are_within_a_thousandth_of_the_exact_order_statistic(values: list[int], percentile: float) -> None:
    exact = int(np.percentile(values, percentile, method="inverted_cdf"))
    found = Histogram.of_us(values).percentile_us(percentile)
    # Where rounding decides which of two neighbours is meant, either is right.
    around = [min(max(percentile + step, 0), 100) for step in (-1e-6, 1e-6)]
    near = [int(each) for each in np.percentile(values, around, method="inverted_cdf")]
    assert any(each <= found <= each * 1.001 for each in (exact, *near))


@given(MANY, st.lists(PERCENTILES, min_size=1, max_size=6))
def test_several_percentiles_at_once_are_the_same_as_one_by_one(values: list[int], percentiles: list[float]) -> None:
    histogram = Histogram.of_us(values)
    assert histogram.percentiles_us(percentiles) == [histogram.percentile_us(each) for each in percentiles]


@given(MANY, MANY)
def test_a_sum_of_histograms_is_the_histogram_of_all(one: list[int], other: list[int]) -> None:
    both = Histogram.of_us(one) + Histogram.of_us(other)
    assert both == Histogram.of_us(one + other)
    assert Histogram.total([Histogram.of_us(one), Histogram.of_us(other)]) == both


@given(st.lists(LATENCIES, max_size=60))
def test_a_histogram_survives_json(values: list[int]) -> None:
    histogram = Histogram.of_us(values)
    assert Histogram.from_dict(histogram.to_dict()) == histogram
    assert histogram.count == len(values)


@given(MANY)
def test_lowest_highest_and_mean_are_within_a_thousandth(values: list[int]) -> None:
    histogram = Histogram.of_us(values)
    assert min(values) * 0.999 <= histogram.min_us <= min(values)
    assert max(values) <= histogram.max_us <= max(values) * 1.001
    assert math.isclose(histogram.mean_us, sum(values) / len(values), rel_tol=0.001)


def test_adding_leaves_both_parts_as_they_were() -> None:
    one, other = Histogram.of_us([1, 2]), Histogram.of_us([2, 3])
    assert (one + other).counts == {1: 1, 2: 2, 3: 1}
    assert one.counts == {1: 1, 2: 1}
    assert other.counts == {2: 1, 3: 1}


def test_an_array_gives_the_same_histogram_as_a_list() -> None:
    assert Histogram.of_us(np.array([5, 5, 9000])) == Histogram.of_us([5, 5, 9000])


def test_an_empty_histogram_has_a_count_and_a_mean_but_no_percentiles() -> None:
    empty = Histogram.of_us([])
    assert empty.count == 0
    assert empty.mean_us == 0
    assert Histogram.total([]) == empty
    with pytest.raises(ValueError, match="empty histogram"):
        empty.percentile_us(50)


@pytest.mark.parametrize(
    ("count", "percentile", "enough"),
    [(19, 50, False), (20, 50, True), (999, 99, False), (1000, 99, True), (9_999, 99.9, False), (10_000, 99.9, True)],
)
def test_a_percentile_needs_ten_samples_beyond_it(count: int, percentile: float, enough: bool) -> None:
    assert Histogram({100: count}).supports(percentile) is enough


def test_the_highest_percentile_of_a_large_count_is_not_lost_to_rounding() -> None:
    histogram = Histogram({10: 999, 20: 1})
    assert histogram.percentiles_us([99.9, 99.91, 100]) == [10, 20, 20]
