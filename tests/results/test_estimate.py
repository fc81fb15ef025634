"""Intervals are Student's, over epochs, and cover what they promise to cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sgibench.results.estimate import Estimate, from_epochs, mean_estimate, middle_mean, middle_mean_error

POSITIVE = st.lists(st.floats(1e-3, 1e6), min_size=2, max_size=12)


def interval(values: list[float]) -> tuple[float, float, float]:
    """Mean and 95 % interval as scipy's one-sample t test has them."""
    found = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(np.mean(values)), float(found.low), float(found.high)


def test_the_interval_is_scipys_t_interval_on_the_logs() -> None:
    values = [980.0, 1015.0, 1003.0, 991.0, 1040.0]
    estimate = from_epochs(values)
    mean, low, high = interval(list(np.log(values)))
    assert estimate.low is not None
    assert estimate.high is not None
    assert np.log([estimate.value, estimate.low, estimate.high]) == pytest.approx([mean, low, high])
    assert estimate.n == 5
    assert "Student t on logs" in estimate.method


def test_a_slopes_interval_is_scipys_t_interval_and_may_hold_zero() -> None:
    values = [-1.5, 2.0, 0.25, 0.5]
    estimate = mean_estimate(values)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(interval(values))
    assert estimate.n == 4


@pytest.mark.parametrize("estimate", [from_epochs([42.0]), mean_estimate([42.0])])
def test_one_launch_gives_a_value_and_no_interval(estimate: Estimate) -> None:
    assert estimate.value == pytest.approx(42.0)
    assert estimate.low is None
    assert estimate.high is None


@pytest.mark.parametrize("values", [[], [0.0], [1.0, -1.0], [1.0, 0.0]])
def test_no_values_or_values_not_above_zero_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="at least one value, all above zero"):
        from_epochs(values)


def test_no_slopes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        mean_estimate([])


@given(POSITIVE)
def test_the_value_lies_within_its_interval_and_within_the_values(values: list[float]) -> None:
    estimate = from_epochs(values)
    assert estimate.low is not None
    assert estimate.high is not None
    slack = 1 + 1e-9
    assert estimate.low / slack <= estimate.value <= estimate.high * slack
    assert min(values) / slack <= estimate.value <= max(values) * slack


@given(POSITIVE, st.floats(0.01, 100))
def test_an_estimate_scales_with_its_unit(values: list[float], unit: float) -> None:
    one, other = from_epochs(values), from_epochs([value * unit for value in values])
    assert other.value == pytest.approx(one.value * unit)
    assert other.low == pytest.approx((one.low or 0) * unit)
    assert other.high == pytest.approx((one.high or 0) * unit)


def test_launches_without_any_spread_give_an_interval_of_no_width() -> None:
    estimate = from_epochs([5.0, 5.0, 5.0])
    assert estimate.low == pytest.approx(5.0)
    assert estimate.high == pytest.approx(5.0)


def test_the_interval_of_five_launches_covers_the_truth_in_95_of_100_runs() -> None:
    draw = np.random.default_rng(20260101)
    truth, runs = 1234.0, 2000
    estimates = [from_epochs(list(truth * np.exp(draw.normal(0, 0.011, 5)))) for _ in range(runs)]
    covered = sum((one.low or np.inf) <= truth <= (one.high or 0) for one in estimates)
    assert 0.93 <= covered / runs <= 0.97


def test_one_disturbed_turn_of_five_does_not_move_the_middle_mean() -> None:
    calm = [1.0, 1.01, 0.99, 1.0, 1.02]
    assert middle_mean([*calm[:4], 50.0]) == pytest.approx(middle_mean(calm), abs=0.01)


def test_the_middle_mean_is_the_mean_of_the_middle_half() -> None:
    assert middle_mean([100, 1, 2, 3, 4, 5, 6, -100]) == pytest.approx((2 + 3 + 4 + 5) / 4)
    assert middle_mean([3.0]) == 3.0


@pytest.mark.parametrize("count", [12, 13, 15, 160])
def test_the_error_of_the_middle_mean_is_that_of_a_trimmed_mean_as_scipy_has_it(count: int) -> None:
    values = list(np.random.default_rng(count).standard_t(3, count))
    expected = float(stats.mstats.trimmed_stde(values, (0.25, 0.25), inclusive=(True, True)))
    # SciPy divides by what should be left, half of all; here it is what is.
    assert middle_mean_error(values) == pytest.approx(expected * 0.5 / (1 - 2 * (count // 4) / count))


def test_the_error_of_the_middle_mean_is_how_far_it_scatters() -> None:
    rng = np.random.default_rng(7)
    samples = [list(rng.normal(0, 1, 160)) for _ in range(400)]
    seen = float(np.std([middle_mean(each) for each in samples]))
    assert float(np.mean([middle_mean_error(each) or 0.0 for each in samples])) == pytest.approx(seen, rel=0.15)


def test_a_handful_of_values_tells_too_little_of_its_error() -> None:
    assert middle_mean_error([float(each) for each in range(11)]) is None
    assert middle_mean_error([2.0] * 12) == 0.0
