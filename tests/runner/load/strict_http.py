"""A second opinion on answers: a plain reading of RFC 9112, written apart from the engine and its parser."""

import re
from typing import NamedTuple

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9][0-9])(?: [^\r\n]*)?")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n]*)")
CHUNK = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[^\r\n]*)?\r\n")
NO_BODY = (204, 304)

Fields = list[tuple[bytes, bytes]]


class NotOneAnswerError(Exception):
    """The bytes are not exactly one whole answer."""


def read_answer(data: bytes, *, ended: bool = False) -> tuple[int, bytes]:
    """Status and body of the one answer that these bytes are, after any interim ones.

    `ended`: the connection was closed behind them. Raises NotOneAnswerError when they are less, more or something else.
    """
    head, at = _final_head(data)
    body, at = _body(data, at, head.status, head.fields, ended)
    if at != len(data):
        raise NotOneAnswerError("bytes behind it")
    return head.status, body


def keeps_connection(data: bytes) -> bool:
    """Whether the connection may be used again after this answer. Raises NotOneAnswerError."""
    head, _ = _final_head(data)
    words = b",".join(value for name, value in head.fields if name == b"connection").lower().split(b",")
    said = [word.strip() for word in words]
    return b"close" not in said and (not head.old or b"keep-alive" in said)


class Head(NamedTuple):
    """`old`: of HTTP/1.0."""

    status: int
    old: bool
    fields: Fields


def _final_head(data: bytes) -> tuple[Head, int]:
    """The head of the final answer, and where it ends."""
    at = 0
    while True:
        end = data.find(b"\r\n\r\n", at)
        if end < 0:
            raise NotOneAnswerError("unfinished headers")
        first, *lines = data[at:end].split(b"\r\n")
        found = STATUS_LINE.fullmatch(first)
        if found is None or found[1] == b"101":
            raise NotOneAnswerError("no status line, or of another protocol")
        head = Head(int(found[1]), first.startswith(b"HTTP/1.0"), _fields(lines))
        at = end + 4
        if head.status >= 200:
            return head, at


def _fields(lines: list[bytes]) -> Fields:
    fields = []
    for line in lines:
        found = FIELD.fullmatch(line)
        if found is None:
            raise NotOneAnswerError("no header")
        fields.append((found[1].lower(), found[2].strip(b" \t")))
    return fields


def _body(data: bytes, at: int, status: int, fields: Fields, ended: bool) -> tuple[bytes, int]:
    lengths = [value for name, value in fields if name == b"content-length"]
    codings = b",".join(value for name, value in fields if name == b"transfer-encoding")
    if status in NO_BODY:
        return b"", at
    if codings:
        if lengths or codings.rpartition(b",")[2].strip().lower() != b"chunked":
            raise NotOneAnswerError("no certain end")
        return _chunks(data, at)
    if lengths:
        if len(lengths) > 1 or not lengths[0].isdigit():
            raise NotOneAnswerError("no certain length")
        end = at + int(lengths[0])
        if end > len(data):
            raise NotOneAnswerError("unfinished body")
        return data[at:end], end
    if not ended:
        raise NotOneAnswerError("its end is still to come")
    return data[at:], len(data)


def _chunks(data: bytes, at: int) -> tuple[bytes, int]:
    body = b""
    while True:
        found = CHUNK.match(data, at)
        if found is None:
            raise NotOneAnswerError("no chunk")
        size, at = int(found[1], 16), found.end()
        if size == 0:
            break
        body += data[at : at + size]
        if data[at + size : at + size + 2] != b"\r\n":
            raise NotOneAnswerError("unfinished chunk")
        at += size + 2
    if data.startswith(b"\r\n", at):
        return body, at + 2
    end = data.find(b"\r\n\r\n", at)
    if end < 0:
        raise NotOneAnswerError("unfinished trailers")
    _fields(data[at:end].split(b"\r\n"))
    return body, end + 4
