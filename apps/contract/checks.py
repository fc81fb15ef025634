"""Is an answer what its exchange expects? If not: how does it differ, in one sentence."""

from collections.abc import Mapping

from .model import Exchange, Normalisation

UTF8 = {"", "utf-8", "utf8"}


def check(
    exchange: Exchange,
    status: int,
    content_type: str | None,
    body: bytes,
    elapsed_ms: float,
    *,
    headers: Mapping[str, str] | None = None,
    first_ms: float | None = None,
) -> str | None:
    """One sentence on how this answer differs from what the exchange expects, or None where it is right.

    `headers` are the answer's, by lower-case name; `first_ms` is when the first piece of the body came. What an
    exchange expects of them and is not given counts as missing.
    """
    wrong = (
        _status(exchange, status, body)
        or _content_type(exchange, content_type)
        or _headers(exchange, headers or {})
        or _body(exchange, body)
        or _time(exchange, elapsed_ms, first_ms)
    )
    return f"{exchange.name} ({exchange.method} {exchange.target}): {wrong}." if wrong else None


def _status(exchange: Exchange, status: int, body: bytes) -> str:
    if status in {exchange.status, *exchange.also}:
        return ""
    expected = " or ".join(map(str, (exchange.status, *exchange.also)))
    shown = f", with the body {_quoted(body, 0)}" if body else ""
    return f"the status is {status}, not {expected}{shown}"


def _content_type(exchange: Exchange, content_type: str | None) -> str:
    media_type, _, parameters = (content_type or "").partition(";")
    media_type = media_type.strip().lower()
    if media_type != exchange.media_type:
        return f"the media type is {media_type or 'missing'}, not {exchange.media_type}"
    named = [
        value for name, _, value in (each.partition("=") for each in parameters.lower().split(";")) if "charset" in name
    ]
    charset = named[0].strip(' "') if named else ""
    return "" if charset in UTF8 else f"the charset is {charset}, not utf-8"


def _headers(exchange: Exchange, headers: Mapping[str, str]) -> str:
    for name, expected in exchange.headers.items():
        got = headers.get(name)
        if got is None:
            return f"the header {name} is missing"
        if name == "allow":
            absent = _listed(expected) - _listed(got)
            if absent:
                return f"the header allow lacks {', '.join(sorted(absent))}: {got!r}"
        elif got != expected:
            return f"the header {name} is {got!r}, not {expected!r}"
    return ""


def _listed(value: str) -> set[str]:
    return {part.strip().upper() for part in value.split(",")}


def _body(exchange: Exchange, body: bytes) -> str:
    if exchange.normalisation is Normalisation.FINAL_NEWLINE:
        body = body.removesuffix(b"\n")
    if exchange.matches is not None:
        wrong = exchange.matches.difference(body)
        return f"the body {wrong}" if wrong else ""
    assert exchange.body is not None, "an exchange has a body or a matcher"
    return "" if body == exchange.body else _body_difference(exchange.body, body)


def _time(exchange: Exchange, elapsed_ms: float, first_ms: float | None) -> str:
    if elapsed_ms < exchange.floor_ms:
        return f"the answer came after {elapsed_ms:.1f} ms, which must take at least {exchange.floor_ms:g} ms"
    if exchange.first_by_ms is None:
        return ""
    if first_ms is None:
        return "nobody looked when the first piece of the body came"
    if first_ms > exchange.first_by_ms:
        return f"the first piece of the body came after {first_ms:.1f} ms, not within {exchange.first_by_ms:g} ms"
    return ""


def _body_difference(expected: bytes, got: bytes) -> str:
    at = next((i for i, (a, b) in enumerate(zip(expected, got, strict=False)) if a != b), min(len(expected), len(got)))
    lengths = f"({len(got)} bytes, not {len(expected)})" if len(got) != len(expected) else f"({len(got)} bytes)"
    return f"the body {lengths} differs from byte {at} on: {_quoted(got, at)}, not {_quoted(expected, at)}"


def _quoted(body: bytes, at: int, length: int = 40) -> str:
    """A short piece of the body from `at` on, cut between characters."""
    start, end = _character_start(body, at), _character_start(body, at + length)
    text = body[start:end].decode(errors="backslashreplace")
    if not text:
        return "nothing"
    return repr(text) + ("…" if len(body) > end else "")


def _character_start(body: bytes, at: int) -> int:
    while 0 < at < len(body) and body[at] & 0xC0 == 0x80:
        at -= 1
    return at
