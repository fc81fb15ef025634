"""The shop as a bare WSGI application (PEP 3333): no framework, what a server calls and nothing more.

Run it with any WSGI server: `gunicorn apps.bare_wsgi_app:app`.
"""

import json
import time
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

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

JSON_TYPE = "application/json"
HTML_TYPE = "text/html; charset=utf-8"


class Answer(NamedTuple):
    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = JSON_TYPE


Query = dict[str, str]
Handler = Callable[[Query], Answer]

templates = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape())


def to_json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def error(status: HTTPStatus, detail: str) -> Answer:
    return Answer(to_json({"detail": detail}), status)


def home(query: Query) -> Answer:
    page = templates.get_template(HOME_TEMPLATE).render(page_context())
    return Answer(page.encode(), content_type=HTML_TYPE)


def read_items(query: Query) -> Answer:
    return Answer(to_json(list_items()))


def read_item(item_id: int, query: Query) -> Answer:
    item = find_item(item_id)
    if item is None:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return Answer(to_json(item))


def wait(query: Query) -> Answer:
    ms = whole_number("ms", query.get("ms"), default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return Answer(to_json({"waited_ms": ms}))


def cpu(query: Query) -> Answer:
    n = whole_number("n", query.get("n"), default=DEFAULT_N, highest=MAX_N)
    return Answer(to_json({"n": n, "result": sum_of_squares(n)}))


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


def respond(method: str, path: str, query_string: str) -> Answer:
    handler = route(path)
    if handler is None:
        return error(HTTPStatus.NOT_FOUND, HTTPStatus.NOT_FOUND.phrase)
    if method != "GET":
        return error(HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.METHOD_NOT_ALLOWED.phrase)
    try:
        return handler(dict(parse_qsl(query_string, keep_blank_values=True)))
    except BadValueError as problem:
        return error(HTTPStatus.BAD_REQUEST, str(problem))


def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    answer = respond(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "/"), environ.get("QUERY_STRING", ""))
    headers = [("Content-Type", answer.content_type), ("Content-Length", str(len(answer.body)))]
    if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
        headers.append(("Allow", "GET"))
    start_response(f"{answer.status.value} {answer.status.phrase}", headers)
    return [answer.body]
