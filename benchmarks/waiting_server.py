"""A server that answers each request after a wait, holding as many as come: the child of load_in_flight.

    python -m benchmarks.waiting_server PORT SECONDS

``/count`` answers at once, with what it has seen: requests so far, and the most that were held at one time.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

from sgibench.runner.load.processor import allow_many_files
from sgibench.runner.targets.launch import HOST

BODY = "waited"
BACKLOG = 16_384  # the kernel cuts it to net.core.somaxconn
END = b"\r\n\r\n"


class Books:
    """What the server has seen."""

    def __init__(self) -> None:
        self.requests = self.held = self.most = 0


class Waiter(asyncio.Protocol):
    """A connection. Requests have no body; each is answered so many seconds after it came in whole."""

    transport: asyncio.Transport

    def __init__(self, books: Books, seconds: float) -> None:
        self._books = books
        self._seconds = seconds
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        *requests, self._unread = (self._unread + data).split(END)
        for request in requests:
            if request.startswith(b"GET /count "):
                self._answer(json.dumps({"requests": self._books.requests, "most": self._books.most}))
                continue
            self._books.requests += 1
            self._books.held += 1
            self._books.most = max(self._books.most, self._books.held)
            asyncio.get_running_loop().call_later(self._seconds, self._waited)

    def _waited(self) -> None:
        self._books.held -= 1
        self._answer(BODY)

    def _answer(self, body: str) -> None:
        if not self.transport.is_closing():
            self.transport.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())


async def serve(port: int, seconds: float) -> None:
    """Serve until killed."""
    books = Books()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Waiter(books, seconds), HOST, port, backlog=BACKLOG)
    await server.serve_forever()


if __name__ == "__main__":
    allow_many_files()
    uvloop.run(serve(int(sys.argv[1]), float(sys.argv[2])))
