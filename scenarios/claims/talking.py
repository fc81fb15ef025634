"""A conversation with a server over one connection, byte by byte: who closes it, when, and what comes first.

Standard library only, as all that a claim's file imports.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .model import NotHereError

if TYPE_CHECKING:
    from .serving import Served

TIMEOUT_S = 10.0
PIECE = 1 << 16


class NoAnswerError(NotHereError):
    """The connection ended, or nothing came, before an answer was whole."""


@dataclass(frozen=True, slots=True)
class Got:
    """An answer. `at_s` is when it was whole, on the system's monotonic clock, which a server here reads too."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    at_s: float


class Talk:
    """One connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        """Open it. Raises NoAnswerError."""
        try:
            self._socket = socket.create_connection(address, TIMEOUT_S)
        except OSError as error:
            raise NoAnswerError(f"no connection to port {address[1]}: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._unread = b""

    def say(self, data: bytes) -> None:
        """Send, all of it. Raises NoAnswerError when the other side has closed."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise NoAnswerError(f"it closed the connection while it was spoken to: {error!r}") from error

    def ask(self, path: str, version: str = "1.1", **headers: str) -> Got:
        """Send a GET, and wait for its answer. Raises NoAnswerError."""
        self.say(request(path, version, **headers))
        return self.answer()

    def answer(self) -> Got:
        """Wait for an answer: a head, and as much body as it says, or all until the end. Raises NoAnswerError."""
        while b"\r\n\r\n" not in self._unread:
            self._more()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        if "content-length" in headers:
            length = int(headers["content-length"])
            while len(self._unread) < length:
                self._more()
        else:
            length = self._until_end()
        body, self._unread = self._unread[:length], self._unread[length:]
        return Got(int(first.split()[1]), headers, body, time.monotonic())

    def ended(self, within_s: float) -> float | None:
        """When the other side closed the connection, on the system's clock; None if it does not in that time."""
        self._socket.settimeout(within_s)
        try:
            data = self._socket.recv(PIECE)
        except TimeoutError:
            return None
        except OSError:
            data = b""  # a reset is one way to close
        finally:
            self._socket.settimeout(TIMEOUT_S)
        self._unread += data
        return None if data else time.monotonic()

    def close(self) -> None:
        """Close this side."""
        self._socket.close()

    def raw(self, length: int) -> bytes:
        """So many bytes of what comes. Raises NoAnswerError."""
        while len(self._unread) < length:
            self._more()
        data, self._unread = self._unread[:length], self._unread[length:]
        return data

    def _more(self) -> None:
        try:
            data = self._socket.recv(PIECE)
        except OSError as error:
            raise NoAnswerError(f"no whole answer came: {error!r}") from error
        if not data:
            raise NoAnswerError("it closed the connection before its answer was whole")
        self._unread += data

    def _until_end(self) -> int:
        with contextlib.suppress(NoAnswerError):
            while True:
                self._more()
        return len(self._unread)


def request(path: str, version: str = "1.1", **headers: str) -> bytes:
    """A GET. Of `headers` the names are written with ``_`` for ``-``."""
    lines = [f"GET {path} HTTP/{version}", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@contextlib.contextmanager
def talk(served: Served) -> Iterator[Talk]:
    """Within: a connection to that server."""
    conversation = Talk((served.host, served.port))
    try:
        yield conversation
    finally:
        conversation.close()
