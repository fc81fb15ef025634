"""One route, `/items/{item_id}`, as a bare ASGI application: what a server calls, and nothing more."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

ITEMS = {1: {"id": 1, "name": "mechanical keyboard", "price": 299.0, "description": "RGB", "stock": 50}}
PREFIX = "/items/"


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """What the server calls, for each request."""
    if scope["type"] != "http":
        raise NotImplementedError("HTTP only")
    number = scope["path"].removeprefix(PREFIX)
    item = ITEMS.get(int(number)) if scope["path"].startswith(PREFIX) and number.isdecimal() else None
    text = json.dumps(item, separators=(",", ":")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 404 if item is None else 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
