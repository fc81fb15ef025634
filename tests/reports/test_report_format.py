import math
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sgibench.reports.format import (
    columns,
    counted,
    duration,
    exact,
    interval,
    joined,
    number,
    percent,
    plain,
    quantity,
    ratio,
    shortened,
    value_of,
)
from sgibench.results.estimate import Estimate


def estimate(value: float, low: float | None = None, high: float | None = None, n: int = 5) -> Estimate:
    return Estimate(value, low, high, n, "made up")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        # three significant figures, thousands apart
        (12_345, "12,300"),
        (1_234_567, "1,230,000"),
        (999.6, "1,000"),
        (100, "100"),
        (54.25, "54.2"),
        (9.996, "10.0"),
        (1.005, "1.00"),
        (0.9996, "1.00"),
        (0.01234, "0.0123"),
        # below and at zero
        (-1.5, "−1.50"),
        (-0.0000001, "0.000000"),
        (0, "0"),
        # nothing to say
        (None, "–"),
        (math.nan, "–"),
        (math.inf, "–"),
        (-math.inf, "–"),
    ],
)
def test_a_number_has_three_significant_figures(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True))
@example(1e300)
@example(5e-324)
@example(-1e-9)
def test_a_number_never_shows_an_exponent_or_nan(value: float) -> None:
    text = number(value)
    assert re.fullmatch(r"–|−?\d{1,3}(,\d{3})*(\.\d+)?", text), text


@given(st.floats(min_value=1e-4, max_value=1e12))
def test_a_number_is_close_to_what_it_stands_for(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


@given(*[st.one_of(st.none(), st.floats())] * 2, st.floats())
def test_an_estimate_never_shows_an_exponent_or_nan(low: float | None, high: float | None, value: float) -> None:
    for text in (ratio(estimate(value, low, high)), quantity(estimate(value, low, high), "ms"), value_of(None)):
        assert not re.search(r"nan|inf|None|\de[+-]?\d", text), text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (estimate(1.18, 1.12, 1.25), "1.18× [1.12, 1.25]"),
        (estimate(0.9975, 0.9912, 1.0031), "0.998× [0.991, 1.003]"),
        (estimate(83.41, 81.2, 85.77), "83.4× [81.2, 85.8]"),
        # so narrow that both bounds would read 1.00
        (estimate(1.0004, 0.9991, 1.0017), "1.000× [0.999, 1.002]"),
        (estimate(1.83, n=1), "1.83× (one launch: no interval)"),
        (estimate(1.83, n=3), "1.83× (no interval)"),
        (estimate(math.nan, 1, 2), "–"),
        (None, "–"),
    ],
)
def test_a_ratio_carries_its_interval(found: Estimate | None, text: str) -> None:
    assert ratio(found) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (estimate(12_345, 12_101, 12_512), "12,300 requests/s [12,100 to 12,500]"),
        (estimate(4.2, n=1), "4.20 requests/s (one launch: no interval)"),
        # a slope that may be nothing at all is rounded as its interval is
        (estimate(0.0123, -3.4, 3.5), "0.01 requests/s [−3.40 to 3.50]"),
    ],
)
def test_a_quantity_carries_unit_and_interval(found: Estimate, text: str) -> None:
    assert quantity(found, "requests/s") == text


def test_without_bounds_there_is_no_interval() -> None:
    assert interval(estimate(5)) == ""
    assert interval(None) == ""


@pytest.mark.parametrize(
    ("value", "text"), [(50.0, "50"), (0.5, "0.5"), (1500, "1,500"), (0, "0"), (100.25, "100.25"), (math.inf, "–")]
)
def test_a_chosen_figure_has_no_zeros_that_claim_precision(value: float, text: str) -> None:
    assert exact(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "0.25 s"),
        (1.5, "1.50 s"),
        (48.2, "48 s"),
        (59.7, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3725, "1 h 02 min"),
        (None, "–"),
        (-1, "–"),
        (math.nan, "–"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts_have_the_right_plural() -> None:
    assert counted(1, "target") == "1 target"
    assert counted(0, "target") == "0 targets"
    assert counted(1200, "process", "processes") == "1,200 processes"


def test_names_are_joined_as_in_prose() -> None:
    assert joined([]) == ""
    assert joined(["a"]) == "a"
    assert joined(["a", "b", "c"]) == "a, b and c"


def test_shares_become_percentages() -> None:
    assert percent(0.024) == "2.40 %"
    assert percent(None) == "–"


def test_text_from_outside_cannot_steer_a_terminal() -> None:
    assert plain("a\x1b[31mb\x00\u202ec") == "a�[31mb��c"
    assert plain("two\nlines\tand  more") == "two lines and more"


@given(st.text(max_size=60), st.integers(min_value=3, max_value=40))
def test_shortened_text_fits(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert columns(short) <= limit
    assert short == text or "…" in short
