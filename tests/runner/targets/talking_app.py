"""A small app for each interface, that says of its server what the server does: run by the servers themselves."""

import json
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import anyio

EVENTS = 5
EVENT_EVERY_S = 0.1
HOLD_S = 1.0

STARTED: list[str] = []


class Input(Protocol):
    def read(self, size: int) -> bytes: ...


class Rsgi:
    """As Granian calls it."""

    def __rsgi_init__(self, _loop: object) -> None:
        STARTED.append("rsgi")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.proto == "ws":
            await self.echo(await protocol.accept())
        elif scope.path == "/stream":
            stream = protocol.response_stream(200, [("content-type", "text/event-stream")])
            for number in range(EVENTS):
                await anyio.sleep(EVENT_EVERY_S)
                await stream.send_str(f"data: {number}\n\n")
        elif scope.path == "/upload":
            size = crc32 = 0
            async for piece in protocol:
                size, crc32 = size + len(piece), zlib.crc32(piece, crc32)
            protocol.response_bytes(200, [("content-type", "application/json")], uploaded(size, crc32))
        else:
            protocol.response_bytes(200, [("content-type", "application/json")], told())

    async def echo(self, socket: Any) -> None:
        while (message := await socket.receive()).kind != 0:
            await (socket.send_str if message.kind == 2 else socket.send_bytes)(message.data)


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        for number in range(EVENTS):
            await anyio.sleep(EVENT_EVERY_S)
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        body = await upload(receive) if scope["path"] == "/upload" else told()
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def lifespan(receive: Any, send: Any) -> None:
    await receive()
    STARTED.append("asgi")
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


async def echo(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        kind = "text" if message.get("text") is not None else "bytes"
        await send({"type": "websocket.send", kind: message[kind]})


async def upload(receive: Any) -> bytes:
    size, crc32, more = 0, 0, True
    while more:
        message = await receive()
        size, crc32 = size + len(message.get("body", b"")), zlib.crc32(message.get("body", b""), crc32)
        more = message.get("more_body", False)
    return uploaded(size, crc32)


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/stream":
        start_response("200 OK", [("content-type", "text/event-stream")])
        return events()
    if path == "/hold":
        time.sleep(HOLD_S)
    body = read(environ) if path == "/upload" else told()
    start_response("200 OK", [("content-type", "application/json"), ("content-length", str(len(body)))])
    return [body]


def events() -> Iterator[bytes]:
    for number in range(EVENTS):
        time.sleep(EVENT_EVERY_S)
        yield b"data: %d\n\n" % number


def read(environ: dict[str, Any]) -> bytes:
    stream: Input = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    left = int(length) if length else 1 << 40
    size = crc32 = 0
    while left and (piece := stream.read(min(left, 65536))):
        size, crc32, left = size + len(piece), zlib.crc32(piece, crc32), left - len(piece)
    return uploaded(size, crc32)


def told() -> bytes:
    return json.dumps({"started": STARTED, "devmode": sys.flags.dev_mode}).encode()


def uploaded(size: int, crc32: int) -> bytes:
    return json.dumps({"bytes": size, "crc32": crc32}).encode()


rsgi = Rsgi()


def make_asgi() -> object:
    return asgi


def make_wsgi() -> object:
    return wsgi


def make_rsgi() -> object:
    return rsgi
