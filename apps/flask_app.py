"""The shop in Flask.

Run it with any WSGI server: `gunicorn --threads 8 apps.flask_app:app`. Its database is `$DATABASE_URL` (without it, a
SQLite file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from flask import Flask, abort, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException

from .blocking_upstream import price_of, prices_of
from .database.blocking import database
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
    UPLOAD_PIECE_BYTES,
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
from .validation import NewItem, NewOrder, parse, problems


class ShopJSON(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False
    compact = True


# Templates come from templates/, files under /static/ from static/, both beside this module.
app = Flask(__name__)
app.json = ShopJSON(app)

# Under WSGI a request is over with its answer. What comes later needs threads of the application's own.
background = ThreadPoolExecutor(thread_name_prefix="background")


# Errors, as JSON


@app.errorhandler(HTTPException)
def error_as_json(error: HTTPException) -> ResponseReturnValue:
    response = jsonify(detail=error.description)
    # The error's own headers matter: a 405 names the methods that are allowed.
    headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
    return response, error.code or 500, headers


@app.errorhandler(BadValueError)
def bad_value(error: BadValueError) -> ResponseReturnValue:
    return jsonify(detail=str(error)), 400


@app.errorhandler(ValidationError)
def invalid_body(error: ValidationError) -> ResponseReturnValue:
    return jsonify(detail=problems(error)), 422


@app.errorhandler(UpstreamError)
def upstream_failed(error: UpstreamError) -> ResponseReturnValue:
    return jsonify(detail=error.detail), error.status


def number_argument(name: str, *, default: int, highest: int) -> int:
    return whole_number(name, request.args.get(name), default=default, highest=highest)


# The shop: pages


@app.get("/")
def home() -> ResponseReturnValue:
    return render_template(HOME_TEMPLATE, **page_context(database.list_items()))


@app.get("/items/<int:item_id>")
def item_page(item_id: int) -> ResponseReturnValue:
    item = database.find_item(item_id)
    if item is None:
        return NOT_FOUND, 404
    return render_template(DETAIL_TEMPLATE, **detail_context(item))


# The shop: JSON


@app.get("/api/items")
def read_items() -> ResponseReturnValue:
    return jsonify(database.list_items())


@app.get("/api/items/<int:item_id>")
def read_item(item_id: int) -> ResponseReturnValue:
    item = database.find_item(item_id)
    if item is None:
        abort(404, description=NOT_FOUND)
    return jsonify(item)


@app.post("/api/items")
def create_item() -> ResponseReturnValue:
    new = parse(NewItem, request.get_data())
    return jsonify(database.create_item(new.name, new.price, new.description, new.stock)), 201


@app.post("/api/orders")
def create_order() -> ResponseReturnValue:
    new = parse(NewOrder, request.get_data())
    try:
        order_id = database.order(new.item_id, new.quantity)
    except UnknownItemError:
        abort(404, description=NOT_FOUND)
    except OutOfStockError:
        abort(400, description=OUT_OF_STOCK)
    background.submit(take_stock, order_id)
    answer = {"status": ACCEPTED, "order_id": order_id, "item_id": new.item_id, "quantity": new.quantity}
    return answer, 202


def take_stock(order_id: int) -> None:
    try:
        database.take_stock(order_id)
    except Exception:
        # Nobody waits for the result, so nobody else would tell.
        app.logger.exception("order %d: its stock was not taken", order_id)


# Work without a database


@app.get("/json")
def read_best_sellers() -> ResponseReturnValue:
    return jsonify(best_sellers())


@app.get("/wait")
def wait() -> ResponseReturnValue:
    ms = number_argument("ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/cpu")
def cpu() -> ResponseReturnValue:
    n = number_argument("n", default=DEFAULT_N, highest=MAX_N)
    return {"n": n, "result": sum_of_squares(n)}


# Calls to another service


@app.get("/upstream")
def upstream() -> ResponseReturnValue:
    item_id = UPSTREAM_ITEMS[0]
    return {"item_id": item_id, "price": price_of(item_id)}


@app.get("/fan-out")
def fan_out() -> ResponseReturnValue:
    prices = prices_of(UPSTREAM_ITEMS, together=asked_together(request.args.get("how")))
    return {"prices": prices, "total": sum(prices)}


# Bodies that are read, and written, piece by piece


@app.post("/upload")
def upload() -> ResponseReturnValue:
    size = checksum = 0
    while piece := request.stream.read(UPLOAD_PIECE_BYTES):
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return {"bytes": size, "crc32": checksum}


@app.get("/stream")
def stream() -> ResponseReturnValue:
    n = number_argument("n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = number_argument("ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)

    def events() -> Iterator[str]:
        for i in range(n):
            time.sleep(ms / 1000)
            yield f"data: {i}\n\n"

    return events(), {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
