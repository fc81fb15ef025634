"""A server of raw sockets that misbehaves to order, one thread for each connection."""

import contextlib
import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType

Behaviour = Callable[["Visit"], None]

HELLO = b"hello"
LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def answer(body: bytes = HELLO, status: str = "200 OK", headers: str = "") -> bytes:
    """A whole answer with its length."""
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body


class Visit:
    """One connection that the server has taken."""

    def __init__(self, server: "LyingServer", connection: socket.socket, number: int) -> None:
        self.server = server
        self.connection = connection
        self.number = number
        self.waiting = b""  # what came behind the last message

    def request(self) -> bool:
        """Wait for a request; False when the client has gone."""
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            piece = self.connection.recv(65536)
            if not piece:
                return False
            data += piece
        with self.server.lock:
            self.server.requests += 1
        return True

    def message(self) -> bytes:
        """Wait for a request with its body, and not a byte more; empty when the client has gone."""
        while (size := _whole_size(self.waiting)) == 0:
            piece = self.connection.recv(65536)
            if not piece:
                return b""
            self.waiting += piece
        whole, self.waiting = self.waiting[:size], self.waiting[size:]
        with self.server.lock:
            self.server.requests += 1
        return whole

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reset(self) -> None:
        """Leave with a reset instead of an orderly end."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def linger(self) -> None:
        """Say nothing until the client goes, or the server is stopped."""
        while self.connection.recv(65536):
            pass


class LyingServer:
    """Listens on loopback, on a random port unless told which.

    `requests` counts those that arrived whole, `visits` the connections.
    """

    def __init__(self, behaviour: Behaviour, host: str = "127.0.0.1", port: int = 0) -> None:
        self.requests = 0
        self.visits = 0
        self.lock = threading.Lock()
        self._behaviour = behaviour
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> "LyingServer":
        self._start(self._serve)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close everything, as when the server dies."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self.lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in list(self._threads):
            thread.join(5)

    def close_idle(self) -> None:
        """End all connections, in an orderly way, and keep listening."""
        with self.lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_WR)

    def say(self, data: bytes) -> None:
        """Send something on all connections, asked or not."""
        with self.lock:
            for connection in self._open:
                connection.sendall(data)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.visits += 1
                number = self.visits
                self._open.add(connection)
            self._start(partial(self._visit, connection, number))

    def _visit(self, connection: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError):
            self._behaviour(Visit(self, connection, number))
        with self.lock:
            self._open.discard(connection)
        connection.close()

    def _start(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()


def _whole_size(data: bytes) -> int:
    """How long the request at the start of this is; 0 while it is not all there."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    length = LENGTH.search(data, 0, end + 2)
    size = end + 4 + (int(length[1]) if length else 0)
    return size if len(data) >= size else 0


# Behaviours


def always(data: bytes) -> Behaviour:
    """Answer every request with the same bytes, and keep the connection."""

    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(data)

    return behave


def in_pieces(data: bytes, cuts: list[int]) -> Behaviour:
    """Answer in pieces, with a moment between them."""

    def behave(visit: Visit) -> None:
        while visit.request():
            start = 0
            for cut in [*cuts, len(data)]:
                visit.send(data[start:cut])
                start = cut
                time.sleep(0.002)

    return behave


def once_then_close(data: bytes) -> Behaviour:
    """Answer one request and close."""

    def behave(visit: Visit) -> None:
        if visit.request():
            visit.send(data)

    return behave


def once_then_reset(data: bytes) -> Behaviour:
    """Answer one request with these bytes and reset the connection."""

    def behave(visit: Visit) -> None:
        if visit.request():
            if data:
                visit.send(data)
                time.sleep(0.005)
            visit.reset()

    return behave


def hang(visit: Visit) -> None:
    """Take the request and say nothing."""
    visit.request()
    visit.linger()


def drip(data: bytes, pause_s: float) -> Behaviour:
    """Answer byte by byte: no pause is long, the whole is."""

    def behave(visit: Visit) -> None:
        while visit.request():
            for at in range(len(data)):
                visit.send(data[at : at + 1])
                time.sleep(pause_s)

    return behave


def late(data: bytes, after_s: float) -> Behaviour:
    """Answer rightly, after a while."""

    def behave(visit: Visit) -> None:
        while visit.request():
            time.sleep(after_s)
            visit.send(data)

    return behave


def right_then_silent(data: bytes, good_s: float) -> Behaviour:
    """Answer at once for a while, then take requests and say nothing."""
    begun: list[float] = []

    def behave(visit: Visit) -> None:
        while visit.request():
            begun.append(time.monotonic())
            if begun[-1] - begun[0] > good_s:
                visit.linger()
                return
            visit.send(data)

    return behave


def stalling(data: bytes, good_s: float, stall_s: float) -> Behaviour:
    """Answer at once for a while, then stall all connections at the same time, once."""
    begun: list[float] = []

    def behave(visit: Visit) -> None:
        while visit.request():
            begun.append(time.monotonic())
            since_s = time.monotonic() - begun[0]
            if good_s <= since_s < good_s + stall_s:
                time.sleep(good_s + stall_s - since_s)
            visit.send(data)

    return behave
