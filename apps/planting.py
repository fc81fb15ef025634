"""A change for the worse, planted around an app: so that what should notice it can be put to the test.

Only the standard library is needed. Both sides of a comparison get the same wrapper, also the one without a plant.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApplication = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BYTES_PER_MIB: Final = 2**20
# What is kept is written, byte for byte: memory that was only asked for takes none.
WRITTEN: Final = b"\x5a"


@dataclass(frozen=True, slots=True)
class Plant:
    """What each request does besides: so many turns of a loop, a wait, and memory that is never given back.

    `kept_mib` is taken once, by a worker's first request, `leak_bytes` by every one.
    """

    loops: int = 0
    await_ms: float = 0.0
    kept_mib: float = 0.0
    leak_bytes: int = 0


@dataclass(slots=True)
class Kept:
    """What a worker holds on to. Threads may ask for it at once."""

    once: list[bytearray] = field(default_factory=list)
    leaked: list[bytearray] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, plant: Plant) -> None:
        """What one request takes."""
        if plant.kept_mib and not self.once:
            with self.lock:
                if not self.once:
                    self.once.append(written(round(plant.kept_mib * BYTES_PER_MIB)))
        if plant.leak_bytes:
            self.leaked.append(written(plant.leak_bytes))


def written(size: int) -> bytearray:
    """So many new bytes, each of them written."""
    return bytearray(WRITTEN) * size


def spin(loops: int) -> int:
    """Work in plain Python, the same in every call. It is no clock: on a slower machine it takes longer, as the rest of
    a request does."""
    value = 1
    for number in range(loops):
        value = (value * 31 + number) & 0xFFFF
    return value


def asgi(inner: ASGIApplication, plant: Plant, kept: Kept | None = None) -> ASGIApplication:
    """The app with a plant in each HTTP request; what is no such request passes through. It waits by asyncio's loop."""
    held = kept or Kept()

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            spin(plant.loops)
            if plant.await_ms:
                await asyncio.sleep(plant.await_ms / 1000)
            held.take(plant)
        await inner(scope, receive, send)

    return app


def wsgi(inner: WSGIApplication, plant: Plant, kept: Kept | None = None) -> WSGIApplication:
    """The app with a plant in each request."""
    held = kept or Kept()

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        spin(plant.loops)
        if plant.await_ms:
            time.sleep(plant.await_ms / 1000)
        held.take(plant)
        return inner(environ, start_response)

    return app
