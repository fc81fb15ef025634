"""A request that says it is its connection's last is that, whatever the answer says."""

import pytest

from sgibench.runner.load.framing import asks_to_close
from sgibench.runner.load.orders import Endpoint, Expectation, Part

from .load_cases import block, carry_out
from .lying_server import HELLO, LyingServer, Visit, answer

CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEEPING = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "closes"),
    [
        (b"", False),
        (b"Connection: close\r\n", True),
        (b"connection:CLOSE\r\n", True),
        (b"Connection: x, close\r\n", True),
        (b"Connection: keep-alive\r\n", False),
        (b"Connection: closed\r\n", False),
        (b"X-Connection: close\r\n", False),
    ],
)
def test_only_its_own_header_says_so(headers: bytes, closes: bool) -> None:
    body = b"\r\nConnection: close\r\n"
    assert asks_to_close(b"POST / HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body) is closes


def promising_and_closing(visit: Visit) -> None:
    """What uWSGI's router does with a request that asks to close."""
    if visit.request():
        visit.send(answer(headers="connection: keep-alive\r\n"))


@pytest.mark.parametrize("rate_rps", [0.0, 200.0], ids=["closed", "open"])
def test_nothing_follows_it_though_the_answer_promises_to_keep_the_connection(rate_rps: float) -> None:
    with LyingServer(promising_and_closing) as server:
        place = Endpoint("x", "127.0.0.1", server.port, CLOSING, Expectation(200, HELLO))
        (report,) = carry_out(block(place, seconds=0.3, connections=2, rate_rps=rate_rps))
        assert report.ledger.errors == {}
        assert report.ledger.ok > 1
        assert server.visits >= report.ledger.ok
        assert server.requests == report.ledger.sent


def test_nor_does_anything_follow_a_head_that_asks_to_close() -> None:
    def serve(visit: Visit) -> None:
        if visit.request():
            visit.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n")

    with LyingServer(serve) as server:
        head = CLOSING.replace(b"GET", b"HEAD")
        place = Endpoint("x", "127.0.0.1", server.port, head, Expectation(200), method="HEAD")
        (report,) = carry_out(block(place, seconds=0.3, connections=2))
        assert report.ledger.errors == {}
        assert server.visits >= report.ledger.ok > 1


def test_of_a_mix_only_the_part_that_says_so_ends_its_connection() -> None:
    def serve(visit: Visit) -> None:
        while request := visit.message():
            visit.send(answer(headers="connection: keep-alive\r\n"))
            if b"close" in request:
                return

    with LyingServer(serve) as server:
        mix = tuple(Part(1, request, Expectation(200, HELLO)) for request in (CLOSING, KEEPING))
        place = Endpoint("x", "127.0.0.1", server.port, CLOSING, Expectation(200, HELLO), mix=mix)
        (report,) = carry_out(block(place, seconds=0.3, connections=2))
        assert report.ledger.errors == {}
        assert 1 < server.visits < report.ledger.ok
