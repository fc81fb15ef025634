"""Kept-alive connections that the server closes while idle: no error, and no way to have an error forgiven."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
import uvloop

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load import turn as turns
from sgibench.runner.load.closed_loop import ClosedTurn
from sgibench.runner.load.open_loop import OpenTurn
from sgibench.runner.load.orders import TurnOrder, TurnReport
from sgibench.runner.load.pool import Pool
from sgibench.runner.load.rules import Rules
from sgibench.runner.load.turn import Turn

from .load_cases import Before, block, carry_out, endpoint, only_errors
from .lying_server import LyingServer, Visit, always, answer


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine even an end that is there at once is seen late."""
    monkeypatch.setattr(turns, "RESEND_WITHIN_NS", 10**9)


def test_a_connection_that_was_closed_while_idle_is_reopened_without_an_error() -> None:
    with LyingServer(always(answer())) as busy, LyingServer(always(answer())) as idle:
        orders = block(endpoint(idle.port), endpoint(busy.port), seconds=0.05, connections=3, turns=3)
        # Closed in the other's turn: seen before its own next turn begins.
        reports = carry_out(orders, Before(1, idle.close_idle))
    assert [report.ledger.errors for report in reports] == [{}, {}, {}]
    assert reports[2].reopened == reports[2].connects == 3


@pytest.mark.usefixtures("unhurried")
def test_a_close_that_crosses_the_first_request_of_a_turn_is_no_error_either() -> None:
    """The server closes as soon as the second turn's first request comes, as one whose timer has just fired."""
    pause_over = threading.Event()

    def behave(visit: Visit) -> None:
        old = visit.number <= 2
        while visit.request():
            if old and pause_over.is_set():
                return
            visit.send(answer())

    with LyingServer(behave) as server, LyingServer(always(answer())) as other:
        orders = block(endpoint(server.port), endpoint(other.port), seconds=0.05, connections=2, turns=3)
        reports = carry_out(orders, Before(2, pause_over.set))
        assert reports[2].ledger.errors == {}
        assert reports[2].reopened == 2
        assert sum(reports[at].ledger.ok for at in (0, 2)) + 2 == server.requests


@pytest.mark.usefixtures("unhurried")
def test_a_request_is_sent_again_once_and_not_more_often() -> None:
    pause_over = threading.Event()

    def behave(visit: Visit) -> None:
        while visit.request():
            if pause_over.is_set():
                return
            visit.send(answer())

    with LyingServer(behave) as server, LyingServer(always(answer())) as other:
        orders = block(endpoint(server.port), endpoint(other.port), seconds=0.05, connections=1, turns=3)
        report = carry_out(orders, Before(2, pause_over.set))[2]
    assert report.ledger.ok == 0
    assert only_errors(report) <= {ErrorKind.CLOSED, ErrorKind.RESET}
    assert report.reopened == 1


def after_a_pause(
    old: Callable[[Visit], None], *, method: str = "GET", connections: int = 2, rate_rps: float = 0.0
) -> tuple[TurnReport, int]:
    """A turn that right answers precede. Then `old` is what the connections kept from before do with a request; the
    turn's report, and how many requests came in it."""
    pause_over = threading.Event()
    counted: list[int] = []

    def behave(visit: Visit) -> None:
        kept = visit.number <= connections
        while visit.request():
            if kept and pause_over.is_set():
                old(visit)
                return
            visit.send(answer())

    def end_pause() -> None:
        counted.append(server.requests)
        pause_over.set()

    with LyingServer(behave) as server:
        here = endpoint(server.port, method=method)
        work = block(here, seconds=0.1, connections=connections, turns=2, rate_rps=rate_rps)
        report = carry_out(work, Before(1, end_pause))[1]
        return report, server.requests - counted[0]


def test_a_server_that_holds_the_first_request_and_closes_is_not_forgiven() -> None:
    report, came = after_a_pause(lambda visit: time.sleep(0.2))
    assert report.ledger.errors == {"closed": 2}
    assert report.reopened == 0
    assert came == report.ledger.sent


@pytest.mark.usefixtures("unhurried")
def test_a_post_is_never_sent_twice() -> None:
    report, came = after_a_pause(lambda visit: None, method="POST")
    assert report.ledger.errors == {"closed": 2}
    assert report.reopened == 0
    assert came == report.ledger.sent


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("rate_rps", [0.0, 50.0])
def test_the_clock_of_a_request_that_is_sent_again_runs_on(rate_rps: float) -> None:
    report, came = after_a_pause(lambda visit: time.sleep(0.15), rate_rps=rate_rps)
    assert report.ledger.errors == {}
    assert report.reopened == 2
    assert came == report.ledger.sent + 2
    assert report.service_time.max_us >= 150_000
    if report.schedule_lag is not None:
        assert report.schedule_lag.count == report.ledger.sent


@pytest.mark.usefixtures("unhurried")
def test_a_request_that_is_sent_again_has_no_later_deadline() -> None:
    """Each connection is held for less than the deadline, both together for more."""
    pause_over = threading.Event()

    def behave(visit: Visit) -> None:
        while visit.request():
            if pause_over.is_set():
                time.sleep(0.2)
                if visit.number == 1:
                    return
            visit.send(answer())

    with LyingServer(behave) as server:
        work = block(endpoint(server.port), seconds=0.05, connections=1, turns=2, timeout_s=0.3)
        report = carry_out(work, Before(1, pause_over.set))[1]
    assert report.ledger.errors == {"timeout": 1}
    assert report.reopened == 1
    assert report.error_time.min_us >= 300_000


def say_goodbye(server: LyingServer) -> None:
    """As the 408 with which some servers announce that they close an idle connection."""
    server.say(answer(status="408 Request Timeout"))


@pytest.mark.parametrize("end", [LyingServer.close_idle, say_goodbye])
@pytest.mark.parametrize("kind", [ClosedTurn, OpenTurn])
def test_connections_that_end_between_prepare_and_the_start_are_reopened(
    kind: type[Turn], end: Callable[[LyingServer], None]
) -> None:
    """As while waiting for the gate."""

    async def work(server: LyingServer) -> Turn:
        pool = Pool(endpoint(server.port), 3, asyncio.get_running_loop())
        rules = Rules(TurnOrder(0, 0.2, 0, 0), 2.0, drain=True, rate_rps=100.0)
        first = kind(rules, pool)
        await first.prepare()
        await first.run()
        second = kind(rules, pool)
        await second.prepare()
        end(server)
        while any(lane.connection is not None for lane in pool.lanes):  # noqa: ASYNC110 - told by no event
            await asyncio.sleep(0.001)
        await second.run()
        pool.close()
        return second

    with LyingServer(always(answer())) as server:
        second = uvloop.run(work(server))
    ledger = second.ledger()
    assert ledger.balanced
    assert ledger.errors == {}
    assert ledger.ok > 2
    assert second.tally.reopened == second.tally.connects == 3
