import json
import math
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sgibench.results.errors import ExitCode, TargetError, UsageError
from sgibench.results.records import Level, Manifest, Problem, ProblemCode, Severity
from sgibench.results.store import RunStore, load_run
from sgibench.results.summarise import summarise
from sgibench.results.summary import Metric, Verdict
from sgibench.runner.commands.run import exit_code
from sgibench.runner.instruments import Instruments
from sgibench.runner.load.orders import Block, BlockReport, TurnListener
from sgibench.runner.machine import Noise
from sgibench.runner.manifest import manifest_of
from sgibench.runner.measure import Interrupted, Measurement, Outcome, interruptible, noise_problems
from sgibench.runner.pieces import Piece
from sgibench.runner.plan import START_S, Plan

from .fakes import (
    JSON,
    FakeCalibrator,
    FakeClock,
    FakeLauncher,
    FakeLoad,
    FakeSampler,
    FakeWatcher,
    a_plan,
    a_quiet_machine,
)

RATES = {"fast": 2000.0, "slow": 1000.0}


@dataclass
class World:
    """Everything around a measurement, faked, on one clock."""

    folder: Path
    rates: dict[str, float] = field(default_factory=lambda: dict(RATES))
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.launcher = FakeLauncher(self.clock)
        self.load = FakeLoad(self.rates, self.clock)
        self.watcher = FakeWatcher()
        self.calibrator = FakeCalibrator(self.clock)
        self.store = RunStore(self.folder / "run")

    def manifest(self, plan: Plan) -> Manifest:
        return manifest_of(plan, "run")

    def run(self, plan: Plan) -> Outcome:
        instruments = Instruments(
            self.launcher,
            self.load,
            FakeSampler(),
            self.watcher,
            0.0,
            self.clock,
            a_quiet_machine,
            self.calibrator,
        )
        return Measurement(plan, self.manifest(plan), self.store, instruments).run()


def test_a_run_measures_as_many_epochs_as_the_budget_holds(tmp_path: Path) -> None:
    world = World(tmp_path)
    # Two levels to calibrate: 2 s. One epoch: 2 s of launching, 2 x (0.4 + 0.5) s of json, 2 x 0.5 s of waiting: 4.8 s.
    outcome = world.run(a_plan(epochs=(2, 50), budget_s=28.0))
    epochs = {trial.epoch for trial in outcome.run.trials}
    assert epochs == {1, 2, 3, 4, 5}
    assert world.clock.now <= 28.0
    assert world.watcher.epochs[-1][1] == 5


def test_the_fewest_epochs_are_measured_even_when_they_take_longer_than_thought(tmp_path: Path) -> None:
    outcome = World(tmp_path).run(a_plan(epochs=(3, 50), budget_s=6.0))
    assert {trial.epoch for trial in outcome.run.trials} == {1, 2, 3}


def test_exactly_the_epochs_that_were_asked_for_are_measured(tmp_path: Path) -> None:
    outcome = World(tmp_path).run(a_plan(epochs=(4, 4), exact=True, budget_s=1.0))
    assert {trial.epoch for trial in outcome.run.trials} == {1, 2, 3, 4}


def test_a_machine_that_changes_speed_does_not_change_the_ratio(tmp_path: Path) -> None:
    world = World(tmp_path)
    drift = random.Random(5)
    world.load.machine = lambda number: 1.0 + 0.9 * math.sin(number / 3) ** 2 + drift.random() * 0.001
    plan = a_plan(epochs=(5, 5), pieces=[Piece(JSON, Level(8), 2.0)])
    summary = summarise(world.run(plan).run)
    (comparison,) = [found for found in summary.comparisons if found.metric is Metric.THROUGHPUT]
    assert comparison.verdict is Verdict.SLOWER
    assert comparison.ratio.value == pytest.approx(0.5, rel=0.005)
    assert comparison.ratio.low is not None
    assert comparison.ratio.high is not None
    assert comparison.ratio.high - comparison.ratio.low < 0.01


