"""The open loop: requests are due at planned instants, come what may, and each is accounted for."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.open_loop import planned_instants
from sgibench.runner.load.orders import TurnOrder
from sgibench.runner.load.rules import Rules

from .load_cases import block, carry_out, endpoint, free_port, only_errors
from .lying_server import LyingServer, Visit, always, answer, hang, late, once_then_close, stalling


def rules(rate_rps: float, seconds: float, *, poisson: bool = False, seed: int = 1, phase_s: float = 0.0) -> Rules:
    return Rules(TurnOrder(0, seconds, 0, 0), 1.0, True, rate_rps, poisson, seed, phase_s)


def test_every_planned_request_is_sent_and_answered_when_the_server_keeps_up() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.5, rate_rps=200, connections=50))
        assert server.requests == 100
    assert report.ledger.scheduled == report.ledger.sent == report.ledger.ok == 100
    assert report.schedule_lag is not None
    assert report.schedule_lag.count == 100
    assert report.elapsed_s == 0.5


def test_answers_in_the_drain_count_over_the_planned_window() -> None:
    with LyingServer(late(answer(), 0.2)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.3, rate_rps=100, connections=50))
    assert report.ledger.ok == report.ledger.scheduled == 30
    assert report.elapsed_s == 0.3


def test_what_finds_no_free_connection_is_dropped_and_counted() -> None:
    with LyingServer(late(answer(), 0.2)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.5, rate_rps=100, connections=2))
    assert report.ledger.scheduled == 50
    assert report.ledger.dropped >= 40
    assert report.ledger.ok == report.ledger.sent == 50 - report.ledger.dropped


def test_nothing_is_answered_by_a_server_that_hangs_and_the_plan_goes_on() -> None:
    with LyingServer(hang) as server:
        work = block(endpoint(server.port), seconds=0.3, rate_rps=100, connections=3, drain=False, timeout_s=5)
        (report,) = carry_out(work)
    assert report.ledger.scheduled == 30
    assert report.ledger.in_flight == 3
    assert report.ledger.dropped == 27


def test_deadlines_free_the_connections_of_a_server_that_hangs() -> None:
    with LyingServer(hang) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.6, rate_rps=50, connections=2, timeout_s=0.1))
    assert only_errors(report) == {ErrorKind.TIMEOUT}
    assert report.ledger.error_count == report.ledger.sent > 2


def test_a_stall_shows_in_the_response_time_of_all_that_were_due_in_it() -> None:
    """With connections enough, requests due in a stall are sent and wait; a closed loop would not have sent them."""
    with LyingServer(stalling(answer(), 0.2, 0.3)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.8, rate_rps=200, connections=150))
    assert report.ledger.ok == report.ledger.scheduled == 160
    assert report.response_time is not None
    # 60 of 160 fell into the stall, and waited for 150 ms on average.
    assert report.response_time.percentile_us(80) > 50_000
    assert report.response_time.percentile_us(20) < 50_000


def test_response_time_counts_from_the_plan_and_service_time_from_the_send() -> None:
    """The server closes each connection, and is slow to take the next: requests wait for theirs."""
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.3, rate_rps=300, connections=20))
    assert report.response_time is not None
    assert report.schedule_lag is not None
    assert report.response_time.percentile_us(50) >= report.service_time.percentile_us(50)
    assert report.response_time.max_us >= report.schedule_lag.min_us + report.service_time.min_us


def test_a_refused_connection_makes_every_planned_request_an_error_and_none_a_drop() -> None:
    (report,) = carry_out(block(endpoint(free_port()), seconds=0.3, rate_rps=100, connections=5))
    assert report.ledger.errors == {"connect": 30}
    assert report.ledger.scheduled == 30
    assert report.schedule_lag is not None
    assert report.schedule_lag.count == 30, "what is due is given to a connection in time, whatever becomes of it"


def test_a_server_that_closes_each_connection_is_served_over_new_ones() -> None:
    with LyingServer(once_then_close(answer(headers="connection: close\r\n"))) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.5, rate_rps=100, connections=20))
        assert server.requests == 50
    assert report.ledger.ok == 50


def test_a_connection_that_is_closed_while_idle_is_reopened() -> None:
    def behave(visit: Visit) -> None:
        if visit.request():
            visit.send(answer())  # and close, without having said so

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.5, rate_rps=20, connections=2))
    assert report.ledger.errors == {}
    assert report.ledger.ok > 2
    assert report.reopened > 0


def test_a_server_that_takes_connections_and_drops_them_is_not_hammered() -> None:
    def behave(visit: Visit) -> None:
        return

    with LyingServer(behave) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.3, rate_rps=50, connections=2))
        assert server.visits < 40
    assert report.ledger.ok == 0
    assert report.ledger.error_count + report.ledger.dropped == 15


def test_without_drain_the_last_requests_stay_in_flight() -> None:
    with LyingServer(late(answer(), 0.1)) as server:
        work = block(endpoint(server.port), seconds=0.3, rate_rps=100, connections=50, drain=False)
        (report,) = carry_out(work)
    assert report.ledger.in_flight > 0
    assert report.ledger.ok + report.ledger.in_flight == 30
    assert report.elapsed_s == 0.3


def test_several_turns_use_the_same_connections() -> None:
    with LyingServer(always(answer())) as server:
        reports = carry_out(block(endpoint(server.port), seconds=0.2, rate_rps=50, connections=4, turns=3))
        assert server.visits == 4
    assert [report.ledger.scheduled for report in reports] == [10, 10, 10]


@given(rate=st.floats(0.5, 5000), seconds=st.floats(0.01, 2))
def test_the_constant_plan_is_even_and_fills_the_window(rate: float, seconds: float) -> None:
    instants = list(planned_instants(rules(rate, seconds)))
    assert instants[0] == 0
    assert instants[-1] < seconds * 1e9
    assert abs(len(instants) - rate * seconds) <= 1
    assert all(abs(b - a - 1e9 / rate) <= 1 for a, b in pairwise(instants))


def test_phases_interleave_the_plans_of_several_processes() -> None:
    parts = [planned_instants(rules(100, 0.1, phase_s=index / 200)) for index in range(2)]
    together = sorted(instant for part in parts for instant in part)
    assert together == list(planned_instants(rules(200, 0.1)))


@given(seed=st.integers(0, 2**31))
def test_the_poisson_plan_depends_on_its_seed_alone_and_has_the_rate(seed: int) -> None:
    instants = list(planned_instants(rules(2000, 1, poisson=True, seed=seed)))
    assert instants == list(planned_instants(rules(2000, 1, poisson=True, seed=seed)))
    assert instants == sorted(instants)
    assert abs(len(instants) - 2000) < 8 * math.sqrt(2000)


def test_poisson_arrivals_are_carried_out_as_planned() -> None:
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port), seconds=0.5, rate_rps=200, connections=80, poisson=True)
        (report,) = carry_out(work)
    seed = hash((work.seed, 0, 0))
    assert report.ledger.scheduled == len(list(planned_instants(rules(200, 0.5, poisson=True, seed=seed))))
    assert report.ledger.ok == pytest.approx(report.ledger.scheduled, abs=2)
