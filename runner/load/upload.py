"""Requests with large bodies: a server may answer, or leave, before it has taken all of one."""

import contextlib
import os
from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .connection import Connection
from .nonce import NonceConnection

if TYPE_CHECKING:
    from .pool import Lane

LARGE_BYTES = 16 * 1024  # from here on, a system's buffers may not take all of it at once
READ_BYTES = 64 * 1024


class UploadConnection(Connection):
    """A connection whose requests may be large. What the system does not take at once waits, not copied, until the
    server has read; the clock has run since the first byte was handed over.

    An answer counts when it is whole, even if the request is not: but then what is left of the request would be in the
    way of the next, so that the connection is not used again.
    """

    __slots__ = ("payload",)

    def __init__(self, lane: "Lane") -> None:
        super().__init__(lane)
        self.payload = lane.pool.endpoint.body
        self.repeats = False  # no short cut: whether all was sent has to be looked at
        self.want_body = None
        self.any_body = False

    def send(self, now_ns: int) -> None:
        """Send the request, and its body behind it."""
        super().send(now_ns)
        if self.payload and not self.transport.is_closing():
            self.write(self.payload)

    def connection_lost(self, exc: Exception | None) -> None:
        """A server that leaves may have said why, before its leaving broke off what we were writing."""
        if exc is not None and self.sent_ns:
            self._read_last_words()
        super().connection_lost(exc)

    def _read_last_words(self) -> None:
        end = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            while end is not None and self.sent_ns and (data := os.read(end.fileno(), READ_BYTES)):
                self.data_received(data)

    def _settle(self, kind: ErrorKind | None, now: int) -> None:
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.keep = False
        super()._settle(kind, now)


class NonceUploadConnection(NonceConnection, UploadConnection):
    """The same for requests with a nonce."""

    __slots__ = ()
