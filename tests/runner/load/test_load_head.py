"""HEAD: the answer ends with its headers, and says whether its connection stays."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from sgibench.results.errors import UsageError
from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.nonce import MARK
from sgibench.runner.load.orders import Expectation
from sgibench.runner.load.request import RequestSpec, endpoint_of
from sgibench.runner.load.session import LocustSession
from sgibench.scenarios.model import Request

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


def test_a_long_head_without_a_body_is_one_like_any_other() -> None:
    with LyingServer(always(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as server:
        plain = endpoint(server.port, ANY, "HEAD")
        long = replace(plain, request=plain.request[:-2] + b"x-note: " + b"a" * 20_000 + b"\r\n\r\n")
        (report,) = carry_out(block(long, connections=2))
    assert report.ledger.ok > 4
    assert report.ledger.errors == {}


def test_a_body_does_not_go_with_it() -> None:
    with pytest.raises(UsageError, match="--body does not go with --method HEAD"):
        endpoint_of(RequestSpec("http://127.0.0.1:1/", method="head", body="x"))
    with pytest.raises(ValidationError, match="a body does not go with HEAD"):
        Request(path="/", method="HEAD", body_bytes=100_000)
    with LocustSession() as session, pytest.raises(UsageError, match="a body does not go with HEAD"):
        session.run(block(replace(endpoint(1, ANY, "HEAD"), body=b"x" * 100_000)))
    assert Request(path="/", method="GET", body="x").content == b"x", "with GET it does, as search engines are asked"


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
