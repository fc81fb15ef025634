"""Targets are compared within their group only, and cold starts by how long they took."""

from dataclasses import replace

import pytest

from sgibench.results.records import GroupInfo, Level, MemoryMark, NotPossible, ScenarioInfo, ScenarioKind, Trial
from sgibench.results.summarise import summarise
from sgibench.results.summary import MemorySlope, Metric, Verdict

from .builders import JSON, A, B, C, drifting_trials, manifest, run, steady_trial, trial, turn

EQUAL = GroupInfo("equal-slots", "At equal slots", A, (A, B), slots=16)
TUNED = GroupInfo("tuned", "Tuned", B, (B, C))
COLD = ScenarioInfo("cold-start", "a start", "GET", "/", (Level(1),), kind=ScenarioKind.COLD_START)


def epochs(rates: dict[str, float]) -> list[Trial]:
    return [each for epoch in (1, 2, 3) for each in drifting_trials(rates, epoch)]


def test_targets_are_compared_within_their_group_and_with_its_baseline() -> None:
    trials = epochs({A: 1000.0, B: 2000.0, C: 500.0})
    level = trials[0].level
    groups = (replace(EQUAL, slots=level.concurrency), TUNED)
    summary = summarise(run(trials, replace(manifest((A, B, C)), groups=groups)))
    by_throughput = [each for each in summary.comparisons if each.metric is Metric.THROUGHPUT]
    assert [(each.group, each.baseline, each.target) for each in by_throughput] == [
        ("equal-slots", A, B),
        ("tuned", B, C),
    ]
    assert {(each.group, each.target, each.baseline) for each in summary.leads} == {
        ("equal-slots", B, A),
        ("tuned", B, C),
    }


def test_beyond_its_slots_a_group_at_equal_slots_compares_nothing() -> None:
    trials = epochs({A: 1000.0, B: 2000.0})
    assert trials[0].level.concurrency > (EQUAL.slots or 0)
    summary = summarise(run(trials, replace(manifest((A, B)), groups=(EQUAL,))))
    assert summary.comparisons == ()
    assert summary.leads == ()
    assert len(summary.results) == 2


def test_a_group_compares_no_scenario_that_it_goes_without_and_none_with_slow_clients_at_equal_slots() -> None:
    trials = epochs({A: 1000.0, B: 2000.0})
    scenario, level = trials[0].scenario, trials[0].level
    at_level = replace(EQUAL, slots=level.concurrency)
    without = replace(at_level, without=(scenario,))
    assert summarise(run(trials, replace(manifest((A, B)), groups=(without,)))).comparisons == ()
    assert summarise(run(trials, replace(manifest((A, B)), groups=(replace(TUNED, targets=(A, B)),)))).comparisons
    base = manifest((A, B))
    slow = tuple(replace(each, slow_clients=50) for each in base.scenarios)
    assert summarise(run(trials, replace(base, groups=(at_level,)))).comparisons
    beside = summarise(run(trials, replace(base, groups=(at_level,), scenarios=slow)))
    assert beside.comparisons == ()
    assert beside.to_dict()["groups"][0]["without"] == tuple(each.name for each in slow)


def test_a_run_without_groups_compares_all_with_its_baseline() -> None:
    (group,) = manifest((A, B, C), baseline=B).compared
    assert (group.name, group.baseline, group.targets) == ("", B, (A, B, C))


def start(target: str, epoch: int, *seconds: float) -> Trial:
    turns = [turn(1, number, elapsed_s=each, load_cpu_s=0.0) for number, each in enumerate(seconds)]
    return trial(
        turns, target, epoch, scenario=COLD.name, level=Level(1), service_us=[int(each * 1e6) for each in seconds]
    )


def test_cold_starts_are_compared_by_time_and_have_no_throughput() -> None:
    trials = [start(A, epoch, 0.5 + epoch / 1000) for epoch in (1, 2, 3)]
    trials += [start(B, epoch, 1.5 + epoch / 1000) for epoch in (1, 2, 3)]
    summary = summarise(run(trials, manifest((A, B), (COLD,))))
    assert summary.problems == ()
    fast, slow = summary.results
    assert fast.start_ms is not None
    assert fast.start_ms.value == pytest.approx(502, abs=1)
    assert (fast.throughput_rps, slow.throughput_rps) == (None, None)
    (comparison,) = summary.comparisons
    assert (comparison.metric, comparison.verdict) == (Metric.START, Verdict.SLOWER)
    assert comparison.ratio.value == pytest.approx(3, rel=0.01)
    (lead,) = summary.leads
    assert (lead.target, lead.baseline, lead.verdict) == (A, B, Verdict.FASTER)


def held_after(earlier_mib: float) -> list[MemorySlope]:
    """Slopes of 10 KiB for each of up to 1,000 connections, after something else in the same launch."""
    held = ScenarioInfo("held", "held", "GET", "/wait", (Level(100), Level(1000)))

    def one(number: int, scenario: str, level: Level, mib: float) -> Trial:
        return trial(
            [turn(100, number)], scenario=scenario, level=level, memory=[MemoryMark("peak", 1, mib, 1, 1, "pss")]
        )

    trials = [one(0, JSON.name, JSON.levels[0], earlier_mib)]
    trials += [one(at, "held", level, 50 + level.concurrency * 10 / 1024) for at, level in enumerate(held.levels, 1)]
    return list(summarise(run(trials, manifest((A,), (JSON, held)))).memory_slopes)


def test_memory_that_a_launch_had_taken_before_shows_no_slope() -> None:
    (slope,) = held_after(48.0)
    assert slope.memory_per_request_kib.value == pytest.approx(10)
    assert held_after(70.0) == []


def test_what_answers_has_no_start() -> None:
    summary = summarise(run([steady_trial(1000)], manifest((A,))))
    assert summary.results[0].start_ms is None
    assert summary.results[0].to_dict()["start_ms"] is None


def test_groups_and_what_is_not_possible_are_published() -> None:
    cannot = NotPossible(B, "websocket", "b speaks WSGI, which has no WebSocket")
    summary = summarise(
        run(epochs({A: 1000.0, B: 2000.0}), replace(manifest(), groups=(TUNED,), not_possible=(cannot,)))
    )
    data = summary.to_dict()
    assert data["groups"][0]["name"] == "tuned"
    assert data["not_possible"] == [{"target": B, "scenario": "websocket", "reason": cannot.reason, "level": None}]
