"""A scenario's request as it goes out: to the load side with a mark wherever the scenario has a placeholder, or once,
with a nonce of its own."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...scenarios.model import Message, Request
from ..load.nonce import MARK, expecting, marked, new_nonce
from ..load.orders import Expectation, WebSocketTalk
from .launch import HOST


@dataclass(frozen=True, slots=True)
class Once:
    """What is sent this one time, and what is right for it."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    expect: Expectation


def once(request: Request, port: int, expect: Expectation) -> Once:
    """The request with a new nonce; `expect` may have the mark in it."""
    nonce = new_nonce()

    def put_in(text: str) -> str:
        return marked(text).replace(MARK.decode(), nonce.decode())

    headers = {name: put_in(value) for name, value in headers_of(request, port).items()}
    return Once(put_in(request.path), headers, body_of(request).replace(MARK, nonce), expecting(expect, nonce))


def request_bytes(request: Request, port: int) -> bytes:
    """A whole request, its placeholders marked."""
    return head_bytes(request, port) + body_of(request)


def head_bytes(request: Request, port: int) -> bytes:
    """A request up to its body, with the length of that."""
    length = len(body_of(request))
    return bare_head(request, port, {"Content-Length": str(length)} if length else {})


def bare_head(request: Request, port: int, more: Mapping[str, str] | None = None) -> bytes:
    """A request's line and headers, and no word of a body."""
    headers = {**headers_of(request, port), **(more or {})}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return marked("\r\n".join([*lines, "", ""])).encode()


def headers_of(request: Request, port: int) -> dict[str, str]:
    """A request's own headers, and ours where it has none of that name."""
    given = {name.lower() for name in request.headers}
    ours = {"Host": f"{HOST}:{port}", "User-Agent": "sgibench", "Accept": "*/*"}
    return {**{name: value for name, value in ours.items() if name.lower() not in given}, **request.headers}


def body_of(request: Request) -> bytes:
    """A request's body, its placeholders marked; what is made to a length has none."""
    return marked(request.body).encode() if request.body_bytes is None else request.content


def talk_of(message: Message) -> WebSocketTalk:
    """What is said over a WebSocket, its placeholders marked."""
    if message.text is None:
        return WebSocketTalk(message.content, text=False)
    return WebSocketTalk(marked(message.text).encode())
