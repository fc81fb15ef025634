import json
import math
import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sgibench.results.errors import TargetError
from sgibench.results.records import Level, Manifest, ProblemCode, Severity
from sgibench.results.store import RunStore, load_run
from sgibench.results.summarise import summarise
from sgibench.results.summary import Metric, Verdict
from sgibench.runner.commands.run import manifest_of
from sgibench.runner.epoch import Instruments
from sgibench.runner.machine import Noise
from sgibench.runner.measure import Interrupted, Measurement, Outcome, interruptible, noise_problems
from sgibench.runner.plan import Piece, Plan

from .fakes import JSON, FakeClock, FakeLauncher, FakeLoad, FakeSampler, FakeWatcher, a_plan, a_quiet_machine

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
        self.store = RunStore(self.folder / "run")

    def manifest(self, plan: Plan) -> Manifest:
        return manifest_of(plan, "run")

    def run(self, plan: Plan) -> Outcome:
        instruments = Instruments(
            self.launcher, self.load, FakeSampler(), self.watcher, 0.0, self.clock, a_quiet_machine
        )
        return Measurement(plan, self.manifest(plan), self.store, instruments).run()


def test_a_run_measures_as_many_epochs_as_the_budget_holds(tmp_path: Path) -> None:
    world = World(tmp_path)
    # One epoch: 2 s of launching, 2 x (0.4 + 0.5) s of json, 2 x 0.5 s of waiting: 4.8 s.
    outcome = world.run(a_plan(epochs=(2, 50), budget_s=26.0))
    epochs = {trial.epoch for trial in outcome.run.trials}
    assert epochs == {1, 2, 3, 4, 5}
    assert world.clock.now <= 26.0
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


def test_others_at_work_on_the_machine_are_a_warning_with_the_figure() -> None:
    noise = [("json", Noise(0.01, 0.0)), ("wait", Noise(0.42, 0.3)), ("cpu", Noise(0.2, 0.0))]
    foreign, steal = noise_problems(noise)
    assert "0.42 cores" in foreign.message
    assert "2 of 3 pieces" in foreign.message
    assert "hypervisor" in steal.message
    assert {foreign.severity, steal.severity} == {Severity.WARNING}
    assert list(noise_problems(noise[:1])) == []
