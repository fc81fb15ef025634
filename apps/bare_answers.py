"""What the bare applications under ASGI and RSGI answer: routing, reading, work, and bytes to be sent.

No framework, but nothing left out either. How requests come in and answers go out is in `bare_asgi_app` and
`bare_rsgi_app`; both call `respond`.
"""

import asyncio
import json
import time
import zlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from functools import cache, partial
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

import httpx
import jinja2
from pydantic import ValidationError

from .database.aio import database
from .database.errors import OutOfStockError, UnknownItemError
from .shop import (
    ACCEPTED,
    DEFAULT_EVENT_MS,
    DEFAULT_EVENTS,
    DEFAULT_MS,
    DEFAULT_N,
    DETAIL_TEMPLATE,
    HOME_TEMPLATE,
    MAX_EVENTS,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    OUT_OF_STOCK,
    STATIC,
    STATIC_URL,
    STYLESHEET,
    TEMPLATES,
    UPSTREAM_ITEMS,
    BadValueError,
    UpstreamError,
    asked_together,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
    whole_number,
)
from .upstream import open_client, price_of
from .validation import NewItem, NewOrder, parse, problems

JSON_TYPE: Final = "application/json"
HTML_TYPE: Final = "text/html; charset=utf-8"
CSS_TYPE: Final = "text/css; charset=utf-8"
EVENTS_TYPE: Final = "text/event-stream; charset=utf-8"

Body = AsyncIterable[bytes]
"""A body in pieces, as they come or as they are to go."""
Query = Mapping[str, str]


class Answer(NamedTuple):
    """What is to be sent; the body whole, or in pieces where its length is not known beforehand."""

    body: bytes | Body
    status: int = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    after: Callable[[], Awaitable[None]] | None = None
    """Work that waits until the answer is sent."""


Handler = Callable[[Query, Body], Awaitable[Answer]]

templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape())
stylesheet = (STATIC / STYLESHEET).read_bytes()


def as_json(value: object, status: int = HTTPStatus.OK) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status)


def error(status: int, detail: object) -> Answer:
    return as_json({"detail": detail}, status)


def as_page(template: str, context: Mapping[str, object]) -> Answer:
    return Answer(templates.get_template(template).render(context).encode(), content_type=HTML_TYPE)


@cache
def client() -> httpx.AsyncClient:
    """Opened when the server says that it starts; where it does not say so, at the first request that needs it."""
    return open_client()


async def close() -> None:
    """Close what this process opened."""
    if client.cache_info().currsize:
        await client().aclose()
        client.cache_clear()
    await database.close()


async def until_gone(gone: Awaitable[None], sending: Awaitable[None]) -> None:
    """Send a body in pieces, but no longer than there is somebody to read it."""
    sender, watcher = asyncio.ensure_future(sending), asyncio.ensure_future(gone)
    try:
        await asyncio.wait((sender, watcher), return_when=asyncio.FIRST_COMPLETED)
        if sender.done():
            sender.result()
    finally:
        sender.cancel()
        watcher.cancel()
        await asyncio.gather(sender, watcher, return_exceptions=True)


# The shop: pages


async def home(query: Query, body: Body) -> Answer:
    return as_page(HOME_TEMPLATE, {**page_context(await database.list_items())})


async def item_page(item_id: int, query: Query, body: Body) -> Answer:
    item = await database.find_item(item_id)
    if item is None:
        return Answer(NOT_FOUND.encode(), HTTPStatus.NOT_FOUND, HTML_TYPE)
    return as_page(DETAIL_TEMPLATE, {**detail_context(item)})


async def static_file(query: Query, body: Body) -> Answer:
    return Answer(stylesheet, content_type=CSS_TYPE)


# The shop: JSON


async def read_items(query: Query, body: Body) -> Answer:
    return as_json(await database.list_items())


async def read_item(item_id: int, query: Query, body: Body) -> Answer:
    item = await database.find_item(item_id)
    return error(HTTPStatus.NOT_FOUND, NOT_FOUND) if item is None else as_json(item)


async def whole(body: Body) -> bytes:
    return b"".join([piece async for piece in body])


async def create_item(query: Query, body: Body) -> Answer:
    new = parse(NewItem, await whole(body))
    item = await database.create_item(new.name, new.price, new.description, new.stock)
    return as_json(item, HTTPStatus.CREATED)


