"""One WebSocket of the engine: says a prebuilt message, and looks at every byte of what should be its echo."""

import asyncio
import functools
import secrets
from time import monotonic_ns
from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .checks import shown
from .connection import Connection
from .nonce import MARK, new_nonce
from .websocket_frames import (
    NORMAL_CLOSE,
    PROTOCOL_ERROR,
    FrameError,
    FrameReader,
    Message,
    Opcode,
    TooLongError,
    client_frame,
    server_frame,
)
from .websocket_handshake import Handshake, HandshakeError

if TYPE_CHECKING:
    from .pool import Lane

REASONS = {
    ErrorKind.TIMEOUT: "no echo within the message's deadline",
    ErrorKind.RESET: "the connection was reset before the echo was complete",
    ErrorKind.CLOSED: "the connection was closed before the echo, without a word",
    ErrorKind.TRUNCATED: "the connection was closed in the middle of a frame or a message",
    ErrorKind.SURPLUS: "a message that is no echo of any of ours",
}
usual_echo = functools.lru_cache(maxsize=4)(server_frame)  # of many connections, one and the same


class WebSocketConnection(Connection):
    """A request is a message, and its right answer the same message, whole or in fragments.

    The common case (the echo, in one frame, in one piece) is one comparison. All frames of a connection have the same
    mask, drawn at random for the connection: RFC 6455 asks for a new one in each, against proxies that could be led to
    take messages for requests. There is none here, and no server can tell; but a frame can be built once.
    """

    __slots__ = ("clean", "echo", "handshake", "left", "mask", "message", "opcode", "opening", "reader", "varies",
                 "why")  # fmt: skip

    def __init__(self, lane: "Lane") -> None:
        super().__init__(lane)
        endpoint = lane.pool.endpoint
        talk = endpoint.websocket
        assert talk is not None
        self.opening = True
        self.handshake = Handshake(endpoint.request.replace(MARK, new_nonce()))
        self.mask = secrets.token_bytes(4)
        self.opcode = Opcode.TEXT if talk.text else Opcode.BINARY
        self.varies = MARK in talk.message
        self.message = talk.message
        self.echo = usual_echo(self.opcode, talk.message)
        self.request = client_frame(self.opcode, talk.message, self.mask)
        self.reader = FrameReader(len(talk.message))
        self.clean = True
        self.left = False  # whether a close frame has gone out
        self.why = ""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade; the lane hears when it is granted."""
        self._take_over(transport)
        self.write(self.handshake.request)

    def data_received(self, data: bytes) -> None:
        """Look at what came; in the common case, count it and say the next."""
        if data == self.echo and self.clean and self.sent_ns:
            now = monotonic_ns()
            turn = self.turn
            if now < turn.until_ns:
                turn.record(now - self.sent_ns)
                turn.sent += 1
                if self.varies:
                    self._renew()
                self.sent_ns = now
                self.write(self.request)
            else:
                self._settle(None, now)
        elif self.opening:
            self._shake_hands(data)
        else:
            self._read(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the lane."""
        if not self.opening:
            self.lane.lost(self, exc)
            return
        kind = ErrorKind.TRUNCATED if self.handshake.begun else ErrorKind.CLOSED
        kind = kind if exc is None else ErrorKind.RESET
        self.lane.refused(self, kind, f"no WebSocket here: the connection ended in the handshake ({kind.value})")

    # What lane and turn ask for

    def send(self, now_ns: int) -> None:
        """Say the message."""
        if self.varies:
            self._renew()
        super().send(now_ns)

    def at_end(self, exc: Exception | None) -> ErrorKind | None:
        """What a message becomes when its connection ends like this."""
        if exc is not None:
            return ErrorKind.RESET
        return ErrorKind.CLOSED if self.clean else ErrorKind.TRUNCATED

    def leave(self) -> None:
        """Say goodbye, if all is well, and close at once."""
        if not self.opening:
            self._say_goodbye(NORMAL_CLOSE)
        self.transport.abort()

    def give_up(self) -> None:
        """Nobody waits for this handshake any more."""
        transport: asyncio.Transport | None = getattr(self, "transport", None)
        if transport is not None:
            transport.abort()

    @property
    def repeatable(self) -> bool:
        """A WebSocket is not closed for being idle: a message that gets no echo is an error."""
        return False

    def explain(self, kind: ErrorKind) -> str:
        """One sentence on what was wrong."""
        return REASONS[kind] if kind in REASONS and not self.why else self.why

    # The rare cases

    def _shake_hands(self, data: bytes) -> None:
        try:
            rest = self.handshake.read(data)
        except HandshakeError as error:
            self.transport.abort()
            self.lane.refused(self, error.kind, str(error))
            return
        if rest is None:
            return
        self.opening = False
        self.used = True  # it has served the handshake, and is there to be held
        self.lane.connected(self)
        if rest:
            self._read(rest)

    def _read(self, data: bytes) -> None:
        """Read frames in whatever shape and order they come."""
        answered, kind = False, None
        self.clean = False
        try:
            for message in self.reader.read(data):
                if message.opcode is Opcode.CLOSE:
                    self._farewell(message.payload, kind, answered=answered)
                    return
                if message.opcode is Opcode.PING:
                    self._write_frame(Opcode.PONG, message.payload)
                elif message.opcode is not Opcode.PONG:
                    kind = kind or self._judge(message, answered=answered)
                    answered = True
        except TooLongError as error:
            kind = kind or self._wrong(ErrorKind.BODY, f"a message of {error}, expected {len(self.message):,}")
        except FrameError as error:
            self._say_goodbye(PROTOCOL_ERROR)
            kind = kind or self._wrong(ErrorKind.MALFORMED, f"no WebSocket frame: {error}")
        self.clean = self.reader.clean
        if self.reader.in_message and (answered or not self.sent_ns):
            kind = kind or ErrorKind.SURPLUS
        if not self.sent_ns:
            if kind is not None:
                self.used = self.first_ns != 0  # who talks before he was asked has not served
                self.lane.unasked(self)
        elif answered or kind is not None:
            self._settle(kind, monotonic_ns())

    def _judge(self, message: Message, *, answered: bool) -> ErrorKind | None:
        """What is wrong with a message."""
        if answered or not self.sent_ns:
            return ErrorKind.SURPLUS
        if message.opcode is not self.opcode:
            said, meant = message.opcode.name.lower(), self.opcode.name.lower()
            return self._wrong(ErrorKind.BODY, f"a {said} message, expected {meant}: {shown(message.payload)}")
        if message.payload != self.message:
            came, wanted = shown(message.payload), shown(self.message)
            return self._wrong(ErrorKind.BODY, f"another message than the echo: {came}, expected {wanted}")
        return None

    def _wrong(self, kind: ErrorKind, why: str) -> ErrorKind:
        self.why = why
        return kind

    def _farewell(self, payload: bytes, kind: ErrorKind | None, *, answered: bool) -> None:
        """The server closes: answer in kind. What was in flight and has no echo gets none; of what came before, `kind`
        says what was wrong."""
        code = int.from_bytes(payload[:2], "big") if payload else NORMAL_CLOSE
        self._say_goodbye(code)
        self.keep = False
        if not self.sent_ns:
            self.lane.lost(self, None)
            self.transport.abort()
        elif answered:
            self._settle(kind, monotonic_ns())
        else:
            said = f" ({shown(payload[2:])})" if len(payload) > 2 else ""
            why = f"the server closed the WebSocket, with code {code if payload else 'none'}{said}"
            self._settle(self._wrong(ErrorKind.CLOSED, why), monotonic_ns())

    def _settle(self, kind: ErrorKind | None, now: int) -> None:
        self.turn.settle(self.lane, self, self.turn.verdict(self, kind, now), now)

    def _say_goodbye(self, code: int) -> None:
        if not self.left:
            self._write_frame(Opcode.CLOSE, code.to_bytes(2, "big"))
            self.left = True

    def _write_frame(self, opcode: Opcode, payload: bytes) -> None:
        if not self.left and not self.transport.is_closing():
            self.write(client_frame(opcode, payload, self.mask))

    def _renew(self) -> None:
        """Put a new nonce into the message."""
        talk = self.lane.pool.endpoint.websocket
        assert talk is not None
        self.message = talk.message.replace(MARK, new_nonce())
        self.echo = server_frame(self.opcode, self.message)
        self.request = client_frame(self.opcode, self.message, self.mask)
