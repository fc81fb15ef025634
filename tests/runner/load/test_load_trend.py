"""A server that is another one in the end than in the beginning is found out, and one that only wavers is not."""

import random

import pytest
from scipy.stats import kendalltau

from sgibench.runner.load.orders import Interval
from sgibench.runner.load.trend import TREND_P, _trend_p, change_over_time


def course(*rates: float) -> list[Interval]:
    """Intervals of a second each, with these rates."""
    return [Interval(float(at + 1), round(rate), round(rate), 0) for at, rate in enumerate(rates)]


def noisy(rate: float, share: float, seed: int) -> float:
    return rate * (1 + share * (2 * random.Random(seed).random() - 1))


def test_a_steady_server_does_not_change() -> None:
    assert change_over_time(course(*[1000] * 30)) is None


@pytest.mark.parametrize("seed", range(20))
def test_a_server_that_wavers_by_a_third_up_and_down_does_not_change(seed: int) -> None:
    assert change_over_time(course(*(noisy(10_000, 0.15, 100 * seed + at) for at in range(30)))) is None


def test_the_first_second_is_left_out() -> None:
    assert change_over_time(course(100, *[1000] * 9)) is None


def test_shedding_after_a_warm_up_is_found_with_its_moment() -> None:
    change = change_over_time(course(900, 1000, 1040, 980, 1010, 300, 320, 290, 310, 305))
    assert change is not None
    assert change.at_s == 5
    assert change.before_rps == pytest.approx(1007.5)
    assert change.after_rps == pytest.approx(305)


def test_a_leak_that_slows_the_server_down_is_found_as_a_trend() -> None:
    change = change_over_time(course(*(2000 / (1 + at / 10) for at in range(10))))
    assert change is not None
    assert change.at_s is None
    assert (change.before_s, change.after_s) == ((1, 3), (8, 10))
    assert change.before_rps > change.after_rps * 1.5


def test_a_cache_that_fills_is_a_change_too() -> None:
    change = change_over_time(course(*(500 + 100 * at for at in range(10))))
    assert change is not None
    assert change.after_rps > change.before_rps


def test_a_dip_that_passes_is_no_change() -> None:
    assert change_over_time(course(*[1000] * 5, 300, 320, *[1000] * 8)) is None


def test_a_slow_drift_by_less_than_a_third_is_left_alone() -> None:
    assert change_over_time(course(*(1000 - 20 * at for at in range(12)))) is None


def test_a_short_run_tells_nothing() -> None:
    assert change_over_time(course(1000, 1000, 1000, 100, 100, 100)) is None
    assert change_over_time([]) is None


def test_a_handful_of_answers_scatters_by_itself() -> None:
    assert change_over_time(course(9, 9, 8, 8, 7, 6, 5, 5, 4, 4)) is None


def test_a_long_run_is_judged_as_a_whole() -> None:
    rates = [noisy(5000 if at < 1800 else 2500, 0.2, at) for at in range(3600)]
    change = change_over_time(course(*rates))
    assert change is not None
    assert change.at_s == pytest.approx(1800, abs=61)


@pytest.mark.parametrize("count", [6, 9, 30])
def test_the_trend_s_test_is_never_bolder_than_the_exact_one(count: int) -> None:
    draw = random.Random(count)
    for slope in [0.0, 0.03, 0.1] * 40:
        values = [draw.random() + slope * at for at in range(count)]
        exact_p = float(kendalltau(range(count), values).pvalue)
        assert exact_p < TREND_P or _trend_p(values) >= TREND_P


def test_machines_that_waver_are_seldom_accused() -> None:
    """A random walk is the worst case: it looks like a trend. Independent noise of 40 % must nearly never do."""
    draw = random.Random(1)
    runs = [[1000 * draw.uniform(0.6, 1.4) for _ in range(10)] for _ in range(500)]
    assert sum(change_over_time(course(*rates)) is not None for rates in runs) <= 500 * 0.05
