import json
import math
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from sgibench.results.errors import LoadStartError, TargetError, UsageError
from sgibench.results.gate.records import BASE, HEAD, FailureKind, GateFailure, Order
from sgibench.results.gate.settings import GateMetric, GateSettings, Look
from sgibench.results.gate.store import load_gate
from sgibench.results.gate.verdicts import GateVerdict
from sgibench.results.histogram import Histogram
from sgibench.results.records import Level, Problem, ProblemCode, Severity, Trial
from sgibench.runner.gate.asked import Pressed, pieces_for, pressing_s
from sgibench.runner.gate.budget import check_budget, least_s
from sgibench.runner.gate.launches import mildly
from sgibench.runner.gate.measuring import judged
from sgibench.runner.load.orders import Block, BlockReport, TurnListener

from ..fakes import JSON
from .worlds import GateLoad, World


def test_equal_sides_pass_before_the_budget_is_spent(tmp_path: Path) -> None:
    world = World(tmp_path)
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.PASS
    assert outcome.run.status == "complete"
    assert outcome.run.elapsed_s < world.settings.budget_s / 2
    assert world.watcher.judged[-1] == "pass"
    assert set(world.watcher.judged[:-1]) == {"go on"}
    found = {metric for epoch in outcome.run.epochs for _, metric in epoch.values}
    assert found == set(GateMetric) - {GateMetric.P99}, "of which there are too few answers"


@pytest.mark.parametrize("worse", [0.97, 0.5, 0.02])
def test_a_slower_head_is_regressed_with_what_got_worse(tmp_path: Path, worse: float) -> None:
    world = World(tmp_path, rates={BASE: 2000.0, HEAD: 2000.0 * worse})
    outcome = world.run()
    result = outcome.result
    assert result.verdict is GateVerdict.REGRESSED
    assert {each.metric for each in result.regressed} >= {GateMetric.THROUGHPUT, GateMetric.CPU}
    assert outcome.run.elapsed_s < world.settings.budget_s


def test_a_faster_head_passes(tmp_path: Path) -> None:
    assert World(tmp_path, rates={BASE: 2000.0, HEAD: 3000.0}).run().result.verdict is GateVerdict.PASS


def test_memory_that_grows_with_requests_is_named(tmp_path: Path) -> None:
    world = World(tmp_path, settings=GateSettings(gated=(GateMetric.LEAK, GateMetric.CPU)))
    world.sampler.grows = {HEAD: 3.0}
    result = world.run().result
    assert result.verdict is GateVerdict.REGRESSED
    assert {each.metric for each in result.regressed} == {GateMetric.LEAK}


def test_every_epoch_is_saved_with_its_turns_and_judged_again_alike(tmp_path: Path) -> None:
    outcome = World(tmp_path).run()
    stored = load_gate(tmp_path / "run", turns=True)
    assert [epoch.number for epoch in stored.epochs] == list(range(1, len(outcome.run.epochs) + 1))
    assert judged(stored).to_dict() == outcome.result.to_dict()
    turns = json.loads((tmp_path / "run" / "turns" / "e001.json").read_text())
    assert {(trial["target"], bool(trial["level"]["rate_rps"])) for trial in turns["trials"]} == {
        (side, opened) for side in (BASE, HEAD) for opened in (False, True)
    }
    assert {mark["side"] for mark in turns["growth"]} == {BASE, HEAD}
    requests = [mark["requests"] for mark in turns["growth"] if mark["side"] == HEAD]
    assert len(set(requests)) == 2, "looked at after the warm-up, and at the end of the closed loop"


def test_a_coin_says_who_is_started_first_and_both_share_a_hash_seed(tmp_path: Path) -> None:
    world = World(tmp_path)
    epochs = world.run().run.epochs
    orders = [epoch.order for epoch in epochs]
    started = [BASE if order is Order.BASE_FIRST else HEAD for order in orders]
    assert world.launcher.order[1:] == started
    assert len({epoch.hash_seed for epoch in epochs}) == len(epochs)
    assert world.launcher.hash_seeds[1:] == [epoch.hash_seed for epoch in epochs]


def test_coins_are_even_and_know_nothing_of_each_other(tmp_path: Path) -> None:
    compared = World(tmp_path).compared
    orders = [compared.order(number) for number in range(4001)]
    pairs = Counter(pairwise(orders))
    assert len(pairs) == 4
    # Each of the four is as likely: of 4,000, 1,000 with a standard deviation of 27 to 35.
    assert all(850 <= count <= 1150 for count in pairs.values())


def test_one_seed_gives_one_order(tmp_path: Path) -> None:
    def orders(name: str, seed: int) -> list[list[int]]:
        world = World(tmp_path / name, seed=seed)
        world.run()
        return [[turn.endpoint for turn in block.turns] for block in world.load.blocks]

    assert orders("a", 5) == orders("b", 5) != orders("c", 6)


