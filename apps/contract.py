"""What every application owes: these requests, these answers, to the byte.

Only applications that answer alike can be compared. The contract holds each exchange with its whole expected body,
`check` says what is wrong with an answer, and `TOLERATED_DIFFERENCES` lists what frameworks insist on doing their own
way and why that is let through.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import jinja2

from .shop import HOME_TEMPLATE, NOT_FOUND, TEMPLATES, find_item, list_items, page_context


class Normalisation(StrEnum):
    """What is done to a received body before it is compared."""

    NONE = "as received"
    FINAL_NEWLINE = "one trailing newline removed"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what every application has to answer."""

    name: str
    method: str
    target: str
    """Path and query, as sent."""
    status: int
    media_type: str
    """Compared without parameters such as the charset."""
    body: bytes
    """The whole body, after normalisation."""
    floor_ms: float = 0
    """An answer that took less cannot have done the work."""
    normalisation: Normalisation = Normalisation.NONE


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which the applications may differ."""

    topic: str
    seen: str
    """Who does what."""
    reason: str
    """Why it is let through."""


def _json(name: str, target: str, content: object, *, status: int = 200, floor_ms: float = 0) -> Exchange:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Exchange(name, "GET", target, status, "application/json", body, floor_ms, Normalisation.FINAL_NEWLINE)


def _page() -> bytes:
    # Jinja's defaults, and its own choice of what to escape: what Flask and Starlette set too.
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=jinja2.select_autoescape())
    return environment.get_template(HOME_TEMPLATE).render(page_context()).encode()


CONTRACT: Final = (
    _json("items", "/api/items", list_items()),
    _json("item-1", "/api/items/1", find_item(1)),
    _json("item-2", "/api/items/2", find_item(2)),
    _json("item-missing", "/api/items/999", {"detail": NOT_FOUND}, status=404),
    # uvloop counts timers in whole milliseconds and may wake up to one early.
    _json("wait-50", "/wait?ms=50", {"waited_ms": 50}, floor_ms=49),
    # By the closed form of the sum, so that an application's loop is checked against something else.
    _json("cpu-1000", "/cpu?n=1000", {"n": 1000, "result": 999 * 1000 * 1999 // 6}),
    Exchange("page", "GET", "/", 200, "text/html", _page()),
)
"""Every exchange; an application conforms when all of them are right."""


TOLERATED_DIFFERENCES: Final = (
    Difference(
        "newline after JSON",
        "Flask ends a JSON body with a newline; the others do not",
        "Flask's provider has no setting for it; one byte, and clients skip it",
    ),
    Difference(
        "charset parameter",
        "text/html and application/json come with or without a charset",
        "JSON is UTF-8 by definition, and the page names its charset itself; the media type is compared",
    ),
    Difference(
        "headers",
        "names are lower-case under ASGI, and Server and Date come from the server",
        "header names have no case, and what a server adds is part of what is measured",
    ),
    Difference(
        "bad query value",
        "FastAPI answers 422 with a list of errors, the others 400 with one sentence",
        "validation is FastAPI's own work, and 422 its documented answer",
    ),
    Difference(
        "spelling of numbers",
        "FastAPI takes what pydantic reads as an integer, such as +50 or 50.0; the others take digits only",
        "no exchange and no scenario sends such a spelling",
    ),
    Difference(
        "repeated parameter",
        "Flask takes the first value, the others the last",
        "no exchange and no scenario repeats one",
    ),
    Difference(
        "id that is no number",
        "FastAPI answers 422; for the others no route matches, which is a 404",
        "FastAPI validates path parameters as it does queries",
    ),
    Difference(
        "path with a trailing slash",
        "FastAPI and Starlette redirect to the path without it, the others answer 404",
        "their routers' default; the load follows no redirect",
    ),
    Difference(
        "unknown path, wrong method",
        "404 and 405 everywhere, but the sentence in the body is each framework's own",
        "nothing is measured on it",
    ),
    Difference(
        "HEAD and OPTIONS",
        "Flask answers both and Starlette answers HEAD; FastAPI and the bare applications know GET only",
        "each framework's default; every exchange is a GET",
    ),
    Difference(
        "checking for changed templates",
        "Flask looks for a newer file only when debugging; plain Jinja2, and Starlette with it, at every rendering",
        "the defaults that users of each run in production",
    ),
    Difference(
        "threads for blocking work",
        "FastAPI and Starlette have 40 threads by default, asyncio.to_thread has its CPU count plus 4, at most 32",
        "each framework's advised way of keeping the event loop free",
    ),
    Difference(
        "validation of answers",
        "FastAPI validates what it sends against its response model; the others send what they are given",
        "what FastAPI is used for; its cost is part of what is measured",
    ),
)
"""What frameworks insist on, and is neither hidden nor counted against them."""


def check(exchange: Exchange, status: int, content_type: str | None, body: bytes, elapsed_ms: float) -> str | None:
    """One sentence on how this answer differs from what the exchange expects, or None where it is right."""
    who = f"{exchange.name} ({exchange.method} {exchange.target})"
    if status != exchange.status:
        shown = f", with the body {_quoted(body, 0)}" if body else ""
        return f"{who}: the status is {status}, not {exchange.status}{shown}."
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type != exchange.media_type:
        return f"{who}: the media type is {media_type or 'missing'}, not {exchange.media_type}."
    if exchange.normalisation is Normalisation.FINAL_NEWLINE:
        body = body.removesuffix(b"\n")
    if body != exchange.body:
        return f"{who}: {_body_difference(exchange.body, body)}."
    if elapsed_ms < exchange.floor_ms:
        return f"{who}: the answer came after {elapsed_ms:.1f} ms, which must take at least {exchange.floor_ms:g} ms."
    return None


def _body_difference(expected: bytes, got: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got)))
    lengths = f"({len(got)} bytes, not {len(expected)})" if len(got) != len(expected) else f"({len(got)} bytes)"
    return f"the body {lengths} differs from byte {at} on: {_quoted(got, at)}, not {_quoted(expected, at)}"


def _quoted(body: bytes, at: int, length: int = 40) -> str:
    """A short piece of the body from `at` on, cut between characters."""
    start, end = _character_start(body, at), _character_start(body, at + length)
    text = body[start:end].decode(errors="backslashreplace")
    if not text:
        return "nothing"
    return repr(text) + ("…" if len(body) > end else "")


def _character_start(body: bytes, at: int) -> int:
    while 0 < at < len(body) and body[at] & 0xC0 == 0x80:
        at -= 1
    return at
