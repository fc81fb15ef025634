"""The gate's tests are exact: they agree with scipy, with published tables, and with counting by hand."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sgibench.results.gate.statistics import (
    fewest_epochs,
    hodges_lehmann,
    holm,
    location,
    percent_estimate,
    plain_estimate,
    sign_distribution,
    sign_flip_p,
    signed_rank_p,
    surely_above,
    surely_below,
    walsh_averages,
)

VALUES = st.lists(st.integers(-10_000, 10_000).map(lambda whole: whole / 64), min_size=1, max_size=12)
# Differences of Darwin's crossed and self-fertilised plants, in eighths of an inch: R. A. Fisher, The Design of
# Experiments (1935), section 17; the exact p-value of his sign-flip test is in section 21: 863 of 32768, one-sided.
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def draws(count: int, seed: int = 1, mean: float = 0.4) -> list[float]:
    return [float(each) for each in np.random.default_rng(seed).normal(mean, 1, count)]


@pytest.mark.parametrize("count", [1, 2, 5, 9, 14, 25, 45])
def test_signed_ranks_agree_with_scipy_up_to_fifty_values(count: int) -> None:
    values = draws(count)
    assert signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, alternative="greater", method="exact").pvalue)


def test_darwins_plants_have_the_p_values_that_were_published() -> None:
    chances = sign_distribution(np.abs(DARWIN))
    reached = sum(value for value in DARWIN if value > 0)
    assert chances[reached:].sum() == pytest.approx(863 / 32768)
    assert signed_rank_p(DARWIN) == pytest.approx(stats.wilcoxon(DARWIN, alternative="greater", method="exact").pvalue)


def test_the_deciding_test_counts_all_signs_of_the_clipped_sizes() -> None:
    sizes = np.minimum(np.abs(DARWIN), 1.5 * 28)  # 28 is the middle size
    observed = sum(size if value > 0 else -size for size, value in zip(sizes, DARWIN, strict=True))
    sums = np.array(list(itertools.product((-1, 1), repeat=15))) @ sizes
    # Sizes are counted in steps of a two-hundredth of the largest.
    assert sign_flip_p(DARWIN) == pytest.approx(np.mean(sums >= observed - 1e-9), abs=0.002)


@pytest.mark.parametrize(
    ("count", "statistic", "one_sided"),
    # Largest rank sums of the minus signs that are significant: F. Wilcoxon, S. Katti, R. Wilcox (1963), table II.
    [(8, 5, 0.05), (10, 10, 0.05), (12, 17, 0.05), (15, 30, 0.05), (20, 60, 0.05), (10, 5, 0.01), (15, 19, 0.01)],
)
def test_critical_rank_sums_are_those_of_the_published_table(count: int, statistic: int, one_sided: float) -> None:
    below = np.cumsum(sign_distribution(range(1, count + 1)))
    assert below[statistic] <= one_sided < below[statistic + 1]


def test_the_interval_ends_are_the_walsh_averages_that_the_signed_rank_test_names() -> None:
    values = draws(15)
    averages = np.sort([(a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2)])
    found = location(values)
    # 15 values, 2.5 % on each side: the largest rank sum in the tables is 25, so the ends are the 26th from each side.
    assert (found.low, found.high) == pytest.approx((averages[25], averages[-26]))
    assert found.value == pytest.approx(float(np.median(averages)))


def test_a_limit_is_in_the_interval_just_when_the_two_sided_test_does_not_reject_it() -> None:
    values = draws(12, seed=4)
    found = location(values)
    assert found.low is not None
    assert found.high is not None
    for limit in np.linspace(-1.5, 2.5, 81):
        one_sided = min(signed_rank_p([each - limit for each in values]), signed_rank_p([limit - e for e in values]))
        assert (found.low <= limit <= found.high) == (one_sided > 0.025)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_five_values_have_no_interval_of_95_percent(count: int) -> None:
    found = location(draws(count))
    assert found.low is None
    assert found.high is None
    assert math.isfinite(found.value)


def test_nothing_has_no_location() -> None:
    with pytest.raises(ValueError, match="at least one"):
        hodges_lehmann([])


def test_estimates_are_in_percent_or_in_their_own_unit_and_say_their_method() -> None:
    logs = [math.log1p(0.05)] * 8
    in_percent, plain = percent_estimate(logs), plain_estimate([100.0] * 8)
    assert (in_percent.value, in_percent.low, in_percent.high) == pytest.approx((5.0, 5.0, 5.0))
    assert (plain.value, plain.low, plain.high, plain.n) == pytest.approx((100.0, 100.0, 100.0, 8))
    assert "Hodges-Lehmann" in plain.method


@given(VALUES, st.integers(-640, 640).map(lambda whole: whole / 64))
def test_the_location_moves_with_its_values(values: list[float], by: float) -> None:
    assert hodges_lehmann([each + by for each in values]) == pytest.approx(hodges_lehmann(values) + by, abs=1e-9)


@given(VALUES, st.sampled_from([0.25, 2.0, 8.0]))
def test_the_location_scales_and_turns_round_with_its_values(values: list[float], by: float) -> None:
    there = location(values)
    back = location([-by * each for each in values])
    assert back.value == pytest.approx(-by * there.value, abs=1e-9)
    if there.low is not None and there.high is not None:
        assert (back.low, back.high) == pytest.approx((-by * there.high, -by * there.low), abs=1e-9)


@given(VALUES)
def test_walsh_averages_lie_among_the_values(values: list[float]) -> None:
    averages = walsh_averages(values)
    assert len(averages) == len(values) * (len(values) + 1) // 2
    assert min(values) <= averages[0] <= averages[-1] <= max(values)


@given(VALUES, st.sampled_from([0.125, 4.0]))
def test_p_values_know_no_unit_and_no_order(values: list[float], scale: float) -> None:
    scaled = [scale * each for each in reversed(values)]
    assert sign_flip_p(scaled) == pytest.approx(sign_flip_p(values))
    assert signed_rank_p(scaled) == pytest.approx(signed_rank_p(values))


@given(VALUES)
def test_p_values_of_both_directions_share_the_chance_of_the_sum_itself(values: list[float]) -> None:
    for test in (sign_flip_p, signed_rank_p):
        up, down = test(values), test([-each for each in values])
        assert 2.0 ** -len(values) <= up <= 1
        assert up + down >= 1 - 1e-9


@given(st.lists(st.integers(1, 3), min_size=1, max_size=8))
def test_among_all_signs_of_given_sizes_no_p_value_is_too_often_small(sizes: list[int]) -> None:
    found = [
        sign_flip_p([sign * size for sign, size in zip(signs, sizes, strict=True)])
        for signs in itertools.product((-1, 1), repeat=len(sizes))
    ]
    for alpha in (0.005, 0.01, 0.05, 0.2, 0.5):
        assert sum(each <= alpha + 1e-12 for each in found) <= alpha * len(found) + 1e-9


def test_the_smallest_p_value_is_one_in_two_to_the_number_of_epochs() -> None:
    assert sign_flip_p([1.0, 2.0, 0.5, 1.5, 1.1, 0.9, 1.2, 1.3]) == pytest.approx(2**-8)
    assert fewest_epochs(2**-8) == 8
    assert fewest_epochs(2**-8 * 0.99) == 9
    assert fewest_epochs(0.01) == 7


def test_one_wild_epoch_does_not_hide_what_all_others_say() -> None:
    steady = [1.0, 1.2, 0.9, 1.1, 1.3, 0.8, 1.0, 1.2, 1.1, 0.9, 1.0]
    assert sign_flip_p([*steady, -60.0]) < 0.02
    assert stats.ttest_1samp([*steady, -60.0], 0, alternative="greater").pvalue > 0.5


@pytest.mark.parametrize("values", [[], [0.0], [0.0, 0.0, 0.0]])
def test_zeros_speak_for_neither_side(values: list[float]) -> None:
    assert sign_flip_p(values) == 1
    assert signed_rank_p(values) == 1


def test_equal_values_as_memory_gives_them_are_counted_and_not_guessed() -> None:
    assert sign_flip_p([0.5] * 9) == pytest.approx(2**-9)
    assert sign_flip_p([0.5] * 8 + [-0.5]) == pytest.approx(10 * 2**-9)
    assert sign_flip_p([0.0] * 20 + [0.5] * 4) == pytest.approx(2**-4)


def test_surely_above_and_surely_below_are_about_their_limit() -> None:
    values = draws(12, mean=3)
    assert surely_above(values, 1) < 0.01 < surely_above(values, 3)
    assert surely_below(values, 5) < 0.01 < surely_below(values, 3)


@given(VALUES, st.integers(0, 640).map(lambda whole: whole / 64))
def test_a_limit_above_zero_makes_nothing_surer_than_no_limit(values: list[float], limit: float) -> None:
    assert surely_above(values, limit) >= surely_above(values, 0)


def test_holm_rejects_step_by_step_and_hands_on_what_was_not_needed() -> None:
    assert holm([0.01, 0.02, 0.03, 0.2], [1, 1, 1, 1], 0.05) == (True, False, False, False)
    assert holm([0.01, 0.016, 0.024, 0.2], [1, 1, 1, 1], 0.05) == (True, True, True, False)
    assert holm([0.04], [1], 0.05) == (True,)
    assert holm([], [], 0.05) == ()


def test_holm_gives_each_its_part_by_weight() -> None:
    assert holm([0.03, 0.9], [3, 1], 0.05) == (True, False)
    assert holm([0.03, 0.9], [1, 3], 0.05) == (False, False)
    with pytest.raises(ValueError, match="weight"):
        holm([0.1], [1, 2], 0.05)
