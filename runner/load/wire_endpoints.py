"""Endpoints as JSON. Long bytes travel packed; what endpoints share is packed once, and is shared again on arrival."""

import base64
import zlib
from typing import Any

from .orders import Endpoint, Expectation, Json, Part, Slow, SlowClients, WebSocketTalk

PACKED_FROM_BYTES = 32 * 1024
QUICKLY = 1  # a body that is made of repetition shrinks to a thousandth even so


class EndpointEncoder:
    """Encodes the endpoints of one block."""

    def __init__(self) -> None:
        self._packed: dict[bytes, str] = {}

    def encode(self, endpoint: Endpoint) -> dict[str, Any]:
        """An endpoint as JSON."""
        return {
            "name": endpoint.name,
            "host": endpoint.host,
            "port": endpoint.port,
            "request": self._bytes(endpoint.request),
            "expect": self._expectation(endpoint.expect),
            "pids": list(endpoint.pids),
            "method": endpoint.method,
            "body": self._bytes(endpoint.body),
            "mix": [self._part(part) for part in endpoint.mix],
            "websocket": endpoint.websocket and self._talk(endpoint.websocket),
            "slow": endpoint.slow and self._slow(endpoint.slow),
        }

    def _expectation(self, expect: Expectation) -> dict[str, Any]:
        return {
            "status": expect.status,
            "body": self._maybe(expect.body),
            "contains": self._maybe(expect.contains),
        }

    def _part(self, part: Part) -> dict[str, Any]:
        return {
            "weight": part.weight,
            "request": self._bytes(part.request),
            "expect": self._expectation(part.expect),
            "method": part.method,
        }

    def _talk(self, talk: WebSocketTalk) -> dict[str, Any]:
        return {"message": self._bytes(talk.message), "text": talk.text}

    def _slow(self, slow: SlowClients) -> dict[str, Any]:
        request = self._bytes(slow.request)
        return {"count": slow.count, "what": slow.what.value, "every_ms": slow.every_ms, "request": request}

    def _maybe(self, data: bytes | None) -> Any:
        return None if data is None else self._bytes(data)

    def _bytes(self, data: bytes) -> Any:
        if len(data) < PACKED_FROM_BYTES:
            return base64.b64encode(data).decode("ascii")
        if data not in self._packed:
            self._packed[data] = base64.b64encode(zlib.compress(data, QUICKLY)).decode("ascii")
        return {"packed": self._packed[data]}


class EndpointDecoder:
    """Decodes the endpoints of one block. Raises what damaged documents make Python raise, ValueError and its like."""

    def __init__(self) -> None:
        self._unpacked: dict[str, bytes] = {}

    def decode(self, data: Json) -> Endpoint:
        """The endpoint that was encoded."""
        return Endpoint(
            name=data["name"],
            host=data["host"],
            port=data["port"],
            request=self._bytes(data["request"]),
            expect=self._expectation(data["expect"]),
            pids=tuple(data["pids"]),
            method=data["method"],
            body=self._bytes(data["body"]),
            mix=tuple(self._part(part) for part in data["mix"]),
            websocket=None if data["websocket"] is None else self._talk(data["websocket"]),
            slow=None if data["slow"] is None else self._slow(data["slow"]),
        )

    def _expectation(self, data: Json) -> Expectation:
        return Expectation(data["status"], self._maybe(data["body"]), self._maybe(data["contains"]))

    def _part(self, data: Json) -> Part:
        return Part(data["weight"], self._bytes(data["request"]), self._expectation(data["expect"]), data["method"])

    def _talk(self, data: Json) -> WebSocketTalk:
        return WebSocketTalk(self._bytes(data["message"]), data["text"])

    def _slow(self, data: Json) -> SlowClients:
        return SlowClients(data["count"], Slow(data["what"]), data["every_ms"], self._bytes(data["request"]))

    def _maybe(self, data: Any) -> bytes | None:
        return None if data is None else self._bytes(data)

    def _bytes(self, data: Any) -> bytes:
        if isinstance(data, str):
            return base64.b64decode(data)
        packed = data["packed"]
        if packed not in self._unpacked:
            try:
                self._unpacked[packed] = zlib.decompress(base64.b64decode(packed))
            except zlib.error as error:
                raise ValueError("long bytes are damaged") from error
        return self._unpacked[packed]
