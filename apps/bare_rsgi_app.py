"""The shop as a bare RSGI application: the interface of Granian, whose network side is written in Rust.

Run it with Granian: `granian --interface rsgi apps.bare_rsgi_app:app`. Its database is `$DATABASE_URL` (without it, a
SQLite file of its own), the service that it asks for prices `$UPSTREAM_URL`.

Here is the protocol; what is answered is in `bare_answers`. Where ASGI passes messages, RSGI has methods: a whole
answer is one call that does not wait, and a stream is a transport to write to.
"""

import asyncio

from granian.rsgi import HTTPProtocol, ProtocolClosed, Scope, WebsocketMessageType, WebsocketProtocol

from .bare_answers import Answer, Body, client, close, respond, until_gone


def head(answer: Answer) -> list[tuple[str, str]]:
    return [("content-type", answer.content_type), *answer.headers]


async def send_pieces(answer: Answer, body: Body, protocol: HTTPProtocol) -> None:
    transport = protocol.response_stream(answer.status, head(answer))
    try:
        async for piece in body:
            await transport.send_bytes(piece)
    except ProtocolClosed:
        pass  # the client left


async def http(scope: Scope, protocol: HTTPProtocol) -> None:
    answer = await respond(scope.method, scope.path, scope.query_string, protocol)
    if isinstance(answer.body, bytes):
        protocol.response_bytes(answer.status, head(answer), answer.body)
    else:
        await until_gone(protocol.client_disconnect(), send_pieces(answer, answer.body, protocol))
    if answer.after:
        await answer.after()


async def websocket(scope: Scope, protocol: WebsocketProtocol) -> None:
    """Send every message back, text as text and bytes as bytes."""
    if scope.path != "/ws":
        protocol.close(403)
        return
    transport = await protocol.accept()
    try:
        while (message := await transport.receive()).kind != WebsocketMessageType.close:
            if isinstance(message.data, str):
                await transport.send_str(message.data)
            else:
                await transport.send_bytes(message.data)
    except ProtocolClosed:
        pass  # the client left without a word


class Shop:
    """What the server calls: once for every request and every WebSocket, and around its own life."""

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        client()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol | WebsocketProtocol) -> None:
        if scope.proto == "http":
            await http(scope, protocol)  # type: ignore[arg-type]
        else:
            await websocket(scope, protocol)  # type: ignore[arg-type]

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(close())


app = Shop()
