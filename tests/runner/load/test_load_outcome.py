"""What ``bench load`` concludes from its one turn, and whether it says that it can be believed."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import ProblemCode, Severity
from sgibench.runner.load.orders import Arrival, BlockReport, Interval, TurnOrder, TurnReport
from sgibench.runner.load.outcome import LoadOutcome, judge_load


def turn(
    ledger: Ledger,
    *,
    load_cpu_s: float = 0.1,
    times_us: int = 1000,
    lag_us: int | None = None,
    waits_us: Sequence[int] = (),
) -> TurnReport:
    """A turn of a second. `waits_us`: how long its requests in flight had been waiting."""
    times = Histogram.of_us([times_us] * ledger.ok)
    lag = None if lag_us is None else Histogram.of_us([lag_us] * ledger.sent)
    response = None if lag_us is None else times
    order = TurnOrder(0, 1.0, 0, 0)
    so_far = Histogram.of_us(waits_us)
    return TurnReport(
        order, 0, 1.0, ledger, times, response, lag, Histogram({}), None, load_cpu_s, 1, 0,
        waiting_s=max(waits_us, default=0) / 1e6,
        service_so_far=so_far,
        response_so_far=None if lag_us is None else so_far,
    )  # fmt: skip


def codes(seen: TurnReport, arrival: Arrival, *, valid: bool) -> list[ProblemCode]:
    ledger = seen.ledger
    report = BlockReport(1, (seen,), ledger.ok + ledger.error_count, ledger.error_count)
    outcome = judge_load("http://x/", arrival, 1, 1.0, report)
    assert outcome.valid is valid
    return [problem.code for problem in outcome.problems]


def test_a_sound_result_has_no_problem() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 1000)), Arrival(8), valid=True) == []


def test_few_errors_are_a_warning_and_more_make_the_result_invalid() -> None:
    few, many = Ledger(2000, 2000, 0, 1999, 0, {"reset": 1}), Ledger(2000, 2000, 0, 1990, 0, {"reset": 10})
    assert codes(turn(few), Arrival(8), valid=True) == [ProblemCode.ERRORS]
    assert codes(turn(many), Arrival(8), valid=False) == [ProblemCode.ERRORS]


def test_a_ledger_that_does_not_balance_is_invalid() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 999)), Arrival(8), valid=False) == [ProblemCode.LEDGER_UNBALANCED]


def test_statistics_of_locust_that_disagree_are_invalid() -> None:
    report = BlockReport(1, (turn(Ledger(1000, 1000, 0, 1000)),), 999, 0)
    outcome = judge_load("http://x/", Arrival(8), 1, 1.0, report)
    assert [problem.code for problem in outcome.problems] == [ProblemCode.LEDGER_UNBALANCED]


def test_a_load_side_at_its_ceiling_says_at_least() -> None:
    report = BlockReport(1, (turn(Ledger(1000, 1000, 0, 1000), load_cpu_s=0.95),), 1000, 0)
    outcome = judge_load("http://x/", Arrival(8), 1, 1.0, report)
    assert [problem.code for problem in outcome.problems] == [ProblemCode.GENERATOR_LIMITED]
    assert outcome.at_least


def test_others_on_the_load_side_s_core_are_told_of_all_processes_together() -> None:
    seen = replace(turn(Ledger(1000, 1000, 0, 1000), load_cpu_s=1.3), load_wait_s=0.7)
    outcome = judge_load("http://x/", Arrival(8), 2, 1.0, BlockReport(1, (seen,), 1000, 0))
    (problem,) = outcome.problems
    assert problem.code is ProblemCode.GENERATOR_LIMITED
    assert "waited for its core for 35% of the time" in problem.message
    assert outcome.at_least
    assert not outcome.valid
    assert outcome.to_dict()["generator"]["wait_share"] == 0.35


def test_in_an_open_loop_drops_are_the_target_s_and_cpu_says_nothing() -> None:
    arrival = Arrival(8, 1000.0)
    spinning = turn(Ledger(1000, 1000, 0, 1000), load_cpu_s=1.0, lag_us=5)
    dropping = turn(Ledger(1000, 980, 20, 980), lag_us=5)
    assert codes(spinning, arrival, valid=True) == []
    assert codes(dropping, arrival, valid=True) == [ProblemCode.OVERLOADED]
    outcome = judge_load("http://x/", arrival, 1, 1.0, BlockReport(1, (dropping,), 980, 0))
    assert not outcome.at_least
    assert outcome.problems[0].message.startswith("2.0% of 1,000 planned requests could not be sent when due: all 8 ")


@pytest.mark.parametrize(
    ("lag_us", "times_us", "late"),
    [
        (20_000, 200_000, True),
        (9_000, 200_000, False),
        (2_000, 8_000, True),
        (2_000, 12_000, False),
        (900, 1_000, False),
    ],
)
def test_lateness_limits_the_generator_by_itself_or_as_a_share_of_the_response(
    lag_us: int, times_us: int, late: bool
) -> None:
    seen = turn(Ledger(1000, 1000, 0, 1000), lag_us=lag_us, times_us=times_us)
    wanted = [ProblemCode.GENERATOR_LIMITED] if late else []
    assert codes(seen, Arrival(400, 1000.0), valid=not late) == wanted


def test_errors_are_named_by_their_kinds() -> None:
    seen = replace(turn(Ledger(2000, 2000, 0, 1997, 0, {"timeout": 2, "reset": 1})), first_error="late")
    (problem,) = judge_load("http://x/", Arrival(8), 1, 1.0, BlockReport(1, (seen,), 2000, 3)).problems
    assert problem.message == "0.15% of 2,000 requests were not answered rightly (1 reset, 2 timeout); the first: late"


def test_more_in_service_than_connections_is_impossible() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 1000), times_us=20_000), Arrival(8), valid=False) == [
        ProblemCode.IMPOSSIBLE
    ]


def judged(seen: TurnReport, arrival: Arrival, seconds: float = 1.0) -> LoadOutcome:
    ledger = seen.ledger
    report = BlockReport(1, (seen,), ledger.ok + ledger.error_count, ledger.error_count)
    return judge_load("http://x/", arrival, 1, seconds, report)


@pytest.mark.parametrize(
    ("ok", "times_us", "waits_us", "code", "severity"),
    [
        (400, 2_500, [750_000] * 4, ProblemCode.STALLED, Severity.INVALID),  # silent after a quarter of the second
        (3000, 1_000, [200_000] * 4, ProblemCode.STALLED, Severity.INVALID),  # silent in the last fifth
        (3000, 1_000, [120_000] * 4, ProblemCode.STALLED, Severity.INVALID),
        (3000, 1_000, [200_000] * 3 + [500], ProblemCode.STALLED, Severity.INVALID),
        (3000, 1_000, [990_000, 300, 400, 500], ProblemCode.STARVED, Severity.WARNING),  # one of four never served
        (3000, 1_000, [990_000, 990_000, 400, 500], ProblemCode.STARVED, Severity.WARNING),
        (3000, 1_000, [90_000] * 4, None, None),  # a moment
        (4, 490_000, [510_000] * 4, None, None),  # a short window: each second answer was cut off
        (6, 290_000, [420_000] * 4, None, None),  # a window not much longer than what answers take
        (400, 2_500, [2_600, 1_000, 300, 20], None, None),  # the normal course
        (400, 2_500, [], None, None),  # nothing is waited for
    ],
)
def test_requests_that_wait_far_longer_than_answers_took_are_told(
    ok: int, times_us: int, waits_us: list[int], code: ProblemCode | None, severity: Severity | None
) -> None:
    sent = ok + len(waits_us)
    outcome = judged(turn(Ledger(sent, sent, 0, ok, len(waits_us)), times_us=times_us, waits_us=waits_us), Arrival(4))
    assert [(each.code, each.severity) for each in outcome.problems] == ([(code, severity)] if code else [])


def test_a_long_first_answer_does_not_excuse_a_hang_of_most_of_the_time() -> None:
    ledger = Ledger(404, 404, 0, 400, 4)
    seen = turn(ledger, times_us=100, waits_us=[600_000] * 4)
    seen = replace(seen, service_time=Histogram.of_us([100] * 399 + [900_000]))
    assert [each.code for each in judged(seen, Arrival(4)).problems] == [ProblemCode.STALLED]


def test_a_silence_that_is_short_beside_the_whole_run_is_a_warning() -> None:
    ledger = Ledger(3004, 3004, 0, 3000, 4)
    seen = replace(turn(ledger, waits_us=[150_000] * 4), elapsed_s=10.0)
    (problem,) = judged(seen, Arrival(4), 10.0).problems
    assert (problem.code, problem.severity) == (ProblemCode.STALLED, Severity.WARNING)
    assert "4 requests were waiting for an answer that did not come, for up to 0.15 s" in problem.message


@pytest.mark.parametrize(
    ("waits_us", "code"),
    [([100 * at for at in range(1, 51)], None), ([10_000 * at for at in range(51)], ProblemCode.STALLED)],
)
def test_in_an_open_loop_a_silence_is_as_many_waiting_as_were_due_in_it(
    waits_us: list[int], code: ProblemCode | None
) -> None:
    ledger = Ledger(100, 100, 0, 100 - len(waits_us), len(waits_us))
    outcome = judged(turn(ledger, lag_us=5, waits_us=waits_us), Arrival(128, 100.0))
    assert [each.code for each in outcome.problems] == ([code] if code else [])


def test_one_starved_request_of_an_open_loop_is_told_with_its_figures() -> None:
    ledger = Ledger(1000, 1000, 0, 998, 2)
    outcome = judged(turn(ledger, lag_us=5, waits_us=[900_000, 400]), Arrival(128, 1000.0))
    (problem,) = outcome.problems
    assert (problem.code, problem.severity) == (ProblemCode.STARVED, Severity.WARNING)
    assert problem.message == (
        "1 of 2 requests in flight at the end had been waiting for up to 0.90 s, where answers took 1.0 ms on average "
        "and 1.0 ms at most"
    )
    said = outcome.to_dict()
    assert said["response_time_ms"]["max"] is None
    assert said["response_time_at_least_ms"]["max"] > 899
    assert said["waiting_s"] == 0.9


def intervals(*rates: int, errors: Sequence[int] = ()) -> tuple[Interval, ...]:
    wrong = [*errors, *[0] * (len(rates) - len(errors))]
    return tuple(Interval(at + 1.0, ok + bad, ok, bad) for at, (ok, bad) in enumerate(zip(rates, wrong, strict=True)))


def timed(parts: tuple[Interval, ...]) -> TurnReport:
    """A turn that its intervals add up to."""
    ok, bad = sum(part.ok for part in parts), sum(part.errors for part in parts)
    seen = turn(Ledger(ok + bad, ok + bad, 0, ok, 0, {"status": bad} if bad else {}))
    return replace(seen, elapsed_s=float(len(parts)), intervals=parts)


def test_seconds_that_do_not_add_up_to_the_ledger_are_invalid() -> None:
    right = timed(intervals(100, 100, 100))
    assert judged(right, Arrival(8), 3.0).problems == ()
    for wrong in (
        intervals(100, 100, 99),
        (*right.intervals, Interval(3.1, 1, 0, 0)),
        (*right.intervals, Interval(3.1, 0, 0, 1)),
    ):
        outcome = judged(replace(right, intervals=wrong), Arrival(8), 3.0)
        assert [each.code for each in outcome.problems] == [ProblemCode.LEDGER_UNBALANCED]
        assert not outcome.valid


@pytest.mark.parametrize(
    ("errors", "when"),
    [
        ((0, 0, 0, 5, 0, 5), "(10 status), from second 3 on"),
        ((0, 0, 5, 5), "(10 status), between seconds 2 and 4"),
        ((5, 5), "(10 status), up to second 2"),
        ((5, 0, 0, 0, 0, 5), "(10 status)"),
    ],
)
def test_errors_are_told_with_their_time(errors: tuple[int, ...], when: str) -> None:
    (problem,) = judged(timed(intervals(*[1000] * 6, errors=errors)), Arrival(8), 6.0).problems
    assert problem.code is ProblemCode.ERRORS
    assert problem.message.endswith(when)


def test_a_server_that_slows_down_is_told_with_both_figures_and_stays_valid() -> None:
    seen = timed(intervals(*[1000] * 5, *[400] * 5))
    (problem,) = judged(seen, Arrival(8), 10.0).problems
    assert (problem.code, problem.severity) == (ProblemCode.UNSTEADY, Severity.WARNING)
    assert problem.message.startswith("right answers fell at second 5, from 1,000/s to 400/s: ")
    creeping = timed(intervals(*(2000 - 150 * at for at in range(10))))
    (problem,) = judged(creeping, Arrival(8), 10.0).problems
    assert problem.message.startswith("right answers fell from 1,775/s (seconds 1 to 3) to 725/s (seconds 8 to 10): ")


def test_what_is_invalid_already_is_not_called_unsteady_as_well() -> None:
    seen = timed(intervals(*[1000] * 5, *[400] * 5, errors=[0] * 5 + [600] * 5))
    assert [each.code for each in judged(seen, Arrival(8), 10.0).problems] == [ProblemCode.ERRORS]


def test_the_document_has_the_course_of_it() -> None:
    said = judged(timed(intervals(100, 300, errors=(0, 0))), Arrival(8), 2.0).to_dict()
    assert said["intervals"] == [
        {"until_s": 1.0, "sent": 100, "ok": 100, "errors": 0, "throughput_rps": 100.0},
        {"until_s": 2.0, "sent": 300, "ok": 300, "errors": 0, "throughput_rps": 300.0},
    ]
    assert said["interrupted"] is False
    assert said["service_time_at_least_ms"] == {}
    assert said["response_time_at_least_ms"] is None


def test_what_others_sent_to_the_load_side_is_a_warning() -> None:
    seen = turn(Ledger(1000, 1000, 0, 1000))
    report = BlockReport(1, (seen,), 1000, 0, notes=("one message with a wrong seal was rejected",))
    outcome = judge_load("http://x/", Arrival(8), 1, 1.0, report)
    assert outcome.valid
    assert [each.message for each in outcome.problems] == list(report.notes)
