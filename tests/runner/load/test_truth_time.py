"""Servers that are slow in ways that averages hide, and clocks that lie: times are those of a sum done by hand."""

import ast
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path

import pytest

from sgibench.results.histogram import Histogram
from sgibench.results.records import ProblemCode
from sgibench.runner import load
from sgibench.runner.load import intervals
from sgibench.runner.load.orders import TurnReport

from .load_cases import as_bench_load, block, carry_out, check_server_s_count, codes, endpoint, told_of
from .lying_server import LyingServer, Visit, always, answer, right_then_silent, stalling
from .timed_server import TimedServer, leaking, slow_now_and_then, stalling_each_period, working

STALLS = (2.0, 0.8, 1.2)  # of every two seconds, this part


def test_periodic_stalls_show_in_the_response_time_as_long_as_they_are() -> None:
    """A fifth of all requests falls into a stall of 400 ms and waits for its end: evenly, from 400 ms down to none.

    So one in a hundred waits for more than 19/20 of 400 ms.
    """
    with TimedServer(stalling_each_period, *STALLS) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=2.0, connections=300, rate_rps=500)
    check_server_s_count(outcome, server.requests)
    turn = outcome.turn
    assert turn.ledger.scheduled == turn.ledger.ok + turn.ledger.in_flight == 1000
    assert turn.response_time is not None
    assert turn.response_time.percentile_us(99) == pytest.approx(380_000, rel=0.05)
    assert turn.response_time.max_us >= 395_000
    assert turn.response_time.percentile_us(75) < 100_000
    assert codes(outcome) <= {ProblemCode.GENERATOR_LIMITED}  # which a busy machine may make it


def test_a_closed_loop_sees_little_of_the_same_stalls_but_no_less_than_they_were() -> None:
    """Two connections wait once in a stall, among thousands of answers: that is why there is an open loop."""
    with TimedServer(stalling_each_period, 1.0, 0.2, 0.5) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.7)
    check_server_s_count(outcome, server.requests)
    times = outcome.turn.service_time
    assert times.max_us >= 295_000
    assert times.percentile_us(99) < 100_000
    assert times.count > 400


@pytest.mark.parametrize("rate_rps", [0.0, 200.0], ids=["closed", "open"])
def test_a_server_that_hangs_until_the_end_gives_no_valid_figures(rate_rps: float) -> None:
    outcome = told_of(right_then_silent(answer(), 0.1), seconds=0.4, connections=4, rate_rps=rate_rps, timeout_s=5)
    turn = outcome.turn
    assert turn.ledger.ok > 0
    assert turn.ledger.in_flight == 4
    assert turn.ledger.errors == {}
    assert 0.2 < turn.waiting_s < 0.4
    assert outcome.throughput_rps == turn.ledger.ok / 0.4
    assert not outcome.valid
    assert ProblemCode.STALLED in codes(outcome)


@pytest.mark.parametrize(("rate_rps", "connections"), [(0.0, 4), (100.0, 40)], ids=["closed", "open"])
def test_a_stall_of_the_last_requests_is_not_passed_over(rate_rps: float, connections: int) -> None:
    """It begins in the window and ends behind it. Its answers are not there to have a latency: that has to be said."""
    behaviour = stalling(answer(), 0.2, 0.3)
    outcome = told_of(behaviour, seconds=0.4, connections=connections, rate_rps=rate_rps, timeout_s=5)
    turn = outcome.turn
    assert turn.ledger.ok > 0
    assert turn.ledger.in_flight >= 4
    assert 0.15 < turn.waiting_s < 0.25
    said = outcome.to_dict()
    # No figure may say less than the truth, which is at least as long as the wait so far: rather none.
    for table in (said["service_time_ms"], said["response_time_ms"] or {}):
        assert table.get("max") is None or table["max"] >= 150
    assert said["service_time_at_least_ms"].get("max", 1000) >= 150
    assert ProblemCode.STALLED in codes(outcome)


def test_with_drain_the_last_answers_show_how_long_they_were_waited_for() -> None:
    with LyingServer(stalling(answer(), 0.1, 0.3)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.2))
    assert report.service_time.max_us >= 250_000
    assert report.elapsed_s >= 0.35


