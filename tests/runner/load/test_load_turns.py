"""Turns of the closed loop: how they begin, what they leave behind, and how they end."""

import asyncio
import os
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from sgibench.results.errors import LoadError
from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.closed_loop import ClosedTurn
from sgibench.runner.load.connection import Connection
from sgibench.runner.load.engine import Engine, Share
from sgibench.runner.load.orders import Arrival, Endpoint, Expectation, TurnOrder
from sgibench.runner.load.pool import Pool
from sgibench.runner.load.processor import cpu_wait_ns
from sgibench.runner.load.rules import Rules
from sgibench.runner.load.watch import Watch

from .load_cases import HELLO_RIGHT, block, carry_out, check_books, endpoint, free_port, only_errors
from .lying_server import HELLO, LyingServer, Visit, always, answer, hang, late, once_then_close, stalling


def test_turns_alternate_between_endpoints_and_keep_their_connections() -> None:
    with LyingServer(always(answer())) as one, LyingServer(always(answer(b"other"))) as two:
        work = block(
            endpoint(one.port, name="one"),
            endpoint(two.port, Expectation(200, b"other"), name="two"),
            connections=3,
            seconds=0.03,
            turns=8,
        )
        reports = carry_out(work)
        assert [report.order for report in reports] == list(work.turns)
        assert all(report.ledger.ok > 0 and not report.ledger.errors for report in reports)
        assert [report.connects for report in reports] == [3, 3, 0, 0, 0, 0, 0, 0]
        assert (one.visits, two.visits) == (3, 3)
        assert sum(report.ledger.ok for report in reports) == one.requests + two.requests


def test_with_drain_the_last_answers_count_and_the_turn_lasts_until_they_are_in() -> None:
    with LyingServer(late(answer(), 0.15)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.05, connections=3))
    assert report.ledger.ok == report.ledger.sent == 3
    assert report.elapsed_s >= 0.15


def test_without_drain_what_is_unanswered_stays_in_flight_and_the_window_is_the_planned_one() -> None:
    with LyingServer(late(answer(), 0.15)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.05, connections=3, drain=False))
    assert report.ledger.ok == 0
    assert report.ledger.in_flight == report.ledger.sent == 3
    assert report.elapsed_s == 0.05


def test_a_server_that_hangs_in_the_middle_of_the_run_leaves_requests_in_flight() -> None:
    with LyingServer(stalling(answer(), 0.1, 1)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.3, connections=4, drain=False, timeout_s=5))
        assert report.ledger.ok > 0
        assert report.ledger.in_flight == 4
        assert report.elapsed_s == 0.3


def test_a_hang_while_the_last_answers_are_due_ends_at_the_deadline() -> None:
    with LyingServer(hang) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.02, connections=2, timeout_s=0.2))
    assert report.ledger.errors == {"timeout": 2}
    assert 0.2 <= report.elapsed_s < 2


def test_a_server_that_dies_and_comes_back_is_seen_dead_and_used_again() -> None:
    port = free_port()
    server = LyingServer(always(answer()))
    with server:
        dead = endpoint(port)
        reports = carry_out(block(endpoint(server.port), dead, seconds=0.04, turns=4))
    assert [report.ledger.ok > 0 for report in reports] == [True, False, True, False]
    assert only_errors(reports[3]) == {ErrorKind.CONNECT}


def test_a_server_that_dies_in_a_turn_leaves_errors_of_connections() -> None:
    once = threading.Lock()

    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(answer())
            # Several connections may pass the mark together, and whichever looks first may see a higher count.
            if visit.server.requests >= 20 and once.acquire(blocking=False):
                threading.Thread(target=visit.server.stop).start()

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.4))
    assert report.ledger.ok > 0
    assert ErrorKind.CONNECT in only_errors(report) <= {ErrorKind.CONNECT, ErrorKind.CLOSED, ErrorKind.RESET}


def test_connections_that_never_served_are_not_left_to_block_the_server() -> None:
    """A server of one thread would wait for the first bytes of an idle connection, and serve nobody."""
    with LyingServer(once_then_close(answer(headers="connection: close\r\n"))) as server:
        carry_out(block(endpoint(server.port), seconds=0.05, turns=2))
        time.sleep(0.1)
        assert not server._open


def test_the_target_s_cpu_is_read_over_its_processes_and_unknown_when_one_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sgibench.runner.load.processor.cpu_wait_ns", lambda: 0)
    with LyingServer(always(answer())) as server:
        plain = endpoint(server.port)
        ours = Endpoint("x", plain.host, plain.port, plain.request, plain.expect, pids=(os.getpid(),))
        gone = Endpoint("x", plain.host, plain.port, plain.request, plain.expect, pids=(os.getpid(), 2**22 + 1))
        reports = carry_out(block(ours, gone, plain, seconds=0.1, turns=3))
    # The server is a thread of this process, so its CPU time holds the load's too.
    assert reports[0].target_cpu_s is not None
    assert reports[0].target_cpu_s >= reports[0].load_cpu_s * 0.9 > 0
    assert reports[1].target_cpu_s is None
    assert reports[2].target_cpu_s is None


def test_waiting_for_the_core_counts_as_cpu_time_of_the_load_process(monkeypatch: pytest.MonkeyPatch) -> None:
    waits_ns = iter([3 * 10**9, 10 * 10**9])
    monkeypatch.setattr("sgibench.runner.load.processor.cpu_wait_ns", lambda: next(waits_ns))
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port)))
    assert report.load_wait_s == 7
    assert 7 < report.load_cpu_s < 8


