"""What ``bench load`` concludes from its one turn, and whether it says that it can be believed."""

from dataclasses import replace

import pytest

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import ProblemCode
from sgibench.runner.load.orders import Arrival, BlockReport, TurnOrder, TurnReport
from sgibench.runner.load.outcome import judge_load, table_ms


def turn(ledger: Ledger, *, load_cpu_s: float = 0.1, times_us: int = 1000, lag_us: int | None = None) -> TurnReport:
    times = Histogram.of_us([times_us] * ledger.ok)
    lag = None if lag_us is None else Histogram.of_us([lag_us] * ledger.sent)
    response = None if lag_us is None else times
    order = TurnOrder(0, 1.0, 0, 0)
    return TurnReport(order, 0, 1.0, ledger, times, response, lag, Histogram({}), None, load_cpu_s, 1, 0)


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


@pytest.mark.parametrize(
    ("ledger", "times_us", "stalled"),
    [
        (Ledger(404, 404, 0, 400, 4), 2_500, True),  # fell silent after a quarter of the second
        (Ledger(8, 8, 0, 4, 4), 490_000, False),  # a short window: each second answer was cut off
        (Ledger(10, 10, 0, 6, 4), 290_000, False),  # a window not much longer than what answers take
        (Ledger(401, 401, 0, 400, 1), 2_500, False),  # one connection of four waits; others had pauses
        (Ledger(400, 400, 0, 400, 0), 2_500, False),  # nothing is waited for
        (Ledger(400, 400, 0, 400, 0), 9_000, False),  # a connection for each request
    ],
)
def test_time_that_no_answer_accounts_for_is_a_stall(ledger: Ledger, times_us: int, stalled: bool) -> None:
    wanted = [ProblemCode.STALLED] if stalled else []
    assert codes(turn(ledger, times_us=times_us), Arrival(4), valid=not stalled) == wanted


def test_failed_requests_account_for_the_time_they_took() -> None:
    answered = turn(Ledger(4000, 4000, 0, 3998, 0, {"timeout": 2}), times_us=100)
    seen = replace(answered, error_time=Histogram.of_us([800_000] * 2))
    assert codes(seen, Arrival(2), valid=True) == [ProblemCode.ERRORS]


def test_errors_are_named_by_their_kinds() -> None:
    seen = replace(turn(Ledger(2000, 2000, 0, 1997, 0, {"timeout": 2, "reset": 1})), first_error="late")
    (problem,) = judge_load("http://x/", Arrival(8), 1, 1.0, BlockReport(1, (seen,), 2000, 3)).problems
    assert problem.message == "0.15% of 2,000 requests were not answered rightly (1 reset, 2 timeout); the first: late"


def test_more_in_service_than_connections_is_impossible() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 1000), times_us=20_000), Arrival(8), valid=False) == [
        ProblemCode.IMPOSSIBLE
    ]


def test_a_percentile_needs_ten_samples_beyond_it() -> None:
    assert table_ms(Histogram.of_us([500] * 99))["p90"] is None
    assert table_ms(Histogram.of_us([500] * 100))["p90"] == 0.5
    assert table_ms(Histogram({})) == {"p50": None, "p90": None, "p99": None, "p99.9": None, "max": None}
