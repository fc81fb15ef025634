"""Every exchange, as data: what is sent, and what has to come back."""

import zlib
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from ..catalogue import Feature
from ..database.rows import LARGEST
from ..database.schema import PLENTY_ID
from ..database.seeds import SEEDS
from ..shop import (
    ACCEPTED,
    NO_UPSTREAM,
    NOT_FOUND,
    OUT_OF_STOCK,
    PAGE_SIZE,
    STATIC,
    STATIC_URL,
    STYLESHEET,
    UPSTREAM_FAILED,
    best_sellers,
)
from ..validation import MOST
from .building import get, page, post, stream, upload
from .matchers import HasDetail, Invalid, JsonBut, compact
from .model import Exchange
from .pages import detail_page, home_page

ITEMS: Final = "/api/items"
ORDERS: Final = "/api/orders"
NO_ITEM: Final = 999_999
# uvloop counts timers in whole milliseconds and may wake up to one early.
SLACK_MS: Final = 1
UPLOADED: Final = b"sgibench" * 40_000
PRICES: Final = [item["price"] for item in best_sellers()]
NEW: Final = {"name": "投影仪 <4K>", "price": 2599.9, "description": "激光 & 静音", "stock": 7}
MISSING: Final = {"detail": NOT_FOUND}


def created(item: object) -> JsonBut:
    """The answer to a new item: the item itself, with the id that it got."""
    assert isinstance(item, dict)
    return JsonBut(compact({"id": 0, **item}), ("id",))


def accepted(item_id: int | str, quantity: int) -> JsonBut:
    """The answer to an order: what was ordered, with the id that the order got."""
    answer = {"status": ACCEPTED, "order_id": 0, "item_id": "?", "quantity": quantity}
    return JsonBut(compact(answer).replace('"?"', str(item_id)), ("order_id",))


def _invalid(name: str, target: str, request: object, *fields: str) -> Exchange:
    """A body that is refused for these fields; for itself, where none is named."""
    places: list[tuple[str, ...]] = [("body", field) for field in fields] or [("body",)]
    return post(name, target, request, Invalid(places), 422)


def _bad_value(name: str, target: str, feature: Feature | None = None) -> Exchange:
    return get(name, target, HasDetail(), 400, also=(422,), feature=feature)


def _wrong_method(name: str, method: str, target: str, allowed: str, feature: Feature | None = None) -> Exchange:
    right = get(name, target, HasDetail(), 405, headers={"allow": allowed}, feature=feature)
    return replace(right, method=method)


