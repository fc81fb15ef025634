"""The contract holds what the shop promises, and says clearly what is wrong with an answer."""

import json
import zlib
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.catalogue import APPS, Feature
from sgibench.apps.contract import (
    CONTRACT,
    MESSAGES,
    TOLERATED_DIFFERENCES,
    UPSTREAM_DOWN,
    UPSTREAM_UNSET,
    Exchange,
    Normalisation,
    check,
    exchanges_for,
    stories_for,
)

BY_NAME = {exchange.name: exchange for exchange in CONTRACT}
ITEM = BY_NAME["detail"]
WAIT = BY_NAME["wait-50"]
PAGE = BY_NAME["page"]
EXACT = [exchange for exchange in CONTRACT if exchange.body]


def test_every_exchange_has_a_name_of_its_own_and_either_a_body_or_a_matcher() -> None:
    assert len(BY_NAME) == len(CONTRACT)
    assert all((exchange.body is None) is (exchange.matches is not None) for exchange in CONTRACT)


def test_every_route_is_asked_for_what_it_does_and_for_what_it_refuses() -> None:
    seen = {(each.method, each.target.partition("?")[0].rstrip("0123456789"), each.status) for each in CONTRACT}
    assert seen == {
        *((("GET", f"/{path}", 200)) for path in ("json", "wait", "cpu", "blocking", "threads", "upstream", "fan-out")),
        *((("GET", f"/{path}", 400)) for path in ("wait", "cpu", "threads", "fan-out", "stream")),
        ("GET", "/", 200),
        ("GET", "/items/", 200),
        ("GET", "/items/", 404),
        ("GET", "/static/shop.css", 200),
        ("GET", "/api/items", 200),
        ("GET", "/api/items/", 200),
        ("GET", "/api/items/", 404),
        *(("POST", "/api/items", status) for status in (201, 422)),
        *(("POST", "/api/orders", status) for status in (202, 400, 404, 422)),
        ("POST", "/upload", 200),
        ("GET", "/stream", 200),
        ("GET", "/nowhere", 404),
        *(("DELETE", path, 405) for path in ("/json", "/api/items")),
        *(("GET", path, 405) for path in ("/api/orders", "/upload")),
    }


def test_who_has_no_feature_owes_what_needs_none_and_who_has_all_owes_all() -> None:
    assert {exchange.target.partition("?")[0] for exchange in exchanges_for(())} == {
        "/json",
        "/wait",
        "/cpu",
        "/nowhere",
    }
    assert exchanges_for(set(Feature)) == CONTRACT
    assert {each.feature for each in exchanges_for({Feature.STREAM})} == {None, Feature.STREAM}
    assert stories_for(()) == ()
    assert {story.feature for story in stories_for(set(Feature))} == {Feature.SHOP, Feature.STREAM}


@pytest.mark.parametrize("app", APPS.values(), ids=lambda app: app.name)
def test_whatever_an_application_says_to_have_is_asked_for(app: Any) -> None:
    asked = {exchange.feature for exchange in exchanges_for(app.features)}
    # The echo has its messages, and where docs are the catalogue says.
    assert asked | {Feature.WEBSOCKET, Feature.DOCS} >= app.features


def test_the_upstream_is_called_once_for_each_price() -> None:
    calls = {each.name: each.upstream_calls for each in CONTRACT if each.upstream_calls}
    assert calls == {"upstream": 1, "fan-out-serial": 3, "fan-out-together": 3}
    assert Counter(each.status for each in (*UPSTREAM_UNSET, *UPSTREAM_DOWN)) == {503: 3, 502: 3}


def test_messages_are_of_both_kinds_and_of_every_length_of_frame() -> None:
    lengths = [(type(each), len(each.encode() if isinstance(each, str) else each)) for each in MESSAGES]
    assert (str, 0) in lengths
    assert {kind for kind, length in lengths if length >= 70_000} == {str, bytes}
    assert any(125 < length < 65_536 for _, length in lengths)
    assert any(isinstance(each, str) and not each.isascii() for each in MESSAGES)


