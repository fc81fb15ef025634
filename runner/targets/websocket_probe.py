"""A WebSocket client that waits for each answer: for the proof that a target echoes what it is told."""

import contextlib
import secrets
import socket
import time
from collections.abc import Sequence

from ..load.websocket_frames import NORMAL_CLOSE, FrameReader, Message, Opcode, client_frame
from ..load.websocket_handshake import Handshake

LIMIT_BYTES = 64 * 2**20
READ_BYTES = 256 * 1024


def echo(
    address: tuple[str, int], request: bytes, messages: Sequence[str | bytes], timeout_s: float
) -> list[str | bytes]:
    """Say each message (texts as text, bytes as binary) and wait for what comes back, on one connection: the answers,
    each of its own type.

    `request` is the plain GET that asks for the upgrade; what makes it one is added. The handshake and each message
    have `timeout_s`. Raises OSError when the connection is refused, ends or takes too long, and ValueError when the
    server does not upgrade, or does not keep to RFC 6455.
    """
    with socket.create_connection(address, timeout_s) as connection:
        conversation = _Conversation(connection, timeout_s)
        conversation.upgrade(request)
        answers = [conversation.ask(message) for message in messages]
        with contextlib.suppress(OSError):  # all is said
            conversation.say(Opcode.CLOSE, NORMAL_CLOSE.to_bytes(2, "big"))
        return answers


class _Conversation:
    def __init__(self, connection: socket.socket, timeout_s: float) -> None:
        self._connection = connection
        self._timeout_s = timeout_s
        self._until_s = time.monotonic() + timeout_s
        self._reader = FrameReader(LIMIT_BYTES)
        self._waiting: list[Message] = []

    def upgrade(self, request: bytes) -> None:
        handshake = Handshake(request)
        self._send(handshake.request)
        while (rest := handshake.read(self._receive())) is None:
            pass
        self._waiting += self._reader.read(rest)

    def ask(self, message: str | bytes) -> str | bytes:
        self._until_s = time.monotonic() + self._timeout_s
        if isinstance(message, str):
            self.say(Opcode.TEXT, message.encode())
        else:
            self.say(Opcode.BINARY, message)
        while True:
            while not self._waiting:
                self._waiting += self._reader.read(self._receive())
            answer = self._waiting.pop(0)
            if answer.opcode is Opcode.TEXT:
                return answer.payload.decode()
            if answer.opcode is Opcode.BINARY:
                return answer.payload
            if answer.opcode is Opcode.PING:
                self.say(Opcode.PONG, answer.payload)
            elif answer.opcode is Opcode.CLOSE:
                code = int.from_bytes(answer.payload[:2], "big")
                raise ConnectionError(f"the server closed the WebSocket, with code {code or 'none'}")

    def say(self, opcode: Opcode, payload: bytes) -> None:
        self._send(client_frame(opcode, payload, secrets.token_bytes(4)))

    def _send(self, data: bytes) -> None:
        self._connection.settimeout(self._left_s())
        self._connection.sendall(data)

    def _receive(self) -> bytes:
        self._connection.settimeout(self._left_s())
        data = self._connection.recv(READ_BYTES)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def _left_s(self) -> float:
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the server took too long")
        return left_s
