"""The shop in Flask.

Run it with any WSGI server: `gunicorn apps.flask_app:app`.
"""

import time

from flask import Flask, abort, jsonify, render_template, request
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException

from .shop import (
    DEFAULT_MS,
    DEFAULT_N,
    HOME_TEMPLATE,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    BadValueError,
    find_item,
    list_items,
    page_context,
    sum_of_squares,
    whole_number,
)


class ShopJSON(DefaultJSONProvider):
    ensure_ascii = False
    sort_keys = False
    compact = True


app = Flask(__name__)
app.json = ShopJSON(app)


@app.errorhandler(HTTPException)
def error_as_json(error: HTTPException) -> ResponseReturnValue:
    response = jsonify(detail=error.description)
    # The error's own headers matter: a 405 names the methods that are allowed.
    headers = [(name, value) for name, value in error.get_headers() if name.lower() != "content-type"]
    return response, error.code or 500, headers


def number_argument(name: str, *, default: int, highest: int) -> int:
    try:
        return whole_number(name, request.args.get(name), default=default, highest=highest)
    except BadValueError as problem:
        abort(400, description=str(problem))


@app.get("/")
def home() -> ResponseReturnValue:
    return render_template(HOME_TEMPLATE, **page_context())


@app.get("/api/items")
def read_items() -> ResponseReturnValue:
    return list_items()


@app.get("/api/items/<int:item_id>")
def read_item(item_id: int) -> ResponseReturnValue:
    item = find_item(item_id)
    if item is None:
        abort(404, description=NOT_FOUND)
    return jsonify(item)


@app.get("/wait")
def wait() -> ResponseReturnValue:
    ms = number_argument("ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@app.get("/cpu")
def cpu() -> ResponseReturnValue:
    n = number_argument("n", default=DEFAULT_N, highest=MAX_N)
    return {"n": n, "result": sum_of_squares(n)}