# Written out, so that a slip in the shop cannot move the expectation along with the answers.
@pytest.mark.parametrize(
    ("name", "body"),
    [
        (
            "json",
            '[{"name":"笔记本电脑","price":5999.0,"description":"高性能","stock":10},'
            '{"name":"机械键盘","price":299.0,"description":"RGB背光","stock":50},'
            '{"name":"鼠标","price":99.0,"description":"无线","stock":100}]',
        ),
        ("detail", '{"id":1,"name":"笔记本电脑","price":5999.0,"description":"高性能","stock":10}'),
        ("detail-second", '{"id":2,"name":"机械键盘","price":299.0,"description":"RGB背光","stock":50}'),
        (
            "detail-escaped",
            '{"id":4,"name":"显示器 27\\"","price":1299.5,"description":"IPS & 144Hz, <1ms","stock":18}',
        ),
        ("detail-plain", '{"id":5,"name":"USB-C 数据线","price":19.9,"description":null,"stock":400}'),
        ("detail-missing", '{"detail":"商品不存在"}'),
        ("wait-50", '{"waited_ms":50}'),
        ("cpu-1000", '{"n":1000,"result":332833500}'),
        ("order-too-many", '{"detail":"库存不足"}'),
        ("upstream", '{"item_id":1,"price":5999.0}'),
        ("fan-out-together", '{"prices":[5999.0,299.0,99.0],"total":6397.0}'),
    ],
)
def test_json_is_compact_in_order_and_not_escaped(name: str, body: str) -> None:
    assert (BY_NAME[name].body or b"").decode() == body


def test_the_page_shows_every_item_of_the_list_and_loads_only_its_style() -> None:
    page = (PAGE.body or b"").decode()
    assert page.startswith('<!DOCTYPE html>\n<html lang="zh">')
    assert "<title>商品展示</title>" in page
    assert "20 件商品" in page
    items = json.loads(BY_NAME["list"].body or b"")
    assert [item["id"] for item in items] == list(range(1, 21))
    for item in items:
        name = item["name"].replace('"', "&#34;")
        assert f'<a href="/items/{item["id"]}">{name}</a>' in page
        assert f"¥{item['price']:.2f}" in page
    assert page.count("/static/shop.css") == 1
    assert not any(outside in page for outside in ("http:", "https:", "src=", "@import", "{{", "{%"))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("detail-page", ("<h1>笔记本电脑</h1>", "¥5999.00", "高性能", 'class="stock low">库存 10 件')),
        ("detail-page-escaped", ("显示器 27&#34;", "IPS &amp; 144Hz, &lt;1ms")),
        ("detail-page-plain", ("暂无描述", 'class="stock">库存 400 件')),
    ],
)
def test_the_page_of_an_item_shows_it(name: str, parts: tuple[str, ...]) -> None:
    page = (BY_NAME[name].body or b"").decode()
    assert all(part in page for part in (*parts, "/static/shop.css", 'href="/"'))


def test_what_is_uploaded_is_larger_than_what_a_server_reads_at_once() -> None:
    body = BY_NAME["upload"].request_body
    assert len(body) > 256 * 1024
    assert json.loads(BY_NAME["upload"].body or b"") == {"bytes": len(body), "crc32": zlib.crc32(body)}


def test_events_are_as_browsers_read_them() -> None:
    assert (BY_NAME["stream-slow"].body, BY_NAME["stream-none"].body) == (b"data: 0\n\ndata: 1\n\ndata: 2\n\n", b"")


@pytest.mark.parametrize("exchange", EXACT, ids=lambda exchange: exchange.name)
def test_the_expected_answer_is_right(exchange: Exchange) -> None:
    body, headers = exchange.body or b"", exchange.headers
    for status in (exchange.status, *exchange.also):
        assert check(exchange, status, exchange.media_type, body, exchange.floor_ms, headers=headers) is None


@pytest.mark.parametrize(
    ("name", "headers", "wrong"),
    [
        ("detail-page-missing", {}, "the header content-type is missing"),
        (
            "detail-page-missing",
            {"content-type": "text/html"},
            "the header content-type is 'text/html', not 'text/html; ch",
        ),
        ("list-wrong-method", {"allow": "POST, HEAD"}, "the header allow lacks GET: 'POST, HEAD'"),
        ("list-wrong-method", {"allow": ""}, "the header allow lacks GET: ''"),
        ("list-wrong-method", {}, "the header allow is missing"),
    ],
)
def test_headers_that_matter_are_looked_at(name: str, headers: dict[str, str], wrong: str) -> None:
    exchange = BY_NAME[name]
    body = b'{"detail":"no"}' if exchange.body is None else exchange.body
    sentence = check(exchange, exchange.status, exchange.media_type, body, 1, headers=headers)
    assert sentence is not None
    assert wrong in sentence


def test_allowed_methods_may_be_more_and_in_any_order() -> None:
    right = {"allow": "OPTIONS,post , GET"}
    assert check(BY_NAME["list-wrong-method"], 405, "application/json", b'{"detail":"no"}', 1, headers=right) is None


