"""Seconds of a turn add up to its ledger, whatever is corrected later and however many processes saw it."""

import time
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load import intervals as seconds
from sgibench.runner.load.intervals import Intervals
from sgibench.runner.load.merge import merge_turns
from sgibench.runner.load.orders import Interval, TurnReport

from .load_cases import block, carry_out, endpoint, only_errors
from .lying_server import LyingServer, Visit, always, answer, late, stalling

STEPS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 5)), max_size=20)


def check_sums(report: TurnReport) -> None:
    parts, ledger = report.intervals, report.ledger
    assert sum(part.sent for part in parts) == ledger.sent
    assert sum(part.ok for part in parts) == ledger.ok
    assert sum(part.errors for part in parts) == ledger.error_count
    assert all(min(part.sent, part.ok, part.errors) >= 0 for part in parts)
    assert all(earlier.until_s < later.until_s for earlier, later in pairwise(parts))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Intervals of a tenth of a second, in turns of any length."""
    monkeypatch.setattr(seconds, "INTERVAL_NS", 100_000_000)
    monkeypatch.setattr(seconds, "INTERVALS_FROM_S", 0.0)
    monkeypatch.setattr(seconds, "SHORTEST_S", 0.05)


@given(STEPS)
def test_whatever_is_taken_back_sums_hold_and_nothing_is_negative(steps: list[tuple[int, int, int, int]]) -> None:
    intervals = Intervals()
    sent = ok = errors = 0
    for at, (more_sent, more_ok, more_errors, back) in enumerate(steps):
        taken_back = min(back, ok)
        sent, ok, errors = sent + more_sent, ok + more_ok - taken_back, errors + more_errors + taken_back
        intervals.close(at + 1.0, sent, ok, errors)
    intervals.finish(len(steps) + 0.3, sent, ok, errors)
    parts = intervals.closed
    assert len(parts) == len(steps), "the short rest belongs to the last one"
    if not parts:
        return
    assert (sum(part.sent for part in parts), sum(part.ok for part in parts)) == (sent, ok)
    assert sum(part.errors for part in parts) == errors
    assert all(part.ok >= 0 for part in parts)
    assert parts[-1].until_s == len(steps) + 0.3


def test_what_is_left_at_the_end_is_an_interval_of_its_own_when_it_is_long() -> None:
    intervals = Intervals()
    intervals.close(1.0, 10, 9, 0)
    intervals.finish(1.7, 15, 14, 1)
    assert intervals.closed == [Interval(1.0, 10, 9, 0), Interval(1.7, 5, 5, 1)]


def test_a_turn_that_was_too_short_for_any_has_none() -> None:
    intervals = Intervals()
    intervals.finish(0.7, 15, 14, 1)
    assert intervals.closed == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("drain", [True, False])
@pytest.mark.parametrize("rate_rps", [0.0, 200.0])
def test_intervals_of_a_turn_add_up_to_its_ledger(rate_rps: float, drain: bool) -> None:
    with LyingServer(late(answer(), 0.003)) as server:
        work = block(endpoint(server.port), seconds=0.45, connections=4, rate_rps=rate_rps, drain=drain)
        (report,) = carry_out(work)
    check_sums(report)
    assert 3 <= len(report.intervals) <= 5
    assert report.intervals[-1].until_s == pytest.approx(report.elapsed_s)


@pytest.mark.usefixtures("quick")
def test_intervals_add_up_over_errors_and_stalls() -> None:
    wrong = answer(status="503 Busy")

    def behave(visit: Visit) -> None:
        while visit.request():
            visit.send(wrong if visit.server.requests % 3 == 0 else answer())

    for server in (LyingServer(behave), LyingServer(stalling(answer(), 0.1, 0.25))):
        with server:
            (report,) = carry_out(block(endpoint(server.port), seconds=0.5, connections=4, drain=False))
        check_sums(report)


@pytest.mark.usefixtures("quick")
def test_an_answer_that_is_taken_back_in_a_later_interval_keeps_the_sums() -> None:
    """Its surplus comes a quarter of a second behind it, when its own interval is over: it was never right."""

    def behave(visit: Visit) -> None:
        if visit.request():
            visit.send(answer())
            time.sleep(0.25)
            visit.send(b"surplus")
            visit.linger()

    with LyingServer(behave) as server:
        work = block(endpoint(server.port), seconds=0.6, rate_rps=8.0, connections=8, drain=False)
        (report,) = carry_out(work)
    assert only_errors(report) == {ErrorKind.SURPLUS}
    check_sums(report)


def test_a_short_turn_has_no_intervals() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.1))
    assert report.intervals == ()


def test_parts_with_more_and_fewer_intervals_add_up() -> None:
    with LyingServer(always(answer())) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.05))
    parts = [Interval(1.0, 5, 4, 1), Interval(2.1, 3, 3, 0)], [Interval(1.1, 7, 7, 0)]
    merged = merge_turns([with_intervals(report, each) for each in parts]).intervals
    assert merged == (Interval(1.1, 12, 11, 1), Interval(2.1, 3, 3, 0))


def with_intervals(report: TurnReport, intervals: list[Interval]) -> TurnReport:
    return replace(report, intervals=tuple(intervals))
