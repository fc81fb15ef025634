"""Servers that answer wrongly, and fast: what `bench load` says of them. Speed is never what was not right."""

import gzip
import time
import tracemalloc
from typing import NamedTuple

import pytest

from sgibench.results.ledger import ErrorKind
from sgibench.results.records import ProblemCode
from sgibench.runner.load.orders import Expectation
from sgibench.runner.load.outcome import LoadOutcome

from .load_cases import (
    HELLO_RIGHT,
    as_bench_load,
    check_nothing_measured,
    check_server_s_count,
    check_sound,
    codes,
    endpoint,
    only_errors,
    told_of,
)
from .lying_server import (
    HELLO,
    Behaviour,
    LyingServer,
    Visit,
    always,
    answer,
    drip,
    in_pieces,
    once_then_close,
    once_then_reset,
)

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED_HEAD = HEAD + b"transfer-encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"5\r\nhello\r\n0\r\n\r\n"
ONLY_STATUS = Expectation(200)
WITH_TEXT = Expectation(200, contains=b"ello")
TIMEOUT_S = 0.06
ZIPPED = gzip.compress(HELLO, mtime=0)
GZIP = "content-encoding: gzip\r\n"


class Wrong(NamedTuple):
    """A behaviour that never gives a right answer, and what its errors must be called."""

    kinds: set[ErrorKind]
    behaviour: Behaviour
    expect: Expectation = HELLO_RIGHT


def slow_body(visit: Visit) -> None:
    while visit.request():
        visit.send(answer()[:-5])
        for byte in HELLO:
            time.sleep(TIMEOUT_S / 3)
            visit.send(bytes([byte]))


def unfinished_chunks(visit: Visit) -> None:
    if visit.request():
        visit.send(CHUNKED[:-5])
        visit.linger()


def announced_close(data: bytes) -> Behaviour:
    """Close after these bytes, while the answer in them says that it will."""
    return once_then_close(data.replace(b"\r\n", b"\r\nconnection: close\r\n", 1))


STATUS, BODY, LENGTH = {ErrorKind.STATUS}, {ErrorKind.BODY}, {ErrorKind.LENGTH}
TRUNCATED, MALFORMED, TIMEOUT = {ErrorKind.TRUNCATED}, {ErrorKind.MALFORMED}, {ErrorKind.TIMEOUT}
SURPLUS = {ErrorKind.SURPLUS}