def test_the_open_loop_asks_for_a_share_of_what_the_base_can_do(tmp_path: Path) -> None:
    world = World(tmp_path, rates={BASE: 2000.0, HEAD: 100.0})
    world.run()
    assert {block.arrival.rate_rps for block in world.load.blocks} == {0.0, 600.0}


def test_a_head_that_is_many_times_slower_does_not_make_launches_long(tmp_path: Path) -> None:
    world = World(tmp_path, rates={BASE: 2000.0, HEAD: 50.0})
    epochs = world.run().run.epochs
    assert max(epoch.elapsed_s for epoch in epochs) < 15
    assert {block.arrival.connections for block in world.load.blocks[2:]} <= {8, 10}, "whose answers come in soon"


@pytest.mark.parametrize(
    "found",
    [
        Pressed(5000, 25, 0.0002, 0.3),  # a wait of 300 ms was added
        Pressed(5000, 50, 0.0002, 0.02),  # a hundred times the work
        Pressed(1, 1, 1.0, 1.0),
        Pressed(0.5, 0.1, 2.0, 10.0),
    ],
)
def test_however_slow_the_sides_are_a_launch_is_short_enough_for_a_dozen_in_three_minutes(found: Pressed) -> None:
    closed, opened = pieces_for(JSON, 8, found)
    turn_s, window_s = (float(piece.scenario.turn_ms or 0) / 1000 for piece in (closed, opened))
    windows = opened.seconds / window_s
    late_s = windows * min(opened.level.concurrency, (opened.level.rate_rps or 0) * window_s) / found.slower_rps
    assert turn_s <= 1 >= window_s
    if found.base_rps > 1:
        assert pressing_s((closed, opened)) + late_s < 12


def test_a_head_that_often_errs_in_the_rehearsal_and_in_the_next_is_regressed_before_it_takes_the_budget(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, rates={BASE: 2000.0, HEAD: 200.0})
    world.load.errors = (HEAD,)  # one in each turn of 20
    outcome = world.run()
    assert (outcome.result.verdict, outcome.run.epochs) == (GateVerdict.REGRESSED, ())
    assert "not answered rightly" in outcome.result.reasons[0]


@pytest.mark.parametrize("side", [BASE, HEAD])
def test_a_side_that_does_not_start_twice_fails(tmp_path: Path, side: str) -> None:
    world = World(tmp_path)
    world.launcher.fails_in = {side: range(99)}
    outcome = world.run()
    assert len(world.launcher.launched) == 2
    if side == BASE:
        with pytest.raises(TargetError, match=r"the base failed \(does not start\)"):
            _ = outcome.result
    else:
        assert outcome.result.verdict is GateVerdict.REGRESSED
        assert "does not start" in outcome.result.reasons[0]


