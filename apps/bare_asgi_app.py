"""The shop as a bare ASGI 3 application: no framework, what a server calls and nothing more.

Run it with any ASGI server: `uvicorn apps.bare_asgi_app:app`.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import jinja2

from .shop import (
    DEFAULT_MS,
    DEFAULT_N,
    HOME_TEMPLATE,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    TEMPLATES,
    BadValueError,
    find_item,
    list_items,
    page_context,
    sum_of_squares,
    whole_number,
)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

JSON_TYPE = b"application/json"
HTML_TYPE = b"text/html; charset=utf-8"


class Answer(NamedTuple):
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: bytes = JSON_TYPE


Query = dict[str, str]
Handler = Callable[[Query], Awaitable[Answer]]

templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape())


def to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def error(status: HTTPStatus, detail: str) -> Answer:
    return Answer(to_json({"detail": detail}), status)


async def home(query: Query) -> Answer:
    page = templates.get_template(HOME_TEMPLATE).render(page_context())
    return Answer(page.encode(), content_type=HTML_TYPE)


async def read_items(query: Query) -> Answer:
    return Answer(to_json(list_items()))


async def read_item(item_id: int, query: Query) -> Answer:
    item = find_item(item_id)
    if item is None:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return Answer(to_json(item))


async def wait(query: Query) -> Answer:
    ms = whole_number("ms", query.get("ms"), default=DEFAULT_MS, highest=MAX_MS)
    await asyncio.sleep(ms / 1000)
    return Answer(to_json({"waited_ms": ms}))


async def cpu(query: Query) -> Answer:
    n = whole_number("n", query.get("n"), default=DEFAULT_N, highest=MAX_N)
    # In a thread, so that the event loop stays free.
    result = await asyncio.to_thread(sum_of_squares, n)
    return Answer(to_json({"n": n, "result": result}))


def route(path: str) -> Handler | None:
    match path.split("/"):
        case ["", ""]:
            return home
        case ["", "api", "items"]:
            return read_items
        # int() refuses very long numbers, and no id is one.
        case ["", "api", "items", item_id] if item_id.isdecimal() and len(item_id) <= 18:
            return partial(read_item, int(item_id))
        case ["", "wait"]:
            return wait
        case ["", "cpu"]:
            return cpu
        case _:
            return None


async def respond(method: str, path: str, query_string: bytes) -> Answer:
    handler = route(path)
    if handler is None:
        return error(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    if method != "GET":
        return error(HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
    try:
        return await handler(dict(parse_qsl(query_string.decode("latin-1"), keep_blank_values=True)))
    except BadValueError as problem:
        return error(HTTPStatus.BAD_REQUEST, str(problem))


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            await send({"type": "lifespan.shutdown.complete"})
            return


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    if scope["type"] != "http":
        # The specification asks for an exception, from which servers learn what an application does not speak.
        raise NotImplementedError(f"this application does not speak {scope['type']}")
    answer = await respond(scope["method"], scope["path"], scope["query_string"])
    headers = [(b"content-type", answer.content_type), (b"content-length", b"%d" % len(answer.body))]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append((b"allow", b"GET"))
    await send({"type": "http.response.start", "status": answer.status.value, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