def test_a_server_that_slows_down_shows_in_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request takes 2 µs longer than the last: with n of them, n² µs. So 550 in the first 0.3 s, and 230 in the
    next."""
    monkeypatch.setattr(intervals, "INTERVAL_NS", 300_000_000)
    monkeypatch.setattr(intervals, "INTERVALS_FROM_S", 0.6)
    monkeypatch.setattr(intervals, "SHORTEST_S", 0.15)
    with TimedServer(leaking, 2e-6) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.6, connections=1)
    check_server_s_count(outcome, server.requests)
    turn = outcome.turn
    parts = turn.intervals
    assert sum(part.ok for part in parts) == turn.ledger.ok
    assert sum(part.sent for part in parts) == turn.ledger.sent
    assert sum(part.errors for part in parts) == turn.ledger.error_count
    assert parts[0].until_s == pytest.approx(0.3, abs=0.1)
    first_rps = parts[0].ok / parts[0].until_s
    rest_rps = (turn.ledger.ok - parts[0].ok) / (0.6 - parts[0].until_s)
    assert rest_rps < 0.7 * first_rps


def test_one_slow_answer_in_a_hundred_shows_in_the_percentiles_beyond_it_and_in_no_other() -> None:
    with TimedServer(slow_now_and_then, 1e-4, 100, 1e-2) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.5, connections=1)
    check_server_s_count(outcome, server.requests)
    times = outcome.turn.service_time
    assert times.count > 400
    assert times.min_us >= 100
    assert times.percentile_us(99.5) >= 10_000
    assert times.percentile_us(95) < 10_000
    slow = Histogram({bucket: count for bucket, count in times.counts.items() if bucket in slow_buckets(times)})
    assert slow.count >= times.count // 100


def slow_buckets(times: Histogram) -> set[int]:
    return {bucket for bucket in times.counts if Histogram({bucket: 1}).max_us >= 10_000}


def test_200_microseconds_and_400_are_told_apart() -> None:
    with TimedServer(working, 2e-4) as fast, TimedServer(working, 4e-4) as slow:
        endpoints = (endpoint(fast.port, name="fast"), endpoint(slow.port, name="slow"))
        reports = carry_out(block(*endpoints, seconds=0.05, connections=1, turns=10))
    halves = [medians(reports, at) for at in (0, 1)]
    assert fast.requests == sum(report.ledger.ok for report in reports[::2])
    assert slow.requests == sum(report.ledger.ok for report in reports[1::2])
    # Neither can be less than the work; nor can a median of the faster be as much as the slower's.
    assert 200 <= halves[0] < halves[1]
    assert halves[1] >= 400


def medians(reports: tuple[TurnReport, ...], at: int) -> int:
    """The median over all turns of one of two endpoints, in microseconds."""
    return Histogram.total(report.service_time for report in reports[at::2]).percentile_us(50)


def test_a_wall_clock_that_is_set_in_the_middle_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    offset_s = [0.0]
    real, real_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: real() + offset_s[0])
    monkeypatch.setattr(time, "time_ns", lambda: real_ns() + round(offset_s[0] * 1e9))
    steps = cycle([3600.0, -86400.0, 0.5])

    def behave(visit: Visit) -> None:
        while visit.request():
            if visit.number % 2 and visit.server.requests > 20:
                offset_s[0] = next(steps)
            visit.send(answer())

    for rate_rps in (0.0, 300.0):
        begun_s = time.monotonic()
        outcome = told_of(behave, seconds=0.2, rate_rps=rate_rps, connections=20)
        took_s = time.monotonic() - begun_s
        assert outcome.turn.ledger.ok > 30
        assert outcome.turn.ledger.errors == {}
        assert outcome.turn.elapsed_s == 0.2 <= took_s < 10
        assert outcome.turn.service_time.max_us < took_s * 1e6
        assert outcome.turn.waiting_s < took_s
        assert offset_s[0] != 0, "the clock was never set"


# Locust dates its statistics; a ceiling that was measured long ago is measured again. No load has such a clock.
DATED = {"locust_stats.py", "ceilings.py"}
WALL_CLOCKS = {"time", "time_ns", "localtime", "gmtime", "ctime", "strftime", "now", "utcnow", "today"}


def test_only_what_is_dated_for_people_knows_the_wall_clock() -> None:
    folder = Path(str(load.__file__)).parent
    users = {path.name for path in folder.glob("*.py") if set(clocks_in(path)) & WALL_CLOCKS}
    assert users == DATED


def clocks_in(path: Path) -> Iterator[str]:
    """Whatever a module takes from `time` or `datetime`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("time", "datetime", "date"):
            yield node.attr


def test_a_right_answer_is_never_faster_than_the_server_was() -> None:
    """Service time is from the send that it answers, also when answers come in bursts."""

    def behave(visit: Visit) -> None:
        while visit.request():
            time.sleep(0.01)
            visit.send(answer())

    for rate_rps in (0.0, 100.0):
        outcome = told_of(behave, seconds=0.2, rate_rps=rate_rps, connections=8)
        assert outcome.turn.service_time.min_us >= 10_000 * (1 - 2**-10)


def test_nothing_is_lost_between_a_server_s_count_and_ours() -> None:
    """Every request that it got was sent, and every answer that it gave was seen."""
    with LyingServer(always(answer())) as server:
        reports = carry_out(block(endpoint(server.port), seconds=0.05, connections=8, turns=4))
    assert sum(report.ledger.ok for report in reports) == server.requests
