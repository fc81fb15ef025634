"""The shop in Quart, which is Flask's interface on an event loop.

Run it with any ASGI server: `hypercorn apps.quart_app:app`. Its database is `$DATABASE_URL` (without it, a SQLite
file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncGenerator, AsyncIterator

import httpx
from pydantic import ValidationError
from quart import Quart, Response, abort, jsonify, render_template, request, websocket
from quart.json.provider import DefaultJSONProvider
from quart.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

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


class ShopJSON(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False
    compact = True


class Shop(Quart):
    client: httpx.AsyncClient | None = None


# Templates come from templates/, files under /static/ from static/, both beside this module.
app = Shop(__name__)
app.json = ShopJSON(app)
# Quart refuses more than 16 MB by default. An upload may be larger, and is never whole in memory.
app.config["MAX_CONTENT_LENGTH"] = None


@app.while_serving
async def lifespan() -> AsyncGenerator[None, None]:
    client = shared_client()
    yield
    await client.aclose()
    await database.close()


def shared_client() -> httpx.AsyncClient:
    # Not every server has lifespan events. Without them, the first request opens the client.
    if app.client is None:
        app.client = open_client()
    return app.client


# Errors, as JSON


@app.errorhandler(HTTPException)
async def error_as_json(error: HTTPException) -> ResponseReturnValue:
    # The error's own headers matter: a 405 names the methods that are allowed.
    headers = {name: value for name, value in error.get_headers() if name.lower() != "content-type"}
    return jsonify(detail=error.description), error.code or 500, headers


@app.errorhandler(BadValueError)
async def bad_value(error: BadValueError) -> ResponseReturnValue:
    return jsonify(detail=str(error)), 400


@app.errorhandler(ValidationError)
async def invalid_body(error: ValidationError) -> ResponseReturnValue:
    return jsonify(detail=problems(error)), 422


@app.errorhandler(UpstreamError)
async def upstream_failed(error: UpstreamError) -> ResponseReturnValue:
    return jsonify(detail=error.detail), error.status


def number_argument(name: str, *, default: int, highest: int) -> int:
    return whole_number(name, request.args.get(name), default=default, highest=highest)


# The shop: pages


@app.get("/")
async def home() -> ResponseReturnValue:
    return await render_template(HOME_TEMPLATE, **page_context(await database.list_items()))


@app.get("/items/<int:item_id>")
async def item_page(item_id: int) -> ResponseReturnValue:
    item = await database.find_item(item_id)
    if item is None:
        return NOT_FOUND, 404
    return await render_template(DETAIL_TEMPLATE, **detail_context(item))


# The shop: JSON


@app.get("/api/items")
async def read_items() -> ResponseReturnValue:
    return jsonify(await database.list_items())


@app.get("/api/items/<int:item_id>")
async def read_item(item_id: int) -> ResponseReturnValue:
    item = await database.find_item(item_id)
    if item is None:
        abort(404, description=NOT_FOUND)
    return jsonify(item)


@app.post("/api/items")
async def create_item() -> ResponseReturnValue:
    new = parse(NewItem, await request.data)
    return jsonify(await database.create_item(new.name, new.price, new.description, new.stock)), 201


@app.post("/api/orders")
async def create_order() -> ResponseReturnValue:
    new = parse(NewOrder, await request.data)
    try:
        order_id = await database.order(new.item_id, new.quantity)
    except UnknownItemError:
        abort(404, description=NOT_FOUND)
    except OutOfStockError:
        abort(400, description=OUT_OF_STOCK)
    app.add_background_task(database.take_stock, order_id)
    return {"status": ACCEPTED, "order_id": order_id, "item_id": new.item_id, "quantity": new.quantity}, 202


# Work without a database


@app.get("/json")
async def read_best_sellers() -> ResponseReturnValue:
    return jsonify(best_sellers())


@app.get("/wait")
async def wait() -> ResponseReturnValue:
    ms = number_argument("ms", default=DEFAULT_MS, highest=MAX_MS)
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


# Not async: Quart runs such a function in a thread (as `run_sync` does), so that the event loop stays free.
@app.get("/cpu")
def cpu() -> ResponseReturnValue:
    n = number_argument("n", default=DEFAULT_N, highest=MAX_N)
    return {"n": n, "result": sum_of_squares(n)}


# The mistake: it holds up every other request of the process.
@app.get("/blocking")
async def blocking() -> ResponseReturnValue:
    ms = number_argument("ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)  # noqa: ASYNC251
    return {"waited_ms": ms}


# The same wait, put right by leaving out a word.
@app.get("/threads")
def threads() -> ResponseReturnValue:
    ms = number_argument("ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/upstream")
async def upstream() -> ResponseReturnValue:
    item_id = UPSTREAM_ITEMS[0]
    return {"item_id": item_id, "price": await price_of(shared_client(), item_id)}


@app.get("/fan-out")
async def fan_out() -> ResponseReturnValue:
    client = shared_client()
    if asked_together(request.args.get("how")):
        prices = await asyncio.gather(*(price_of(client, item_id) for item_id in UPSTREAM_ITEMS))
    else:
        prices = [await price_of(client, item_id) for item_id in UPSTREAM_ITEMS]
    return {"prices": prices, "total": sum(prices)}


@app.post("/upload")
async def upload() -> ResponseReturnValue:
    size = checksum = 0
    async for piece in request.body:
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return {"bytes": size, "crc32": checksum}


@app.get("/stream")
async def stream() -> ResponseReturnValue:
    n = number_argument("n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = number_argument("ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)

    async def events() -> AsyncIterator[str]:
        for i in range(n):
            await asyncio.sleep(ms / 1000)
            yield f"data: {i}\n\n"

    response = Response(events(), content_type="text/event-stream", headers={"Cache-Control": "no-cache"})
    # Quart cuts answers off after a minute by default, which a stream may well last.
    response.timeout = None
    return response


@app.websocket("/ws")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())
