"""WebSocket frames (RFC 6455, section 5) as a client writes and reads them. No extension is spoken."""

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

FINAL = 0x80
RESERVED = 0x70
MASKED = 0x80
SHORT_MAX = 125
MEDIUM, LONG = 126, 127
MEDIUM_MAX = 0xFFFF


class Opcode(IntEnum):
    """What a frame is."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA

    @property
    def control(self) -> bool:
        """Whether it may come between the parts of a message."""
        return self >= Opcode.CLOSE


OPCODES = {opcode.value: opcode for opcode in Opcode}
NORMAL_CLOSE, PROTOCOL_ERROR = 1000, 1002
CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))  # those that may be sent


class FrameError(ValueError):
    """What came is no frame that a server may send at this point; says why."""


class TooLongError(ValueError):
    """A message is longer than anybody here would want; says how long at the least."""


class Message(NamedTuple):
    """A whole message, or a control frame."""

    opcode: Opcode
    payload: bytes


def masked(payload: bytes, key: bytes) -> bytes:
    """The payload under a mask of four bytes. Twice is none."""
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


def client_frame(opcode: Opcode, payload: bytes, key: bytes) -> bytes:
    """A whole frame from a client."""
    return _head(opcode, len(payload), MASKED) + key + masked(payload, key)


def server_frame(opcode: Opcode, payload: bytes) -> bytes:
    """A whole frame from a server, in the one way that it can be written without fragments."""
    return _head(opcode, len(payload), 0) + payload


def _head(opcode: Opcode, size: int, mask_bit: int) -> bytes:
    first = FINAL | opcode
    if size <= SHORT_MAX:
        return bytes((first, mask_bit | size))
    if size <= MEDIUM_MAX:
        return bytes((first, mask_bit | MEDIUM)) + size.to_bytes(2, "big")
    return bytes((first, mask_bit | LONG)) + size.to_bytes(8, "big")


class FrameReader:
    """Puts a server's bytes, however they are cut, together to messages of up to `limit_bytes`, and checks each rule
    as soon as its bytes are there."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._buffer = bytearray()
        self._parts: bytearray | None = None  # of a message that comes in fragments
        self._opcode = Opcode.CONTINUATION  # that message's

    @property
    def clean(self) -> bool:
        """Whether nothing is begun: the next byte is the first of a frame, and that of a message."""
        return not self._buffer and self._parts is None

    @property
    def in_message(self) -> bool:
        """Whether a part of a message is there, which is not yet whole."""
        return self._parts is not None or (bool(self._buffer) and not self._buffer[0] & Opcode.CLOSE)

    def read(self, data: bytes) -> Iterator[Message]:
        """All that is whole now. Raises FrameError and TooLongError; what came before that was given before."""
        self._buffer += data
        while (size := self._frame_size()) is not None:
            opcode, final, at, end = size
            payload = bytes(self._buffer[at:end])
            del self._buffer[:end]
            if opcode.control:
                _check_control(opcode, payload)
                yield Message(opcode, payload)
            elif (message := self._assembled(opcode, final, payload)) is not None:
                yield message

    def _frame_size(self) -> tuple[Opcode, bool, int, int] | None:
        """The frame at the start of the buffer: where its payload begins, and ends; None while it is not all there."""
        buffer = self._buffer
        if not buffer:
            return None
        opcode, final = self._first_byte(buffer[0])
        if len(buffer) < 2:
            return None
        short = buffer[1] & 0x7F
        if buffer[1] & MASKED:
            raise FrameError("the server masks its frames")
        if opcode.control and short > SHORT_MAX:
            raise FrameError(f"a {opcode.name.lower()} frame of more than {SHORT_MAX} bytes")
        at = 2 if short <= SHORT_MAX else 4 if short == MEDIUM else 10
        if len(buffer) < at:
            return None
        size = short if at == 2 else int.from_bytes(buffer[2:at], "big")
        if at > 2 and (size <= (SHORT_MAX if at == 4 else MEDIUM_MAX) or size >> 63):
            raise FrameError(f"a length of {size} bytes, written in another way than the shortest")
        if not opcode.control and len(self._parts or b"") + size > self._limit:
            raise TooLongError(f"{len(self._parts or b'') + size:,} bytes or more")
        return (opcode, final, at, at + size) if len(buffer) >= at + size else None

    def _first_byte(self, first: int) -> tuple[Opcode, bool]:
        opcode, final = OPCODES.get(first & 0x0F), bool(first & FINAL)
        if first & RESERVED:
            raise FrameError("a frame with reserved bits: no extension was agreed on")
        if opcode is None:
            raise FrameError(f"a frame of the unknown kind {first & 0x0F}")
        if opcode.control:
            if not final:
                raise FrameError(f"a {opcode.name.lower()} frame in fragments")
        elif (opcode is Opcode.CONTINUATION) is (self._parts is None):
            raise FrameError(
                "a message begins in the middle of another" if self._parts is not None else "a message has no beginning"
            )
        return opcode, final

    def _assembled(self, opcode: Opcode, final: bool, payload: bytes) -> Message | None:
        if self._parts is None:
            if final:
                return _message(opcode, payload)
            self._parts, self._opcode = bytearray(payload), opcode
            return None
        self._parts += payload
        if not final:
            return None
        whole, self._parts = bytes(self._parts), None
        return _message(self._opcode, whole)


def _message(opcode: Opcode, payload: bytes) -> Message:
    if opcode is Opcode.TEXT:
        _check_text(payload)
    return Message(opcode, payload)


def _check_control(opcode: Opcode, payload: bytes) -> None:
    if opcode is not Opcode.CLOSE or not payload:
        return
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not any(code in known for known in CLOSE_CODES):
        raise FrameError(f"a close frame with the code {code}, which nobody may send")
    _check_text(payload[2:])


def _check_text(payload: bytes) -> None:
    try:
        payload.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FrameError(f"a text that is not UTF-8 ({error.reason} at {error.start})") from error
