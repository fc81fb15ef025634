"""The proof of the gate: pools are kept whole, decisions are what a run would have said, cuts are what they claim."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.gate import decide, record, results, rivals
from benchmarks.gate.chunk import Spec
from benchmarks.gate.decisions import (
    BUDGETS,
    RAN_OUT,
    Budget,
    Drawer,
    bootstrapped,
    decided,
    exactly,
    run_of,
    share_of,
    summary,
    swapped,
)
from benchmarks.gate.intervals import Share
from benchmarks.gate.plans import next_pool
from benchmarks.gate.plants import PILOT_EPOCHS, PILOT_LOOPS, calibrated
from benchmarks.gate.pools import (
    PACKED,
    PLAIN,
    Calibration,
    Data,
    Pool,
    Recorded,
    append,
    changes_of,
    compact,
    pack,
    read_data,
    with_errors,
)
from benchmarks.gate.power_chart import CHART
from benchmarks.gate.result_tables import asked_for
from benchmarks.gate.rival_rules import RULES
from benchmarks.gate.rivals import Way, cuts
from sgibench.results.errors import BenchError
from sgibench.results.gate.judge import judge
from sgibench.results.gate.records import BASE, HEAD, GateTurns, Order, change
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.statistics import percent_estimate
from sgibench.results.gate.values import epoch_of
from sgibench.results.gate.verdicts import GateVerdict

from ..results.builders import drifting_trials, ledger
from ..results.gate.builders import epoch

EQUAL, SLOWER = Pool("fastapi", "none"), Pool("fastapi", "cpu-5")
SLOWED = (GateMetric.THROUGHPUT, GateMetric.CPU, GateMetric.P50, GateMetric.P90)
SHORT, USUAL, _ = BUDGETS
EACH_S = 6.5
RUN = 6  # epochs of a recorded run


def made_up(pool: Pool, count: int, percent: float = 0.0, spread: float = 0.3, seed: int = 1) -> list[Recorded]:
    """Epochs whose timed metrics are worse by that much, but for some normal noise; six of them are a run."""
    rng = np.random.default_rng([seed, count, len(pool.name)])
    found = []
    for at in range(count):
        worse = {metric: percent * (metric in SLOWED) + spread * rng.standard_normal() for metric in GateMetric}
        base = [1000.0 + 5 * rng.standard_normal() for _ in range(20)]
        turns = {
            "base": {"rps": base, "cpu_us": [900.0] * 20},
            "head": {"rps": [rps / (1 + percent / 100) for rps in base], "cpu_us": [900.0] * 20},
        }
        number = at % RUN + 1
        measured = with_errors(epoch(number, worse), turns)
        found.append(Recorded(pool, f"run-{at // RUN}", 100.0 + 10 * at, 4.0, measured, turns))
    return found


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: str(budget.name))
def test_a_decision_takes_no_epoch_twice_and_keeps_to_its_budget(budget: Budget) -> None:
    drawer, rng = Drawer(made_up(EQUAL, 60)), np.random.default_rng(1)
    for _ in range(10):
        drawn = drawer.draw(budget, rng)
        assert len(set(drawn.taken)) == len(drawn.taken) == len(drawn.epochs)
        assert [each.number for each in drawn.epochs] == list(range(1, len(drawn.epochs) + 1))
        assert not drawn.short
        assert budget.seconds - EACH_S < drawn.ends_s[-1] <= budget.seconds + 1


@pytest.mark.parametrize(("percent", "budget"), [(0.0, USUAL), (1.0, SHORT), (2.0, SHORT), (5.0, USUAL)])
def test_a_decision_is_what_a_run_says_that_is_judged_after_each_epoch(percent: float, budget: Budget) -> None:
    drawer, rng = Drawer(made_up(SLOWER, 40, percent, spread=1.0)), np.random.default_rng(2)
    for _ in range(2):
        drawn = drawer.draw(budget, rng)
        count = len(drawn.epochs)
        said = [judge(run_of(drawn, many), final=many == count) for many in range(1, count + 1)]
        at, first = next((at, each) for at, each in enumerate(said, 1) if each.verdict is not GateVerdict.GO_ON)
        found = decided(drawn)
        assert (found.verdict, found.epochs) == (first.verdict.value, at)
        assert found.seconds == pytest.approx(drawn.ends_s[at - 1], abs=0.1)


def test_swapping_the_sides_turns_every_change_around() -> None:
    once = made_up(SLOWER, 1, 5.0)[0].epoch
    other = swapped(once)
    for key, pair in once.values.items():
        assert change(other.values[key], key[1]) == pytest.approx(-change(pair, key[1]))
    assert other.order is not once.order
    assert swapped(other) == once


def test_a_pool_can_be_moved_to_be_just_as_slow_as_was_meant() -> None:
    pool = made_up(SLOWER, 9, 7.0, spread=1.0)
    moved = exactly(pool, 5.0)
    for metric in GateMetric:
        seen, now = (changes_of(those, metric) for those in (pool, moved))
        steps = [after - before for before, after in zip(seen, now, strict=True)]
        if metric in SLOWED:
            assert steps == pytest.approx([steps[0]] * len(steps))
            assert steps[0] < 0
        elif not metric.in_percent or "memory" in metric.value:
            assert steps == [0] * len(steps)
    assert percent_estimate(changes_of(moved, GateMetric.CPU)).value == pytest.approx(5.0)


def test_equal_sides_pass_and_a_planted_slowdown_is_named() -> None:
    rng = np.random.default_rng(3)
    equal = summary([Drawer(made_up(EQUAL, 40), swap=True).decide(USUAL, rng) for _ in range(10)])
    slower = summary([Drawer(made_up(SLOWER, 40, 5.0)).decide(SHORT, rng) for _ in range(5)])
    assert equal["verdicts"] == {"pass": 10}
    assert slower["verdicts"] == {"regressed": 5}
    assert {GateMetric.THROUGHPUT.value, GateMetric.CPU.value} <= slower["named"].keys()


def test_a_pool_that_is_too_small_to_decide_is_not_called_inconclusive() -> None:
    said = Drawer(made_up(EQUAL, 9, 2.0, spread=0.1)).decide(USUAL, np.random.default_rng(1))
    assert said.verdict == RAN_OUT


def cell(pool: str, budget: Budget, verdicts: Mapping[str, int], **named: int) -> dict[str, Any]:
    """Decisions, as they are stored."""
    total = sum(verdicts.values())
    said = {"swapped": False, "exact": "/cpu-" in pool, "verdicts": verdicts, "decisions": total, "named": named}
    return {"pool": pool, "budget": {"name": budget.name}, **said}


def test_what_ran_out_of_epochs_counts_in_no_share_and_is_shown() -> None:
    few, rng = made_up(EQUAL, 9, 2.0, spread=0.1), np.random.default_rng(1)
    assert bootstrapped(few, USUAL, [GateVerdict.PASS], 1, 2, rng) == {}
    cells = [
        cell("fastapi/none/steady", SHORT, {"pass": 90, RAN_OUT: 10}),
        cell("fastapi/none/bursts", USUAL, {"regressed": 100}),
        cell("flask/leak-1kb/quiet", SHORT, {RAN_OUT: 3}),
        cell("flask/cpu-5/steady", SHORT, {"regressed": 9, "inconclusive": 1, RAN_OUT: 90}),
    ]
    assert share_of(cells[0], GateVerdict.PASS) == Share(90, 90)
    promised = asked_for(cells, [])
    named = "leak-1kb, 90 s: regressed, and `leak_bytes_per_request` named"
    assert "| equal, steady: regressed | fastapi | at most 1 % | 0.0 % [0.0, 4.0] +10 ran out | holds" in promised
    assert "| equal, bursts: regressed | fastapi | at most 1 % | 100.0 % [96.4, 100.0] | **does not hold**" in promised
    assert f"| {named} | flask | at least 95 % | – +3 ran out | not judged |" in promised
    assert "+90 ran out | **does not hold** |" in promised


def test_a_leak_that_only_shows_as_time_is_not_what_was_promised() -> None:
    pool, verdicts = "fastapi/leak-1kb/quiet", {"regressed": 100}
    by_time = asked_for([cell(pool, SHORT, verdicts, cpu_us_per_request=100, leak_bytes_per_request=20)], [])
    assert "named | fastapi | at least 95 % | 20.0 % [12.7, 29.2] | **does not hold** |" in by_time
    by_leak = asked_for([cell(pool, SHORT, verdicts, cpu_us_per_request=100, leak_bytes_per_request=100)], [])
    assert "named | fastapi | at least 95 % | 100.0 % [96.4, 100.0] | holds |" in by_leak


def test_errors_are_found_as_soon_as_a_run_would_find_them() -> None:
    wrong = {"base": ledger(1000), "head": ledger(900, status=100)}
    pool = [replace(each, epoch=epoch(1, {GateMetric.CPU: 0.0}, errors=wrong)) for each in made_up(EQUAL, 20)]
    said = Drawer(pool).decide(SHORT, np.random.default_rng(1))
    assert (said.verdict, said.named) == ("regressed", ("errors",))
    assert said.epochs < 8  # before the first look


def test_the_interval_of_a_share_is_exact() -> None:
    assert Share(0, 300).interval == pytest.approx((0.0, 1 - 0.025 ** (1 / 300)))
    assert Share(300, 300).interval == pytest.approx((0.025 ** (1 / 300), 1.0))
    low, high = Share(5, 10).interval
    assert low == pytest.approx(1 - high)


def test_cuts_in_a_row_come_from_one_run_and_the_head_is_later() -> None:
    found = list(cuts(made_up(EQUAL, 12), Way.IN_A_ROW, 2))
    assert len(found) == 2 * 3
    for cut in found:
        assert len({each.run for each in (*cut.base, *cut.head)}) == 1
        assert max(each.at_s for each in cut.base) < min(each.at_s for each in cut.head)


def test_a_stored_baseline_comes_from_an_earlier_run() -> None:
    found = list(cuts(made_up(EQUAL, 12), Way.STORED, 2))
    assert len(found) == 5 * 5
    assert {each.run for cut in found for each in cut.base} == {"run-0"}
    assert {each.run for cut in found for each in cut.head} == {"run-1"}


@pytest.mark.parametrize(
    ("slower", "called"),
    [
        (1.0, set()),
        (1.04, {"asv continuous, set to 1.02", "t-test on all turns, p < 0.05"}),
        (1.08, {"asv continuous, set to 1.02", "t-test on all turns, p < 0.05", "pytest-benchmark, mean:5%"}),
        (1.3, RULES.keys() - {"github-action-benchmark (200 %)"}),
        (2.1, set(RULES)),
    ],
)
def test_each_rule_calls_what_its_tool_calls(slower: float, called: set[str]) -> None:
    rng = np.random.default_rng(5)
    base = [list(100 + rng.standard_normal(20)) for _ in range(2)]
    head = [[slower * time_us for time_us in turns] for turns in base]
    assert {name for name, rule in RULES.items() if rule(base, head)} == called


def test_epochs_recorded_before_their_errors_were_stored_get_them_from_their_rounds() -> None:
    trials = drifting_trials({BASE: 1000.0, HEAD: 950.0}, 1, rounds=30, spread=0.05)
    measured = GateTurns(tuple(trials))
    whole = epoch_of(1, Order.BASE_FIRST, 1, 0.0, 6.0, measured)
    before = replace(whole, values={key: replace(pair, error=None) for key, pair in whole.values.items()})
    found = with_errors(before, compact(measured))
    for metric in (GateMetric.THROUGHPUT, GateMetric.CPU):
        assert found.values["json", metric].error == pytest.approx(whole.values["json", metric].error, rel=0.01)
    assert with_errors(whole, compact(measured)).values == whole.values


def test_the_pool_that_is_furthest_behind_is_next() -> None:
    plan, have = {EQUAL: 12, SLOWER: 6}, {EQUAL: 0, SLOWER: 0}
    order = []
    while (pool := next_pool(plan, have, 1)) is not None:
        order.append(pool)
        have[pool] += 3
    assert sorted(order) == [SLOWER] * 2 + [EQUAL] * 4
    assert set(order[:2]) == {EQUAL, SLOWER}


def test_the_size_of_a_loop_is_told_from_the_pilot() -> None:
    found = calibrated("fastapi", made_up(Pool("fastapi", "pilot"), PILOT_EPOCHS, 20.0, spread=0.0))
    assert found.percent == pytest.approx(20.0)
    assert found.loops_for(2.0) == pytest.approx(PILOT_LOOPS["fastapi"] / 10, abs=1)


class Chunks:
    """In the place of real runs: made-up epochs, and a failure now and then."""

    def __init__(self) -> None:
        self.asked: list[Spec] = []

    def __call__(self, spec: Spec, folder: Path) -> Mapping[str, Any]:
        self.asked.append(spec)
        if len(self.asked) % 3 == 0:
            raise BenchError("the server was not in the mood")
        pool = Pool.parse(spec.pool)
        percent = 20.0 if spec.plant.loops else 0.0
        epochs = [
            replace(each, run=f"run-{len(self.asked)}", at_s=len(self.asked) * 100.0 + number)
            for number, each in enumerate(made_up(pool, spec.epochs, percent, seed=spec.seed))
        ]
        chunk = {
            "kind": "chunk",
            "pool": pool.name,
            "at_s": 100.0 * len(self.asked),
            "epochs": len(epochs),
            "failures": [],
        }
        return {"environment": {"cpu": {}}, "lines": [*(each.to_dict() for each in epochs), chunk]}


def test_a_recorder_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = Chunks()
    monkeypatch.setattr(record, "run_chunk", chunks)
    plan = {EQUAL: 8, SLOWER: 7}
    append(tmp_path, [Calibration("fastapi", 1000, 20.0, None, None, 8).to_dict()])
    assert record.Recorder(tmp_path, 1, 3, float("inf"), read_data(tmp_path)).record({EQUAL: 4})
    with (tmp_path / PLAIN).open("a") as file:
        file.write('{"kind": "epoch", "pool": "fas')  # as a crash leaves it
    before = read_data(tmp_path)
    assert before.counts() == {EQUAL: 4}
    assert record.Recorder(tmp_path, 1, 3, float("inf"), before).record(plan)
    data = read_data(tmp_path)
    assert data.counts() == plan
    assert sum(spec.epochs for spec in chunks.asked) >= sum(plan.values())
    assert sum(chunk["epochs"] for chunk in data.chunks) == sum(plan.values())
    assert [chunk["failures"] for chunk in data.chunks if not chunk["epochs"]] == [
        ["the server was not in the mood"]
    ] * (len(chunks.asked) // 3)
    assert len({spec.seed for spec in chunks.asked}) == len(chunks.asked)
    assert {spec.plant.loops for spec in chunks.asked if spec.pool == SLOWER.name} == {250}


def test_packed_data_are_the_same(tmp_path: Path) -> None:
    append(tmp_path, [each.to_dict() for each in made_up(EQUAL, 3)])
    before = read_data(tmp_path).epochs
    pack(tmp_path)
    append(tmp_path, [each.to_dict() for each in made_up(SLOWER, 2)])
    assert not (tmp_path / PACKED).with_suffix(".new").exists()
    after: Data = read_data(tmp_path)
    assert after.epochs == {**before, SLOWER: made_up(SLOWER, 2)}
    bytes_before = pack(tmp_path).read_bytes()
    assert pack(tmp_path).read_bytes() == bytes_before


def test_the_page_is_written_from_the_data_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for pool, percent in ((EQUAL, 0.0), (SLOWER, 5.0)):
        append(tmp_path, [each.to_dict() for each in made_up(pool, 24, percent)])
    monkeypatch.setattr("sys.argv", ["rivals", "--data", str(tmp_path), "--decisions", "20"])
    rivals.main()
    options = argparse.Namespace(decisions=3, equal=3, replicates=2, seed=1)
    monkeypatch.setattr(decide, "PER_REPLICATE", 2)
    data = read_data(tmp_path)
    cells = [decide.carried_out(task) for task in decide.tasks_of(data.epochs, options)]
    assert [sum(cell["verdicts"].values()) for cell in cells] == [3] * (2 * 3 + 2 * 3)
    (tmp_path / decide.DECISIONS).write_text(json.dumps(cells))
    monkeypatch.setattr("sys.argv", ["results", "--data", str(tmp_path), "--out", str(tmp_path / "page.md")])
    results.main()
    page = (tmp_path / "page.md").read_text()
    for drawn in ("as recorded", "moved to what was meant"):
        assert f"| fastapi | cpu-5 | quiet | {drawn} | 90 s, 2 % | 24 | 3 | 100.0 % [29.2, 100.0]" in page
    assert "github-action-benchmark (200 %) | 0.0 %" in page
    assert "<svg" in (tmp_path / CHART).read_text()
