"""The null server: it does nothing but answer, so that what limits a load on it is the load side itself.

As cheap as Python can: uvloop, and one answer that is built beforehand, with the Date of the second as servers send it.
No request is parsed: what ends as a request's head ends gets the answer. It works alone:

    python -P -m sgibench.runner.load.null_server BODY_BYTES PROCESSES CORES

``CORES`` are numbers with commas, or empty for any. Its one line of output is its port, on loopback; its processes
share it. It lives exactly as long as its stdin, and so as whoever started it.
"""

import asyncio
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable
from email.utils import formatdate
from typing import cast

import uvloop

from .processor import allow_many_files, pin

HOST = "127.0.0.1"
BACKLOG = 1024
DATED_EVERY_S = 1.0


def body_of(size: int) -> bytes:
    """The body of every answer, `size` bytes."""
    return b"n" * size


class NullAnswer(asyncio.Protocol):
    """One connection. `answer` is everybody's, made anew when its Date has passed."""

    answer = b""
    write: Callable[[bytes], None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write at once, not at the end of the loop's iteration."""
        stream = cast(asyncio.Transport, transport)
        stream.set_write_buffer_limits(0)
        self.write = stream.write

    def data_received(self, data: bytes) -> None:
        """Answer."""
        if data.endswith(b"\r\n\r\n"):
            self.write(NullAnswer.answer)


def listening_sockets(count: int) -> list[socket.socket]:
    """Sockets on one free port, among which the system spreads the connections."""
    port = 0
    sockets = []
    for _ in range(count):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if count > 1:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
        port = listener.getsockname()[1]
        sockets.append(listener)
    return sockets


async def serve(listener: socket.socket, body: bytes) -> None:
    """Answer on that socket for ever."""
    loop = asyncio.get_running_loop()

    def date() -> None:
        head = f"HTTP/1.1 200 OK\r\nDate: {formatdate(usegmt=True)}\r\nServer: null\r\nContent-Type: text/plain\r\n"
        NullAnswer.answer = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
        loop.call_later(DATED_EVERY_S, date)

    date()
    await loop.create_server(NullAnswer, sock=listener)
    await asyncio.Event().wait()


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serve until stdin ends."""
    size, processes, cores = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    pin([int(core) for core in cores.split(",") if core])
    allow_many_files()
    sockets = listening_sockets(processes)
    mine = sockets[0]
    for other in sockets[1:]:
        if os.fork() == 0:
            mine = other
            break
    if mine is sockets[0]:
        os.write(1, f"{mine.getsockname()[1]}\n".encode())
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    gc.disable()
    uvloop.run(serve(mine, body_of(size)))


if __name__ == "__main__":
    main()
