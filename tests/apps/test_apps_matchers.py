"""Bodies that cannot be known beforehand are held to all that can be known of them."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.apps.contract import Matcher
from sgibench.apps.contract.matchers import HasDetail, Invalid, JsonBut, compact

CREATED = JsonBut('{"id":0,"name":"鼠标","price":9.0,"stock":true}', ("id",))
TWO = Invalid([("body", "name"), ("body", "stock")])
JSON_VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda each: st.lists(each))


def problem(*loc: str | int, **more: Any) -> dict[str, Any]:
    return {"type": "t", "loc": ["body", *loc], "msg": "m", **more}


def details(*problems: dict[str, Any]) -> bytes:
    return json.dumps({"detail": problems}).encode()


@pytest.mark.parametrize("body", ['{"id":25,"name":"鼠标","price":9.0,"stock":true}'])
def test_the_id_is_the_databases_choice(body: str) -> None:
    assert CREATED.difference(body.encode()) == ""


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ('{"id":25,"name":"鼠标","price":9,"stock":true}', "is '{"),
        ('{"id":25,"name":"鼠标","price":9.0,"stock":1}', "is '{"),
        ('{"id":25,"name":"\\u9f20\\u6807","price":9.0,"stock":true}', "is '{"),
        ('{"id": 25, "name": "鼠标", "price": 9.0, "stock": true}', "is '{"),
        ('{"name":"鼠标","id":25,"price":9.0,"stock":true}', "has the keys name, id, price, stock, not id, name"),
        ('{"id":25,"name":"鼠标","price":9.0}', "has the keys id, name, price, not id, name, price, stock"),
        ('{"id":0,"name":"鼠标","price":9.0,"stock":true}', "has 0 for id, which must be a whole number from 1 on"),
        ('{"id":true,"name":"鼠标","price":9.0,"stock":true}', "has true for id, which must be a whole number"),
        ('{"id":"25","name":"鼠标","price":9.0,"stock":true}', 'has "25" for id, which must be a whole number'),
        ("[]", "is no JSON object: '[]'"),
        ('{"id":25', "is no JSON object: "),
        ("", "is no JSON object: nothing"),
    ],
)
def test_all_but_the_id_must_be_as_expected_to_the_byte(body: str, wrong: str) -> None:
    assert CREATED.difference(body.encode()).startswith(wrong)


def test_names_in_braces_are_filled_in_and_json_keeps_its_own_braces() -> None:
    template = JsonBut('{"order_id":0,"item_id":{id},"more":{"id":{id}}}', ("order_id",))
    assert template.filled({"id": "7"}).difference(b'{"order_id":3,"item_id":7,"more":{"id":7}}') == ""


def test_a_422_names_each_place_at_least_once_and_may_name_what_is_in_it() -> None:
    assert TWO.difference(details(problem("name"), problem("stock", 3, input="x"), problem("name"))) == ""
    assert Invalid([("body",)]).difference(details(problem(12))) == ""


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (details(problem("name")), "names no problem at body.stock"),
        (details(problem("name"), problem("stock"), problem("price")), "names a problem at body.price, where there is"),
        (details({"loc": ["body", "name"], "msg": "m"}), "has a problem without type, loc or msg: "),
        (details(), "has no list of problems as its detail: "),
        (b'{"detail":"bad"}', "has no list of problems as its detail: "),
        (b"Unprocessable", "has no list of problems as its detail: 'Unprocessable'"),
        (b'{"detail":["bad"]}', 'has a problem without type, loc or msg: "bad"'),
        (details({"type": "t", "loc": "body", "msg": "m"}), "has a problem without type, loc or msg: "),
        (details({"type": "t", "loc": ["query", "name"], "msg": "m"}), "names a problem at query.name, where there is"),
    ],
)
def test_a_422_that_names_too_little_or_too_much_is_wrong(body: bytes, wrong: str) -> None:
    assert TWO.difference(body).startswith(wrong)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"detail":""}', b'{"detail":[]}', b"[1]", b"Not Found", b'"detail"'])
def test_an_error_without_a_detail_is_wrong(body: bytes) -> None:
    assert HasDetail().difference(body).startswith("has no detail: ")
    assert HasDetail().difference(b'{"detail":"Not Found"}') == ""


@given(value=JSON_VALUES, matcher=st.sampled_from([CREATED, TWO, HasDetail()]))
def test_any_other_json_is_wrong_and_breaks_nothing(value: object, matcher: Matcher) -> None:
    assert matcher.difference(compact(value).encode(errors="surrogatepass"))
    assert matcher.difference(compact({"detail": [value]}).encode(errors="surrogatepass")) or matcher == HasDetail()
