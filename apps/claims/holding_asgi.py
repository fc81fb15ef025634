"""Holds every request for `/hold` until `/release` is asked for: a bare ASGI application.

`/held` says how many it holds. All in one process: run it with one worker.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]

held = 0
enough = asyncio.Event()


async def answer(path: str) -> str:
    """What is said to who asks."""
    global held, enough
    if path == "/held":
        return str(held)
    if path == "/release":
        enough.set()
        enough = asyncio.Event()
        return "released"
    if path == "/hold":
        held += 1
        try:
            await enough.wait()
        finally:
            held -= 1
    return "done"


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """What the server calls, for each request."""
    if scope["type"] != "http":
        raise NotImplementedError("HTTP only")
    text = (await answer(scope["path"])).encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})
