"""Requests that say ``Connection: close``: one on each connection, whatever its answer says."""

from dataclasses import replace

import pytest

from sgibench.runner.load.orders import Endpoint, Expectation, Part
from sgibench.runner.load.pool import _connection_class

from .load_cases import HELLO_RIGHT, block, carry_out, endpoint
from .lying_server import LyingServer, Visit, always, answer

ONCE = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nConnection: close\r\n\r\n"
MARKED = ONCE.replace(b"GET /", b"GET /sgibench-nonce--")


def kept_open_in_words_alone(visit: Visit) -> None:
    """Offers to go on, and ends the connection all the same: it was asked to."""
    if visit.request():
        visit.send(answer(headers="Connection: keep-alive\r\n"))


@pytest.mark.parametrize("request_", [ONCE, MARKED, ONCE.replace(b"Connection: close", b"connection: x, Close")])
def test_each_connection_serves_one_request_even_where_the_answer_offers_more(request_: bytes) -> None:
    with LyingServer(kept_open_in_words_alone) as server:
        work = block(replace(endpoint(server.port), request=request_), seconds=0.1)
        (report,) = carry_out(work)
        assert report.ledger.errors == {}
        assert report.ledger.ok == server.requests > 2
        assert report.connects >= report.ledger.ok


def test_a_server_that_would_go_on_is_not_asked_to() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(replace(endpoint(server.port), request=ONCE), seconds=0.1))
        assert report.ledger.errors == {}
        assert report.connects >= report.ledger.ok > 2


def test_without_that_header_connections_are_kept() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.1))
        assert report.connects == 2


@pytest.mark.parametrize(
    ("more", "once"),
    [
        ({"request": ONCE}, True),
        ({"request": ONCE.replace(b"\r\nConnection: close", b"") + b"\r\nConnection: close\r\n"}, False),
        ({"request": ONCE.replace(b"Connection", b"X-Connection")}, False),
        ({"request": ONCE.replace(b"close", b"disclosed")}, False),
        ({"mix": (Part(1, b"GET / HTTP/1.1\r\n\r\n", Expectation()), Part(1, ONCE, Expectation()))}, True),
        ({"request": ONCE, "method": "HEAD"}, True),
        ({"request": ONCE, "body": b"x" * 100_000}, True),
    ],
    ids=["alone", "in the body", "another header", "another word", "a mix", "HEAD", "an upload"],
)
def test_only_the_head_tells_and_every_kind_of_connection_heeds_it(more: dict[str, object], once: bool) -> None:
    plain = Endpoint("/", "127.0.0.1", 1, b"", HELLO_RIGHT)
    kind = _connection_class(replace(plain, **more))  # type: ignore[arg-type]
    assert getattr(kind, "__name__", "").startswith("Once") == once
