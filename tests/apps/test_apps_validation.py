"""The bodies of requests: what the shop takes, and how it tells what is wrong, in JSON whatever came."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sgibench.apps.database.rows import LARGEST
from sgibench.apps.validation import MOST, NewItem, NewOrder, parse, problems

ITEM = {"name": "鼠标", "price": 99.0, "description": "无线", "stock": 3}


def wrong_with(raw: bytes, model: type[NewItem | NewOrder] = NewItem) -> list[dict[str, Any]]:
    with pytest.raises(ValidationError) as refused:
        parse(model, raw)
    found = problems(refused.value)
    # Not Python's JSON with its NaN and Infinity, which no browser reads.
    json.dumps(found, allow_nan=False)
    return found


def places(raw: bytes, model: type[NewItem | NewOrder] = NewItem) -> list[list[str | int]]:
    return [problem["loc"] for problem in wrong_with(raw, model)]


def test_an_item_needs_a_name_and_a_price() -> None:
    assert parse(NewItem, json.dumps(ITEM).encode()).model_dump() == ITEM
    least = parse(NewItem, b'{"name":"x","price":1}').model_dump()
    assert least == {"name": "x", "price": 1.0, "description": None, "stock": 0}
    assert list(least) == ["name", "price", "description", "stock"]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"name": ""}, "name"),
        ({"name": "长" * 101}, "name"),
        ({"name": None}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"price": 0}, "price"),
        ({"price": -1}, "price"),
        ({"price": None}, "price"),
        ({"description": 1}, "description"),
        ({"description": "a\0b"}, "description"),
        ({"stock": -1}, "stock"),
        ({"stock": 1.5}, "stock"),
        ({"stock": LARGEST + 1}, "stock"),
        ({"stock": None}, "stock"),
    ],
)
def test_what_is_wrong_is_named_by_its_place(changes: dict[str, object], place: str) -> None:
    assert places(json.dumps({**ITEM, **changes}).encode()) == [["body", place]]


def test_the_bounds_themselves_are_taken() -> None:
    for changes in ({"name": "长" * 100}, {"name": "\n"}, {"description": ""}, {"stock": LARGEST}, {"price": 5e-324}):
        parse(NewItem, json.dumps({**ITEM, **changes}).encode())
    parse(NewOrder, b'{"item_id":%d,"quantity":%d}' % (LARGEST, MOST))
    parse(NewOrder, b'{"item_id":-1,"quantity":1}')  # there is no such item, which is not the body's fault


def test_an_order_is_of_one_at_least_and_of_what_a_database_can_add_up() -> None:
    assert places(b'{"item_id":1,"quantity":0}', NewOrder) == [["body", "quantity"]]
    beyond = b'{"item_id":%d,"quantity":%d}' % (LARGEST + 1, MOST + 1)
    assert places(beyond, NewOrder) == [["body", "item_id"], ["body", "quantity"]]
    assert places(b"{}", NewOrder) == [["body", "item_id"], ["body", "quantity"]]


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff", b'{"name":"\xff"}', b"[" * 10_000])
def test_where_there_is_no_object_the_body_itself_is_the_place(raw: bytes) -> None:
    assert places(raw) == [["body"]]


@pytest.mark.parametrize("number", [b"1e999", b"NaN", b"-Infinity"])
def test_a_number_that_is_none_is_shown_as_text(number: bytes) -> None:
    (problem,) = wrong_with(b'{"name":"x","price":' + number + b"}")
    assert problem["loc"] == ["body", "price"]
    assert problem["input"] in {"Infinity", "NaN", "-Infinity"}


# As in a request: FastAPI reads the same models itself, and its words are those that the others take over.
fastapi = FastAPI()


@fastapi.post("/items")
async def create(item: NewItem) -> None:
    pass


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"name": "", "price": 0, "stock": -1},
        {"name": 1, "price": "x", "description": [], "stock": 1.5},
        {"name": "a\0b", "price": 1, "stock": LARGEST + 1},
    ],
)
def test_the_words_are_fastapis(item: dict[str, object]) -> None:
    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fastapi), base_url="http://shop") as client:
            return await client.post("/items", json=item)

    answer = asyncio.run(post())
    assert answer.status_code == 422
    assert wrong_with(json.dumps(item).encode()) == answer.json()["detail"]


@given(
    st.binary() | st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_any_bytes_are_an_item_or_problems_within_the_body(raw: bytes) -> None:
    assert all(place[0] == "body" for place in places(raw))
