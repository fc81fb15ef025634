from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.records import Level
from sgibench.runner.load.calibration import MEASURING_S, SERVER_START_S
from sgibench.runner.load.ceilings import Pressure
from sgibench.runner.plan import Pace, Piece, check_names, pieces_of
from sgibench.runner.selection import Wish, choose
from sgibench.scenarios.files import built_in_scenario, suite_names
from sgibench.scenarios.model import Load, Request, Scenario, SuiteScenario

from .fakes import JSON, WAIT, a_plan, a_target


@pytest.mark.parametrize(
    ("concurrency", "service_s", "turn_s"),
    [(8, 0.0, 0.010), (1, 0.001, 0.010), (8, 0.001, 0.024), (1, 0.02, 0.2), (32, 0.001, 0.096), (1, 0.5, 3.0)],
)
def test_a_turn_holds_ten_answers_and_three_of_each_connection_within_bounds(
    concurrency: int, service_s: float, turn_s: float
) -> None:
    assert Piece(JSON, Level(concurrency), 1.0).turn_s(service_s) == pytest.approx(turn_s)


def test_a_waiting_scenario_has_longer_windows() -> None:
    assert Piece(WAIT, Level(8), 1.0).turn_s(0.0) == pytest.approx(0.5)


def test_what_exceeds_the_slots_queues_up_and_takes_its_time() -> None:
    piece = Piece(WAIT, Level(256), 0.5)
    assert piece.drain_s(a_target(setup="gunicorn-sync-3")) == pytest.approx(86 * 0.05)
    assert piece.drain_s(a_target(setup="uvicorn")) == pytest.approx(0.05)


def test_a_budget_that_is_too_small_is_refused_with_the_one_that_is_enough() -> None:
    plan = a_plan(epochs=(3, 5), budget_s=4.0)
    with pytest.raises(UsageError, match="a budget of 4 s is too small") as caught:
        plan.checked()
    assert "--budget" in caught.value.hint
    needed = float(caught.value.hint.split("--budget ")[1].split("s")[0])
    a_plan(epochs=(3, 5), budget_s=needed).checked()


def test_who_asks_for_so_many_epochs_gets_them_whatever_the_suite_budgeted() -> None:
    a_plan(epochs=(3, 3), exact=True, budget_s=0.1).checked()


def test_a_scenario_may_ask_for_fewer_launches() -> None:
    pieces = (Piece(JSON, Level(8), 0.5), Piece(WAIT, Level(4), 0.5, launches=2))
    plan = a_plan(epochs=(3, 3), pieces=pieces)
    assert plan.pieces_in(2) == pieces
    assert plan.pieces_in(3) == pieces[:1]


def test_the_pace_is_what_was_seen_once_something_was() -> None:
    pieces = (Piece(JSON, Level(8), 0.5), Piece(WAIT, Level(4), 0.5, launches=2))
    plan = a_plan(epochs=(1, 9), pieces=pieces)
    pace = Pace(plan)
    pace.saw(10.0, {pieces[0].label: 3.0, pieces[1].label: 5.0})
    assert pace.epoch_s(2) == 10.0
    assert pace.epoch_s(3) == 5.0, "without the piece that is over"
    assert pace.epochs(1, 9.9) == (1, 0.0)
    assert pace.epochs(1, 10.0) == (2, 10.0)
    assert pace.epochs(1, 21.0) == (4, 20.0)
    assert pace.epochs(0, 0.0) == (1, 10.0), "the fewest are measured whatever it takes"
    assert pace.epochs(1, 10_000.0)[0] == 9


def test_levels_rise_and_a_suite_may_set_them() -> None:
    place = SuiteScenario(name="wait-50ms", seconds=0.5, concurrency=[64, 8])
    pieces = pieces_of(built_in_scenario("wait-50ms"), place, 1.0)
    assert [piece.level.concurrency for piece in pieces] == [8, 64]
    assert {piece.seconds for piece in pieces} == {0.5}
    assert [piece.level.rate_rps for piece in pieces_of(built_in_scenario("json-paced"), None, 1.0)] == [200.0]


def test_two_scenarios_of_one_name_are_refused() -> None:
    other = Scenario(name="json", title="other", request=Request(path="/y"), load=Load(concurrency=[1]))
    with pytest.raises(UsageError, match="two scenarios are called 'json'"):
        check_names([Piece(JSON, Level(1), 1), Piece(other, Level(2), 1)])
    with pytest.raises(UsageError, match="is asked for twice"):
        check_names([Piece(JSON, Level(1), 1), Piece(JSON, Level(1), 1)])


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_fits_its_own_budget_on_two_cores_with_room_to_spare(name: str) -> None:
    choice = choose(Wish(suite=name), Path.cwd(), 1)
    suite = choice.suite
    plan = replace(
        a_plan(epochs=(suite.epochs.min, suite.epochs.max), budget_s=suite.budget_s, pieces=choice.pieces),
        targets=tuple(choice.targets),
    )
    assert plan.least_s() < 0.95 * suite.budget_s
    levels = {Pressure.of(piece.level.concurrency, 1) for piece in plan.pieces}
    calibrating_s = SERVER_START_S + MEASURING_S * len(levels)
    assert plan.least_s() + calibrating_s < suite.budget_s, "a first run has time to find the load side's ceilings"


def test_a_piece_says_in_words_what_it_is() -> None:
    assert Piece(JSON, Level(1), 1).label == "json, 1 connection"
    assert Piece(JSON, Level(8), 1).label == "json, 8 connections"
    assert Piece(JSON, Level(8, 200.0), 1).label == "json, 200 requests/s"
