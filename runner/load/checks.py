"""What makes an answer right. Status first, then the body: an answer counts only after both."""

from ...results.ledger import ErrorKind
from .orders import Expectation

SHOWN_BYTES = 60
GZIP = b"\x1f\x8b"


def judge(expect: Expectation, status: int, body: bytes) -> ErrorKind | None:
    """What is wrong with an answer that came in whole; None when it is right."""
    if status != expect.status:
        return ErrorKind.STATUS
    if expect.body is not None and body != expect.body:
        return ErrorKind.LENGTH if len(body) != len(expect.body) else ErrorKind.BODY
    if expect.contains is not None and expect.contains not in body:
        return ErrorKind.BODY
    return None


def fault(expect: Expectation, status: int, body: bytes) -> str:
    """One sentence on what is wrong with an answer that came in whole; empty where nothing is."""
    kind = judge(expect, status, body)
    return "" if kind is None else describe(kind, expect, status, body)


def describe(kind: ErrorKind, expect: Expectation, status: int, body: bytes) -> str:
    """One sentence on a wrong answer, for the person who has to find the cause."""
    if kind is ErrorKind.STATUS:
        return f"status {status}, expected {expect.status}; body: {shown(body)}"
    if kind is ErrorKind.LENGTH and expect.body is not None:
        return f"a body of {len(body)} bytes, expected {len(expect.body)}: {shown(body)}"
    if kind is ErrorKind.BODY and expect.body is not None:
        return f"another body of the expected length: {shown(body)}"
    if kind is ErrorKind.BODY:
        return f"the expected text {shown(expect.contains or b'')} is not in the body: {shown(body)}"
    return _REASONS[kind]


_REASONS = {
    ErrorKind.CONNECT: "no connection",
    ErrorKind.TIMEOUT: "not wholly answered within the request's deadline",
    ErrorKind.RESET: "the connection was reset before the answer was complete",
    ErrorKind.CLOSED: "the connection was closed without a byte of answer",
    ErrorKind.TRUNCATED: "the connection was closed in the middle of an answer",
    ErrorKind.MALFORMED: "the answer is not HTTP/1, or beyond the limits for its size",
    ErrorKind.LENGTH: "a body of another length than expected",
    ErrorKind.SURPLUS: "bytes after the answer that no request asked for",
}


def shown(body: bytes) -> str:
    """The beginning of a body, as a person can read it."""
    if body.startswith(GZIP):
        return f"{len(body)} bytes of gzip, which is not unpacked"
    text = body[:SHOWN_BYTES].decode("utf-8", "backslashreplace")
    return repr(text) + ("…" if len(body) > SHOWN_BYTES else "")