WRONG: dict[str, Wrong] = {
    "an instant 500": Wrong(STATUS, always(answer(b"oops", "500 Internal Server Error"))),
    "an instant 503": Wrong(STATUS, always(answer(b"", "503 Service Unavailable", "retry-after: 1\r\n"))),
    "an instant 429": Wrong(STATUS, always(answer(b"slow down", "429 Too Many Requests"))),
    "an instant 503 with the right body": Wrong(STATUS, always(answer(status="503 Service Unavailable"))),
    "an instant 503 that closes": Wrong(STATUS, announced_close(answer(status="503 Service Unavailable"))),
    "another body of the same length": Wrong(BODY, always(answer(b"jello"))),
    "another body of the same length, in chunks": Wrong(BODY, always(CHUNKED.replace(b"hello", b"jello"))),
    "a body of another length": Wrong(LENGTH, always(answer(b"hello hello"))),
    "no body": Wrong(LENGTH, always(answer(b""))),
    "a body without the text": Wrong(BODY, always(answer(b"an error page")), WITH_TEXT),
    "a truncated body": Wrong(TRUNCATED, once_then_close(answer()[:-1])),
    "a truncated body, reset": Wrong({ErrorKind.RESET}, once_then_reset(answer()[:-1])),
    "chunks that end with the connection": Wrong(TRUNCATED, once_then_close(CHUNKED[:-5])),
    "chunks that never end": Wrong(TIMEOUT, unfinished_chunks),
    "surplus bytes": Wrong(SURPLUS, always(answer() + b"x")),
    "the answer twice in one packet": Wrong(SURPLUS, always(answer() * 2)),
    "a body ended by the close that nobody knows": Wrong(TRUNCATED, once_then_close(HEAD + b"\r\nhello"), ONLY_STATUS),
    "a body ended by the close, cut short": Wrong(TRUNCATED, once_then_close(HEAD + b"\r\nhell")),
    "a redirect to a cheap page": Wrong(STATUS, always(answer(b"", "302 Found", "location: /cheap\r\n")), ONLY_STATUS),
    "204 where a body is due": Wrong(STATUS, always(b"HTTP/1.1 204 No Content\r\n\r\n")),
    "200 and the end of the headers": Wrong(LENGTH, always(answer(b""))),
    "a slow drip of headers": Wrong(TIMEOUT, drip(HEAD + b"x-a: " + b"b" * 100, TIMEOUT_S / 8)),
    "a slow drip of the body": Wrong(TIMEOUT, slow_body),
    "100 KB of headers": Wrong(MALFORMED, always(answer(headers=f"x-a: {'b' * 100_000}\r\n"))),
    "gzip where a body is known": Wrong(LENGTH, always(answer(ZIPPED, headers=GZIP))),
    "gzip where a text is looked for": Wrong(BODY, always(answer(ZIPPED, headers=GZIP)), WITH_TEXT),
    "broken gzip": Wrong(LENGTH, always(answer(ZIPPED[:-9], headers=GZIP))),
    "a close without an answer": Wrong({ErrorKind.CLOSED}, once_then_close(b"")),
    "a reset without an answer": Wrong({ErrorKind.RESET}, once_then_reset(b"")),
    "interim answers only": Wrong(TIMEOUT, always(b"HTTP/1.1 100 Continue\r\n\r\n")),
    "an answer of HTTP/2": Wrong(MALFORMED, always(answer().replace(b"/1.1", b"/2.0"))),
    "a line end before the answer": Wrong(MALFORMED, always(b"\r\n" + answer())),
    "a line end, then the answer": Wrong(MALFORMED, in_pieces(b"\r\n" + answer(), [2])),
    "a bare carriage return behind the answer": Wrong(SURPLUS, always(answer() + b"\r")),
    "a bare newline behind the chunks": Wrong(SURPLUS, always(CHUNKED + b"\n")),
    "a line end behind an answer in pieces": Wrong(SURPLUS, in_pieces(CHUNKED + b"\r\n", [20])),
}


IN_AN_OPEN_LOOP = [
    "an instant 503",
    "another body of the same length",
    "a truncated body",
    "chunks that never end",
    "surplus bytes",
    "a redirect to a cheap page",
    "a slow drip of the body",
    "a close without an answer",
    "a reset without an answer",
]


@pytest.mark.parametrize(
    ("name", "rate_rps"), [*((name, 0.0) for name in WRONG), *((name, 200.0) for name in IN_AN_OPEN_LOOP)]
)
def test_wrong_answers_are_errors_and_never_a_rate(name: str, rate_rps: float) -> None:
    case = WRONG[name]
    for seconds in (0.16 if ErrorKind.TIMEOUT in case.kinds else 0.05, 1.0):
        outcome = told_of(case.behaviour, case.expect, seconds=seconds, rate_rps=rate_rps, timeout_s=TIMEOUT_S)
        if case.kinds <= only_errors(outcome.turn):
            break  # a machine with much else to do may take longer
    # Under a load this machine may take longer for a connection than such a deadline, which is another error.
    assert case.kinds <= only_errors(outcome.turn) <= {*case.kinds, ErrorKind.TIMEOUT, ErrorKind.CONNECT}
    check_nothing_measured(outcome)
    assert outcome.turn.first_error in outcome.problems[0].message


