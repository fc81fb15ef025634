"""Servers of raw sockets that speak WebSocket, rightly or not: written apart from the engine's own side of it."""

import base64
import hashlib
import re
import struct
from collections.abc import Callable
from typing import NamedTuple

from .lying_server import Behaviour, Visit

KEY = re.compile(rb"(?i)\r\nsec-websocket-key: ([^\r\n]+)")
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Heard(NamedTuple):
    """One frame of a client."""

    opcode: int
    payload: bytes
    mask: bytes


def accept(request: bytes) -> bytes:
    found = KEY.search(request)
    assert found, request
    return base64.b64encode(hashlib.sha1(found[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


def granted(request: bytes, more: bytes = b"") -> bytes:
    """The right answer to a request for an upgrade."""
    head = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept(request) + b"\r\n" + more + b"\r\n"


def said(payload: bytes, opcode: int = TEXT, *, final: bool = True) -> bytes:
    """A frame of a server."""
    size = len(payload)
    first = opcode | (0x80 if final else 0)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


class Talk:
    """One WebSocket that the server has taken; `request` is what asked for it."""

    def __init__(self, visit: Visit, request: bytes) -> None:
        self.visit = visit
        self.request = request

    def hear(self) -> Heard | None:
        """The next frame; None when the client has gone."""
        head = self._exactly(2)
        if not head:
            return None
        assert head[0] & 0xF0 == 0x80, "a fragment, or reserved bits"
        assert head[1] & 0x80, "a client's frame has no mask"
        size = head[1] & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        mask = self._exactly(4)
        masked = self._exactly(size)
        long_mask = (mask * (size // 4 + 1))[:size]
        payload = bytes(a ^ b for a, b in zip(masked, long_mask, strict=True)) if size < 4096 else _unmask(masked, mask)
        return Heard(head[0] & 0x0F, payload, mask)

    def message(self) -> Heard | None:
        """The next message, past all control frames but a goodbye; counted as a request. None when there is none."""
        while (heard := self.hear()) is not None and heard.opcode != CLOSE:
            if heard.opcode in (TEXT, BINARY):
                with self.visit.server.lock:
                    self.visit.server.requests += 1
                return heard
        return None

    def send(self, data: bytes) -> None:
        self.visit.send(data)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.visit.connection.recv(size - len(data))
            if not piece:
                return b""
            data += piece
        return data


def _unmask(masked: bytes, mask: bytes) -> bytes:
    plain = bytearray(masked)
    for at in range(4):
        plain[at::4] = bytes(byte ^ mask[at] for byte in masked[at::4])
    return bytes(plain)


def request_of(visit: Visit) -> bytes:
    """The request for an upgrade, which is not counted; empty when the client has gone."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = visit.connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


def talking(talk: Callable[[Talk], None], more: bytes = b"", behind: bytes = b"") -> Behaviour:
    """Upgrade (with `more` headers, and frames right `behind`), then talk."""

    def behave(visit: Visit) -> None:
        if request := request_of(visit):
            visit.send(granted(request, more) + behind)
            talk(Talk(visit, request))

    return behave


def answering(answer: Callable[[Heard], bytes]) -> Behaviour:
    """Upgrade, then answer every message."""

    def talk(here: Talk) -> None:
        while (heard := here.message()) is not None:
            here.send(answer(heard))

    return talking(talk)


def echo(heard: Heard) -> bytes:
    """The right answer."""
    return said(heard.payload, heard.opcode)
