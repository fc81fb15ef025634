"""The contract holds what the shop promises, and says clearly what is wrong with an answer."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.contract import CONTRACT, TOLERATED_DIFFERENCES, Exchange, Normalisation, check

BY_NAME = {exchange.name: exchange for exchange in CONTRACT}
ITEM = BY_NAME["item-1"]
WAIT = BY_NAME["wait-50"]
PAGE = BY_NAME["page"]


def test_the_contract_asks_for_these_exchanges() -> None:
    assert {name: (exchange.method, exchange.target, exchange.status) for name, exchange in BY_NAME.items()} == {
        "items": ("GET", "/api/items", 200),
        "item-1": ("GET", "/api/items/1", 200),
        "item-2": ("GET", "/api/items/2", 200),
        "item-missing": ("GET", "/api/items/999", 404),
        "wait-50": ("GET", "/wait?ms=50", 200),
        "cpu-1000": ("GET", "/cpu?n=1000", 200),
        "page": ("GET", "/", 200),
    }
    assert len(BY_NAME) == len(CONTRACT)


# Written out, so that a slip in the shop cannot move the expectation along with the answers.
@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("item-1", '{"name":"笔记本电脑","price":5999.0,"description":"高性能","stock":10}'),
        ("item-2", '{"name":"机械键盘","price":299.0,"description":"RGB背光","stock":50}'),
        ("item-missing", '{"detail":"商品不存在"}'),
        ("wait-50", '{"waited_ms":50}'),
        ("cpu-1000", '{"n":1000,"result":332833500}'),
    ],
)
def test_json_is_compact_in_order_and_not_escaped(name: str, body: str) -> None:
    assert BY_NAME[name].body.decode() == body


def test_the_page_shows_every_item_and_loads_nothing() -> None:
    page = PAGE.body.decode()
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh">')
    assert "<title>商品展示</title>" in page
    assert "3 件商品" in page
    for item in json.loads(BY_NAME["items"].body):
        assert item["name"] in page
        assert f"¥{item['price']:.2f}" in page
    assert not any(outside in page for outside in ("http:", "https:", "src=", "<link", "@import", "{{", "{%"))


@pytest.mark.parametrize("exchange", CONTRACT, ids=lambda exchange: exchange.name)
def test_the_expected_answer_is_right(exchange: Exchange) -> None:
    assert check(exchange, exchange.status, exchange.media_type, exchange.body, exchange.floor_ms) is None


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
def test_parameters_and_case_of_the_content_type_do_not_matter(content_type: str) -> None:
    assert check(ITEM, 200, content_type, ITEM.body, 1) is None


def test_one_newline_after_json_does_not_matter_but_two_do() -> None:
    assert check(ITEM, 200, "application/json", ITEM.body + b"\n", 1) is None
    assert check(ITEM, 200, "application/json", ITEM.body + b"\n\n", 1) is not None


def test_a_newline_after_the_page_matters() -> None:
    assert PAGE.normalisation is Normalisation.NONE
    assert check(PAGE, 200, "text/html", PAGE.body + b"\n", 1) is not None


@pytest.mark.parametrize(
    ("exchange", "status", "content_type", "body", "elapsed_ms", "sentence"),
    [
        (
            ITEM, 500, "text/plain", b"Internal Server Error", 1,
            "item-1 (GET /api/items/1): the status is 500, not 200, with the body 'Internal Server Error'.",
        ),
        (ITEM, 204, None, b"", 1, "item-1 (GET /api/items/1): the status is 204, not 200."),
        (
            ITEM, 200, "text/html", ITEM.body, 1,
            "item-1 (GET /api/items/1): the media type is text/html, not application/json.",
        ),
        (ITEM, 200, None, ITEM.body, 1, "item-1 (GET /api/items/1): the media type is missing, not application/json."),
        (
            WAIT, 200, "application/json", b'{"waited_ms":51}', 60,
            "wait-50 (GET /wait?ms=50): the body (16 bytes) differs from byte 14 on: '1}', not '0}'.",
        ),
        (
            WAIT, 200, "application/json", b'{"waited_ms":50', 60,
            "wait-50 (GET /wait?ms=50): the body (15 bytes, not 16) differs from byte 15 on: nothing, not '}'.",
        ),
        (
            WAIT, 200, "application/json", b'{"waited_ms":50}!', 60,
            "wait-50 (GET /wait?ms=50): the body (17 bytes, not 16) differs from byte 16 on: '!', not nothing.",
        ),
        (
            WAIT, 200, "application/json", b"", 60,
            "wait-50 (GET /wait?ms=50): the body (0 bytes, not 16) differs from byte 0 on: "
            "nothing, not '{\"waited_ms\":50}'.",
        ),
        (
            WAIT, 200, "application/json", WAIT.body, 3.14,
            "wait-50 (GET /wait?ms=50): the answer came after 3.1 ms, which must take at least 49 ms.",
        ),
    ],
    ids=["status", "empty", "type", "no-type", "byte", "short", "long", "nothing", "too-fast"],
)  # fmt: skip
def test_a_wrong_answer_is_described_in_one_sentence(
    exchange: Exchange, status: int, content_type: str | None, body: bytes, elapsed_ms: float, sentence: str
) -> None:
    assert check(exchange, status, content_type, body, elapsed_ms) == sentence


def test_an_excerpt_never_starts_inside_a_character() -> None:
    expected = replace(ITEM, body='{"name":"鼠标"}'.encode())
    got = '{"name":"鼡标"}'.encode()  # differs from 鼠 in its last byte only
    sentence = check(expected, 200, "application/json", got, 1)
    assert sentence is not None
    assert "from byte 11 on: '鼡标\"}', not '鼠标\"}'" in sentence


@given(data=st.data(), exchange=st.sampled_from(CONTRACT))
def test_any_single_wrong_byte_is_found_and_placed(data: st.DataObject, exchange: Exchange) -> None:
    at = data.draw(st.integers(0, len(exchange.body) - 1))
    # The newline is left out: at the end of JSON it would be a shorter body instead.
    value = data.draw(st.integers(0, 255).filter(lambda value: value not in (exchange.body[at], ord("\n"))))
    body = exchange.body[:at] + bytes([value]) + exchange.body[at + 1 :]
    sentence = check(exchange, exchange.status, exchange.media_type, body, 1000)
    assert sentence is not None
    assert f"({len(body)} bytes) differs from byte {at} on: " in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500


@given(body=st.binary(max_size=2000), exchange=st.sampled_from(CONTRACT))
def test_any_other_body_is_wrong_and_shown_briefly(body: bytes, exchange: Exchange) -> None:
    sentence = check(exchange, exchange.status, exchange.media_type, body, 1000)
    assert sentence is not None
    assert "\n" not in sentence
    assert len(sentence) < 500


def test_every_tolerated_difference_has_its_reason_and_its_own_topic() -> None:
    assert all(difference.topic and difference.seen and difference.reason for difference in TOLERATED_DIFFERENCES)
    assert len({difference.topic for difference in TOLERATED_DIFFERENCES}) == len(TOLERATED_DIFFERENCES)
