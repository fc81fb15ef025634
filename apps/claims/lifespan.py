"""What comes first and what last in a worker's life: startup, requests, shutdown.

Each is a line in the file `$EVENTS`: the event, the process and the system's monotonic clock, written at once so that
nothing is lost when the process ends. No framework and no event loop of its own: it runs on asyncio and on trio.
"""

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def note(event: str) -> None:
    """Add a line, whole, whoever else writes: a short write to a file opened for appending is not torn."""
    file = os.open(os.environ["EVENTS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{event} {os.getpid()} {time.monotonic()}\n".encode())
    os.close(file)


async def live(receive: Receive, send: Send) -> None:
    """The server calls this once per worker, and it lasts as long as the worker."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            note("startup")
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            note("shutdown")
            await send({"type": "lifespan.shutdown.complete"})
            return


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """Answers with the number of the process that serves."""
    if scope["type"] == "lifespan":
        await live(receive, send)
    elif scope["type"] == "http":
        note("request")
        body = b"%d" % os.getpid()
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