def test_every_piece_is_on_disk_before_the_next_one_begins(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load.fails_at = 4
    outcome = world.run(a_plan(epochs=(3, 3)))
    stored = load_run(world.store.folder)
    assert len(stored.trials) == 6
    assert stored.trials == outcome.run.trials
    assert [problem.code for problem in outcome.run.manifest.problems] == [ProblemCode.LOAD_LOST]


def test_a_load_side_that_refuses_ends_the_run_as_one_that_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path)
    carried_out = world.load.run

    def refuses(block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        if len(world.load.blocks) == 3:
            raise UsageError("9 connections are more than the 8 open files", "use fewer connections")
        return carried_out(block, on_turn)

    monkeypatch.setattr(world.load, "run", refuses)
    outcome = world.run(a_plan(epochs=(3, 3)))
    (problem,) = outcome.run.manifest.problems
    assert problem.code is ProblemCode.LOAD_LOST
    assert problem.message == "9 connections are more than the 8 open files (use fewer connections)"
    assert (outcome.run.manifest.status, outcome.interrupted) == ("interrupted", False)
    assert len(load_run(world.store.folder).trials) == 6
    assert world.launcher.running == 0
    assert exit_code(summarise(outcome.run), outcome) is ExitCode.INVALID


def test_an_interrupted_run_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load.interrupts_at = 4
    outcome = world.run(a_plan(epochs=(3, 3)))
    assert outcome.interrupted
    assert outcome.run.manifest.status == "interrupted"
    assert ProblemCode.INTERRUPTED in {problem.code for problem in outcome.run.manifest.problems}
    assert len(load_run(world.store.folder).trials) == 6
    assert world.launcher.running == 0


def test_a_second_signal_does_not_disturb_the_clean_up() -> None:
    def interrupted_twice() -> None:
        with interruptible():
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                os.kill(os.getpid(), signal.SIGINT)
                os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        interrupted_twice()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_run_in_which_nothing_starts_is_an_error_with_the_reason(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.launcher.failing = ("fast", "slow")
    with pytest.raises(TargetError, match=r"fast@uvicorn exited with code 1") as caught:
        world.run(a_plan())
    assert "1 more of 2 targets failed" in caught.value.hint
    assert json.loads((world.store.folder / "manifest.json").read_text())["status"] == "failed"
    assert len(world.launcher.hash_seeds) == 1, "what fails once is not launched again and again"


def test_a_target_that_never_starts_is_one_problem_not_one_per_epoch(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.launcher.failing = ("slow",)
    outcome = world.run(a_plan(epochs=(3, 3)))
    (problem,) = outcome.run.manifest.problems
    assert problem.code is ProblemCode.NOT_STARTED
    assert {len(block.endpoints) for block in world.load.blocks} == {1}
    assert world.launcher.launched == [2, 1, 1], "what failed once is not tried in every launch"
    assert not summarise(outcome.run).valid


def test_the_load_side_is_calibrated_once_for_each_level_and_every_trial_has_its_ceiling(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.run(a_plan())
    stored = load_run(world.store.folder)
    assert {(trial.level.concurrency, trial.ceiling_rps) for trial in stored.trials} == {(4, 40_000.0), (8, 80_000.0)}
    assert world.calibrator.asked == [4, 8]
    assert world.calibrator.closed == 1, "the null server is gone before anything is launched"
    assert world.watcher.phases[:2] == [
        "calibrating the load side, 4 connections",
        "calibrating the load side, 8 connections",
    ]
    shown = summarise(stored).to_dict()["results"][0]["generator"]
    assert shown["ceiling_share"] == pytest.approx(2000 / 80_000, rel=0.01)


def test_a_known_ceiling_is_not_announced(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.calibrator.known = (8,)
    outcome = world.run(a_plan())
    assert [phase for phase in world.watcher.phases if "calibrating" in phase] == [
        "calibrating the load side, 4 connections"
    ]
    assert {trial.ceiling_rps for trial in outcome.run.trials} == {40_000.0, 80_000.0}


def test_a_calibration_that_fails_is_a_warning_and_the_run_goes_on(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.calibrator.fails_at = 8
    outcome = world.run(a_plan(pieces=[Piece(JSON, Level(8), 0.5)]))
    (problem,) = outcome.run.manifest.problems
    assert (problem.code, problem.severity) == (ProblemCode.UNCALIBRATED, Severity.WARNING)
    assert "for a concurrency of 8 (the null server did not start)" in problem.message
    assert {trial.ceiling_rps for trial in outcome.run.trials} == {None}
    assert summarise(outcome.run).valid
    assert world.calibrator.closed == 1


def test_what_is_to_be_said_of_the_calibration_is_a_problem_of_the_run(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.calibrator.noted = (Problem(ProblemCode.REJECTED_MESSAGES, "rejected a message", severity=Severity.WARNING),)
    outcome = world.run(a_plan(pieces=[Piece(JSON, Level(8), 0.5)]))
    assert outcome.run.manifest.problems == world.calibrator.noted
    assert summarise(outcome.run).valid


def test_a_budget_that_only_just_holds_the_epochs_has_no_time_to_calibrate(tmp_path: Path) -> None:
    world = World(tmp_path)
    plan = a_plan(epochs=(2, 2))
    world.calibrator.known = (8,)
    world.clock.now = START_S
    outcome = world.run(a_plan(epochs=(2, 2), budget_s=plan.least_s()))
    (problem,) = outcome.run.manifest.problems
    assert "for a concurrency of 4 (the budget has no time for it)" in problem.message
    assert {(trial.level.concurrency, trial.ceiling_rps) for trial in outcome.run.trials} == {(4, None), (8, 80_000.0)}


def test_who_asks_for_exactly_so_many_epochs_gets_the_ceilings_too(tmp_path: Path) -> None:
    outcome = World(tmp_path).run(a_plan(epochs=(1, 1), exact=True, budget_s=0.1))
    assert None not in {trial.ceiling_rps for trial in outcome.run.trials}


def test_a_run_in_which_nothing_starts_is_put_down_to_that_and_not_to_the_calibration(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.calibrator.fails_at = 4
    world.launcher.failing = ("fast", "slow")
    with pytest.raises(TargetError, match=r"fast@uvicorn exited with code 1"):
        world.run(a_plan())


def test_others_at_work_on_the_machine_are_a_warning_with_the_figure() -> None:
    noise = [("json", Noise(0.01, 0.0)), ("wait", Noise(0.42, 0.3)), ("cpu", Noise(0.2, 0.0))]
    foreign, steal = noise_problems(noise)
    assert "0.42 cores" in foreign.message
    assert "2 of 3 pieces" in foreign.message
    assert "hypervisor" in steal.message
    assert {foreign.severity, steal.severity} == {Severity.WARNING}
    assert list(noise_problems(noise[:1])) == []