def test_the_wait_for_a_core_is_this_thread_s_and_0_where_the_kernel_does_not_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before_ns = cpu_wait_ns()
    assert cpu_wait_ns() >= before_ns >= 0
    monkeypatch.setattr(Path, "read_text", lambda path: "5 17 2\n")
    assert cpu_wait_ns() == 17

    def not_there(path: Path) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", not_there)
    assert cpu_wait_ns() == 0


def test_every_turn_is_announced_when_it_begins() -> None:
    seen: list[TurnOrder] = []
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port), seconds=0.05, turns=2)
        uvloop.run(Engine(work, seen.append).run())
    assert seen == list(work.turns)


def test_memory_is_bounded_in_a_turn_with_many_answers() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=1.2, connections=8))
    check_books(report)


def test_a_fault_in_the_engine_ends_the_block_instead_of_spoiling_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(connection: Connection, data: bytes, now: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Connection, "_answered", broken)
    with LyingServer(always(answer(b"x"))) as server, pytest.raises(LoadError, match="load engine failed"):
        carry_out(block(endpoint(server.port)))


def test_a_request_leaves_when_it_is_dated_and_not_when_the_loop_comes_round() -> None:
    """A write that waits for the end of the loop's iteration would put the load side's own work into service times."""
    arrived = threading.Event()

    def behave(visit: Visit) -> None:
        while visit.request():
            arrived.set()
            visit.send(answer())

    class Watched(ClosedTurn):
        def begin(self) -> None:
            super().begin()
            assert arrived.wait(5), "nothing was sent while the loop was held up"

    async def one_turn(port: int) -> None:
        pool = Pool(endpoint(port), 1, asyncio.get_running_loop())
        turn = Watched(Rules(TurnOrder(0, 0.05, 0, 0), 2.0, drain=True), pool)
        await turn.prepare()
        await turn.run()
        pool.close()

    with LyingServer(behave) as server:
        uvloop.run(one_turn(server.port))
        assert arrived.is_set()


def test_a_body_over_the_limit_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgibench.runner.load.connection.BODY_LIMIT_BYTES", 500_000)
    for whole in (answer(b"x" * 700_000), b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 700_000):
        with LyingServer(always(whole)) as server:
            (report,) = carry_out(block(endpoint(server.port, Expectation())))
        assert only_errors(report) == {ErrorKind.MALFORMED}


def test_a_large_request_is_sent_whole() -> None:
    body = b"x" * 3_000_000 + b"\r\n\r\n"
    with LyingServer(always(answer())) as server:
        plain = endpoint(server.port)
        large = replace(plain, request=b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3000004\r\n" + body[4:])
        (report,) = carry_out(block(large, seconds=0.2))
    assert report.ledger.ok == server.requests > 0


def test_connections_turn_off_nagle_s_delay() -> None:
    seen: list[int] = []

    def look(work: Connection, now_ns: int) -> None:
        socket_ = work.transport.get_extra_info("socket")
        seen.append(socket_.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        original(work, now_ns)

    original = Connection.send
    with LyingServer(always(answer())) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "send", look)
        carry_out(block(endpoint(server.port), seconds=0.02))
    assert seen
    assert all(seen)


@pytest.mark.parametrize("of", [1, 2, 3])
def test_shares_of_the_load_add_up_to_the_whole(of: int) -> None:
    shares = [Share(index, of).arrival(Arrival(7, 100.0)) for index in range(of)]
    assert sum(share.connections for share in shares) == 7
    assert sum(share.rate_rps for share in shares) == pytest.approx(100.0)


def test_fewer_connections_than_processes_cannot_be_shared() -> None:
    with pytest.raises(LoadError, match="cannot be shared"):
        Share(2, 3).arrival(Arrival(2))


def test_the_expected_body_is_compared_even_when_a_text_is_asked_for_as_well() -> None:
    both = Expectation(200, HELLO, contains=b"hell")
    with LyingServer(always(answer())) as server:
        assert carry_out(block(endpoint(server.port, both)))[0].ledger.ok > 0
    with LyingServer(always(answer(b"hella"))) as server:
        assert only_errors(carry_out(block(endpoint(server.port, both)))[0]) == {ErrorKind.BODY}
    assert HELLO_RIGHT.contains is None


@pytest.mark.parametrize("rate_rps", [0.0, 20.0])
def test_an_answer_after_its_deadline_is_late_even_if_nobody_was_there_to_see_the_deadline_pass(
    rate_rps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the load process could not run for a while: the answers are read before the clock is looked at."""
    swept: set[Watch] = set()
    sweep = Watch.sweep

    def only_once(watch: Watch) -> None:
        if watch not in swept:
            swept.add(watch)
            sweep(watch)

    monkeypatch.setattr(Watch, "sweep", only_once)
    with LyingServer(late(answer(), 0.15)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.3, timeout_s=0.1, rate_rps=rate_rps))
    assert report.ledger.ok == 0
    assert only_errors(report) == {ErrorKind.TIMEOUT}
    assert "deadline" in report.first_error


def test_answers_in_time_stay_right_however_near_a_deadline_of_others_is() -> None:
    """Every other answer takes nearly the deadline."""

    def behave(visit: Visit) -> None:
        while visit.request():
            if visit.number % 2:
                time.sleep(0.3)
            visit.send(answer())

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.8, timeout_s=0.5, connections=4))
    assert report.ledger.errors == {}
    assert report.ledger.ok > 100
