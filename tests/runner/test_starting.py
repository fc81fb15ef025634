"""Cold starts: each target alone, in rounds, and a failure that is told once."""

from dataclasses import replace
from itertools import pairwise

import pytest

from sgibench.results.records import Level, ProblemCode, Trial
from sgibench.runner.epoch import Epoch, EpochResult
from sgibench.runner.instruments import Instruments
from sgibench.runner.pieces import Piece
from sgibench.scenarios.files import built_in_scenario

from .fakes import JSON, FakeClock, FakeLauncher, FakeLoad, FakeSampler, FakeWatcher, a_plan, a_quiet_machine

STARTS = Piece(built_in_scenario("cold-start"), Level(1), 4.0)
RATES = {"fast": 2000.0, "slow": 500.0}


def started(launcher: FakeLauncher, *pieces: Piece, seed: int = 1) -> tuple[list[Trial], FakeWatcher]:
    saved: list[Trial] = []
    load, watcher = FakeLoad(RATES, launcher.clock), FakeWatcher()
    instruments = Instruments(launcher, load, FakeSampler(), watcher, 0.0, launcher.clock, a_quiet_machine)
    plan = replace(a_plan(seed=seed), pieces=pieces or (STARTS,))
    result = EpochResult()
    Epoch(1, plan, instruments, lambda trials, _samples: saved.extend(trials), result).run()
    assert result.problems == []
    return saved, watcher


def test_each_start_is_a_turn_whose_length_is_what_it_took() -> None:
    launcher = FakeLauncher(FakeClock(), start_s={"fast": 0.5, "slow": 2.0})
    (fast, slow), watcher = started(launcher)
    assert (fast.target, slow.target) == ("fast@uvicorn", "slow@uvicorn")
    assert [turn.elapsed_s for turn in fast.turns] == [0.5] * 4
    assert [turn.elapsed_s for turn in slow.turns] == [2.0] * 4
    assert slow.service_time.percentile_us(50) == pytest.approx(2e6, rel=0.01)
    assert [turn.target_cpu_s for turn in slow.turns] == [1.0] * 4
    assert fast.ledger.balanced
    assert (fast.ledger.sent, fast.ledger.ok) == (4, 4)
    assert fast.valid
    assert watcher.pieces == ["cold-start"]


def test_targets_start_in_rounds_one_at_a_time_while_all_others_idle() -> None:
    launcher = FakeLauncher(FakeClock())
    trials, _ = started(launcher)
    names = [name for name, _ in launcher.alone]
    assert [sorted(names[at : at + 2]) for at in range(0, 8, 2)] == [["fast@uvicorn", "slow@uvicorn"]] * 4
    assert {running for _, running in launcher.alone} == {2}
    begun = sorted(turn.started_s for trial in trials for turn in trial.turns)
    assert [later - sooner for sooner, later in pairwise(begun)] == [1.0] * 7
    assert {turn.position for trial in trials for turn in trial.turns} == {0, 1}


def test_one_seed_gives_one_order_of_starts() -> None:
    def order(seed: int) -> list[str]:
        launcher = FakeLauncher(FakeClock())
        started(launcher, seed=seed)
        return [name for name, _ in launcher.alone]

    assert order(7) == order(7)
    assert len({tuple(order(seed)) for seed in range(6)}) > 1


def test_a_start_that_fails_is_told_and_not_tried_again_while_the_others_go_on() -> None:
    launcher = FakeLauncher(FakeClock(), failing_alone=("slow",))
    (fast, slow), _ = started(launcher)
    assert (fast.ledger.ok, slow.ledger.ok) == (4, 0)
    assert [name for name, _ in launcher.alone].count("slow@uvicorn") == 1
    (problem,) = slow.problems
    assert problem.code is ProblemCode.NOT_STARTED
    assert "exited with code 1 before it answered" in problem.message
    assert slow.ledger.balanced
    assert not slow.valid


def test_after_a_failed_start_the_target_that_runs_is_measured_on() -> None:
    launcher = FakeLauncher(FakeClock(), failing_alone=("slow",))
    trials, _ = started(launcher, STARTS, Piece(JSON, Level(8), 0.1))
    assert [trial.target for trial in trials if trial.scenario == "json"] == ["fast@uvicorn", "slow@uvicorn"]
