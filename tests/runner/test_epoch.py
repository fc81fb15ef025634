import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.results.records import Level, NotPossible, ProblemCode, Trial
from sgibench.runner.epoch import Epoch, EpochResult
from sgibench.runner.instruments import Instruments
from sgibench.runner.load.orders import Block, BlockReport, TurnListener
from sgibench.runner.pieces import WARMUP_AGAIN_S, WARMUP_S, Piece
from sgibench.runner.turns import shuffled_turns

from .fakes import JSON, WAIT, FakeLauncher, FakeLoad, FakeSampler, FakeWatcher, a_plan, a_quiet_machine

RATES = {"fast": 2000.0, "slow": 500.0}


def run_epoch(
    launcher: FakeLauncher, load: FakeLoad, number: int = 1, seed: int = 1
) -> tuple[list[Trial], list[ProblemCode]]:
    saved: list[Trial] = []
    instruments = Instruments(launcher, load, FakeSampler(), FakeWatcher(), 0.0, read_cpu=a_quiet_machine)
    result = EpochResult()
    Epoch(number, a_plan(seed=seed), instruments, lambda trials, _samples: saved.extend(trials), result).run()
    return saved, [problem.code for problem in result.problems]


def test_every_target_has_one_turn_in_every_round_and_the_order_changes() -> None:
    turns = list(shuffled_turns(Piece(JSON, Level(8), 2.0), [0.05] * 3, [0.4] * 3, random.Random(1)))
    rounds: dict[int, list[int]] = {}
    for turn in turns:
        if not turn.warmup:
            rounds.setdefault(turn.round, []).append(turn.endpoint)
    assert len(rounds) == 40
    assert all(sorted(order) == [0, 1, 2] for order in rounds.values())
    first = Counter(order[0] for order in rounds.values())
    assert set(first) == {0, 1, 2}, "no target always goes first"
    assert [turn.position for turn in turns if turn.round == 0] == [0, 1, 2]


def test_the_warm_up_comes_first_and_once_for_each() -> None:
    turns = list(shuffled_turns(Piece(JSON, Level(8), 0.2), [0.05, 0.05], [0.4, 0.4], random.Random(1)))
    assert [turn.warmup for turn in turns[:3]] == [True, True, False]
    assert not any(turn.warmup for turn in turns[2:])


def test_every_target_is_warmed_up_for_long_before_its_own_first_piece() -> None:
    pieces = (Piece(JSON, Level(8), 0.1), Piece(JSON, Level(9), 0.1), Piece(WAIT, Level(4), 0.1))
    plan = replace(a_plan(pieces=pieces), not_possible=(NotPossible("slow@uvicorn", "json", "too slow", Level(8)),))
    load = FakeLoad(RATES)
    instruments = Instruments(FakeLauncher(), load, FakeSampler(), FakeWatcher(), 0.0, read_cpu=a_quiet_machine)
    for number in (1, 2):
        Epoch(number, plan, instruments, lambda _trials, _samples: None, EpochResult()).run()
    assert [
        {block.endpoints[turn.endpoint].name: turn.seconds for turn in block.turns if turn.warmup}
        for block in load.blocks
    ] == [
        {"fast@uvicorn": WARMUP_S},
        {"fast@uvicorn": WARMUP_AGAIN_S, "slow@uvicorn": WARMUP_S},
        {},
    ] * 2


def test_a_slow_target_gets_longer_turns_and_as_many() -> None:
    turns = list(shuffled_turns(Piece(JSON, Level(8), 0.5), [0.05, 0.5], [0.0, 0.0], random.Random(1)))
    lengths = {turn.endpoint: turn.seconds for turn in turns}
    assert lengths == {0: 0.05, 1: 0.5}
    assert Counter(turn.endpoint for turn in turns) == {0: 2, 1: 2}, "so that together they take what was planned"


def test_one_seed_gives_one_order_and_each_epoch_its_own() -> None:
    def order(number: int, seed: int) -> list[int]:
        load = FakeLoad(RATES)
        run_epoch(FakeLauncher(), load, number, seed)
        return [turn.endpoint for turn in load.blocks[0].turns]

    assert order(1, 7) == order(1, 7)
    assert order(1, 7) != order(2, 7)
    assert order(1, 7) != order(1, 8)


