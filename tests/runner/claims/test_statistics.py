import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.runner.claims.statistics import Statistics

lab = Statistics()
finite = st.floats(-1e6, 1e6)


def test_repetitions_that_all_agree_leave_no_doubt() -> None:
    assert (lab.share(6, 6).low, lab.share(6, 6).high) == (1, 1)
    assert (lab.share(0, 6).low, lab.share(0, 6).high) == (0, 0)
    assert lab.share(6, 6).method == "6 of 6 repetitions"


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (1, 2, 0.012579, 0.987421),  # R: binom.test(1, 2)$conf.int
        (7, 10, 0.347547, 0.933260),
        (1, 100, 0.000253, 0.054459),
    ],
)
def test_a_mixed_share_has_the_exact_interval(count: int, of: int, low: float, high: float) -> None:
    estimate = lab.share(count, of)
    assert estimate.low == pytest.approx(low, abs=1e-6)
    assert estimate.high == pytest.approx(high, abs=1e-6)


@pytest.mark.parametrize(("count", "of"), [(1, 0), (-1, 3), (4, 3)])
def test_what_is_no_share_is_refused(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        lab.share(count, of)


@given(slope=finite, start=finite, at=st.floats(0, 1e4))
def test_points_on_a_line_give_that_line(slope: float, start: float, at: float) -> None:
    x = [1.0, 2.0, 5.0, 9.0]
    y = [start + slope * each for each in x]
    assert lab.slope(x, y).value == pytest.approx(slope, rel=1e-6, abs=1e-3)
    assert lab.line_at(x, y, at).value == pytest.approx(start + slope * at, rel=1e-6, abs=1e-3)


def test_a_line_through_scatter_has_the_interval_of_the_textbook() -> None:
    # Anscombe's first quartet (The American Statistician 27, 1973): slope 0.5001, standard error 0.1179, 9 degrees.
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    slope = lab.slope(x, y)
    assert slope.value == pytest.approx(0.5001, abs=1e-4)
    assert slope.high is not None
    assert slope.high - slope.value == pytest.approx(0.1179 * 2.2622, abs=1e-3)


def test_far_beyond_its_points_a_line_is_less_sure() -> None:
    x, y = [1.0, 2.0, 3.0, 4.0], [1.1, 1.9, 3.2, 3.9]
    near, far = lab.line_at(x, y, 2.5), lab.line_at(x, y, 1000)
    assert near.high is not None
    assert far.high is not None
    assert far.high - far.value > 100 * (near.high - near.value)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2]), ([3, 3, 3], [1, 2, 3]), ([], []), ([1, 2, 3], [1, 2])])
def test_too_few_points_are_no_line(x: list[float], y: list[float]) -> None:
    with pytest.raises(ValueError, match="a line needs"):
        lab.slope(x, y)


def test_a_ratio_is_taken_pair_by_pair() -> None:
    ratio = lab.ratio([2.0, 20.0, 200.0], [1.0, 10.0, 100.0])
    assert ratio.value == pytest.approx(2)
    assert ratio.low is not None
    assert math.isclose(ratio.low, 2, rel_tol=1e-9), "the machine was ten times slower each time, and both were"


def test_methods_speak_of_repetitions() -> None:
    assert "launches" not in lab.mean([1.0, 2.0]).method
    assert "launches" not in lab.mean([-1.0, 2.0]).method
