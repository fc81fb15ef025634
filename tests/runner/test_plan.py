from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.apps.catalogue import Feature
from sgibench.results.errors import UsageError
from sgibench.results.records import GroupInfo, Level, NotPossible, ScenarioKind
from sgibench.runner.load.calibration import MEASURING_S, SERVER_START_S
from sgibench.runner.load.ceilings import Pressure
from sgibench.runner.pieces import Piece
from sgibench.runner.selection import Wish, choose
from sgibench.scenarios.files import built_in_scenario, suite_names

from .fakes import JSON, WAIT, a_plan, a_target

STARTS = Piece(built_in_scenario("cold-start"), Level(1), 2.0)
ECHO = Piece(built_in_scenario("websocket"), Level(16), 0.5)


def test_a_budget_that_is_too_small_is_refused_with_the_one_that_is_enough() -> None:
    plan = a_plan(epochs=(3, 5), budget_s=4.0)
    with pytest.raises(UsageError, match="a budget of 4 s is too small") as caught:
        plan.checked()
    assert "--budget" in caught.value.hint
    needed = float(caught.value.hint.split("--budget ")[1].split("s")[0])
    a_plan(epochs=(3, 5), budget_s=needed).checked()


def test_fewer_launches_are_offered_where_they_would_fit_and_fit_then() -> None:
    plan = a_plan(epochs=(5, 5), budget_s=a_plan(epochs=(2, 2)).least_s() + 0.1)
    with pytest.raises(UsageError, match="launched 5 times") as caught:
        plan.checked()
    assert "--epochs 2 (with less certainty)" in caught.value.hint
    replace(plan, epochs_min=2, epochs_max=2).checked()


def test_each_group_alone_is_offered_with_what_it_would_take() -> None:
    names = [a_target(name).name for name in ("fast", "slow")]
    groups = tuple(GroupInfo(name, name, target, (target,)) for name, target in zip("ab", names, strict=True))
    plan = replace(a_plan(epochs=(3, 3), budget_s=4.0), groups=groups)
    with pytest.raises(UsageError) as caught:
        plan.checked()
    assert "--group a (about" in caught.value.hint
    assert "--group b (about" in caught.value.hint


def test_who_asks_for_so_many_epochs_gets_them_whatever_the_suite_budgeted() -> None:
    a_plan(epochs=(3, 3), exact=True, budget_s=0.1).checked()


def test_a_scenario_may_ask_for_fewer_launches() -> None:
    pieces = (Piece(JSON, Level(8), 0.5), Piece(WAIT, Level(4), 0.5, launches=2))
    plan = a_plan(epochs=(3, 3), pieces=pieces)
    assert plan.pieces_in(2) == pieces
    assert plan.pieces_in(3) == pieces[:1]


def test_what_is_about_memory_comes_first_and_another_one_in_each_launch() -> None:
    held = JSON.model_copy(update={"name": "held", "holding": True})
    sockets = JSON.model_copy(update={"name": "sockets", "holding": True})
    levels = (Level(100), Level(1000))
    pieces = (Piece(JSON, Level(8), 0.5), *(Piece(each, level, 0.5) for each in (held, sockets) for level in levels))
    plan = a_plan(epochs=(3, 3), pieces=pieces)
    order = [[(piece.scenario.name, piece.level.concurrency) for piece in plan.pieces_in(epoch)] for epoch in (1, 2, 3)]
    first, second = [("held", 100), ("held", 1000)], [("sockets", 100), ("sockets", 1000)]
    assert order == [[*first, *second, ("json", 8)], [*second, *first, ("json", 8)], [*first, *second, ("json", 8)]]


def test_who_takes_part_in_nothing_is_not_launched() -> None:
    fast, slow = (a_target(name) for name in ("fast", "slow"))
    pieces = (Piece(JSON, Level(8), 0.5, launches=1), Piece(WAIT, Level(4), 0.5))
    plan = replace(a_plan(pieces=pieces), not_possible=(NotPossible(slow.name, "wait", "it cannot"),))
    assert plan.targets_in(1) == (fast, slow)
    assert plan.targets_in(2) == (fast,)
    assert plan.launch_estimate_s(2) < plan.launch_estimate_s(1)


def test_starts_need_neither_load_processes_nor_a_ceiling() -> None:
    plan = a_plan(pieces=(STARTS, ECHO, Piece(JSON, Level(8), 0.5)))
    cores = replace(plan.cores, load=(1, 2, 3))
    assert replace(plan, cores=cores).load_processes == 3, "one start at a time is no reason to drive with one"
    assert plan.calibrated == [8], "of requests alone"
    assert a_plan(pieces=(STARTS,)).load_processes == 1
    assert a_plan(pieces=(STARTS,)).calibrated == []


def test_a_start_takes_its_time_and_more_workers_take_more() -> None:
    few, many = (replace(a_plan(pieces=(STARTS,)), targets=(a_target(setup=s),)) for s in ("uvicorn", "uvicorn-16"))
    assert few.piece_estimate_s(STARTS) > 2 * 0.5
    assert many.piece_estimate_s(STARTS) > few.piece_estimate_s(STARTS) + 2


def test_slow_clients_make_a_piece_as_long_as_the_deadlines_that_they_cause() -> None:
    piece = Piece(built_in_scenario("slow-clients"), Level(8), 0.5)
    starved, served = (replace(a_plan(), targets=(a_target(setup=s),)) for s in ("gunicorn-sync-3", "uvicorn"))
    assert starved.piece_estimate_s(piece) - served.piece_estimate_s(piece) == pytest.approx(2.0)


def test_services_are_needed_by_scenarios_or_because_the_user_said_how_they_should_be() -> None:
    order = Piece(built_in_scenario("order"), Level(8), 0.5)
    assert Feature.SHOP in a_plan(pieces=(order,)).features
    assert a_plan(pieces=(Piece(JSON, Level(8), 0.5),)).features == frozenset()
    assert replace(a_plan(), upstream_asked=True).features == {Feature.UPSTREAM}


def test_what_is_recorded_of_a_scenario_is_its_kind_its_note_and_what_it_needs() -> None:
    names = ("websocket", "new-connections", "slow-clients", "mixed")
    plan = a_plan(pieces=[Piece(built_in_scenario(name), Level(8), 0.5) for name in names])
    echo, new, slow, mixed = plan.scenario_infos()
    assert (echo.kind, echo.needs, echo.path) == (ScenarioKind.WEBSOCKET, ("websocket",), "/ws")
    assert new.note == "a new connection for every request"
    assert slow.slow_clients == 50
    assert (mixed.kind, mixed.method, mixed.path) == (ScenarioKind.HTTP, "GET", "/"), "of a mix, the first"


@pytest.mark.parametrize("name", suite_names())
def test_every_suite_fits_its_own_budget_on_two_cores_with_room_to_spare(name: str) -> None:
    choice = choose(Wish(suite=name), Path.cwd(), 1)
    suite = choice.suite
    plan = replace(
        a_plan(epochs=(suite.epochs.min, suite.epochs.max), budget_s=suite.budget_s, pieces=choice.pieces),
        targets=tuple(choice.targets),
        groups=choice.groups,
        not_possible=choice.not_possible,
    )
    assert plan.least_s() < 0.95 * suite.budget_s
    levels = {Pressure.of(connections, 1) for connections in plan.calibrated}
    calibrating_s = SERVER_START_S + MEASURING_S * len(levels)
    assert plan.least_s() + calibrating_s < suite.budget_s, "a first run has time to find the load side's ceilings"
