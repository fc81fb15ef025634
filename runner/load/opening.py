"""How fast the connections to one endpoint are opened.

A server has a queue of connections that it has not accepted yet, often of 128. Who finds it full is not refused, but
has to wait until the system asks again, seconds later. Thousands at once would mostly wait for that.
"""

import asyncio
from collections.abc import Callable

from .connection import Connection

CONNECTING_AT_ONCE = 128
# Before a turn's clock starts, where there are more than that: so many in 20 ms, and whoever waits asks again sooner.
PAUSE_S = 0.02
AGAIN_AFTER_S = 0.25
AGAIN_AFTER_MAX_S = 2.0

Make = Callable[[], Connection]


class Opening:
    """Opens connections, no more than 128 at a time; within a turn's clock as fast as that goes."""

    def __init__(self, loop: asyncio.AbstractEventLoop, host: str, port: int, connections: int) -> None:
        """For a pool of so many connections."""
        self._loop = loop
        self._host, self._port = host, port
        self._many = connections > CONNECTING_AT_ONCE
        self._places = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def open(self, make: Make, *, in_time: bool) -> None:
        """Open one; `in_time`: the clock of a turn is running. Raises OSError."""
        patient = self._many and not in_time
        await self._places.acquire()
        try:
            if patient:
                await self._open_patiently(make)
            else:
                await self._loop.create_connection(make, self._host, self._port)
        finally:
            if patient:
                self._loop.call_later(PAUSE_S, self._places.release)
            else:
                self._places.release()

    async def _open_patiently(self, make: Make) -> None:
        made: list[Connection] = []

        def make_one() -> Connection:
            made.append(make())
            return made[-1]

        again_s = AGAIN_AFTER_S
        while True:
            attempt = self._loop.create_task(self._loop.create_connection(make_one, self._host, self._port))
            try:
                await asyncio.wait([attempt], timeout=again_s)
                if attempt.done() or (made and hasattr(made[-1], "transport")):  # it stands, or how it failed is known
                    await attempt
                    return
            finally:
                attempt.cancel()
            again_s = min(2 * again_s, AGAIN_AFTER_MAX_S)
