"""The shop's own parts: what they hold and compute, and what they refuse."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.database.schema import LAST_ONE_ID, PLENTY_ID
from sgibench.apps.database.seeds import SEEDS
from sgibench.apps.shop import (
    DETAIL_TEMPLATE,
    HOME_TEMPLATE,
    PAGE_SIZE,
    STATIC,
    STATIC_URL,
    STYLESHEET,
    TEMPLATES,
    UPSTREAM_ITEMS,
    BadValueError,
    asked_together,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
    upstream_url,
    whole_number,
)


def test_three_items_are_in_memory() -> None:
    assert best_sellers() == [
        {"name": "笔记本电脑", "price": 5999.0, "description": "高性能", "stock": 10},
        {"name": "机械键盘", "price": 299.0, "description": "RGB背光", "stock": 50},
        {"name": "鼠标", "price": 99.0, "description": "无线", "stock": 100},
    ]


def test_the_same_three_are_the_first_in_the_database_and_the_upstreams() -> None:
    assert [{**item} for item in SEEDS[:3]] == [
        {"id": item_id, **item} for item_id, item in zip(UPSTREAM_ITEMS, best_sellers(), strict=True)
    ]


def test_behind_a_full_page_there_are_a_last_one_and_plenty() -> None:
    assert [item["id"] for item in SEEDS] == list(range(1, len(SEEDS) + 1))
    stock = {item["id"]: item["stock"] for item in SEEDS[PAGE_SIZE:]}
    assert (stock[LAST_ONE_ID], stock[PLENTY_ID]) == (1, 1_000_000_000)


def test_the_page_counts_the_items_it_shows() -> None:
    context = page_context(SEEDS[:5])
    assert context["item_count"] == len(context["items"]) == 5
    assert context["items"][3] == SEEDS[2]


def test_an_items_page_knows_it_by_id_and_name() -> None:
    assert detail_context(SEEDS[2]) == {"item_id": 3, "item": SEEDS[2], "item_name": "鼠标"}


@pytest.mark.parametrize("template", [HOME_TEMPLATE, DETAIL_TEMPLATE])
def test_a_page_asks_for_the_style_that_is_served(template: str) -> None:
    page = (TEMPLATES / template).read_text(encoding="utf-8")
    assert re.findall(r'<link rel="stylesheet" href="([^"]+)">', page) == [f"{STATIC_URL}/{STYLESHEET}"]
    used = set(re.findall(r'class="([a-z]+)', page))
    assert used <= set(re.findall(r"\.([a-z]+)", (STATIC / STYLESHEET).read_text(encoding="utf-8")))


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


def test_calls_are_made_one_by_one_unless_they_are_asked_for_together() -> None:
    assert [asked_together(text) for text in (None, "serial", "together")] == [False, False, True]
    for text in ("", "Together", "both"):
        with pytest.raises(BadValueError, match="how must be serial or together"):
            asked_together(text)


def test_the_upstream_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSTREAM_URL", raising=False)
    assert upstream_url() is None
    monkeypatch.setenv("UPSTREAM_URL", "http://127.0.0.1:9/")
    assert upstream_url() == "http://127.0.0.1:9"