_EVERYWHERE = (
    get("json", "/json", best_sellers()),
    get("wait-50", "/wait?ms=50", {"waited_ms": 50}, floor_ms=50 - SLACK_MS),
    get("wait-0", "/wait?ms=0", {"waited_ms": 0}),
    # By the closed form of the sum, so that an application's loop is checked against something else.
    get("cpu-1000", "/cpu?n=1000", {"n": 1000, "result": 999 * 1000 * 1999 // 6}),
    _bad_value("wait-bad", "/wait?ms=abc"),
    _bad_value("wait-too-long", "/wait?ms=60001"),
    _bad_value("cpu-bad", "/cpu?n=-1"),
    get("unknown-path", "/nowhere", HasDetail(), 404),
    _wrong_method("wrong-method", "DELETE", "/json", "GET"),
)

_PAGES = (
    page("page", "/", home_page(SEEDS[:PAGE_SIZE])),
    page("detail-page", "/items/1", detail_page(SEEDS[0])),
    page("detail-page-escaped", "/items/4", detail_page(SEEDS[3])),
    page("detail-page-plain", "/items/5", detail_page(SEEDS[4])),
    page("detail-page-missing", f"/items/{NO_ITEM}", NOT_FOUND.encode(), 404),
    Exchange(
        "stylesheet",
        "GET",
        f"{STATIC_URL}/{STYLESHEET}",
        200,
        "text/css",
        (STATIC / STYLESHEET).read_bytes(),
        feature=Feature.SHOP,
    ),
)

_READING = (
    get("list", ITEMS, SEEDS[:PAGE_SIZE], feature=Feature.SHOP),
    get("detail", f"{ITEMS}/1", SEEDS[0], feature=Feature.SHOP),
    get("detail-second", f"{ITEMS}/2", SEEDS[1], feature=Feature.SHOP),
    get("detail-escaped", f"{ITEMS}/4", SEEDS[3], feature=Feature.SHOP),
    get("detail-plain", f"{ITEMS}/5", SEEDS[4], feature=Feature.SHOP),
    get("detail-missing", f"{ITEMS}/{NO_ITEM}", MISSING, 404, feature=Feature.SHOP),
    # POST, which is allowed too, is in another route of Starlette's and FastAPI's, whose routers name only the first.
    get("detail-beyond", f"{ITEMS}/{LARGEST + 1}", HasDetail(), 404, feature=Feature.SHOP),
    _wrong_method("list-wrong-method", "DELETE", ITEMS, "GET", Feature.SHOP),
)

_WRITING = (
    post("create", ITEMS, NEW, created(NEW), 201),
    post(
        "create-least",
        ITEMS,
        {"name": "线", "price": 1},
        created({"name": "线", "price": 1.0, "description": None, "stock": 0}),
        201,
    ),
    _invalid("create-nothing", ITEMS, {}, "name", "price"),
    _invalid("create-wrong", ITEMS, {"name": "长" * 101, "price": 0, "stock": -1}, "name", "price", "stock"),
    _invalid("create-nameless", ITEMS, {**NEW, "name": ""}, "name"),
    _invalid(
        "create-types",
        ITEMS,
        {"name": 1, "price": "x", "description": [], "stock": 1.5},
        "name",
        "price",
        "description",
        "stock",
    ),
    _invalid("create-list", ITEMS, []),
    # Larger than any number that there is: Python's JSON reads it as infinity, and cannot write that again.
    _invalid("create-infinite", ITEMS, b'{"name":"x","price":1e999}'),
    _invalid("create-nul", ITEMS, {**NEW, "name": "a\0b"}, "name"),
    _invalid("create-no-json", ITEMS, b'{"name": "'),
    _invalid("create-empty", ITEMS, b""),
    post("create-no-text", ITEMS, b'{"name": "\xff"}', HasDetail(), 422, also=(400,)),
    post("order", ORDERS, {"item_id": PLENTY_ID, "quantity": 1}, accepted(PLENTY_ID, 1), 202),
    post("order-unknown", ORDERS, {"item_id": NO_ITEM, "quantity": 1}, MISSING, 404),
    post("order-too-many", ORDERS, {"item_id": 1, "quantity": 11}, {"detail": OUT_OF_STOCK}, 400),
    post("order-most", ORDERS, {"item_id": PLENTY_ID, "quantity": MOST}, {"detail": OUT_OF_STOCK}, 400),
    _invalid("order-beyond", ORDERS, {"item_id": LARGEST + 1, "quantity": MOST + 1}, "item_id", "quantity"),
    _invalid("order-none", ORDERS, {"item_id": PLENTY_ID, "quantity": 0}, "quantity"),
    _invalid("order-wrong", ORDERS, {"item_id": "x"}, "item_id", "quantity"),
    _wrong_method("order-wrong-method", "GET", ORDERS, "POST", Feature.SHOP),
)

_WORK = (
    get("blocking-50", "/blocking?ms=50", {"waited_ms": 50}, floor_ms=50, feature=Feature.BLOCKING),
    get("threads-50", "/threads?ms=50", {"waited_ms": 50}, floor_ms=50, feature=Feature.BLOCKING),
    _bad_value("threads-bad", "/threads?ms=abc", Feature.BLOCKING),
    upload("upload", UPLOADED, {"bytes": len(UPLOADED), "crc32": zlib.crc32(UPLOADED)}),
    upload("upload-empty", b"", {"bytes": 0, "crc32": 0}),
    _wrong_method("upload-wrong-method", "GET", "/upload", "POST", Feature.UPLOAD),
    stream("stream-10", 10, 0),
    stream("stream-none", 0, 0),
    stream("stream-slow", 3, 20, floor_ms=3 * (20 - SLACK_MS)),
    _bad_value("stream-bad", "/stream?n=100001", Feature.STREAM),
)

_UPSTREAM = (
    get("upstream", "/upstream", {"item_id": 1, "price": PRICES[0]}, feature=Feature.UPSTREAM, upstream_calls=1),
    *(
        get(
            f"fan-out-{how}",
            f"/fan-out?how={how}",
            {"prices": PRICES, "total": sum(PRICES)},
            feature=Feature.UPSTREAM,
            upstream_calls=len(PRICES),
        )
        for how in ("serial", "together")
    ),
    _bad_value("fan-out-bad", "/fan-out?how=never", Feature.UPSTREAM),
)

CONTRACT: Final = (*_EVERYWHERE, *_PAGES, *_READING, *_WRITING, *_WORK, *_UPSTREAM)
"""Every exchange; an application conforms when those of its features are right."""


def _upstream_failing(status: int, detail: str) -> tuple[Exchange, ...]:
    targets = {
        "upstream": "/upstream",
        "fan-out-serial": "/fan-out?how=serial",
        "fan-out-together": "/fan-out?how=together",
    }
    return tuple(
        get(f"{name}-{status}", target, {"detail": detail}, status, feature=Feature.UPSTREAM)
        for name, target in targets.items()
    )


UPSTREAM_UNSET: Final = _upstream_failing(503, NO_UPSTREAM)
"""What is answered where the environment names no upstream. Not part of the contract: no target is measured so."""
UPSTREAM_DOWN: Final = _upstream_failing(502, UPSTREAM_FAILED)
"""What is answered where the upstream that it names does not answer."""


def exchanges_for(features: Collection[Feature]) -> tuple[Exchange, ...]:
    """What an application with these features owes."""
    return tuple(exchange for exchange in CONTRACT if exchange.feature is None or exchange.feature in features)
