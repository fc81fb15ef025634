"""Requests that are told apart: whose answer it is, only a nonce can tell."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.ledger import ErrorKind
from sgibench.results.records import ProblemCode
from sgibench.runner.load.nonce import MARK, PLACEHOLDER, marked
from sgibench.runner.load.orders import Endpoint, Expectation
from sgibench.runner.load.outcome import LoadOutcome
from sgibench.runner.load.request import RequestSpec, endpoint_of

from .load_cases import (
    as_bench_load,
    block,
    carry_out,
    check_nothing_measured,
    check_server_s_count,
    check_sound,
    codes,
    endpoint,
    only_errors,
)
from .lying_server import Behaviour, LyingServer, Visit, always, answer

NONCE = re.compile(rb"n=([0-9a-f]{16})\b")
BOTH = pytest.mark.parametrize("rate_rps", [0.0, 200.0], ids=["closed", "open"])
SECONDS = 0.1


def asking(port: int, method: str = "GET", expect_text: str | None = "id={nonce}.") -> Endpoint:
    """A request for `/?n=NONCE`, as a user would write it."""
    return endpoint_of(RequestSpec(f"http://127.0.0.1:{port}/?n={{nonce}}", method, expect_text=expect_text))


def nonce_of(message: bytes) -> bytes:
    found = NONCE.findall(message)
    assert len(found) == 1, message
    nonce: bytes = found[0]
    return nonce


def saying(nonce: bytes) -> bytes:
    return answer(b"id=" + nonce + b".")


def echo(visit: Visit) -> None:
    """Answer rightly."""
    while message := visit.message():
        visit.send(saying(nonce_of(message)))


def told_with_nonce(behaviour: Behaviour, rate_rps: float, connections: int = 2) -> LoadOutcome:
    with LyingServer(behaviour) as server:
        outcome = as_bench_load(
            asking(server.port), seconds=SECONDS, connections=connections, rate_rps=rate_rps, timeout_s=1
        )
    check_server_s_count(outcome, server.requests)
    return outcome


@BOTH
def test_answers_to_one_s_own_request_are_right(rate_rps: float) -> None:
    outcome = told_with_nonce(echo, rate_rps, connections=4)
    assert outcome.turn.ledger.ok > 10
    check_sound(outcome)


@BOTH
def test_every_request_has_a_nonce_of_its_own_and_is_framed_rightly(rate_rps: float) -> None:
    """In the URL, a header and the body it is the same; over connections and turns it never comes again."""
    seen: list[bytes] = []

    def behave(visit: Visit) -> None:
        while message := visit.message():
            seen.append(message)
            visit.send(saying(nonce_of(message)))

    with LyingServer(behave) as server:
        spec = RequestSpec(
            f"http://127.0.0.1:{server.port}/a/{{nonce}}?n={{nonce}}",
            "POST",
            ("X-Id: <{nonce}>",),
            "{nonce} é {nonce}\r\n\r\n",
            expect_text="id={nonce}.",
        )
        reports = carry_out(block(endpoint_of(spec), seconds=0.06, connections=3, turns=3, rate_rps=rate_rps))
    assert all(report.ledger.errors == {} for report in reports)
    assert sum(report.ledger.ok for report in reports) == len(seen) == server.requests > 10
    nonces = [nonce_of(message) for message in seen]
    assert len(set(nonces)) == len(nonces)
    for message, nonce in zip(seen, nonces, strict=True):
        head, body = message.split(b"\r\n\r\n", 1)
        lines = head.split(b"\r\n")
        assert lines[0] == b"POST /a/" + nonce + b"?n=" + nonce + b" HTTP/1.1"
        assert b"X-Id: <" + nonce + b">" in lines
        assert body == nonce + " é ".encode() + nonce + b"\r\n\r\n"
        assert b"Content-Length: %d" % len(body) in lines
        assert MARK not in message
        assert PLACEHOLDER.encode() not in message


def test_two_load_processes_start_from_different_numbers() -> None:
    """The first nonce of a process is drawn: one that was sent before, or by another, says nothing about it."""
    script = "from sgibench.runner.load import nonce; print(next(nonce._numbers))"
    first, second = (
        int(subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout) for _ in range(2)
    )
    assert abs(first - second) > 10**9
    assert max(first, second) < 2**63, "it would not fit where the mark was"


def cached(visit: Visit) -> None:
    """Give everybody the first answer there was."""
    server = visit.server
    while message := visit.message():
        with server.lock:
            kept = server.__dict__.setdefault("kept", saying(nonce_of(message)))
        visit.send(kept)


def one_behind(visit: Visit) -> None:
    """Give each request the answer to the one before."""
    last = b"0" * 16
    while message := visit.message():
        visit.send(saying(last))
        last = nonce_of(message)


def twice_apart(visit: Visit) -> None:
    """Every answer again, a moment later: where the next answer is due."""
    while message := visit.message():
        visit.send(saying(nonce_of(message)))
        time.sleep(0.003)
        visit.send(saying(nonce_of(message)))


def before_it_was_asked(visit: Visit) -> None:
    """Guess, and close."""
    visit.send(answer(b"id=" + b"0" * 16 + b".", headers="connection: close\r\n"))
    while visit.message():
        pass


class Crossing:
    """Hands every answer to the connection whose request came before: nobody gets his own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = b"0" * 16

    def __call__(self, visit: Visit) -> None:
        while message := visit.message():
            with self._lock:
                other, self._last = self._last, nonce_of(message)
            visit.send(saying(other))