async def create_order(query: Query, body: Body) -> Answer:
    order = parse(NewOrder, await whole(body))
    try:
        order_id = await database.order(order.item_id, order.quantity)
    except UnknownItemError:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    except OutOfStockError:
        return error(HTTPStatus.BAD_REQUEST, OUT_OF_STOCK)
    answer = {"status": ACCEPTED, "order_id": order_id, "item_id": order.item_id, "quantity": order.quantity}
    return as_json(answer, HTTPStatus.ACCEPTED)._replace(after=partial(database.take_stock, order_id))


# Work without a database


async def read_best_sellers(query: Query, body: Body) -> Answer:
    return as_json(best_sellers())


def milliseconds(query: Query, default: int = DEFAULT_MS) -> int:
    return whole_number("ms", query.get("ms"), default=default, highest=MAX_MS)


async def wait(query: Query, body: Body) -> Answer:
    ms = milliseconds(query)
    await asyncio.sleep(ms / 1000)
    return as_json({"waited_ms": ms})


async def cpu(query: Query, body: Body) -> Answer:
    n = whole_number("n", query.get("n"), default=DEFAULT_N, highest=MAX_N)
    # In a thread, so that the event loop stays free.
    return as_json({"n": n, "result": await asyncio.to_thread(sum_of_squares, n)})


# The mistake: it holds up every other request of the process.
async def blocking(query: Query, body: Body) -> Answer:
    ms = milliseconds(query)
    time.sleep(ms / 1000)  # noqa: ASYNC251
    return as_json({"waited_ms": ms})


# The same wait, put right.
async def threads(query: Query, body: Body) -> Answer:
    ms = milliseconds(query)
    await asyncio.to_thread(time.sleep, ms / 1000)
    return as_json({"waited_ms": ms})


async def upstream(query: Query, body: Body) -> Answer:
    item_id = UPSTREAM_ITEMS[0]
    return as_json({"item_id": item_id, "price": await price_of(client(), item_id)})


async def fan_out(query: Query, body: Body) -> Answer:
    if asked_together(query.get("how")):
        prices = await asyncio.gather(*(price_of(client(), item_id) for item_id in UPSTREAM_ITEMS))
    else:
        prices = [await price_of(client(), item_id) for item_id in UPSTREAM_ITEMS]
    return as_json({"prices": prices, "total": sum(prices)})


async def upload(query: Query, body: Body) -> Answer:
    size = checksum = 0
    async for piece in body:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return as_json({"bytes": size, "crc32": checksum})


async def events(n: int, ms: int) -> AsyncIterator[bytes]:
    for i in range(n):
        await asyncio.sleep(ms / 1000)
        yield b"data: %d\n\n" % i


async def stream(query: Query, body: Body) -> Answer:
    n = whole_number("n", query.get("n"), default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = milliseconds(query, DEFAULT_EVENT_MS)
    return Answer(events(n, ms), content_type=EVENTS_TYPE, headers=(("cache-control", "no-cache"),))


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/": {"GET": home},
    f"{STATIC_URL}/{STYLESHEET}": {"GET": static_file},
    "/api/items": {"GET": read_items, "POST": create_item},
    "/api/orders": {"POST": create_order},
    "/json": {"GET": read_best_sellers},
    "/wait": {"GET": wait},
    "/cpu": {"GET": cpu},
    "/blocking": {"GET": blocking},
    "/threads": {"GET": threads},
    "/upstream": {"GET": upstream},
    "/fan-out": {"GET": fan_out},
    "/upload": {"POST": upload},
    "/stream": {"GET": stream},
}


def handlers_for(path: str) -> Mapping[str, Handler] | None:
    """The handlers of a path, by method."""
    if handlers := ROUTES.get(path):
        return handlers
    folder, _, item_id = path.rpartition("/")
    # int() refuses very long numbers, and no id is one.
    if item_id.isascii() and item_id.isdecimal() and len(item_id) <= 18:
        if folder == "/items":
            return {"GET": partial(item_page, int(item_id))}
        if folder == "/api/items":
            return {"GET": partial(read_item, int(item_id))}
    return None


async def respond(method: str, path: str, query_string: str, body: Body) -> Answer:
    """The answer to one request, also where the request is wrong."""
    handlers = handlers_for(path)
    if handlers is None:
        return error(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    handler = handlers.get(method)
    if handler is None:
        refused = error(HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
        return refused._replace(headers=(("allow", ", ".join(handlers)),))
    try:
        return await handler(dict(parse_qsl(query_string, keep_blank_values=True)), body)
    except BadValueError as problem:
        return error(HTTPStatus.BAD_REQUEST, str(problem))
    except ValidationError as problem:
        return error(HTTPStatus.UNPROCESSABLE_ENTITY, problems(problem))
    except UpstreamError as problem:
        return error(problem.status, problem.detail)
