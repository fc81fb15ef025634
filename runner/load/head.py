"""Requests whose method is HEAD: the answer ends with its headers, whatever length they announce."""

from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .connection import Connection

if TYPE_CHECKING:
    from .pool import Lane


class HeadConnection(Connection):
    """A connection whose requests are HEAD. The parser takes the answers for those to GET, and waits for a body.

    It has no slots of its own, so that it can be combined with those that have.
    """

    def __init__(self, lane: "Lane") -> None:
        super().__init__(lane)
        self.blocks = 0
        self.says: set[bytes] = set()
        self.want_body = None  # no short cut: what follows the headers has to be looked at
        self.any_body = self.repeats = False

    def on_message_begin(self) -> None:
        """Forget what an interim answer said."""
        super().on_message_begin()
        self.says = set()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep what is said of the connection."""
        if name.lower() == b"connection":
            self.says.update(word.strip().lower() for word in value.split(b","))

    def on_headers_complete(self) -> None:
        """The answer to HEAD is complete, unless it is interim."""
        self.blocks += 1
        self.on_message_complete()

    def on_message_complete(self) -> None:
        """Where no length is announced, the parser thinks that the connection's end will end a body; there is none."""
        super().on_message_complete()
        kept_by_default = self.parser.get_http_version() != "1.0"
        says_so = b"close" not in self.says and (kept_by_default or b"keep-alive" in self.says)
        self.keep = says_so and not self.closes

    def on_body(self, piece: bytes) -> None:
        """A body where none may be."""
        self.surplus = True

    def _surplus_tail(self, data: bytes) -> bool:
        raw = b"".join(self.head) or data
        return raw.split(b"\r\n\r\n", self.blocks)[-1] != b""

    def _settle(self, kind: ErrorKind | None, now: int) -> None:
        self.blocks = 0
        self._new_parser()  # the old one still waits for a body
        super()._settle(kind, now)
