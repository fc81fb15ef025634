"""HEAD: the answer ends with its headers, and says whether its connection stays."""

from dataclasses import replace

import pytest

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.nonce import MARK
from sgibench.runner.load.orders import Expectation

from .load_cases import block, carry_out, endpoint, only_errors
from .lying_server import LyingServer, Visit, always

ANY = Expectation(200)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nserver: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nconnection: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n",
    ],
)
def test_a_connection_that_stays_is_used_again_whatever_length_is_announced(head: bytes) -> None:
    with LyingServer(always(head)) as server:
        (report,) = carry_out(block(endpoint(server.port, ANY, "HEAD"), connections=2))
        assert server.visits == 2
    assert report.ledger.ok > 4
    assert report.ledger.errors == {}


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: x, close\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\n",
    ],
)
def test_a_connection_that_does_not_stay_is_replaced(head: bytes) -> None:
    def behave(visit: Visit) -> None:
        if visit.request():
            visit.send(head)

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port, ANY, "HEAD"), connections=2))
        assert server.visits >= report.ledger.ok > 4
    assert report.ledger.errors == {}


def test_a_body_where_none_may_be_is_surplus() -> None:
    with LyingServer(always(b"HTTP/1.1 200 OK\r\n\r\nhello")) as server:
        (report,) = carry_out(block(endpoint(server.port, ANY, "HEAD")))
    assert report.ledger.ok == 0
    assert only_errors(report) == {ErrorKind.SURPLUS}


def test_a_nonce_is_another_one_in_each_request_for_headers_too() -> None:
    asked: list[bytes] = []

    def behave(visit: Visit) -> None:
        while message := visit.message():
            asked.append(message)
            visit.send(b"HTTP/1.1 200 OK\r\n\r\n")

    with LyingServer(behave) as server:
        marked = replace(endpoint(server.port, ANY, "HEAD"), request=b"HEAD /" + MARK + b" HTTP/1.1\r\nhost: x\r\n\r\n")
        (report,) = carry_out(block(marked, connections=1))
    assert report.ledger.ok > 4
    assert len(set(asked)) == len(asked) >= report.ledger.ok
    assert not [message for message in asked if MARK in message]
