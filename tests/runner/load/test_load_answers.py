"""Every answer is looked at before it counts: what the engine makes of right, wrong and broken ones."""

import time
from itertools import cycle

import pytest

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.orders import Expectation, TurnReport

from .load_cases import HELLO_RIGHT, block, carry_out, check_books, endpoint, free_port, only_errors
from .lying_server import (
    HELLO,
    Behaviour,
    LyingServer,
    Visit,
    always,
    answer,
    drip,
    hang,
    in_pieces,
    once_then_close,
    once_then_reset,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n"
ONLY_STATUS = Expectation(200)


def load(
    behaviour: Behaviour, expect: Expectation = HELLO_RIGHT, *, method: str = "GET", timeout_s: float = 2.0
) -> TurnReport:
    """One turn against a server with this behaviour; the counts of both sides must fit."""
    with LyingServer(behaviour) as server:
        (report,) = carry_out(block(endpoint(server.port, expect, method), seconds=0.06, timeout_s=timeout_s))
        assert report.ledger.ok <= server.requests <= report.ledger.sent + report.reopened
    return report


RIGHT: dict[str, tuple[Behaviour, Expectation]] = {
    "with a length": (always(answer()), HELLO_RIGHT),
    "in chunks": (always(CHUNKED), HELLO_RIGHT),
    "in chunks with a trailer": (always(CHUNKED[:-2] + b"x-sum: 1\r\n\r\n"), HELLO_RIGHT),
    "after 100 Continue": (always(b"HTTP/1.1 100 Continue\r\n\r\n" + answer()), HELLO_RIGHT),
    "after 103 Early Hints, apart": (
        in_pieces(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + answer(), [43]),
        HELLO_RIGHT,
    ),
    "204 without a body": (always(b"HTTP/1.1 204 No Content\r\n\r\n"), Expectation(204, b"")),
    "304 with the length of what is not sent": (
        always(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"),
        Expectation(304),
    ),
    "with an empty body": (always(answer(b"")), Expectation(200, b"")),
    "with a body that ends in a newline": (always(answer(b'{"a":1}\n')), Expectation(200, b'{"a":1}\n')),
    "with a body of line ends": (always(answer(b"\r\n\r\n\r\n")), Expectation(200, b"\r\n\r\n\r\n")),
    "in chunks that end in newlines": (
        always(HEAD + b"transfer-encoding: chunked\r\n\r\n6\r\nhello\n\r\n0\r\n\r\n"),
        Expectation(200, b"hello\n"),
    ),
    "with the expected text": (always(answer(b"oh hello there")), Expectation(200, contains=b"hello")),
    "with any body where none is asked for": (always(answer(b"whatever")), ONLY_STATUS),
    "large": (always(answer(b"x" * 700_000)), Expectation(200, b"x" * 700_000)),
    "with many headers below the limit": (
        always(answer(headers="".join(f"x-{at}: {'v' * 100}\r\n" for at in range(400)))),
        HELLO_RIGHT,
    ),
    "saying Connection: close": (once_then_close(answer(headers="connection: close\r\n")), HELLO_RIGHT),
    "of HTTP/1.0": (once_then_close(b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"), HELLO_RIGHT),
    "ended by the end of the connection": (once_then_close(HEAD + b"\r\nhello"), HELLO_RIGHT),
    "ended by the end of the connection, with the text": (
        once_then_close(HEAD + b"\r\nhello you"),
        Expectation(200, contains=b"hello"),
    ),
    "of another expected status": (always(answer(status="503 Busy")), Expectation(503, HELLO)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_answer_counts(name: str) -> None:
    behaviour, expect = RIGHT[name]
    report = load(behaviour, expect)
    assert report.ledger.ok > 2
    assert report.ledger.errors == {}
    assert report.first_error == ""


WRONG: dict[str, tuple[ErrorKind, Behaviour, Expectation]] = {
    "an error status": (ErrorKind.STATUS, always(answer(status="500 Oops")), HELLO_RIGHT),
    "a redirect to somewhere cheap": (
        ErrorKind.STATUS,
        always(answer(status="302 Found", headers="location: /cheap\r\n")),
        ONLY_STATUS,
    ),
    "a switch of protocols": (
        ErrorKind.MALFORMED,
        always(b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
        ONLY_STATUS,
    ),
    "204 where a body is due": (ErrorKind.STATUS, always(b"HTTP/1.1 204 No Content\r\n\r\n"), HELLO_RIGHT),
    "another body of the same length": (ErrorKind.BODY, always(answer(b"hellO")), HELLO_RIGHT),
    "a longer body": (ErrorKind.LENGTH, always(answer(b"hello!")), HELLO_RIGHT),
    "an empty body": (ErrorKind.LENGTH, always(answer(b"")), HELLO_RIGHT),
    "a body without the text": (ErrorKind.BODY, always(answer(b"bye")), Expectation(200, contains=b"hello")),
    "surplus bytes": (ErrorKind.SURPLUS, always(answer() + b"more"), HELLO_RIGHT),
    "a surplus line end": (ErrorKind.SURPLUS, always(answer() + b"\r\n"), HELLO_RIGHT),
    "a surplus line end after chunks": (ErrorKind.SURPLUS, always(CHUNKED + b"\r\n"), HELLO_RIGHT),
    "a surplus line end after 204": (
        ErrorKind.SURPLUS,
        always(b"HTTP/1.1 204 No Content\r\n\r\n\r\n"),
        Expectation(204),
    ),
    "a body after 204": (
        ErrorKind.SURPLUS,
        always(b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nhello"),
        Expectation(204),
    ),
    "the answer twice": (ErrorKind.SURPLUS, always(answer() * 2), HELLO_RIGHT),
    "surplus bytes before closing": (
        ErrorKind.SURPLUS,
        always(answer(headers="connection: close\r\n") + b"x"),
        HELLO_RIGHT,
    ),
    "no HTTP": (ErrorKind.MALFORMED, always(b"SSH-2.0-hello\r\n"), HELLO_RIGHT),
    "two lengths": (
        ErrorKind.MALFORMED,
        always(HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
        HELLO_RIGHT,
    ),
    "endless headers": (ErrorKind.MALFORMED, always(HEAD + b"x-a: b\r\n" * 20_000), HELLO_RIGHT),
    "one endless header": (ErrorKind.MALFORMED, always(HEAD + b"x-a: " + b"b" * 200_000), HELLO_RIGHT),
    "endless interim answers": (ErrorKind.MALFORMED, always(b"HTTP/1.1 102 Processing\r\n\r\n" * 8_000), HELLO_RIGHT),
    "a close without a byte": (ErrorKind.CLOSED, once_then_close(b""), HELLO_RIGHT),
    "a close in the headers": (ErrorKind.TRUNCATED, once_then_close(b"HTTP/1.1 200 OK\r\ncont"), HELLO_RIGHT),
    "a close in the body": (ErrorKind.TRUNCATED, once_then_close(answer()[:-1]), HELLO_RIGHT),
    "a close in the chunks": (ErrorKind.TRUNCATED, once_then_close(CHUNKED[:-5]), HELLO_RIGHT),
    "a close after an interim answer": (
        ErrorKind.TRUNCATED,
        once_then_close(b"HTTP/1.1 100 Continue\r\n\r\n"),
        HELLO_RIGHT,
    ),
    "a body that the close cut short": (ErrorKind.TRUNCATED, once_then_close(HEAD + b"\r\nhell"), HELLO_RIGHT),
    "a body that only the close ends, and nobody knows": (
        ErrorKind.TRUNCATED,
        once_then_close(HEAD + b"\r\nhello"),
        ONLY_STATUS,
    ),
    "an error status ended by the close": (
        ErrorKind.STATUS,
        once_then_close(b"HTTP/1.1 502 Bad Gateway\r\n\r\nsorry"),
        HELLO_RIGHT,
    ),
    "a reset without a byte": (ErrorKind.RESET, once_then_reset(b""), HELLO_RIGHT),
    "a reset in the body": (ErrorKind.RESET, once_then_reset(answer()[:-2]), HELLO_RIGHT),
    "silence": (ErrorKind.TIMEOUT, hang, HELLO_RIGHT),
    "a slow drip": (ErrorKind.TIMEOUT, drip(answer(), 0.05), HELLO_RIGHT),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_answer_is_an_error_of_its_kind(name: str) -> None:
    kind, behaviour, expect = WRONG[name]
    report = load(behaviour, expect, timeout_s=0.3)
    assert only_errors(report) == {kind}
    assert report.ledger.ok == 0
    assert report.first_error != ""


def test_a_refused_connection_is_counted_and_not_hammered() -> None:
    (report,) = carry_out(block(endpoint(free_port()), seconds=0.2))
    assert only_errors(report) == {ErrorKind.CONNECT}
    # A pause of 10 ms between attempts on each of two connections.
    assert 2 <= report.ledger.sent <= 2 * 25
    assert "refused" in report.first_error


def test_an_answer_split_at_any_byte_is_right() -> None:
    for whole in (answer(headers="x-a: b\r\n"), CHUNKED, b"HTTP/1.1 100 Continue\r\n\r\n" + answer()):
        with LyingServer(split_further_each_time(whole)) as server:
            (report,) = carry_out(block(endpoint(server.port), seconds=0.01 * len(whole), connections=4))
            assert report.ledger.ok >= len(whole), "not every split was seen"
        assert report.ledger.errors == {}


def split_further_each_time(data: bytes) -> Behaviour:
    cuts = cycle(range(1, len(data)))

    def behave(visit: Visit) -> None:
        while visit.request():
            cut = next(cuts)
            visit.send(data[:cut])
            time.sleep(0.001)
            visit.send(data[cut:])

    return behave


def test_an_answer_in_single_bytes_is_right() -> None:
    report = load(drip(answer(), 0.0005))
    assert report.ledger.ok > 0
    assert report.ledger.errors == {}


HEAD_ANSWERS: dict[str, tuple[bytes, ErrorKind | None]] = {
    "with the length of the body that is not there": (answer(b"")[:-2].replace(b": 0", b": 500") + b"\r\n", None),
    "without a length": (HEAD + b"\r\n", None),
    "with length 0": (answer(b""), None),
    "announcing chunks": (HEAD + b"transfer-encoding: chunked\r\n\r\n", None),
    "after an interim answer": (b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(b""), None),
    "with a body": (answer(), ErrorKind.SURPLUS),
    "with chunks": (CHUNKED, ErrorKind.SURPLUS),
    "with an end of chunks": (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n", ErrorKind.SURPLUS),
    "with the start of a chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\n5", ErrorKind.SURPLUS),
}


@pytest.mark.parametrize("name", HEAD_ANSWERS)
@pytest.mark.parametrize("split", [False, True])
def test_the_answer_to_head_ends_with_its_headers(name: str, split: bool) -> None:
    data, kind = HEAD_ANSWERS[name]
    report = load(in_pieces(data, [20]) if split else always(data), ONLY_STATUS, method="HEAD")
    assert only_errors(report) == ({kind} if kind else set())
    assert (report.ledger.ok > 2) is (kind is None)


def test_a_close_that_was_announced_is_no_error_and_costs_a_connection_each() -> None:
    report = load(once_then_close(answer(headers="connection: close\r\n")))
    assert report.ledger.errors == {}
    assert report.connects >= report.ledger.ok
    assert report.reopened == 0


def test_a_close_that_was_not_announced_is_an_error() -> None:
    """The server lies about keeping the connection alive: half of the requests die with it."""
    report = load(once_then_close(answer()))
    assert report.ledger.ok > 0
    assert only_errors(report) <= {ErrorKind.CLOSED, ErrorKind.RESET}
    assert report.ledger.error_count > 0


def test_surplus_bytes_that_come_late_take_the_answer_back() -> None:
    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(answer())
            time.sleep(0.05)
            visit.send(b"more")

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.4, rate_rps=5, connections=1))
    assert only_errors(report) == {ErrorKind.SURPLUS}
    check_books(report)


def test_answers_right_at_first_and_wrong_later_are_told_apart() -> None:
    def behave(visit: Visit) -> None:
        for body in [b"hello"] * 10 + [b"error"]:
            if visit.request():
                visit.send(answer(body))
        visit.linger()

    report = load(behave)
    assert report.ledger.ok > report.ledger.errors["body"] > 0
    assert "'error'" in report.first_error
