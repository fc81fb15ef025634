"""Connections whose requests are a mix: each is drawn when it is sent, and judged by what is right for it."""

from time import monotonic_ns
from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .connection import REPEATABLE
from .draws import Asked
from .head import HeadConnection
from .nonce import with_nonce
from .upload import LARGE_BYTES, UploadConnection

if TYPE_CHECKING:
    from .pool import Lane


class MixConnection(UploadConnection):
    """A connection of a mix. The short cut for answers that are known byte for byte is each part's own."""

    __slots__ = ("asked",)

    def __init__(self, lane: "Lane") -> None:
        super().__init__(lane)
        self.payload = b""
        self.asked: Asked | None = None

    def send(self, now_ns: int) -> None:
        """Draw a request and send it."""
        self._draw()
        super().send(now_ns)

    def data_received(self, data: bytes) -> None:
        """Look at what came; in the common case, count it and send the next request."""
        asked = self.asked
        if asked is None or data != asked.known or self.head_bytes or not self.sent_ns:
            super().data_received(data)
            return
        now = monotonic_ns()
        turn = self.turn
        if now < turn.until_ns:
            turn.record(now - self.sent_ns)
            turn.sent += 1
            self._draw()
            self.sent_ns = now
            self.write(self.request)
        else:
            self._settle(None, now)

    def give_back(self) -> None:
        """Let the request be drawn again."""
        if self.asked is not None:
            self.turn.draws.put_back(self.asked)

    @property
    def repeatable(self) -> bool:
        """Whether asking this part twice is the same as asking once."""
        return self.asked is not None and self.asked.method in REPEATABLE

    def explain(self, kind: ErrorKind) -> str:
        """One sentence on what was wrong, and of which request."""
        reason = super().explain(kind)
        return reason if self.asked is None else f"{self.asked.name}: {reason}"

    def _draw(self) -> None:
        asked = self.asked = self.turn.draws.draw()
        self.closes = asked.closes
        if asked.varies:
            self.request, self.expect = with_nonce(asked)
        else:
            self.request, self.expect = asked.request, asked.expect

    def _answered(self, data: bytes, now: int) -> None:
        asked = self.asked
        # No answer is like another to what varies; and of what is large, there has to be looked whether it was sent.
        self.repeats = asked is not None and not asked.varies and len(asked.request) <= LARGE_BYTES
        super()._answered(data, now)

    def _remember(self, data: bytes) -> None:
        if self.asked is not None:
            self.asked.known = data


class MixHeadConnection(MixConnection, HeadConnection):
    """A connection of a mix in which some requests are HEAD, whose answers end with their headers."""

    __slots__ = ()

    @property
    def _head(self) -> bool:
        return self.asked is not None and self.asked.method == "HEAD"

    def on_headers_complete(self) -> None:
        """The answer to HEAD is complete, unless it is interim."""
        if self._head:
            HeadConnection.on_headers_complete(self)

    def on_message_complete(self) -> None:
        """An answer is whole."""
        if self._head:
            HeadConnection.on_message_complete(self)
        else:
            UploadConnection.on_message_complete(self)

    def on_body(self, piece: bytes) -> None:
        """A body, where one may be."""
        if self._head:
            HeadConnection.on_body(self, piece)
        else:
            UploadConnection.on_body(self, piece)

    def _surplus_tail(self, data: bytes) -> bool:
        looked_at = HeadConnection if self._head else UploadConnection
        return looked_at._surplus_tail(self, data)
