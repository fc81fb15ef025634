"""Claim: WSGI means HTTP alone; ASGI means HTTP, WebSocket and HTTP/2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab
from .talking import NoAnswerError, Talk, talk

if TYPE_CHECKING:
    from ...results.estimate import Estimate
    from .proving import InterfaceName
    from .serving import Served

INTERFACES: tuple[InterfaceName, ...] = ("asgi", "wsgi")
APPS = {"asgi": "protocols:app", "wsgi": "protocols:wsgi"}
PROTOCOLS = ("HTTP/1.1", "WebSocket", "HTTP/2")
TEXT = "each kind of server, several launches"
MESSAGES: tuple[str | bytes, ...] = ("a text, 文本", b"\x00\xff", "x" * 70_000)
# Left out when it has to be quick: other workers of servers that are there.
SAME_QUICK = ("uvicorn-", "gunicorn-uvicorn", "hypercorn-", "uwsgi-threads", "gunicorn-gevent", "gunicorn-gthread")

# HTTP/2 as it begins where the client knows beforehand that the server speaks it (RFC 9113, 3.3): a preface, then
# frames. A frame is its length, type, flags and stream, then what it carries.
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS, PING, GOAWAY = 0, 1, 4, 6, 7
ACK, END_STREAM, END_HEADERS = 1, 1, 4
FRAMES_AT_MOST = 30
# GET http / of 127.0.0.1, in HPACK: three whole fields of its table, then one whose name is there.
GET = b"\x82\x86\x84" + b"\x41\x09127.0.0.1"


def frame(kind: int, flags: int, stream: int, carried: bytes = b"") -> bytes:
    """A frame."""
    return len(carried).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + carried


def frames(line: Talk) -> Iterator[tuple[int, int, int, bytes]]:
    """The frames that come: kind, flags, stream, and what each carries. Raises NoAnswerError."""
    for _ in range(FRAMES_AT_MOST):
        head = line.raw(9)
        carried = line.raw(int.from_bytes(head[:3], "big"))
        yield head[3], head[4], int.from_bytes(head[5:9], "big"), carried


def over_http2(line: Talk) -> str:
    """What the app answers over HTTP/2; empty where the server does not speak it so."""
    try:
        line.say(PREFACE + frame(SETTINGS, 0, 0))
        first = line.raw(9)
        if first[3] != SETTINGS or first[5:] != bytes(4):  # `HTTP/1.1 400 …`, for one, is no frame of settings
            return ""
        line.raw(int.from_bytes(first[:3], "big"))
        line.say(frame(SETTINGS, ACK, 0) + frame(HEADERS, END_STREAM | END_HEADERS, 1, GET))
        body = b""
        for kind, flags, stream, carried in frames(line):
            if kind == PING and not flags & ACK:
                line.say(frame(PING, ACK, 0, carried))
            elif kind == GOAWAY:
                return ""
            elif stream == 1:
                body += carried if kind == DATA else b""
                if kind in (DATA, HEADERS) and flags & END_STREAM:
                    return body.decode()
    except NoAnswerError:
        return ""
    return ""


def spoken(lab: Lab, served: Served) -> dict[str, bool]:
    """Which protocols reach the app."""
    with talk(served) as line:
        http = line.ask("/").body == b"HTTP/1.1"
    with talk(served) as line:
        http2 = over_http2(line) in ("HTTP/2", "HTTP/2.0")
    return {"HTTP/1.1": http, "WebSocket": not lab.echo(served.port, "/", MESSAGES), "HTTP/2": http2}


def launches(lab: Lab, times: int) -> dict[tuple[InterfaceName, str], list[dict[str, bool]]]:
    """Each kind of server of either interface, launched so often, all side by side."""
    kinds = [(name, kind) for name in INTERFACES for kind in lab.there(name).kinds]
    kinds = [(name, kind) for name, kind in kinds if not (lab.quick and kind.name.startswith(SAME_QUICK))]
    found: dict[tuple[InterfaceName, str], list[dict[str, bool]]] = {(name, kind.name): [] for name, kind in kinds}
    for _ in range(times):
        with lab.serve_all([(APPS[name], kind.setup(1)) for name, kind in kinds]) as all_served:
            for of_kind, served in zip(found.values(), all_served, strict=True):
                of_kind.append(spoken(lab, served))
    return found


def share(lab: Lab, so: Sequence[bool]) -> Estimate:
    """How often it was so."""
    return lab.share(sum(so), len(so))


def measure(lab: Lab) -> Measured:
    """Each kind of server, asked in each protocol."""
    seen = launches(lab, 2 if lab.quick else 4)
    figures = []
    for interface in INTERFACES:
        every = [each for (name, _), of_kind in seen.items() if name == interface for each in of_kind]
        for protocol in PROTOCOLS if every else ():
            so = [each[protocol] for each in every]
            figures.append(Figure(f"{protocol} under {interface.upper()}", "share", share(lab, so), TEXT))
        if every and interface == "wsgi":
            alone = {"no WebSocket under WSGI": PROTOCOLS[1:2], "no HTTP/2 under WSGI": PROTOCOLS[2:]}
            for name, absent in alone.items():
                so = [not any(each[protocol] for protocol in absent) for each in every]
                figures.append(Figure(name, "share", share(lab, so), TEXT))
    rows = {
        f"{kind}, {protocol}": share(lab, [each[protocol] for each in of_kind])
        for (_, kind), of_kind in seen.items()
        for protocol in PROTOCOLS[1:]
    }
    speaks = [kind for (_, kind), of_kind in seen.items() if all(each["HTTP/2"] for each in of_kind)]
    chart = dots(
        "Which protocols reach the app",
        "WebSocket is a matter of the interface; HTTP/2 is a matter of the server, under either interface.",
        "share of launches",
        rows,
    )
    notes = [
        f"HTTP/2 reached the app under {', '.join(speaks) or 'no server'}: asked in the clear by a client that knew "
        "beforehand. Over TLS, which no target here uses, some may agree on it that do not do so in the clear.",
        *lab.there("asgi").missing,
        *lab.there("wsgi").missing,
    ]
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="protocols",
    title="WSGI carries HTTP only; ASGI carries HTTP, WebSocket and HTTP/2",
    source=f"{ARTICLE_A}, 5",
    claimed="WSGI: HTTP; ASGI: HTTP, WebSocket, HTTP/2",
    unit="share",
    readings=(
        Reading("under WSGI there is no WebSocket", "no WebSocket under WSGI", FACT),
        Reading("under WSGI there is no HTTP/2 either", "no HTTP/2 under WSGI", FACT),
        Reading("under every ASGI server there is WebSocket", "WebSocket under ASGI", FACT),
        Reading("under every ASGI server there is HTTP/2", "HTTP/2 under ASGI", FACT),
    ),
    measure=measure,
    why="A WebSocket needs messages in both directions after the first answer, for which WSGI's single call has no "
    "place; HTTP/2 ends in the server, which hands either interface plain requests, so it is up to the server.",
    quick_s=7,
    full_s=22,
)