def test_a_charset_is_utf_8s_or_not_named() -> None:
    for right in ("application/json; charset=UTF-8", 'application/json; charset="utf-8"', "application/json;x=1"):
        assert check(ITEM, 200, right, ITEM.body or b"", 1) is None
    sentence = check(ITEM, 200, "application/json; charset=GBK", ITEM.body or b"", 1)
    assert sentence == "detail (GET /api/items/1): the charset is gbk, not utf-8."


def test_another_status_is_right_where_it_is_tolerated_and_nowhere_else() -> None:
    detail = b'{"detail":"?"}'
    assert check(BY_NAME["wait-bad"], 422, "application/json", detail, 1) is None
    sentence = check(BY_NAME["wait-bad"], 404, "application/json", b"", 1)
    assert sentence == "wait-bad (GET /wait?ms=abc): the status is 404, not 400 or 422."
    assert check(BY_NAME["detail-missing"], 422, "application/json", detail, 1) is not None


def test_a_piece_that_must_come_early_is_waited_for() -> None:
    early = replace(WAIT, first_by_ms=30)
    body = WAIT.body or b""
    assert check(early, 200, "application/json", body, 50, first_ms=30) is None
    assert check(early, 200, "application/json", body, 50, first_ms=30.06) == (
        "wait-50 (GET /wait?ms=50): the first piece of the body came after 30.1 ms, not within 30 ms."
    )
    assert check(early, 200, "application/json", body, 50) is not None


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x=y"]
)
def test_parameters_and_case_of_the_content_type_do_not_matter(content_type: str) -> None:
    assert check(ITEM, 200, content_type, ITEM.body or b"", 1) is None


def test_one_newline_after_json_does_not_matter_but_two_do() -> None:
    assert check(ITEM, 200, "application/json", (ITEM.body or b"") + b"\n", 1) is None
    assert check(ITEM, 200, "application/json", (ITEM.body or b"") + b"\n\n", 1) is not None


def test_a_newline_after_the_page_matters() -> None:
    assert PAGE.normalisation is Normalisation.NONE
    assert check(PAGE, 200, "text/html", (PAGE.body or b"") + b"\n", 1) is not None


@pytest.mark.parametrize(
    ("exchange", "status", "content_type", "body", "elapsed_ms", "sentence"),
    [
        (
            ITEM, 500, "text/plain", b"Internal Server Error", 1,
            "detail (GET /api/items/1): the status is 500, not 200, with the body 'Internal Server Error'.",
        ),
        (ITEM, 204, None, b"", 1, "detail (GET /api/items/1): the status is 204, not 200."),
        (
            ITEM, 200, "text/html", ITEM.body or b"", 1,
            "detail (GET /api/items/1): the media type is text/html, not application/json.",
        ),
        (
            ITEM, 200, None, ITEM.body or b"", 1,
            "detail (GET /api/items/1): the media type is missing, not application/json.",
        ),
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
            WAIT, 200, "application/json", WAIT.body or b"", 3.14,
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


@given(data=st.data(), exchange=st.sampled_from(EXACT))
def test_any_single_wrong_byte_is_found_and_placed(data: st.DataObject, exchange: Exchange) -> None:
    expected = exchange.body or b""
    at = data.draw(st.integers(0, len(expected) - 1))
    # The newline is left out: at the end of JSON it would be a shorter body instead.
    value = data.draw(st.integers(0, 255).filter(lambda value: value not in (expected[at], ord("\n"))))
    body = expected[:at] + bytes([value]) + expected[at + 1 :]
    sentence = check(exchange, exchange.status, exchange.media_type, body, 1000, headers=exchange.headers)
    assert sentence is not None
    assert f"({len(body)} bytes) differs from byte {at} on: " in sentence
    assert "\n" not in sentence
    assert len(sentence) < 500


@given(body=st.binary(max_size=2000), exchange=st.sampled_from(CONTRACT))
def test_any_other_body_is_wrong_and_shown_briefly(body: bytes, exchange: Exchange) -> None:
    if body.removesuffix(b"\n") == exchange.body:
        return
    headers = {**exchange.headers}
    sentence = check(exchange, exchange.status, exchange.media_type, body, 1000, headers=headers)
    assert sentence is not None
    assert "\n" not in sentence
    assert len(sentence) < 500


def test_every_tolerated_difference_has_its_reason_and_its_own_topic() -> None:
    assert all(difference.topic and difference.seen and difference.reason for difference in TOLERATED_DIFFERENCES)
    assert len({difference.topic for difference in TOLERATED_DIFFERENCES}) == len(TOLERATED_DIFFERENCES) > 10