FOREIGN: dict[str, tuple[Callable[[], Behaviour], bool, set[ErrorKind]]] = {
    "from a cache": (lambda: cached, True, {ErrorKind.BODY}),
    "to the request before": (lambda: one_behind, False, {ErrorKind.BODY}),
    "to another connection's request": (Crossing, False, {ErrorKind.BODY}),
    "that nobody asked for": (lambda: before_it_was_asked, False, {ErrorKind.BODY, ErrorKind.CONNECT}),
    "to a fixed question": (lambda: always(saying(b"f" * 16)), False, {ErrorKind.BODY}),
    "that echo the mark": (lambda: always(saying(MARK)), False, {ErrorKind.BODY}),
}


@BOTH
@pytest.mark.parametrize("name", FOREIGN)
def test_answers_that_are_not_one_s_own_are_wrong(name: str, rate_rps: float) -> None:
    behaviour, first_is_right, kinds = FOREIGN[name]
    outcome = told_with_nonce(behaviour(), rate_rps)
    assert only_errors(outcome.turn) <= kinds
    assert outcome.turn.ledger.error_count > 2
    assert not outcome.valid
    if first_is_right:
        assert outcome.turn.ledger.ok == 1
    else:
        check_nothing_measured(outcome)


def test_an_answer_that_comes_twice_and_apart_is_wrong_where_the_next_is_due() -> None:
    closed = told_with_nonce(twice_apart, 0.0)
    assert ErrorKind.BODY in only_errors(closed.turn) <= {ErrorKind.BODY, ErrorKind.SURPLUS}
    assert closed.turn.ledger.error_count >= closed.turn.ledger.ok // 2 > 0
    assert not closed.valid


def test_an_answer_that_comes_twice_while_nothing_was_asked_is_surplus() -> None:
    with LyingServer(twice_apart) as server:
        outcome = as_bench_load(asking(server.port), seconds=0.3, rate_rps=30, connections=1)
    check_server_s_count(outcome, server.requests)
    assert only_errors(outcome.turn) == {ErrorKind.SURPLUS}
    assert outcome.turn.ledger.ok <= 1  # the last one, if the window ended before its twin came
    assert not outcome.valid


def test_two_right_answers_in_one_packet_are_surplus() -> None:
    def behave(visit: Visit) -> None:
        while message := visit.message():
            visit.send(saying(nonce_of(message)) * 2)

    outcome = told_with_nonce(behave, 0.0)
    check_nothing_measured(outcome)
    assert only_errors(outcome.turn) == {ErrorKind.SURPLUS}


@BOTH
def test_a_known_body_holds_the_nonce_of_its_request(rate_rps: float) -> None:
    """What the expectation says in full is compared in full, with each request's own nonce in it."""
    whole = Expectation(200, body=b"id=" + MARK + b".")
    numbers = count()

    def mostly(visit: Visit) -> None:
        while message := visit.message():
            nonce = nonce_of(message)
            visit.send(saying(nonce if next(numbers) % 5 else nonce[::-1]))

    for behaviour, wrong in ((echo, False), (mostly, True)):
        with LyingServer(behaviour) as server:
            here = replace(asking(server.port), expect=whole)
            outcome = as_bench_load(here, seconds=SECONDS, rate_rps=rate_rps)
        check_server_s_count(outcome, server.requests)
        assert outcome.turn.ledger.ok > 3
        assert only_errors(outcome.turn) == ({ErrorKind.BODY} if wrong else set())
        assert (ProblemCode.ERRORS in codes(outcome)) is wrong


def test_without_an_expected_text_the_nonce_only_keeps_caches_out() -> None:
    with LyingServer(always(answer())) as server:
        outcome = as_bench_load(asking(server.port, expect_text=None), seconds=SECONDS)
    assert outcome.turn.ledger.errors == {}
    assert outcome.turn.ledger.ok > 3


def test_head_requests_have_nonces_too() -> None:
    seen: list[bytes] = []

    def behave(visit: Visit) -> None:
        while message := visit.message():
            seen.append(nonce_of(message))
            visit.send(answer(b"")[:-2] + b"x-id: 1\r\n\r\n")

    with LyingServer(behave) as server:
        outcome = as_bench_load(asking(server.port, "HEAD", None), seconds=SECONDS)
    check_server_s_count(outcome, server.requests)
    assert outcome.turn.ledger.errors == {}
    assert len(set(seen)) == len(seen) > 3


def test_a_text_with_a_nonce_needs_a_request_with_one() -> None:
    with pytest.raises(UsageError, match="no request does"):
        endpoint_of(RequestSpec("http://127.0.0.1/", expect_text="{nonce}"))


def test_the_mark_is_as_long_as_what_stands_for_it_and_needs_no_quoting() -> None:
    assert len(MARK) == 16
    assert re.fullmatch(rb"[a-z-]+", MARK)
    assert marked("a{nonce}b{nonce}") == f"a{MARK.decode()}b{MARK.decode()}"
    assert marked("{nonsense}") == "{nonsense}"


def test_nothing_in_a_request_says_that_it_is_a_benchmark() -> None:
    """A server that knows could have answers ready. What is sent is what the user wrote, and no name of ours."""
    request = endpoint_of(RequestSpec("http://127.0.0.1:8000/x", headers=("Accept: text/html",))).request
    assert request == b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nAccept: text/html\r\n\r\n"
    assert endpoint(1).request == b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
