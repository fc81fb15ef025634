"""Percentiles beside requests that nobody answered: what can be known is shown, and of the rest what it is at least."""

from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.histogram import Histogram, bucket_lowest_us
from sgibench.runner.load.percentiles import PERCENTILES, count_above, percentiles_of

TIMES_US = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=300)
SO_FAR_US = st.lists(st.integers(1, 10_000_000), max_size=60)


def test_with_every_request_answered_a_percentile_needs_ten_samples_beyond_it() -> None:
    assert percentiles_of(Histogram.of_us([500] * 99)).known_ms["p90"] is None
    assert percentiles_of(Histogram.of_us([500] * 100)).known_ms["p90"] == 0.5
    assert percentiles_of(Histogram.of_us([500] * 100)).at_least_ms == {}
    assert set(percentiles_of(Histogram({})).known_ms) == {*PERCENTILES, "max"}
    assert set(percentiles_of(Histogram({})).known_ms.values()) == {None}


@given(TIMES_US)
def test_with_every_request_answered_percentiles_are_the_histogram_s(times_us: list[int]) -> None:
    times = Histogram.of_us(times_us)
    seen = percentiles_of(times)
    for name, percentile in PERCENTILES.items():
        wanted = times.percentile_us(percentile) / 1000 if times.supports(percentile) else None
        assert seen.known_ms[name] == wanted
    assert seen.known_ms["max"] == times.max_us / 1000
    assert seen.at_least_ms == {}


def test_a_server_that_hangs_has_no_tail_and_no_maximum_to_show() -> None:
    """64 connections got 20,000 answers of a millisecond in two seconds, and none in the eight that followed."""
    seen = percentiles_of(Histogram.of_us([1000] * 20_000), Histogram.of_us([8_000_000] * 64))
    assert seen.known_ms == {"p50": 1.0, "p90": 1.0, "p99": 1.0, "p99.9": None, "max": None}
    assert set(seen.at_least_ms) == {"p99.9", "max"}
    assert all(7990 < value_ms <= 8000 for value_ms in seen.at_least_ms.values())


def test_one_starved_connection_hides_the_maximum_alone() -> None:
    seen = percentiles_of(Histogram.of_us([700] * 100_000), Histogram.of_us([*range(100, 700, 100), 10_000_000]))
    assert [seen.known_ms[name] for name in PERCENTILES] == [0.7] * 4
    assert seen.known_ms["max"] is None
    assert list(seen.at_least_ms) == ["max"]


def test_requests_that_are_in_flight_in_the_normal_course_hide_nothing() -> None:
    """Ten thousand answers of 50 to 80 ms over 64 connections; the end finds each in the middle of the next."""
    times = Histogram.of_us([50_000 + 3 * at for at in range(10_000)])
    seen = percentiles_of(times, Histogram.of_us([1000 * at for at in range(64)]))
    assert seen.at_least_ms == {}
    for name, percentile in PERCENTILES.items():
        known_ms = seen.known_ms[name]
        assert known_ms is not None
        assert abs(known_ms - times.percentile_us(percentile) / 1000) < 0.2


def test_a_percentile_that_rests_on_one_slow_answer_among_many_that_wait_is_not_known() -> None:
    times = Histogram.of_us([1000] * 2000 + [2_500_000])
    seen = percentiles_of(times, Histogram.of_us([2_000_000] * 30))
    assert seen.known_ms["p90"] == 1.0
    assert seen.known_ms["p99"] is None
    assert 1990 < seen.at_least_ms["p99"] <= 2000
    assert seen.known_ms["max"] == times.max_us / 1000


def test_when_nothing_was_answered_there_is_only_how_long_it_took_so_far() -> None:
    seen = percentiles_of(Histogram({}), Histogram.of_us([300_000] * 32))
    assert set(seen.known_ms.values()) == {None}
    assert set(seen.at_least_ms) == {"p50", "max"}


@given(TIMES_US, SO_FAR_US, st.integers(1, 1000))
def test_no_figure_is_above_what_it_would_be_had_they_all_been_answered_late(
    times_us: list[int], so_far_us: list[int], factor: int
) -> None:
    """However long the requests in flight took in the end, the lower bounds hold."""
    seen = percentiles_of(Histogram.of_us(times_us), Histogram.of_us(so_far_us))
    every = Histogram.of_us([*times_us, *(value * factor for value in so_far_us)])
    for name, value_ms in seen.at_least_ms.items():
        truth_us = every.max_us if name == "max" else every.percentile_us(PERCENTILES[name])
        assert value_ms * 1000 <= truth_us
        assert seen.known_ms[name] is None


@given(TIMES_US, SO_FAR_US)
def test_a_maximum_is_never_below_a_wait_and_percentiles_rise(times_us: list[int], so_far_us: list[int]) -> None:
    seen = percentiles_of(Histogram.of_us(times_us), Histogram.of_us(so_far_us))
    maximum_ms = seen.known_ms["max"]
    if maximum_ms is not None:
        assert maximum_ms * 1000 >= max([*times_us, *so_far_us])
    known = [value for name in PERCENTILES if (value := seen.known_ms[name]) is not None]
    assert known == sorted(known)


@given(TIMES_US, st.integers(1, 10_000_000))
def test_what_is_surely_above_a_limit_is_counted(times_us: list[int], limit_us: int) -> None:
    counted = count_above(Histogram.of_us(times_us), limit_us)
    assert counted <= sum(value > limit_us for value in times_us)
    assert counted >= sum(value > limit_us * (1 + 2**-9) + 1 for value in times_us)
    assert bucket_lowest_us(0) == 0
