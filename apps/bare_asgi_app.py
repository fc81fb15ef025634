"""The shop as a bare ASGI 3 application: no framework, what a server calls and nothing more.

Run it with any ASGI server: `uvicorn apps.bare_asgi_app:app`. Its database is `$DATABASE_URL` (without it, a SQLite
file of its own), the service that it asks for prices `$UPSTREAM_URL`.

Here are the protocol's messages; what is answered is in `bare_answers`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

from .bare_answers import Answer, Body, client, close, respond, until_gone

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGoneError(Exception):
    """The client has closed the connection before its request was complete."""


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """The request's body, as it comes."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        if piece := message.get("body", b""):
            yield piece
        more = message.get("more_body", False)


def head(answer: Answer) -> Message:
    """The message that starts an answer. Servers send a body of unknown length in chunks."""
    headers = [(b"content-type", answer.content_type.encode())]
    if isinstance(answer.body, bytes):
        headers.append((b"content-length", b"%d" % len(answer.body)))
    headers += [(name.encode(), value.encode()) for name, value in answer.headers]
    return {"type": "http.response.start", "status": int(answer.status), "headers": headers}


async def send_pieces(body: Body, send: Send) -> None:
    async for piece in body:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def http(scope: Scope, receive: Receive, send: Send) -> None:
    try:
        answer = await respond(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), pieces(receive))
    except ClientGoneError:
        return
    await send(head(answer))
    if isinstance(answer.body, bytes):
        await send({"type": "http.response.body", "body": answer.body})
    else:
        await until_gone(disconnect(receive), send_pieces(answer.body, send))
    if answer.after:
        await answer.after()


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Send every message back, text as text and bytes as bytes."""
    await receive()  # websocket.connect
    if scope["path"] != "/ws":
        # Before it is accepted, a closed connection is answered with status 403.
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()  # lifespan.startup
    client()
    await send({"type": "lifespan.startup.complete"})
    await receive()  # lifespan.shutdown
    await close()
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """What the server calls: once for every request and every WebSocket, and once for its own life."""
    match scope["type"]:
        case "http":
            await http(scope, receive, send)
        case "websocket":
            await websocket(scope, receive, send)
        case "lifespan":
            await lifespan(receive, send)
        case unknown:
            # The specification asks for an exception, from which servers learn what an application does not speak.
            raise NotImplementedError(f"this application does not speak {unknown}")