RIGHT: dict[str, tuple[Behaviour, Expectation]] = {
    "a close of each connection that was announced": (announced_close(answer()), HELLO_RIGHT),
    "a body ended by the close, and known": (once_then_close(HEAD + b"\r\nhello"), HELLO_RIGHT),
    "100 Continue before it": (always(b"HTTP/1.1 100 Continue\r\n\r\n" + answer()), HELLO_RIGHT),
    "103 Early Hints before it, twice, and apart": (
        in_pieces(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 2 + answer(), [30, 43, 86]),
        HELLO_RIGHT,
    ),
    "chunks": (always(CHUNKED), HELLO_RIGHT),
    # Nothing was asked of the body, and a request that names no encoding allows any.
    "gzip where nothing is asked of the body": (always(answer(ZIPPED, headers=GZIP)), ONLY_STATUS),
    "headers of 50 KB": (always(answer(headers=f"x-a: {'b' * 50_000}\r\n")), HELLO_RIGHT),
}


@pytest.mark.parametrize("rate_rps", [0.0, 200.0], ids=["closed", "open"])
@pytest.mark.parametrize("name", RIGHT)
def test_unusual_answers_that_are_right_count_without_a_complaint(name: str, rate_rps: float) -> None:
    behaviour, expect = RIGHT[name]
    for seconds in (0.06, 1.0):
        outcome = told_of(behaviour, expect, seconds=seconds, rate_rps=rate_rps, connections=4)
        if outcome.turn.ledger.ok > 2:
            break
    check_sound(outcome)


def test_the_message_says_that_a_wrong_body_is_compressed() -> None:
    outcome = told_of(always(answer(ZIPPED, headers=GZIP)), WITH_TEXT)
    assert "gzip" in outcome.problems[0].message


def test_a_server_that_sheds_load_after_a_warm_up_is_not_called_fast() -> None:
    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(answer() if visit.server.requests <= 50 else answer(b"busy", "503 Service Unavailable"))

    outcome = told_of(behave, seconds=0.15)
    assert only_errors(outcome.turn) == {ErrorKind.STATUS}
    assert 0 < outcome.turn.ledger.ok <= 50
    assert outcome.throughput_rps == outcome.turn.ledger.ok / 0.15
    assert ProblemCode.ERRORS in codes(outcome)
    assert "503" in outcome.problems[0].message


def test_endless_headers_cost_bounded_memory() -> None:
    poured: list[int] = []

    def behave(visit: Visit) -> None:
        if visit.request():
            visit.send(HEAD)
            piece = b"x-a: b\r\n" * 512
            while True:  # until the client has had enough
                visit.send(piece)
                poured.append(len(piece))

    tracemalloc.start()
    try:
        outcome = told_of(behave, seconds=0.15, connections=4)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    check_nothing_measured(outcome)
    assert only_errors(outcome.turn) == {ErrorKind.MALFORMED}
    # Each of four connections may hold the limit of its headers, and the pieces that it came in.
    assert peak < 8_000_000
    assert sum(poured) > 64 * 1024


def test_an_answer_after_the_deadline_is_not_taken_for_the_next_one() -> None:
    """Each answer says which request of its connection it is for; the first comes when its request has timed out."""
    late_s = 0.15

    def behave(visit: Visit) -> None:
        number = 0
        while visit.request():
            number += 1
            if visit.number <= 2:
                time.sleep(late_s)
            visit.send(answer(b"hello" if number == 1 else b"later"))

    with LyingServer(behave) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.3, timeout_s=0.1)
    check_server_s_count(outcome, server.requests)
    ledger = outcome.turn.ledger
    # The late connections were given up; what was sent next went over new ones, each of whose first answer is right.
    assert ledger.errors["timeout"] == 2
    assert server.visits > 2
    assert ledger.ok <= server.visits - 2
    assert not outcome.valid


def test_a_right_answer_with_a_silent_close_after_it_fails_the_request_that_follows() -> None:
    closed: LoadOutcome = told_of(once_then_close(answer()), seconds=0.15)
    assert closed.turn.ledger.ok > 0
    assert only_errors(closed.turn) <= {ErrorKind.CLOSED, ErrorKind.RESET}
    assert ProblemCode.ERRORS in codes(closed)
    # In an open loop the connection rests in between: that it ends there is the server's right, and is counted.
    resting = told_of(once_then_close(answer()), seconds=0.3, rate_rps=20, connections=2)
    assert resting.turn.reopened > 0
    check_sound(resting)
