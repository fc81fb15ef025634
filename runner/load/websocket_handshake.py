"""How an HTTP connection becomes a WebSocket (RFC 6455, section 4), seen from the client."""

import base64
import hashlib
import re
import secrets
from typing import NoReturn

from ...results.ledger import ErrorKind
from .checks import shown

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
HEAD_LIMIT_BYTES = 64 * 1024
END = b"\r\n\r\n"
STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9][0-9])(?: [^\r\n]*)?")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n]*?)[ \t]*")


class HandshakeError(ValueError):
    """The server did not become a WebSocket's: the kind of failure, and a sentence."""

    def __init__(self, kind: ErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def new_key() -> bytes:
    """A key for one handshake, drawn at random."""
    return base64.b64encode(secrets.token_bytes(16))


def accept_of(key: bytes) -> bytes:
    """What a server that understood says to a key."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def upgrade_request(request: bytes, key: bytes) -> bytes:
    """A plain GET, with what makes it one for a WebSocket."""
    head, _, _ = request.partition(END)
    fields = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: " + key, b"Sec-WebSocket-Version: 13")
    return b"\r\n".join((head, *fields)) + END


class Handshake:
    """One handshake: `request` is to be sent, and then its answer is read."""

    def __init__(self, request: bytes) -> None:
        key = new_key()
        self.request = upgrade_request(request, key)
        self._accept = accept_of(key)
        self._offered = {name for field, name in _fields(request) if field == b"sec-websocket-protocol"}
        self._came = b""

    @property
    def begun(self) -> bool:
        """Whether any of the answer has come."""
        return bool(self._came)

    def read(self, data: bytes) -> bytes | None:
        """What came behind the answer, which is of the WebSocket already; None while the answer is not all there.

        Raises HandshakeError.
        """
        self._came += data
        while END in self._came:
            head, _, rest = self._came.partition(END)
            status = _status(head)
            if status == 101:
                self._check(head)
                return rest
            if status >= 200:
                raise HandshakeError(
                    ErrorKind.STATUS,
                    f"no WebSocket here: the request to upgrade got status {status}, expected 101; body: {shown(rest)}",
                )
            self._came = rest  # interim: the answer is still to come
        if len(self._came) > HEAD_LIMIT_BYTES or not b"HTTP/1.".startswith(self._came[:7]):
            raise HandshakeError(ErrorKind.MALFORMED, f"the answer to the upgrade is not HTTP/1: {shown(self._came)}")
        return None

    def _check(self, head: bytes) -> None:
        fields = _fields(head)
        said = {name: b",".join(value for other, value in fields if other == name) for name, _ in fields}
        connection = {word.strip().lower() for word in said.get(b"connection", b"").split(b",")}
        if said.get(b"upgrade", b"").lower() != b"websocket" or b"upgrade" not in connection:
            _malformed("it upgrades to something else than a WebSocket")
        if said.get(b"sec-websocket-accept") != self._accept:
            _malformed("its Sec-WebSocket-Accept is not the answer to our key")
        if said.get(b"sec-websocket-extensions"):
            _malformed("it uses an extension that was not offered")
        if b"sec-websocket-protocol" in said and said[b"sec-websocket-protocol"] not in self._names():
            _malformed("it speaks a subprotocol that was not offered")

    def _names(self) -> set[bytes]:
        return {name.strip() for offer in self._offered for name in offer.split(b",")}


def _status(head: bytes) -> int:
    found = STATUS_LINE.fullmatch(head.partition(b"\r\n")[0])
    if found is None:
        raise HandshakeError(ErrorKind.MALFORMED, f"the answer to the upgrade is not HTTP/1: {shown(head)}")
    return int(found[1])


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """The header fields, names in lower case. Raises HandshakeError."""
    fields = []
    for line in head.partition(END)[0].split(b"\r\n")[1:]:
        found = FIELD.fullmatch(line)
        if found is None:
            _malformed(f"it has a header that is none: {shown(line)}")
        fields.append((found[1].lower(), found[2]))
    return fields


def _malformed(why: str) -> NoReturn:
    raise HandshakeError(ErrorKind.MALFORMED, f"the server's answer to the upgrade cannot be trusted: {why}")
