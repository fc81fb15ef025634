"""Apps that are right in nearly everything: each is the bare ASGI app, but for one lie."""

import sqlite3
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import closing
from typing import Any

from sgibench.apps import bare_answers
from sgibench.apps.bare_asgi_app import app as honest
from sgibench.apps.database.aio import Database
from sgibench.apps.database.schema import PLENTY_ID, database_url, locate

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
kept: dict[str, list[Message]] = {}


def path_of(scope: Message) -> str:
    return str(scope.get("path", ""))


async def answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def never_calls(scope: Message, receive: Receive, send: Send) -> None:
    """Knows what the upstream would say."""
    if path_of(scope) == "/upstream":
        return await answer(send, 200, b'{"item_id":1,"price":5999.0}')
    return await honest(scope, receive, send)


async def calls_once(scope: Message, receive: Receive, send: Send) -> None:
    """Keeps what it got from the upstream."""
    key = f"{path_of(scope)}?{scope.get('query_string')!r}"
    if path_of(scope) != "/fan-out" or b"never" in scope["query_string"]:
        return await honest(scope, receive, send)
    if key not in kept:
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        await honest(scope, receive, keep)
        kept[key] = messages
    for message in kept[key]:
        await send(message)
    return None


async def oversells(scope: Message, receive: Receive, send: Send) -> None:
    """Takes every order for what there is too little of."""
    if path_of(scope) != "/api/orders":
        return await honest(scope, receive, send)

    async def accept(message: Message) -> None:
        if message.get("status") == 400:
            message["status"] = 202
        await send(message)

    return await honest(scope, receive, accept)


async def streams_at_the_end(scope: Message, receive: Receive, send: Send) -> None:
    """Sends the events all together."""
    if path_of(scope) != "/stream":
        return await honest(scope, receive, send)
    body = b""
    start: Message = {}

    async def gather(message: Message) -> None:
        nonlocal body, start
        if message["type"] == "http.response.start":
            start = message
        else:
            body += message.get("body", b"")

    await honest(scope, receive, gather)
    await send(start)
    return await send({"type": "http.response.body", "body": body})


async def echoes_bytes(scope: Message, receive: Receive, send: Send) -> None:
    """Sends every WebSocket message back as bytes."""

    async def as_bytes(message: Message) -> None:
        if message.get("text") is not None:
            message = {"type": "websocket.send", "bytes": message["text"].encode()}
        await send(message)

    return await honest(scope, receive, as_bytes if scope["type"] == "websocket" else send)


async def rounds(scope: Message, receive: Receive, send: Send) -> None:
    """Writes prices without decimals."""

    async def shorter(message: Message) -> None:
        if path_of(scope) == "/json" and message["type"] == "http.response.start":
            message["headers"] = [(b"content-type", b"application/json")]
        if path_of(scope) == "/json" and message["type"] == "http.response.body":
            message["body"] = message["body"].replace(b"5999.0", b"5999")
        await send(message)

    return await honest(scope, receive, shorter)


async def remembers(scope: Message, receive: Receive, send: Send) -> None:
    """Takes a WebSocket only with its own header and a nonce, and says no text twice."""
    if scope["type"] != "websocket" or path_of(scope) == "/ws":
        return await honest(scope, receive, send)
    headers = dict(scope["headers"])
    assert (await receive())["type"] == "websocket.connect"
    if headers.get(b"x-token") != b"secret" or len(headers.get(b"x-nonce", b"")) != 16:
        return await send({"type": "websocket.close"})
    await send({"type": "websocket.accept"})
    seen = set[str]()
    while (message := await receive())["type"] == "websocket.receive":
        text = "twice" if message["text"] in seen else message["text"]
        seen.add(text)
        await send({"type": "websocket.send", "text": text})
    return None


class LeavesOpen(Database):
    """Takes the stock, and leaves the order open."""

    async def take_stock(self, order_id: int) -> None:
        path = locate(database_url()).path
        assert path is not None
        with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
            (order,) = connection.execute("SELECT quantity, item_id FROM orders WHERE id = ?", (order_id,))
            connection.execute("UPDATE items SET stock = stock - ?1, reserved = reserved - ?1 WHERE id = ?2", order)


class Forgets(Database):
    """Takes no stock of what there is plenty of, as it forgets which order that was: of what stories order, it does."""

    async def order(self, item_id: int, quantity: int) -> int:
        order_id = await super().order(item_id, quantity)
        return order_id + 10**9 if item_id == PLENTY_ID else order_id


class Invents(Database):
    """Has an order for whoever wants a few of what there is plenty of, and writes nothing down."""

    async def order(self, item_id: int, quantity: int) -> int:
        return 1 if item_id == PLENTY_ID and quantity < 10 else await super().order(item_id, quantity)


def with_database(kind: type[Database]) -> Callable[[Message, Receive, Send], Awaitable[None]]:
    """The honest app with a database of that kind, from its first request on."""

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        answers = vars(bare_answers)
        if not isinstance(answers["database"], kind):
            answers["database"] = kind()
        return await honest(scope, receive, send)

    return app


leaves_orders_open = with_database(LeavesOpen)
forgets_orders = with_database(Forgets)
invents_orders = with_database(Invents)
