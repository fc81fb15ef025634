"""One user's connection: all that geventhttpclient's answers ask of its pools, with one place and nothing sent twice.

The client's own pool goes with a loop that sends a request again, up to a dozen times, when the connection ends without
an answer. A request that was sent and one that was counted would be two different things.
"""

import socket
from typing import Any

import gevent
import gevent.socket

from ....results.ledger import ErrorKind


class WatchedSocket(gevent.socket.socket):  # type: ignore[misc, unused-ignore]
    """A socket that remembers how it failed, since the client's exceptions do not always tell."""

    received = 0  # bytes, of the answer under way
    ended = False
    broken = False
    served = False  # a whole answer came over it before

    def forget(self) -> None:
        """A new request begins."""
        self.received = 0
        self.ended = self.broken = False

    def recv(self, *args: Any) -> bytes:
        """As ever, and noted."""
        try:
            data: bytes = super().recv(*args)
        except TimeoutError:
            raise
        except OSError:
            self.broken = True
            raise
        self.received += len(data)
        self.ended = not data
        return data

    def idle(self) -> bool:
        """Whether it stands and has nothing to say, as it should between two requests."""
        timeout_s = self.gettimeout()
        self.settimeout(0.0)
        try:
            super().recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            self.settimeout(timeout_s)
        return False


class Line:
    """The one connection of a user. `connects` and `reopened` count since they were last taken."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._address = (host, port)
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._timeout_s = timeout_s
        self._kept: WatchedSocket | None = None
        self._used: WatchedSocket | None = None
        self._connecting = False
        self._connects = self._reopened = 0

    # What is asked of a pool

    def get_socket(self) -> WatchedSocket:
        """The connection, made anew where it does not stand any more. Raises OSError."""
        if not self.stands:
            self._kept = self._connect()
        assert self._kept is not None
        self._connecting = False
        self._used, self._kept = self._kept, None
        self._used.forget()
        return self._used

    def return_socket(self, sock: WatchedSocket) -> None:
        """Keep it for the next request."""
        sock.served = True
        self._kept, self._used = sock, None

    def release_socket(self, sock: WatchedSocket) -> None:
        """It is of no more use."""
        sock.close()

    # What is asked of it here

    @property
    def stands(self) -> bool:
        """Whether a connection is there and idle. One that has ended, or says what nobody asked, is closed."""
        kept = self._kept
        if kept is None or kept.idle():
            return kept is not None
        self._reopened += kept.served
        self._kept = None
        kept.close()
        return False

    def open(self) -> None:
        """Connect, before a turn; what is wrong comes out when a request is sent."""
        try:
            self._kept = self._connect()
        except OSError:
            self._kept = None

    def cut(self) -> None:
        """Close at once, whatever is in flight; and what has never served, so that no server waits for its bytes."""
        for sock in (self._used, self._kept):
            if sock is not None:
                sock.close()
        self._used = self._kept = None

    def rest(self) -> None:
        """A turn is over: close what never served. A server that handles one connection at a time would wait for it."""
        if self._kept is not None and not self._kept.served:
            self.cut()

    def taken(self) -> tuple[int, int]:
        """How many connections were made, and how many of them for one that was lost while idle, since last asked."""
        counts = (self._connects, self._reopened)
        self._connects = self._reopened = 0
        return counts

    def kind_of(self, error: BaseException) -> ErrorKind:
        """What kind of failure an exception of the client stands for, by what the connection has seen."""
        cause = getattr(error, "original", None) or error  # behind "retries exceeded", of which there are none
        used = self._used
        if self._connecting:
            return ErrorKind.CONNECT
        if used is None:
            return ErrorKind.SURPLUS  # the answer was whole, and then more came
        if isinstance(cause, gevent.Timeout | TimeoutError):
            return ErrorKind.TIMEOUT
        if used.broken or isinstance(cause, OSError):
            return ErrorKind.RESET
        if used.ended:
            return ErrorKind.TRUNCATED if used.received else ErrorKind.CLOSED
        return ErrorKind.MALFORMED

    def _connect(self) -> WatchedSocket:
        self._connecting = True
        sock = self._used = WatchedSocket(self._family, socket.SOCK_STREAM)
        sock.settimeout(self._timeout_s)
        try:
            sock.connect(self._address)
        except BaseException:
            sock.close()
            raise
        self._connects += 1
        return sock
