"""Which protocol did the request come by? Answers with its version, and echoes over a WebSocket.

`app` is called as ASGI, where the connection's `scope` says what it is; `wsgi` as WSGI, which knows requests only.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """ASGI: one app for both protocols."""
    if scope["type"] == "http":
        body = f"HTTP/{scope['http_version']}".encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:  # as the specification asks for: a server goes on without lifespan events then
        raise NotImplementedError(scope["type"])


async def echo(receive: Receive, send: Send) -> None:
    """Send every message back, text as text and bytes as bytes, until the client leaves."""
    await receive()  # websocket.connect
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await send({"type": "websocket.send", "text": message["text"]})
        else:
            await send({"type": "websocket.send", "bytes": message["bytes"]})


def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    """WSGI: there is nothing here that could say another message later."""
    body = str(environ["SERVER_PROTOCOL"]).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
