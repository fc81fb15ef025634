"""The shop's own parts: what they hold and compute, and what they refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.shop import (
    HOME_TEMPLATE,
    TEMPLATES,
    BadValueError,
    find_item,
    list_items,
    page_context,
    sum_of_squares,
    whole_number,
)


def test_the_catalogue_holds_the_three_items() -> None:
    assert list_items() == [
        {"name": "笔记本电脑", "price": 5999.0, "description": "高性能", "stock": 10},
        {"name": "机械键盘", "price": 299.0, "description": "RGB背光", "stock": 50},
        {"name": "鼠标", "price": 99.0, "description": "无线", "stock": 100},
    ]


def test_items_are_found_by_id_and_others_are_not() -> None:
    assert [find_item(1), find_item(2), find_item(3)] == list_items()
    assert find_item(0) is None
    assert find_item(4) is None


def test_the_page_counts_the_items_it_shows() -> None:
    context = page_context()
    assert context["item_count"] == len(context["items"]) == 3
    assert (TEMPLATES / HOME_TEMPLATE).is_file()


@given(st.integers(0, 3000))
def test_the_sum_agrees_with_its_closed_form(n: int) -> None:
    assert sum_of_squares(n) == (n - 1) * n * (2 * n - 1) // 6


@given(st.integers(0, 60_000))
def test_a_number_within_bounds_is_taken(value: int) -> None:
    assert whole_number("ms", str(value), default=50, highest=60_000) == value


@given(st.one_of(st.text(), st.integers().map(str)))
def test_any_text_gives_a_number_within_bounds_or_a_sentence_that_names_the_value(text: str) -> None:
    try:
        value = whole_number("ms", text, default=50, highest=60_000)
    except BadValueError as problem:
        value, sentence = None, str(problem)
    if value is None:
        assert sentence == "ms must be a whole number from 0 to 60000"
    else:
        assert 0 <= value <= 60_000


@pytest.mark.parametrize("text", ["", " 5", "5 ", "+5", "-0", "1_000", "5.0", "٣", "²", "9" * 5000])
def test_what_is_not_plain_digits_within_bounds_is_refused(text: str) -> None:
    with pytest.raises(BadValueError):
        whole_number("ms", text, default=50, highest=60_000)


def test_a_value_that_is_not_given_is_the_default() -> None:
    assert whole_number("ms", None, default=50, highest=60_000) == 50
