"""Claim: httptools parses very fast, in C; with uvloop it makes Uvicorn one of the fastest servers."""

from __future__ import annotations

import time
from typing import Any

from ...results.claims import Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab, NotHereError, Side
from .serving import Asked, Rotated

APP = "bare-asgi"
BEST, SLOWEST = "uvicorn", "uvicorn-asyncio-h11"
CORNERS = {
    BEST: "uvicorn, uvloop and httptools",
    "uvicorn-uvloop-h11": "uvicorn, uvloop and h11",
    "uvicorn-asyncio-httptools": "uvicorn, asyncio and httptools",
    SLOWEST: "uvicorn, asyncio and h11",
}
OTHERS = {
    "granian-asgi": "Granian",
    "gunicorn-asgi": "Gunicorn's ASGI worker",
    "hypercorn": "Hypercorn",
    "daphne": "Daphne",
}
CONNECTIONS = 16
REQUEST = (
    b"GET /items/123?q=hello HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    b"Accept: text/html,application/json;q=0.9,*/*;q=0.8\r\nAccept-Language: en\r\nConnection: keep-alive\r\n\r\n"
)


class Heard:
    """What httptools is to tell of a request."""

    def __init__(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []
        self.url = b""

    def on_url(self, url: bytes) -> None:
        """The path, with its query."""
        self.url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self.headers.append((name.lower(), value))


def by_httptools(count: int) -> dict[str, float]:
    """Parse so many requests, each into its method, its URL and its headers: the time of one."""
    import httptools

    began = time.perf_counter()
    for _ in range(count):
        heard = Heard()
        parser = httptools.HttpRequestParser(heard)
        parser.feed_data(REQUEST)
        method = parser.get_method()
    took_s = time.perf_counter() - began
    assert (method, len(heard.headers), heard.url) == (b"GET", 5, b"/items/123?q=hello")
    return {"us": took_s / count * 1e6}


def by_h11(count: int) -> dict[str, float]:
    """The same with h11, in Python."""
    import h11

    began = time.perf_counter()
    for _ in range(count):
        connection = h11.Connection(h11.SERVER)
        connection.receive_data(REQUEST)
        request: Any = connection.next_event()
    took_s = time.perf_counter() - began
    assert (request.method, len(list(request.headers)), request.target) == (b"GET", 5, b"/items/123?q=hello")
    return {"us": took_s / count * 1e6}


def measure(lab: Lab) -> Measured:
    """The parsers alone; uvicorn with each loop and parser; and uvicorn beside the other servers that are here."""
    if lacks := lab.missing(setups=list(CORNERS)):
        raise NotHereError(lacks)
    sides = [Side("httptools", by_httptools, {"count": 2000}), Side("h11", by_h11, {"count": 2000})]
    parsed = lab.alternate(sides, 3 if lab.quick else 8)
    absent = {setup: lacks for setup in OTHERS if (lacks := lab.missing(setups=[setup]))}
    names = CORNERS | {setup: name for setup, name in OTHERS.items() if setup not in absent}
    targets = [(APP, setup) for setup in names]
    launches, seconds = (2, 0.3) if lab.quick else (5, 0.5)
    seen = lab.rotate(targets, [Asked("/json")], [CONNECTIONS], launches, seconds)
    figures = [
        Figure(f"{name} alone", "µs", lab.mean(parsed.values(name, "us")), "a request") for name in ("httptools", "h11")
    ]
    gain = lab.ratio(parsed.values("h11", "us"), parsed.values("httptools", "us"))
    figures.append(Figure("parsers alone, httptools / h11", "times", gain, "requests parsed per second"))
    relative = {}
    for setup, name in names.items():
        rate, ratio = seen.estimate((APP, setup), "requests/s"), seen.ratio((APP, setup), (APP, SLOWEST))
        figures += [Figure(name, "requests/s", rate, f"{CONNECTIONS} connections")] if rate else []
        if ratio is not None:
            relative[name] = ratio
    if whole := seen.ratio((APP, BEST), (APP, SLOWEST)):
        figures.append(Figure("uvicorn, best / all Python", "times", whole, "requests per second"))
    figures += ranked(lab, seen, [setup for setup in names if setup in OTHERS])
    chart = dots(
        "Requests per second, over those of uvicorn in Python alone",
        "How each loop, parser and server does, for an app that does next to nothing: with a real one they are closer.",
        "times uvicorn on asyncio with h11",
        relative,
    )
    notes = [f"{OTHERS[setup]} is not among them: {why}." for setup, why in absent.items()]
    return Measured(tuple(figures), chart, (*notes, *seen.notes))


def ranked(lab: Lab, seen: Rotated, others: list[str]) -> list[Figure]:
    """Where uvicorn stands among servers: its rank in each launch, and how many times as fast the fastest is."""
    rates = {setup: seen.values((APP, setup), "requests/s") for setup in (BEST, *others)}
    rates = {setup: values for setup, values in rates.items() if values}
    if BEST not in rates or len(rates) < 2:
        return []
    launches = [launch for launch in rates[BEST] if all(launch in values for values in rates.values())]
    ranks = [1.0 + sum(values[launch] > rates[BEST][launch] for values in rates.values()) for launch in launches]
    fastest = max(rates, key=lambda setup: sum(rates[setup].values()) / len(rates[setup]))
    figures = [Figure("Uvicorn's rank", "place", lab.mean(ranks), f"of {len(rates)} ASGI servers")] if ranks else []
    if fastest == BEST:
        fastest = max(set(rates) - {BEST}, key=lambda setup: sum(rates[setup].values()) / len(rates[setup]))
    ahead = seen.ratio((APP, fastest), (APP, BEST))
    if ahead is not None:
        figures.append(Figure("fastest other / Uvicorn", "times", ahead, OTHERS[fastest]))
    return figures


CLAIM = Claim(
    id="httptools",
    title="httptools parses very fast, in C, and with uvloop makes Uvicorn one of the fastest Python servers",
    source=f"{ARTICLE_A}, 2.2",
    claimed="C: extremely fast; one of the fastest servers",
    unit="times",
    readings=(
        Reading(
            "the parser alone: twice as fast as h11 or more", "parsers alone, httptools / h11", Claimed(2, None, 1)
        ),
        Reading(
            "with uvloop it makes Uvicorn at least twice as fast as in Python alone",
            "uvicorn, best / all Python",
            Claimed(2, None, 1),
        ),
        Reading("one of the fastest: first or second of the ASGI servers here", "Uvicorn's rank", Claimed(1, 2, 1)),
        Reading("one of the fastest: none is twice as fast", "fastest other / Uvicorn", Claimed(None, 2, 1)),
    ),
    measure=measure,
    why="Parsing in C takes the largest single piece of Python out of a small request, but what Uvicorn does around it "
    "stays Python; a server that keeps more of that outside the interpreter can be faster still.",
    quick_s=24,
    full_s=70,
)
