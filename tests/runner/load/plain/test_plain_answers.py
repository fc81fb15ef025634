"""Plain Locust on a server that misbehaves: every request is sent once, judged as the engine judges, and entered."""

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.load.nonce import MARK
from sgibench.runner.load.orders import (
    BlockReport,
    Endpoint,
    Expectation,
    Part,
    SlowClients,
    TurnOrder,
    TurnReport,
    WebSocketTalk,
)
from sgibench.runner.load.session import LocustSession

from ..load_cases import block, carry_out, check_books, endpoint, free_port, only_errors
from ..lying_server import (
    HELLO,
    Behaviour,
    LyingServer,
    Visit,
    always,
    answer,
    drip,
    hang,
    in_pieces,
    late,
    once_then_close,
    once_then_reset,
    right_then_silent,
)


@pytest.fixture(scope="module")
def plain() -> Iterator[LocustSession]:
    with LocustSession(driver=LoadDriver.LOCUST) as session:
        yield session


def one_turn(report: BlockReport) -> TurnReport:
    """A block's only turn, whose books are in order and agree with Locust's."""
    (turn,) = report.turns
    check_books(turn)
    assert report.locust_requests == turn.ledger.ok + turn.ledger.error_count
    assert report.locust_failures == turn.ledger.error_count
    return turn


def test_right_wrong_and_no_answers_are_told_apart_and_locust_agrees(plain: LocustSession) -> None:
    with LyingServer(always(answer())) as right, LyingServer(always(answer(b"wrong"))) as wrong:
        endpoints = (endpoint(right.port, name="right"), endpoint(wrong.port, name="wrong"))
        work = block(*endpoints, endpoint(free_port(), name="dead"), turns=6, connections=5)
        report = plain.run(work)
        assert [turn.order for turn in report.turns] == list(work.turns)
        assert sum(turn.ledger.ok for turn in report.turns) == right.requests > 0
        assert sum(turn.ledger.errors.get("body", 0) for turn in report.turns) == wrong.requests > 0
        assert right.visits == 5
    ledgers = [turn.ledger for turn in report.turns]
    for turn in report.turns:
        check_books(turn)
    assert sum(ledger.errors.get("connect", 0) for ledger in ledgers) > 0
    assert report.locust_requests == sum(ledger.ok + ledger.error_count for ledger in ledgers)
    assert report.locust_failures == sum(ledger.error_count for ledger in ledgers)


def close_without_answer(visit: Visit) -> None:
    visit.request()


