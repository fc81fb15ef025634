"""Headers of a request that are not for a scenario to say: the load side sets them, or they would break the request."""

import re
from collections.abc import Iterable, Mapping

# What makes a request one for a WebSocket.
OF_THE_HANDSHAKE = ("upgrade", "connection", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions")
OF_THE_BODY = ("content-length", "transfer-encoding")
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
BREAKING = re.compile(r"[\r\n\0]")


def first_of(headers: Iterable[str], ours: Iterable[str]) -> str | None:
    """The first of these headers that is one of ours, however it is written; None where none is."""
    return next((name for name in headers if name.lower() in ours), None)


def why_refused(headers: Mapping[str, str]) -> str:
    """One sentence on what is wrong with a request's headers; empty where nothing is."""
    seen: set[str] = set()
    for name, value in headers.items():
        if not NAME.fullmatch(name):
            return f"{name!r} is no header's name"
        if BREAKING.search(value):
            return f"the value of {name} is more than one line: {value!r}"
        if name.lower() in seen:
            return f"{name} is there twice: the case of a header's name means nothing"
        seen.add(name.lower())
    ours = first_of(headers, OF_THE_BODY)
    return f"{ours} follows from the body, and comes by itself: leave it out" if ours else ""
