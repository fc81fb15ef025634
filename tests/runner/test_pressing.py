"""A piece under load: who is in it, in how many blocks, and what is known of it afterwards."""

import resource
from dataclasses import replace

import pytest

from sgibench.results.records import GroupInfo, Level, NotPossible, ProblemCode, Severity, Trial
from sgibench.runner import pressing
from sgibench.runner.epoch import Epoch, EpochResult
from sgibench.runner.instruments import Instruments
from sgibench.runner.load.orders import Block, BlockReport, SlowReport, TurnListener
from sgibench.runner.machine import SPARE_FILES, many_files, open_files
from sgibench.runner.pieces import Piece
from sgibench.runner.plan import Plan
from sgibench.runner.pressing import most_at_once
from sgibench.scenarios.files import built_in_scenario

from .fakes import JSON, WAIT, FakeLauncher, FakeLoad, FakeSampler, FakeWatcher, a_plan, a_quiet_machine

RATES = {"fast": 2000.0, "slow": 500.0, "third": 700.0}
SLOW = Piece(built_in_scenario("slow-clients"), Level(8), 0.5)
ECHO = Piece(built_in_scenario("websocket"), Level(8), 0.1)


def measured(plan: Plan, load: FakeLoad) -> list[Trial]:
    saved: list[list[Trial]] = []
    instruments = Instruments(FakeLauncher(), load, FakeSampler(), FakeWatcher(), 0.0, read_cpu=a_quiet_machine)
    Epoch(1, plan, instruments, lambda trials, _rows: saved.append(list(trials)), EpochResult(), {8: 9000.0}).run()
    assert len(saved) == len(plan.pieces), "each piece is saved once"
    return [trial for trials in saved for trial in trials]


def test_who_takes_no_part_gets_no_turns_in_that_piece() -> None:
    plan = replace(a_plan(), not_possible=(NotPossible("slow@uvicorn", "wait", "it cannot"),))
    load = FakeLoad(RATES)
    trials = measured(plan, load)
    assert [[endpoint.name for endpoint in block.endpoints] for block in load.blocks] == [
        ["fast@uvicorn", "slow@uvicorn"],
        ["fast@uvicorn"],
    ]
    assert [(trial.scenario, trial.target) for trial in trials][-1] == ("wait", "fast@uvicorn")


def test_groups_are_measured_together_but_each_only_where_it_is_compared() -> None:
    groups = (
        GroupInfo("equal", "equal", "fast@uvicorn", ("fast@uvicorn", "slow@uvicorn"), slots=16),
        GroupInfo("tuned", "tuned", "fast@uvicorn", ("fast@uvicorn", "third@uvicorn")),
    )
    pieces = (Piece(JSON, Level(16), 0.1), Piece(JSON, Level(64), 0.1))
    load = FakeLoad(RATES)
    measured(replace(a_plan("fast", "slow", "third", pieces=pieces), groups=groups), load)
    assert [{endpoint.name[:5] for endpoint in block.endpoints} for block in load.blocks] == [
        {"fast@", "slow@", "third"},
        {"fast@", "third"},
    ]


def test_connections_that_do_not_fit_at_once_are_opened_in_several_blocks_of_one_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pressing, "open_files", lambda: 2 * 5000 + SPARE_FILES)
    load = FakeLoad(RATES)
    plan = a_plan("fast", "slow", "third", pieces=(Piece(WAIT, Level(5000), 0.5),))
    trials = measured(plan, load)
    assert [len(block.endpoints) for block in load.blocks] == [2, 1]
    assert [trial.target for trial in trials] == ["fast@uvicorn", "slow@uvicorn", "third@uvicorn"]
    assert all(trial.turns for trial in trials)


def test_a_target_has_its_slow_clients_to_itself() -> None:
    load = FakeLoad(RATES)
    measured(a_plan(pieces=(SLOW,)), load)
    assert [len(block.endpoints) for block in load.blocks] == [1, 1]
    assert all(endpoint.slow for block in load.blocks for endpoint in block.endpoints)


def test_as_many_targets_as_there_are_files_for_are_pressed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pressing, "open_files", lambda: 1000 + SPARE_FILES)
    assert most_at_once(Piece(JSON, Level(100), 1.0), 1) == 10
    assert most_at_once(Piece(JSON, Level(100), 1.0), 2) == 20, "load processes share the connections"
    assert most_at_once(Piece(JSON, Level(2000), 1.0), 1) == 1
    assert most_at_once(SLOW, 4) == 1


class SlowClientsLost(FakeLoad):
    """The server of the first target ends most of its slow clients."""

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        report = super().run(block, on_turn)
        held = 3.0 if block.endpoints[0].name.startswith("fast") else 49.8
        return replace(report, slow=(SlowReport(endpoint=0, wanted=50, held=held, ended=200, refused=0),))


def test_slow_clients_that_the_server_ended_are_told_as_a_warning() -> None:
    fast, slow = measured(a_plan(pieces=(SLOW,)), SlowClientsLost(RATES))
    (problem,) = fast.problems
    assert (problem.code, problem.severity) == (ProblemCode.SLOW_CLIENTS, Severity.WARNING)
    assert "of 50 slow clients it held 3 at a time on average; 200 it ended" in problem.message
    assert slow.problems == ()


def test_the_ceiling_of_requests_says_nothing_of_messages() -> None:
    trials = measured(a_plan(pieces=(Piece(JSON, Level(8), 0.1), ECHO)), FakeLoad(RATES))
    assert [trial.ceiling_rps for trial in trials] == [9000.0, 9000.0, None, None]


def test_within_this_process_may_open_as_many_files_as_the_system_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(200, soft), hard))
    try:
        with many_files():
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == min(200, soft)
        assert open_files() > 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