def chunked(pieces: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + pieces


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        (close_without_answer, {ErrorKind.CLOSED}),
        (once_then_reset(b""), {ErrorKind.RESET}),
        (once_then_reset(answer()[:-3]), {ErrorKind.RESET}),
        (once_then_close(answer()[:-3]), {ErrorKind.TRUNCATED}),
        (once_then_close(answer()[:10]), {ErrorKind.TRUNCATED}),
        (once_then_close(chunked(b"5\r\nhello\r\n")), {ErrorKind.TRUNCATED}),
        (always(answer(status="500 Oops")), {ErrorKind.STATUS}),
        (always(answer(b"\xff\xfe", "404 Not Found")), {ErrorKind.STATUS}),
        (always(answer(b"", "302 Found", "location: /elsewhere\r\n")), {ErrorKind.STATUS}),
        (always(answer(b"", "204 No Content")), {ErrorKind.STATUS}),
        (always(answer(b"wrong")), {ErrorKind.BODY}),
        (always(answer(b"hello, world")), {ErrorKind.LENGTH}),
        (always(answer(headers="content-encoding: gzip\r\n")), set()),
        (always(b"SSH-2.0-OpenSSH_9.2\r\n"), {ErrorKind.MALFORMED}),
        (always(b"HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello"), {ErrorKind.MALFORMED}),
        (always(answer() + b"junk"), {ErrorKind.SURPLUS, ErrorKind.MALFORMED}),
        (hang, {ErrorKind.TIMEOUT}),
        (drip(answer(), 0.05), {ErrorKind.TIMEOUT}),
        (always(b"HTTP/1.1 100 Continue\r\n\r\n" + answer()), set()),
        (always(chunked(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")), set()),
        (in_pieces(answer(), [3, 17, 40]), set()),
        (once_then_close(answer(headers="connection: close\r\n")), set()),
        (once_then_close(b"HTTP/1.1 200 OK\r\n\r\nhello"), set()),
    ],
)
def test_each_kind_of_failure_goes_by_its_name_and_nothing_is_sent_twice(
    plain: LocustSession, behaviour: Behaviour, kinds: set[ErrorKind]
) -> None:
    with LyingServer(behaviour) as server:
        turn = one_turn(plain.run(block(endpoint(server.port), seconds=0.1, timeout_s=0.25)))
        assert server.requests == turn.ledger.sent > 0
    assert only_errors(turn) <= kinds
    assert bool(turn.ledger.ok) == (not kinds), turn.first_error
    assert bool(turn.first_error) == bool(kinds)


def test_a_request_that_crosses_with_the_end_of_its_connection_is_an_error_and_not_sent_again(
    plain: LocustSession,
) -> None:
    with LyingServer(once_then_close(answer())) as server:  # it says that it keeps the connection, and does not
        turn = one_turn(plain.run(block(endpoint(server.port))))
        assert 0 < turn.ledger.ok <= server.requests <= turn.ledger.sent
    assert only_errors(turn) <= {ErrorKind.CLOSED, ErrorKind.RESET}


def test_an_idle_connection_that_the_server_closed_is_reopened_without_an_error(plain: LocustSession) -> None:
    def behave(visit: Visit) -> None:
        visit.connection.settimeout(0.05)  # as with a keep-alive that is shorter than the pause
        while visit.request():
            visit.send(answer())

    with LyingServer(behave) as impatient, LyingServer(late(answer(), 0.01)) as other:
        work = block(endpoint(impatient.port), endpoint(other.port), seconds=0.15, turns=3)
        first, _, third = plain.run(work).turns
        assert impatient.requests == first.ledger.sent + third.ledger.sent
    assert first.ledger.error_count == third.ledger.error_count == 0
    assert third.reopened == third.connects == 2


def test_without_drain_what_hangs_stays_in_flight_and_is_cut_off(plain: LocustSession) -> None:
    with LyingServer(right_then_silent(answer(), 0.1)) as server:
        work = replace(block(endpoint(server.port), seconds=0.3, connections=3, turns=2, timeout_s=5), drain=False)
        report = plain.run(work)
        sent = sum(turn.ledger.sent for turn in report.turns)
        assert sum(turn.ledger.ok for turn in report.turns) <= server.requests <= sent
    for turn in report.turns:
        check_books(turn)
        assert turn.ledger.in_flight == 3
        assert turn.ledger.error_count == 0
        assert turn.elapsed_s == 0.3
    assert report.turns[0].waiting_s == pytest.approx(0.2, abs=0.1)
    assert report.locust_requests == report.turns[0].ledger.ok


def test_what_is_sent_is_the_prebuilt_request_byte_for_byte(plain: LocustSession) -> None:
    came: list[bytes] = []

    def behave(visit: Visit) -> None:
        while whole := visit.message():
            came.append(whole)
            visit.send(answer())

    request = b"POST /a?b=%20c HTTP/1.1\r\nhost: shop.example\r\nX-Odd: \xe9\r\ncontent-length: 3\r\n\r\n\x00\xff!"
    with LyingServer(behave) as server:
        here = replace(endpoint(server.port), request=request, method="POST")
        assert one_turn(plain.run(block(here))).ledger.ok == len(came)
    assert set(came) == {request}


def test_a_nonce_is_another_in_every_request_and_its_answer_must_give_it_back(plain: LocustSession) -> None:
    came: list[bytes] = []

    def behave(visit: Visit) -> None:
        while whole := visit.message():
            nonce = re.findall(rb"GET /(\S+)", whole)[0]
            came.append(nonce)
            visit.send(answer(came[0] if len(came) > 3 else nonce))

    with LyingServer(behave) as server:
        here = replace(
            endpoint(server.port, Expectation(contains=MARK)),
            request=b"GET /" + MARK + b" HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        )
        turn = one_turn(plain.run(block(here, connections=1)))
    assert len(set(came)) == len(came) > 3
    assert turn.ledger.ok == 3
    assert only_errors(turn) == {ErrorKind.BODY}


def test_an_answer_to_head_has_no_body(plain: LocustSession) -> None:
    with LyingServer(always(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")) as server:
        turn = one_turn(plain.run(block(endpoint(server.port, Expectation(body=b""), "HEAD"))))
        assert turn.ledger.ok == server.requests > 0


def test_engine_and_locust_see_the_same_waits(plain: LocustSession) -> None:
    with LyingServer(late(answer(), 0.02)) as server:
        work = block(endpoint(server.port), seconds=0.4, connections=4)
        locusts = one_turn(plain.run(work))
        (engines,) = carry_out(work)
    for turn in (engines, locusts):
        assert turn.service_time.min_us >= 19_900
        assert turn.ledger.ok <= 4 * 21  # no more than four at a time, of 20 ms each, and the last ones
        assert turn.load_cpu_s > 0


def test_turns_of_a_quarter_second_are_announced_and_have_their_seconds(plain: LocustSession) -> None:
    seen: list[TurnOrder] = []
    with LyingServer(late(answer(), 0.01)) as server:
        work = block(endpoint(server.port), seconds=2.2)
        turn = one_turn(plain.run(work, seen.append))
    assert seen == list(work.turns)
    assert len(turn.intervals) == 2
    assert sum(part.ok for part in turn.intervals) == turn.ledger.ok
    assert sum(part.sent for part in turn.intervals) == turn.ledger.sent


def test_what_plain_locust_cannot_do_is_refused() -> None:
    with pytest.raises(UsageError, match="no open loop") as caught, LocustSession(driver=LoadDriver.LOCUST) as session:
        session.run(block(endpoint(9), rate_rps=10))
    assert caught.value.hint == "leave out --rate, or use --driver engine"
    assert session.pid is None
    with pytest.raises(UsageError, match="one process"):
        LocustSession(processes=2, driver=LoadDriver.LOCUST)


@pytest.mark.parametrize(
    ("lack", "here"),
    [
        ("WebSocket", replace(endpoint(9), websocket=WebSocketTalk(b"x"))),
        ("mix of requests", replace(endpoint(9), mix=(Part(1, b"GET / HTTP/1.1\r\n\r\n", Expectation()),))),
        ("slow clients", replace(endpoint(9), slow=SlowClients(1))),
    ],
)
def test_what_plain_locust_has_not_is_refused_before_it_starts(lack: str, here: Endpoint) -> None:
    with pytest.raises(UsageError, match=f"Locust has no {lack}"), LocustSession(driver=LoadDriver.LOCUST) as session:
        session.run(block(endpoint(9), here))
    assert session.pid is None


def test_a_large_body_goes_out_behind_its_head(plain: LocustSession) -> None:
    body = bytes(range(256)) * 4096
    came: list[bytes] = []

    def behave(visit: Visit) -> None:
        while message := visit.message():
            came.append(message.partition(b"\r\n\r\n")[2])
            visit.send(answer())

    with LyingServer(behave) as server:
        head = b"POST /up HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
        here = replace(endpoint(server.port, method="POST"), request=head, body=body)
        turn = one_turn(plain.run(block(here, seconds=0.1)))
    assert turn.ledger.errors == {}
    assert turn.ledger.ok == len(came) > 1
    assert set(came) == {body}


def test_bodies_are_checked_for_every_answer(plain: LocustSession) -> None:
    def behave(visit: Visit) -> None:
        for count in range(10**6):
            if not visit.request():
                return
            visit.send(answer(b"hellO" if count % 10 == 9 else HELLO))

    with LyingServer(behave) as server:
        turn = one_turn(plain.run(block(endpoint(server.port), connections=1, seconds=0.2)))
        # After a wrong answer the next request goes over a new connection.
        assert turn.ledger.errors["body"] == server.requests // 10 > 0
