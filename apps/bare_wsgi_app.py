"""The shop as a bare WSGI application (PEP 3333): no framework, what a server calls and nothing more.

Run it with any WSGI server: `gunicorn --threads 8 apps.bare_wsgi_app:app`. Its database is `$DATABASE_URL` (without
it, a SQLite file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import json
import logging
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

import jinja2
import urllib3
from pydantic import ValidationError

from .database.blocking import database
from .database.errors import OutOfStockError, UnknownItemError
from .shop import (
    ACCEPTED,
    DEFAULT_EVENT_MS,
    DEFAULT_EVENTS,
    DEFAULT_MS,
    DEFAULT_N,
    DETAIL_TEMPLATE,
    FAN_OUT_THREADS,
    HOME_TEMPLATE,
    MAX_EVENTS,
    MAX_MS,
    MAX_N,
    NO_UPSTREAM,
    NOT_FOUND,
    OUT_OF_STOCK,
    STATIC,
    STATIC_URL,
    STYLESHEET,
    TEMPLATES,
    UPLOAD_PIECE_BYTES,
    UPSTREAM_FAILED,
    UPSTREAM_ITEMS,
    UPSTREAM_TIMEOUT_S,
    BadValueError,
    UpstreamError,
    asked_together,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
    upstream_url,
    whole_number,
)
from .validation import NewItem, NewOrder, parse, problems

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"
CSS_TYPE = "text/css; charset=utf-8"
EVENTS_TYPE = "text/event-stream; charset=utf-8"


class Request:
    def __init__(self, environ: WSGIEnvironment) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.path: str = environ.get("PATH_INFO", "/")
        self.query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))

    def number(self, name: str, *, default: int, highest: int) -> int:
        return whole_number(name, self.query.get(name), default=default, highest=highest)

    def pieces(self) -> Iterator[bytes]:
        """The body, as it comes in."""
        body = self.environ["wsgi.input"]
        # Servers that mark the body's end themselves say so. Of a body sent in chunks nobody else knows the length.
        if self.environ.get("wsgi.input_terminated"):
            yield from iter(partial(body.read, UPLOAD_PIECE_BYTES), b"")
            return
        left = int(self.environ.get("CONTENT_LENGTH") or 0)
        while left and (piece := body.read(min(left, UPLOAD_PIECE_BYTES))):
            left -= len(piece)
            yield piece

    def body(self) -> bytes:
        return b"".join(self.pieces())


class Answer(NamedTuple):
    body: bytes | Iterator[bytes]
    """Whole, or the pieces that it is sent in."""
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Answer]

templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape())
stylesheet = (STATIC / STYLESHEET).read_bytes()
logger = logging.getLogger(__name__)

# One for all threads. It keeps a connection for each of them; what failed is not asked again.
upstream_pool = urllib3.PoolManager(maxsize=FAN_OUT_THREADS, timeout=UPSTREAM_TIMEOUT_S, retries=False)
# Under WSGI a request is over with its answer. What comes later needs threads of the application's own.
background = ThreadPoolExecutor(thread_name_prefix="background")
callers = ThreadPoolExecutor(FAN_OUT_THREADS, thread_name_prefix="caller")


def as_json(value: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    return Answer(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(), status)


def error(status: HTTPStatus, detail: object) -> Answer:
    return as_json({"detail": detail}, status)


def as_page(template: str, context: Mapping[str, object]) -> Answer:
    return Answer(templates.get_template(template).render(context).encode(), content_type=HTML_TYPE)


# The shop: pages


def home(request: Request) -> Answer:
    return as_page(HOME_TEMPLATE, {**page_context(database.list_items())})


def item_page(item_id: int, request: Request) -> Answer:
    item = database.find_item(item_id)
    if item is None:
        return Answer(NOT_FOUND.encode(), HTTPStatus.NOT_FOUND, HTML_TYPE)
    return as_page(DETAIL_TEMPLATE, {**detail_context(item)})


def static_file(request: Request) -> Answer:
    return Answer(stylesheet, content_type=CSS_TYPE)


# The shop: JSON


def read_items(request: Request) -> Answer:
    return as_json(database.list_items())


def read_item(item_id: int, request: Request) -> Answer:
    item = database.find_item(item_id)
    if item is None:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return as_json(item)


def create_item(request: Request) -> Answer:
    new = parse(NewItem, request.body())
    return as_json(database.create_item(new.name, new.price, new.description, new.stock), HTTPStatus.CREATED)


def create_order(request: Request) -> Answer:
    new = parse(NewOrder, request.body())
    try:
        order_id = database.order(new.item_id, new.quantity)
    except UnknownItemError:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    except OutOfStockError:
        return error(HTTPStatus.BAD_REQUEST, OUT_OF_STOCK)
    background.submit(take_stock, order_id)
    answer = {"status": ACCEPTED, "order_id": order_id, "item_id": new.item_id, "quantity": new.quantity}
    return as_json(answer, HTTPStatus.ACCEPTED)


def take_stock(order_id: int) -> None:
    try:
        database.take_stock(order_id)
    except Exception:
        # Nobody waits for the result, so nobody else would tell.
        logger.exception("order %d: its stock was not taken", order_id)


# Work without a database


def read_best_sellers(request: Request) -> Answer:
    return as_json(best_sellers())


def wait(request: Request) -> Answer:
    ms = request.number("ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return as_json({"waited_ms": ms})


def cpu(request: Request) -> Answer:
    n = request.number("n", default=DEFAULT_N, highest=MAX_N)
    return as_json({"n": n, "result": sum_of_squares(n)})


def price_of(item_id: int) -> float:
    url = upstream_url()
    if url is None:
        raise UpstreamError(HTTPStatus.SERVICE_UNAVAILABLE, NO_UPSTREAM)
    try:
        response = upstream_pool.request("GET", f"{url}/price/{item_id}")
        if response.status != HTTPStatus.OK:
            raise ValueError(f"status {response.status}")
        return float(response.json()["price"])
    # No connection, no answer in time, another status, or an answer that holds no price.
    except (urllib3.exceptions.HTTPError, ValueError, KeyError, TypeError) as problem:
        raise UpstreamError(HTTPStatus.BAD_GATEWAY, UPSTREAM_FAILED) from problem


def upstream(request: Request) -> Answer:
    item_id = UPSTREAM_ITEMS[0]
    return as_json({"item_id": item_id, "price": price_of(item_id)})


def fan_out(request: Request) -> Answer:
    together = asked_together(request.query.get("how"))
    prices = list(callers.map(price_of, UPSTREAM_ITEMS) if together else map(price_of, UPSTREAM_ITEMS))
    return as_json({"prices": prices, "total": sum(prices)})


def upload(request: Request) -> Answer:
    size = checksum = 0
    for piece in request.pieces():
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return as_json({"bytes": size, "crc32": checksum})


def events(n: int, ms: int) -> Iterator[bytes]:
    for i in range(n):
        time.sleep(ms / 1000)
        yield b"data: %d\n\n" % i


def stream(request: Request) -> Answer:
    n = request.number("n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = request.number("ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)
    return Answer(events(n, ms), content_type=EVENTS_TYPE, headers=(("Cache-Control", "no-cache"),))


ROUTES: Mapping[str, Mapping[str, Handler]] = {
    "/": {"GET": home},
    f"{STATIC_URL}/{STYLESHEET}": {"GET": static_file},
    "/api/items": {"GET": read_items, "POST": create_item},
    "/api/orders": {"POST": create_order},
    "/json": {"GET": read_best_sellers},
    "/wait": {"GET": wait},
    "/cpu": {"GET": cpu},
    "/upstream": {"GET": upstream},
    "/fan-out": {"GET": fan_out},
    "/upload": {"POST": upload},
    "/stream": {"GET": stream},
}


def handlers_for(path: str) -> Mapping[str, Handler] | None:
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


def respond(request: Request) -> Answer:
    handlers = handlers_for(request.path)
    if handlers is None:
        return error(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    handler = handlers.get(request.method)
    if handler is None:
        refused = error(HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
        return refused._replace(headers=(("Allow", ", ".join(handlers)),))
    try:
        return handler(request)
    except BadValueError as problem:
        return error(HTTPStatus.BAD_REQUEST, str(problem))
    except ValidationError as problem:
        return error(HTTPStatus.UNPROCESSABLE_ENTITY, problems(problem))
    except UpstreamError as problem:
        return error(HTTPStatus(problem.status), problem.detail)


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body, status, content_type, more = respond(Request(environ))
    headers = [("Content-Type", content_type), *more]
    if isinstance(body, bytes):
        headers.append(("Content-Length", str(len(body))))
    start_response(f"{status.value} {status.phrase}", headers)
    return [body] if isinstance(body, bytes) else body
