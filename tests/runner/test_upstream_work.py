"""Answers that the upstream knows nothing of are not believed."""

from dataclasses import dataclass, field

import pytest

from sgibench.results.errors import TargetError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import Problem, ProblemCode, Severity
from sgibench.runner.load.orders import BlockReport, TurnOrder, TurnReport
from sgibench.runner.upstream_work import UpstreamWork
from sgibench.scenarios.files import built_in_scenario


@dataclass
class FakeCaller:
    """Has called so often at each look."""

    counts: list[int | None] = field(default_factory=list)
    name: str = "shop@uvicorn"
    own_services: frozenset[str] = frozenset()

    def upstream_hits(self) -> int:
        count = self.counts.pop(0)
        if count is None:
            raise TargetError("the upstream is lost")
        return count


def a_report(*right: int) -> BlockReport:
    """Endpoint 0 had one turn for each number, the first to warm up; endpoint 1 had one of 1000 answers."""
    turns = [a_turn(TurnOrder(0, 0.1, number - 1, 0, warmup=number == 0), count) for number, count in enumerate(right)]
    return BlockReport(1, (*turns, a_turn(TurnOrder(1, 0.1, 0, 1), 1000)), sum(right) + 1000, 0)


def a_turn(order: TurnOrder, right: int) -> TurnReport:
    return TurnReport(
        order=order,
        started_ns=0,
        elapsed_s=0.1,
        ledger=Ledger(scheduled=right, sent=right, ok=right),
        service_time=Histogram({}),
        response_time=None,
        schedule_lag=None,
        error_time=Histogram({}),
        target_cpu_s=None,
        load_cpu_s=0.0,
        connects=0,
        reopened=0,
    )


def problems(scenario: str, counts: list[int | None], *right: int) -> list[Problem]:
    caller = FakeCaller(counts)
    work = UpstreamWork(built_in_scenario(scenario), [caller])
    return list(work.skipped(caller, a_report(*right), 0))


@pytest.mark.parametrize("calls", [300, 301])
def test_as_many_calls_as_the_answers_need_are_right(calls: int) -> None:
    assert problems("fan-out-serial", [7, 7 + calls], 20, 50, 30) == []


def test_fewer_calls_than_the_answers_need_make_it_invalid() -> None:
    (problem,) = problems("fan-out-together", [7, 306], 20, 50, 30)
    assert problem.code is ProblemCode.SKIPPED_WORK
    assert problem.severity is Severity.INVALID
    assert (problem.target, problem.scenario) == ("shop@uvicorn", "fan-out-together")
    assert problem.message == "100 right answers take 300 calls of the upstream, which was called 299 times"


def test_an_upstream_that_was_lost_makes_it_invalid_too() -> None:
    for counts in ([None, 3], [3, None]):
        (problem,) = problems("upstream", [*counts], 1)
        assert problem.code is ProblemCode.SKIPPED_WORK
        assert "the upstream was lost" in problem.message


def test_an_upstream_of_the_users_own_is_not_held_against_it_and_told() -> None:
    caller = FakeCaller([0, 0], own_services=frozenset({"UPSTREAM_URL"}))
    work = UpstreamWork(built_in_scenario("upstream"), [caller])
    (problem,) = work.skipped(caller, a_report(20, 50), 0)
    assert (problem.code, problem.severity) == (ProblemCode.UNCHECKED, Severity.WARNING)
    assert "UPSTREAM_URL is set in its environment" in problem.message
    other = FakeCaller([0, 0], own_services=frozenset({"DATABASE_URL"}))
    (problem,) = UpstreamWork(built_in_scenario("upstream"), [other]).skipped(other, a_report(20, 50), 0)
    assert problem.code is ProblemCode.SKIPPED_WORK, "another variable changes nothing"


def test_without_an_upstream_nothing_is_asked_of_it() -> None:
    assert problems("json", [], 100) == []
