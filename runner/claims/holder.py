"""The client that holds requests open: each on a connection of its own, sent whole, its answer awaited.

Run as ``python -m sgibench.runner.claims.holder HOST PORT PATH COUNT``. It writes a line of JSON when all are sent, one
at the first answer, and one when all have come; and ends.
"""

import asyncio
import json
import sys
from collections import Counter
from typing import Any, cast

import httptools
import uvloop

CONNECTING_AT_ONCE = 100
BODIES_KEPT = 3


class Holding:
    """What became of all requests so far."""

    def __init__(self, count: int) -> None:
        """None was sent."""
        self.count = count
        self.sent = 0
        self.outcomes: Counter[str] = Counter()
        self.bodies: Counter[str] = Counter()
        self.over = asyncio.Event()

    def ended(self, outcome: str, body: bytes = b"") -> None:
        """One has its answer, or will have none."""
        self.outcomes[outcome] += 1
        if len(self.bodies) < BODIES_KEPT:
            self.bodies[body[:200].decode("utf-8", "replace")] += 1
        if self.outcomes.total() == 1:
            tell(event="first", outcome=outcome, sent=self.sent)
        if self.outcomes.total() == self.count:
            self.over.set()


class OneRequest(asyncio.Protocol):
    """A connection with one request on it."""

    def __init__(self, holding: Holding, request: bytes) -> None:
        """The request goes out as soon as it is connected."""
        self._holding = holding
        self._request = request
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._transport.write(self._request)
        self._holding.sent += 1

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._end(f"no HTTP: {error}")

    def on_body(self, body: bytes) -> None:
        """A piece of its body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """The answer is whole."""
        self._end(str(self._parser.get_status_code()))

    def connection_lost(self, error: Exception | None) -> None:
        """Closed: without an answer, unless it has ended already."""
        self._end(f"closed without an answer{f': {error}' if error else ''}")

    def _end(self, outcome: str) -> None:
        if self._open:
            self._open = False
            self._holding.ended(outcome, b"".join(self._body))
            self._transport.abort()  # leaves no port waiting for late packets


async def hold(host: str, port: int, path: str, count: int) -> None:
    """Send so many, wait for all answers, and tell."""
    loop = asyncio.get_running_loop()
    holding = Holding(count)
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
    numbers = iter(range(count))

    async def send() -> None:
        for _ in numbers:
            try:
                await loop.create_connection(lambda: OneRequest(holding, request), host, port)
            except OSError as error:
                holding.ended(f"not connected: {error}")

    await asyncio.gather(*(send() for _ in range(CONNECTING_AT_ONCE)))
    tell(event="sent", sent=holding.sent)
    await holding.over.wait()
    tell(event="over", outcomes=holding.outcomes, bodies=holding.bodies)


def tell(**line: Any) -> None:
    """A line for whoever started this."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(hold(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
