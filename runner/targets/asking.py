"""Asking once, as a plain client does: over a new connection, with a look at when the answer begins."""

import http.client
import time
from collections.abc import Mapping

from ...apps.contract import Reply

PIECE_BYTES = 65536


def ask(
    address: tuple[str, int],
    path: str,
    method: str = "GET",
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = 10.0,
) -> Reply:
    """Ask, and read the answer to its end. Raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection(*address, timeout=timeout_s)
    try:
        started = time.perf_counter()
        own = {name: value.encode() for name, value in (headers or {}).items() if name.lower() != "connection"}
        connection.request(method, path, body or None, {**own, "Connection": "close"})
        response = connection.getresponse()
        pieces = [response.read1(PIECE_BYTES)]
        first_ms = (time.perf_counter() - started) * 1000
        pieces.append(response.read())
        elapsed_ms = (time.perf_counter() - started) * 1000
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            found[name.lower()] = f"{found[name.lower()]}, {value}" if name.lower() in found else value
        return Reply(response.status, found, b"".join(pieces), elapsed_ms, first_ms)
    finally:
        connection.close()
