"""One HTTP/1.1 connection of the engine: sends a prebuilt request, and looks at every byte that comes back."""

import asyncio
from time import monotonic_ns
from typing import TYPE_CHECKING, cast

import httptools

from ...results.ledger import ErrorKind
from .checks import describe, judge
from .framing import START, is_whole, status_if_ended_by_close

if TYPE_CHECKING:
    from .pool import Lane

HEADER_LIMIT_BYTES = 64 * 1024
BODY_LIMIT_BYTES = 64 * 1024 * 1024
SLICE_BYTES = 16 * 1024
LINE_ENDS = b"\r\n"
VERSION_1 = ord("1")
REPEATABLE = ("GET", "HEAD")
REFUSALS = (httptools.HttpParserError, httptools.HttpParserUpgrade)


class Connection(asyncio.Protocol):
    """Framing by httptools; the common case (one whole, right, kept-alive answer in one piece) stays in one method.

    An answer that is byte for byte the same as one that was parsed, checked and found right in this turn is right for
    the same reasons, and need not be parsed again: that saves a third of the engine's time.

    `sent_ns` is 0 while no request is in flight. What is rare is told to the lane, which tells the turn.
    """

    __slots__ = (
        "any_body", "body", "closes", "done", "expect", "feed", "first_ns", "head", "head_bytes", "keep", "kept",
        "lane", "last_ns", "last_response_ns", "more", "parser", "planned_ns", "repeats", "request", "sent_ns", "size",
        "status", "surplus", "transport", "turn", "used", "want_body", "want_status", "write",
    )  # fmt: skip

    body: bytes  # of one answer: its first piece; `more` has the rest, `head` all received up to there
    done: bool
    surplus: bool
    more: list[bytes]
    head: list[bytes]
    head_bytes: int
    opening = False  # whether more than a connection is needed before the first request, and is not there yet

    def __init__(self, lane: "Lane") -> None:
        endpoint = lane.pool.endpoint
        self.lane = lane
        self.turn = lane.pool.turn
        self.request = endpoint.request
        self.expect = endpoint.expect
        self.want_status = endpoint.expect.status
        self.want_body = endpoint.expect.body if endpoint.expect.contains is None else None
        self.any_body = endpoint.expect.body is None and endpoint.expect.contains is None
        self.repeats = True
        self.sent_ns = self.planned_ns = self.first_ns = self.last_ns = self.last_response_ns = 0
        self.used, self.closes = False, lane.pool.closes
        self.kept = self.keep = True
        self.status = 0
        self._forget_answer()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ready to send."""
        self._take_over(transport)
        self._new_parser()
        self.lane.connected(self)

    def _take_over(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # With no buffer allowed, uvloop writes at once instead of at the end of its iteration, behind all other
        # connections' answers: the clock read just before the write is the moment of sending.
        self.transport.set_write_buffer_limits(0)
        self.write = self.transport.write

    def data_received(self, data: bytes) -> None:
        """Look at what came; in the common case, count it and send the next request."""
        if not self.sent_ns:
            self.lane.unasked(self)
            return
        turn = self.turn
        if data == turn.known and not self.head_bytes:
            now = monotonic_ns()
            if now < turn.until_ns:
                turn.record(now - self.sent_ns)
                turn.sent += 1
                self.sent_ns = now
                self.write(self.request)
            else:
                self._settle(None, now)
            return
        if self.head_bytes or len(data) > SLICE_BYTES:
            self._feed_pieces(data)
            return
        try:
            self.feed(data)
        except REFUSALS:
            self._broken(data)
            return
        if not self.done:
            self.head.append(data)
            self.head_bytes = self.size = len(data)
            return
        now = monotonic_ns()
        if (
            self.status == self.want_status
            and (self.body == self.want_body or self.any_body)
            and now < turn.until_ns
            and self.keep
            and not self.surplus
            and not self.more
            and data[-1] not in LINE_ENDS
            and data[5] == VERSION_1  # of HTTP/1: so nothing is before it, either
        ):
            turn.known = data
            turn.record(now - self.sent_ns)
            turn.sent += 1
            self.sent_ns = now
            self.done = False
            self.body = b""
            self.write(self.request)
        else:
            self._answered(data, now)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the lane."""
        self.lane.lost(self, exc)

    # What httptools calls

    def on_message_begin(self) -> None:
        """A second answer has begun before anybody asked for it, or a first one."""
        if self.done:
            self.surplus = True

    def on_body(self, piece: bytes) -> None:
        """Keep a piece of the body."""
        if self.body:
            self.more.append(piece)
        else:
            self.body = piece

    def on_message_complete(self) -> None:
        """Keep what the parser knows only at this moment."""
        parser = self.parser
        status = parser.get_status_code()
        if status < 200 and status != 101:
            return  # interim: the final answer is still to come
        self.status = status
        self.keep = parser.should_keep_alive() and not self.closes
        self.done = True

    # What the turn asks for

    def send(self, now_ns: int) -> None:
        """Send the request, and date it `now_ns`: for one that is sent again, the first time."""
        if self.kept:
            self.kept = False
            self.first_ns = now_ns
        self.sent_ns = now_ns
        # A transport that is closing takes no more writes; connection_lost is on its way and tells what became of it.
        if not self.transport.is_closing():
            self.write(self.request)

    def rest(self, latency_ns: int, response_ns: int = 0) -> None:
        """Nothing is in flight any more; the last answer was right and took this long (from send, and from plan)."""
        self.last_ns = latency_ns
        self.last_response_ns = response_ns
        self.sent_ns = 0
        self.used = True

    def at_end(self, exc: Exception | None) -> ErrorKind | None:
        """What a request becomes when its connection ends like this; None: an answer that its end completes."""
        if exc is not None:
            return ErrorKind.RESET
        if not self.head_bytes:
            return ErrorKind.CLOSED
        self.keep = False
        status = status_if_ended_by_close(b"".join(self.head))
        if status is None:
            return ErrorKind.TRUNCATED
        self.status = status
        kind = judge(self.expect, status, self.whole_body())
        if kind is ErrorKind.STATUS:
            return kind
        # Only a known body tells a whole answer from one that was cut off.
        known = self.expect.body is not None or self.expect.contains is not None
        return None if known and kind is None else ErrorKind.TRUNCATED

    def leave(self) -> None:
        """Close at once, whatever is in flight."""
        self.transport.abort()

    def give_up(self) -> None:
        """Nobody waits for this connection any more, which does not stand yet: connecting is the lane's to end."""

    def give_back(self) -> None:
        """The request in flight was not taken: it is still to be asked."""

    @property
    def repeatable(self) -> bool:
        """Whether asking twice is the same as asking once."""
        return self.lane.pool.endpoint.method in REPEATABLE

    @property
    def untouched(self) -> bool:
        """Whether it was kept alive from an earlier turn, and not a byte of this turn's first answer has come."""
        return self.used and self.sent_ns == self.first_ns and not self.head_bytes

    def whole_body(self) -> bytes:
        """The body as far as it has come."""
        return self.body if not self.more else b"".join((self.body, *self.more))

    def explain(self, kind: ErrorKind) -> str:
        """One sentence on what was wrong."""
        return describe(kind, self.expect, self.status, self.whole_body())

    # The rare cases

    def _feed_pieces(self, data: bytes) -> None:
        """Feed an answer that comes in pieces or is large, watching its limits."""
        self.size += len(data)
        view = memoryview(data)
        start = 0
        # A line end comes apart: the parser passes silently over one that is behind a whole answer.
        last = len(data) - (data[-1] in LINE_ENDS)
        try:
            while start < len(data):
                in_head = not self.body
                stop = last if start < last else len(data)
                piece = view[start : min(start + SLICE_BYTES, stop) if in_head else stop]
                self.surplus = self.surplus or self.done
                self.feed(piece)
                if in_head:
                    self.head.append(bytes(piece))
                    self.head_bytes += len(piece)
                if not self.body and not self.done and self.head_bytes > HEADER_LIMIT_BYTES:
                    raise httptools.HttpParserError("headers over the limit")
                start += len(piece)
        except REFUSALS:
            self._broken(data)
            return
        if self.size > BODY_LIMIT_BYTES:
            self._settle(ErrorKind.MALFORMED, monotonic_ns())
        elif self.done:
            self._answered(data, monotonic_ns())

    def _broken(self, data: bytes) -> None:
        """The parser refused: bytes behind a whole answer are surplus, and so is what is no start of an answer."""
        late_surplus = self._has_answered and not self.head_bytes and not data.startswith(b"H")
        upgraded = self.done and self.status == 101
        kind = ErrorKind.SURPLUS if (self.done or late_surplus) and not upgraded else ErrorKind.MALFORMED
        self._settle(kind, monotonic_ns())

    def _answered(self, data: bytes, now: int) -> None:
        kind = self._misframed(data)
        if kind is None:
            kind = judge(self.expect, self.status, self.whole_body())
            if kind is None and self.keep and self.repeats and not self.head_bytes:
                self._remember(data)
        self._settle(kind, now)

    def _remember(self, data: bytes) -> None:
        """This is a right answer, whole in one piece: the next that is the same is right too."""
        self.turn.known = data

    def _misframed(self, data: bytes) -> ErrorKind | None:
        """What is wrong about a whole answer that the parser takes for one: it passes over line ends, and versions."""
        if self.surplus or self._surplus_tail(data):
            return ErrorKind.SURPLUS
        first = b"".join(self.head[: len(START)]) or data
        if not first.startswith(START):
            return ErrorKind.SURPLUS if first[0] in LINE_ENDS and self._has_answered else ErrorKind.MALFORMED
        return ErrorKind.MALFORMED if self.size > BODY_LIMIT_BYTES else None

    @property
    def _has_answered(self) -> bool:
        return self.used or self.sent_ns != self.first_ns

    def _settle(self, kind: ErrorKind | None, now: int) -> None:
        verdict = self.turn.verdict(self, kind, now)
        self._forget_answer()
        self.turn.settle(self.lane, self, verdict, now)

    def _surplus_tail(self, data: bytes) -> bool:
        """Whether a line end follows an answer that came in one piece; in several, that was seen when they were fed."""
        return not self.head_bytes and data[-1] in LINE_ENDS and is_whole(data[:-1])

    def _new_parser(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.feed = self.parser.feed_data

    def _forget_answer(self) -> None:
        self.done = self.surplus = False
        self.body = b""
        self.more, self.head = [], []
        self.head_bytes = self.size = 0