def test_the_targets_of_an_epoch_share_a_hash_seed_and_epochs_do_not() -> None:
    launcher = FakeLauncher()
    run_epoch(launcher, FakeLoad(RATES), 1)
    run_epoch(launcher, FakeLoad(RATES), 2)
    assert len(set(launcher.hash_seeds)) == 2


def test_each_piece_is_handed_over_when_it_is_done() -> None:
    saved, problems = run_epoch(FakeLauncher(), FakeLoad(RATES))
    assert [(trial.target, trial.scenario) for trial in saved] == [
        ("fast@uvicorn", "json"),
        ("slow@uvicorn", "json"),
        ("fast@uvicorn", "wait"),
        ("slow@uvicorn", "wait"),
    ]
    assert problems == []
    assert all(not turn.round < 0 for trial in saved for turn in trial.turns), "no warm-up among the turns"


def test_memory_is_marked_at_rest_and_while_requests_are_held() -> None:
    saved, _ = run_epoch(FakeLauncher(), FakeLoad(RATES))
    short, long = saved[0], saved[2]
    assert [(mark.label, mark.memory_mib) for mark in short.memory] == [("idle", 40.0), ("peak", 44.0)]
    assert ("peak", 50.0) in [(mark.label, mark.memory_mib) for mark in long.memory], "read in the middle of a turn"


def test_a_target_that_does_not_start_is_told_and_the_others_go_on() -> None:
    saved, problems = run_epoch(FakeLauncher(failing=("slow",)), FakeLoad(RATES))
    assert {trial.target for trial in saved} == {"fast@uvicorn"}
    assert problems == [ProblemCode.NOT_STARTED]


def test_a_target_that_answers_wrongly_is_not_measured() -> None:
    load = FakeLoad(RATES)
    saved, problems = run_epoch(FakeLauncher(wrong=("fast",)), load)
    assert {trial.target for trial in saved} == {"slow@uvicorn"}
    assert problems == [ProblemCode.WRONG_ANSWERS]
    assert all(endpoint.name == "slow@uvicorn" for block in load.blocks for endpoint in block.endpoints)


class TroubledLoad(FakeLoad):
    """Others send it messages in every block, and in the first it does not run for a while."""

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        report = super().run(block, on_turn)
        return replace(report, notes=("rejected 3 messages",), paused_s=6.0 if len(self.blocks) == 1 else 1.0)


def test_what_the_load_side_says_of_itself_is_told_and_a_long_pause_makes_its_piece_invalid() -> None:
    saved, problems = run_epoch(FakeLauncher(), TroubledLoad(RATES))
    assert problems == [ProblemCode.REJECTED_MESSAGES] * 2, "once for each piece"
    assert [(trial.scenario, trial.valid) for trial in saved] == [
        ("json", False),
        ("json", False),
        ("wait", True),
        ("wait", True),
    ]
    assert [found.code for found in saved[0].problems] == [ProblemCode.GENERATOR_LIMITED]


def test_a_target_that_dies_half_way_gets_an_invalid_trial_and_no_more_turns() -> None:
    launcher = FakeLauncher(dies_with={"slow": ProblemCode.SERVER_DIED})
    saved, _ = run_epoch(launcher, FakeLoad(RATES))
    of_slow = [trial for trial in saved if trial.target == "slow@uvicorn"]
    assert [(trial.scenario, trial.valid) for trial in of_slow] == [("json", False)]
    assert [trial.valid for trial in saved if trial.target == "fast@uvicorn"] == [True, True]


def test_a_target_whose_worker_was_replaced_is_measured_on() -> None:
    launcher = FakeLauncher(dies_with={"slow": ProblemCode.WORKER_DIED})
    saved, _ = run_epoch(launcher, FakeLoad(RATES))
    assert [trial.valid for trial in saved if trial.target == "slow@uvicorn"] == [False, True]


@pytest.mark.parametrize("trouble", [KeyboardInterrupt, RuntimeError])
def test_targets_are_stopped_whatever_happens(trouble: type[BaseException]) -> None:
    class Broken(FakeLoad):
        def run(self, *_args: object, **_options: object) -> object:  # type: ignore[override]
            raise trouble

    launcher = FakeLauncher()
    with pytest.raises(trouble):
        run_epoch(launcher, Broken(RATES))
    assert launcher.running == 0


def test_nothing_is_written_to_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_epoch(FakeLauncher(), FakeLoad(RATES))
    assert list(tmp_path.iterdir()) == []