def test_a_start_that_fails_once_is_tried_again_and_is_no_epoch(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.launcher.fails_in = {HEAD: [3], BASE: [5]}
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.PASS
    assert len(outcome.run.epochs) == len(world.launcher.launched) - 3, "a rehearsal, and two that failed"


def test_a_head_that_dies_under_load_twice_is_regressed(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.launcher.dies_in = {HEAD: [1, 4]}
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.REGRESSED
    assert outcome.run.failures[0].kind is FailureKind.DIED
    assert len(outcome.run.epochs) == 2, "those in which it lived"


def test_wrong_answers_under_load_are_regressed_where_the_base_has_none(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load.errors = (HEAD,)
    result = world.run().result
    assert result.verdict is GateVerdict.REGRESSED
    assert "wrongly" in result.reasons[0]
    assert result.epochs == 5


@pytest.mark.parametrize("errors", [(BASE,), (BASE, HEAD)])
def test_wrong_answers_of_the_base_leave_nothing_to_compare_with(tmp_path: Path, errors: tuple[str, ...]) -> None:
    world = World(tmp_path)
    world.load.errors = errors
    with pytest.raises(TargetError, match=r"the base failed \(errors\) under json: .*status"):
        _ = world.run().result


def test_a_head_that_cannot_even_be_imported_is_not_launched(tmp_path: Path) -> None:
    failure = GateFailure(HEAD, FailureKind.NOT_STARTED, "cannot import 'app:app'")
    world = World(tmp_path, failures=(failure,))
    assert world.run().result.verdict is GateVerdict.REGRESSED
    assert world.launcher.launched == []


def test_a_lost_load_side_is_inconclusive_and_says_so(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load.fails_at = 12
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.INCONCLUSIVE
    assert outcome.result.reasons[0] == "a load process was lost"
    assert outcome.run.epochs, "what was finished is kept"


def test_what_was_finished_before_an_interruption_is_kept(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.load.interrupts_at = 12
    outcome = world.run()
    assert outcome.interrupted
    assert outcome.result.verdict is GateVerdict.INCONCLUSIVE
    assert "interrupted" in outcome.result.reasons[0]
    stored = load_gate(tmp_path / "run")
    assert stored.status == "interrupted"
    assert len(stored.epochs) == len(outcome.run.epochs) > 0
    assert world.launcher.running == 0
    assert judged(stored).verdict is GateVerdict.INCONCLUSIVE


def test_a_run_that_was_killed_has_no_last_look(tmp_path: Path) -> None:
    """Its end might have been chosen: only the looks that were planned count."""
    world = World(tmp_path, settings=replace(GateSettings(), budget_s=75.0))
    world.run()
    stored = replace(load_gate(tmp_path / "run", turns=True), status="interrupted")
    assert judged(replace(stored, epochs=stored.epochs[:6])).verdict is GateVerdict.INCONCLUSIVE


def test_launches_too_long_for_the_budget_are_told_with_what_they_take(tmp_path: Path) -> None:
    world = World(tmp_path, settings=replace(GateSettings(), budget_s=8.0))
    with pytest.raises(UsageError, match=r"a verdict needs \d+ epochs") as caught:
        world.run()
    assert re.fullmatch(r"--budget \d+0s, or fewer paths", caught.value.hint)
    assert load_gate(tmp_path / "run").status == "interrupted"


def test_a_noisy_comparison_ends_with_the_budget_undecided(tmp_path: Path) -> None:
    world = World(tmp_path, settings=GateSettings(gated=(GateMetric.CPU,), budget_s=100.0))

    class Shaky(GateLoad):
        def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:

            self.rates[HEAD] = 2000.0 * (0.9 if len(self.blocks) % 6 < 3 else 1.1)
            return super().run(block, on_turn)

    world.load = Shaky(world.rates, world.clock)
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.INCONCLUSIVE
    assert 80 < outcome.run.elapsed_s <= 100.0


def test_unbalanced_books_are_tried_again_and_end_the_gate_in_the_end(tmp_path: Path) -> None:
    class Lying(GateLoad):
        def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
            return replace(super().run(block, on_turn), locust_requests=1)

    world = World(tmp_path)
    world.load = Lying(world.rates, world.clock)
    outcome = world.run()
    assert outcome.result.verdict is GateVerdict.INCONCLUSIVE
    assert "Locust counted" in outcome.result.reasons[0]
    assert [problem.code for problem in outcome.run.problems] == [ProblemCode.LOAD_LOST]


def test_where_there_is_no_load_side_there_is_no_verdict_either(tmp_path: Path) -> None:
    class Absent(GateLoad):
        def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
            raise LoadStartError("the load driver died (exit status 1)")

    world = World(tmp_path)
    world.load = Absent(world.rates, world.clock)
    with pytest.raises(LoadStartError):
        world.run()
    assert world.launcher.running == 0
    stored = load_gate(world.store.folder)
    assert [problem.code for problem in stored.problems] == [ProblemCode.LOAD_LOST]
    with pytest.raises(LoadStartError, match="exit status 1"):
        judged(stored)


def test_what_the_rehearsal_waited_for_the_load_side_is_not_taken_for_the_time_of_a_launch(tmp_path: Path) -> None:
    def looks(name: str, waited_s: float, told_s: float) -> tuple[Look, ...]:
        world = World(tmp_path / name)

        class Late(GateLoad):
            def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
                if not self.blocks:
                    self.clock.now += waited_s
                return super().run(block, on_turn)

        world.load = Late(world.rates, world.clock)
        return world.run(waited_s=told_s).run.settings.looks

    usual = looks("usual", 0.0, 0.0)
    assert looks("told", 8.0, 8.0) == usual
    assert looks("untold", 8.0, 0.0) != usual


def test_a_budget_in_which_nothing_can_be_decided_is_refused_with_what_it_takes() -> None:
    settings = GateSettings(budget_s=5.0)
    with pytest.raises(UsageError, match=r"a budget of 5 s is too small: a verdict needs \d+ epochs") as caught:
        check_budget(1, settings)
    assert f"--budget {math.ceil(least_s(1, settings) / 10) * 10}s" in caught.value.hint
    check_budget(1, GateSettings())
    with pytest.raises(UsageError):
        check_budget(20, GateSettings())


def test_a_load_side_that_is_seldom_late_blurs_only_what_decides_nothing() -> None:
    problems = (Problem(ProblemCode.GENERATOR_LIMITED, "late", BASE), Problem(ProblemCode.SERVER_DIED, "gone", BASE))

    def severities(lag_us: list[int]) -> list[Severity]:
        times = Histogram.of_us([1000] * 100)
        trial = Trial(1, BASE, "json", Level(8, 500.0), (), times, times, Histogram.of_us(lag_us), problems=problems)
        return [problem.severity for problem in mildly(trial).problems]

    assert severities([2] * 96 + [5000] * 4) == [Severity.WARNING, Severity.INVALID]
    assert severities([2] * 94 + [5000] * 6) == [Severity.INVALID] * 2
    closed = Trial(1, BASE, "json", Level(8), (), Histogram({}), problems=problems)
    assert mildly(closed) == closed
