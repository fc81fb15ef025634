"""Pieces: how long turns are, for every kind of scenario, and who takes part."""

from dataclasses import replace

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.records import GroupInfo, Level, NotPossible
from sgibench.runner.pieces import Piece, check_names, compared, pieces_of, takes_part
from sgibench.scenarios.files import built_in_scenario
from sgibench.scenarios.model import Load, Request, Scenario
from sgibench.scenarios.suite import SuiteScenario

from .fakes import JSON, WAIT, a_target

ECHO = built_in_scenario("websocket")
SLOW = built_in_scenario("slow-clients")
UPSTREAM = built_in_scenario("upstream").model_copy(update={"floor_ms": 10.0})
PACED = Scenario(name="paced", title="paced", request=Request(path="/"), load=Load(rate_rps=[100.0]))


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


def test_messages_of_microseconds_have_the_shortest_turns_and_large_bodies_longer_ones() -> None:
    assert Piece(ECHO, Level(16), 1.0).turn_s(0.0001) == pytest.approx(0.010)
    assert Piece(built_in_scenario("upload"), Level(4), 1.0).turn_s(0.02) == pytest.approx(0.24)


def test_calls_that_wait_are_passed_as_many_at_once_as_there_are_slots() -> None:
    piece = Piece(UPSTREAM, Level(16), 1.0)
    assert piece.turn_s(0.0) == pytest.approx(0.1), "ten waits; all sixteen at once"
    assert piece.turn_s(0.0, slots=16) == pytest.approx(0.1)
    assert piece.turn_s(0.0, slots=3) == pytest.approx(0.18), "three passes of six waits each"
    assert piece.turn_s(0.015, slots=16) == pytest.approx(3 * (16 * 0.005 + 0.010)), "what is no wait is one at a time"


@pytest.mark.parametrize(("rate_rps", "turn_s"), [(100.0, 0.5), (1000.0, 0.5), (10.0, 2.0), (1.0, 3.0)])
def test_a_turn_of_the_open_loop_holds_twenty_planned_instants_within_bounds(rate_rps: float, turn_s: float) -> None:
    assert Piece(PACED, Level(256, rate_rps), 1.0).turn_s(0.0005) == pytest.approx(turn_s)


def test_a_scenario_may_say_how_long_its_turns_are() -> None:
    assert Piece(built_in_scenario("held"), Level(5000), 1.5).turn_s(0.0) == pytest.approx(1.5)
    assert Piece(built_in_scenario("blocking"), Level(16), 1.0).turn_s(0.0) == pytest.approx(0.5)


def test_starts_are_counted_in_seconds() -> None:
    starts = built_in_scenario("cold-start")
    assert [Piece(starts, Level(1), seconds).rounds(0.01) for seconds in (0.2, 1.0, 3.0)] == [1, 1, 3]


def test_only_what_is_about_speed_is_warmed_up_but_the_first_piece_always() -> None:
    pieces = [Piece(scenario, Level(8), 1.0) for scenario in (JSON, ECHO, WAIT, SLOW)]
    assert [piece.warmup_s(first=False) > 0 for piece in pieces] == [True, True, False, False]
    assert {piece.warmup_s(first=True) for piece in pieces} == {0.3}


def test_what_exceeds_the_slots_queues_up_and_takes_its_time() -> None:
    piece = Piece(WAIT, Level(256), 0.5)
    assert piece.drain_s(a_target(setup="gunicorn-sync-3")) == pytest.approx(86 * 0.05)
    assert piece.drain_s(a_target(setup="uvicorn")) == pytest.approx(0.05)


def test_slots_that_slow_clients_can_fill_cost_a_turn_its_deadline() -> None:
    piece = Piece(SLOW, Level(8), 0.5)
    assert piece.drain_s(a_target(setup="gunicorn-sync-3")) == 2.0
    assert piece.drain_s(a_target(setup="gunicorn-gthread-1x64")) == 0.0
    assert piece.drain_s(a_target(setup="uvicorn")) == 0.0


def test_levels_rise_and_a_suite_may_set_them() -> None:
    place = SuiteScenario(name="wait-50ms", seconds=0.5, concurrency=[64, 8])
    pieces = pieces_of(built_in_scenario("wait-50ms"), place, 1.0)
    assert [piece.level.concurrency for piece in pieces] == [8, 64]
    assert {piece.seconds for piece in pieces} == {0.5}
    assert [piece.level.rate_rps for piece in pieces_of(built_in_scenario("json-paced"), None, 1.0)] == [200.0]


def test_a_piece_says_in_words_what_it_is() -> None:
    assert Piece(JSON, Level(1), 1).label == "json, 1 connection"
    assert Piece(JSON, Level(8), 1).label == "json, 8 connections"
    assert Piece(JSON, Level(256, 200.0), 1).label == "json, 200 requests/s"
    assert Piece(JSON, Level(16, 200.0), 1).label == "json, 200 requests/s on 16 connections"
    assert Piece(ECHO, Level(100, 20.0), 1).label == "websocket, 20 messages/s on 100 connections"
    assert Piece(built_in_scenario("cold-start"), Level(1), 1).label == "cold-start"


def test_two_scenarios_of_one_name_are_refused() -> None:
    other = Scenario(name="json", title="other", request=Request(path="/y"), load=Load(concurrency=[1]))
    with pytest.raises(UsageError, match="two scenarios are called 'json'"):
        check_names([Piece(JSON, Level(1), 1), Piece(other, Level(2), 1)])
    with pytest.raises(UsageError, match="is asked for twice"):
        check_names([Piece(JSON, Level(1), 1), Piece(JSON, Level(1), 1)])


def test_a_group_at_equal_slots_takes_part_only_where_nobody_has_to_queue() -> None:
    groups = (GroupInfo("equal", "equal", "a", ("a", "b"), slots=16), GroupInfo("tuned", "tuned", "b", ("b", "c")))
    at_16, at_64 = (Piece(JSON, Level(level), 1.0) for level in (16, 64))
    assert [takes_part(name, at_16, groups, ()) for name in "abcd"] == [True, True, True, False]
    assert [takes_part(name, at_64, groups, ()) for name in "abcd"] == [False, True, True, False]
    assert compared("d", at_64, ()), "without groups, everybody"
    without = tuple(replace(group, without=("json",)) for group in groups[:1]) + groups[1:]
    assert [takes_part(name, at_16, without, ()) for name in "abcd"] == [False, True, True, False]


def test_what_is_not_possible_is_so_at_its_level_alone_or_at_every_one() -> None:
    one, all_of_them = NotPossible("a", "json", "why", Level(64)), NotPossible("b", "json", "why")
    at_16, at_64 = (Piece(JSON, Level(level), 1.0) for level in (16, 64))
    assert [takes_part("a", piece, (), (one,)) for piece in (at_16, at_64)] == [True, False]
    assert [takes_part("b", piece, (), (all_of_them,)) for piece in (at_16, at_64)] == [False, False]
    assert takes_part("b", Piece(WAIT, Level(64), 1.0), (), (all_of_them,))
