"""Two runs side by side: quotients with honest intervals, differences of environment, contradictions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sgibench.results.differences import EnvironmentDifference, environment_differences
from sgibench.results.estimate import Estimate, from_epochs
from sgibench.results.records import GroupInfo, Level, Run, ScenarioInfo, ScenarioKind, Trial
from sgibench.results.summary import Metric, Verdict
from sgibench.results.two_runs import NotCompared, Pair, compare_runs, quotient

from .builders import (
    JSON,
    A,
    B,
    C,
    drifting_trials,
    ledger,
    manifest,
    problem,
    run,
    steady_trial,
    target_info,
    trial,
    turn,
)

LIMITED = problem(code="generator-limited", message="the load side was at its ceiling")


def made(
    rates: dict[str, float], run_id: str = "run-1", *, baseline: str = A, speed: float = 1.0, seed: int = 0
) -> Run:
    """A run of five epochs, on a machine `speed` times as fast."""
    scaled = {target: rate * speed for target, rate in rates.items()}
    trials: list[Trial] = []
    for epoch in range(1, 6):
        trials += drifting_trials(scaled, epoch, seed=seed)
    return run(trials, manifest(tuple(rates), baseline=baseline, run_id=run_id))


def pair_of(first: Run, second: Run, target: str = B) -> Pair:
    (found,) = [pair for pair in compare_runs(first, second).pairs if pair.target == target]
    return found


def test_the_interval_of_a_quotient_covers_the_truth_in_95_of_100_runs() -> None:
    draw = np.random.default_rng(20260102)
    truth, runs = 1.25, 2000

    def estimate(middle: float, spread: float, n: int) -> Estimate:
        return from_epochs(list(middle * np.exp(draw.normal(0, spread, n))))

    quotients = [quotient(estimate(1250, 0.02, 5), estimate(1000, 0.01, 8)) for _ in range(runs)]
    covered = sum(
        one is not None and one.low is not None and one.high is not None and one.low <= truth <= one.high
        for one in quotients
    )
    assert 0.93 <= covered / runs <= 0.97


def test_a_quotient_is_welchs_interval() -> None:
    """Against the textbook's formulas, from the values themselves."""
    above, below = [110.0, 120.0, 115.0, 125.0], [98.0, 100.0, 103.0]
    found = quotient(from_epochs(above), from_epochs(below))
    logs = [np.log(above), np.log(below)]
    welch = stats.ttest_ind(*logs, equal_var=False).confidence_interval(0.95)
    assert found is not None
    assert found.value == pytest.approx(float(np.exp(logs[0].mean() - logs[1].mean())))
    assert found.low == pytest.approx(float(np.exp(welch.low)))
    assert found.high == pytest.approx(float(np.exp(welch.high)))
    assert found.n == 3


def test_a_quotient_without_both_intervals_has_none() -> None:
    found = quotient(from_epochs([100.0]), from_epochs([50.0, 51.0]))
    assert found is not None
    assert found.value == pytest.approx(100 / (50 * 51) ** 0.5)
    assert (found.low, found.high, found.n) == (None, None, 1)
    assert quotient(None, from_epochs([1.0])) is None
    assert quotient(from_epochs([1.0]), None) is None


def test_a_quotient_of_figures_without_spread_has_no_width() -> None:
    found = quotient(from_epochs([4.0, 4.0]), from_epochs([2.0, 2.0, 2.0]))
    assert found is not None
    assert [found.low, found.value, found.high] == pytest.approx([2.0, 2.0, 2.0])


def test_the_same_run_twice_differs_in_nothing() -> None:
    same = made({A: 1000.0, B: 2000.0})
    found = compare_runs(same, same)
    document = found.to_dict()
    assert document["same_environment"]
    assert document["contradictions"] == 0
    assert (found.only_first, found.only_second) == ((), ())
    assert [pair.target for pair in found.pairs] == [A, B]
    pair = pair_of(same, same)
    assert pair.across is not None
    assert pair.across.value == pytest.approx(1.0)
    assert pair.relative is not None
    assert pair.relative.value == pytest.approx(1.0)
    assert pair.first_verdict is pair.second_verdict is Verdict.FASTER


def test_the_baseline_itself_has_no_relative_change() -> None:
    same = made({A: 1000.0, B: 2000.0})
    pair = pair_of(same, same, A)
    assert (pair.relative, pair.change, pair.first_verdict) == (None, None, None)
    assert pair.across is not None


def test_a_faster_machine_shows_across_the_runs_and_not_against_the_baseline() -> None:
    pair = pair_of(made({A: 1000.0, B: 2000.0}), made({A: 1000.0, B: 2000.0}, "run-2", speed=1.6, seed=5))
    assert pair.across is not None
    assert pair.across.value == pytest.approx(1.6, rel=0.1)
    assert pair.relative is not None
    assert pair.relative.value == pytest.approx(1.0, rel=0.01)
    assert pair.change is Verdict.SAME
    assert not pair.contradicts


def test_a_target_that_became_faster_is_found_on_any_machine() -> None:
    pair = pair_of(made({A: 1000.0, B: 2000.0}), made({A: 1000.0, B: 2500.0}, "run-2", speed=0.5, seed=5))
    assert pair.change is Verdict.FASTER
    assert pair.relative is not None
    assert pair.relative.value == pytest.approx(1.25, rel=0.02)


def test_opposed_verdicts_are_a_contradiction() -> None:
    first, second = made({A: 1000.0, B: 1200.0}), made({A: 1000.0, B: 800.0}, "run-2")
    pair = pair_of(first, second)
    assert (pair.first_verdict, pair.second_verdict) == (Verdict.FASTER, Verdict.SLOWER)
    assert pair.contradicts
    assert compare_runs(first, second).to_dict()["contradictions"] == 1


@pytest.mark.parametrize(
    ("one", "other", "contradicts"),
    [
        (Verdict.FASTER, Verdict.SLOWER, True),
        (Verdict.FASTER, Verdict.SAME, True),
        (Verdict.FASTER, Verdict.FASTER, False),
        (Verdict.FASTER, Verdict.INCONCLUSIVE, False),
        (Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE, False),
        (Verdict.FASTER, None, False),
        (None, None, False),
    ],
)
def test_only_two_decided_verdicts_can_contradict(
    one: Verdict | None, other: Verdict | None, contradicts: bool
) -> None:
    same = made({A: 1000.0, B: 2000.0})
    for first, second in ((one, other), (other, one)):
        assert replace(pair_of(same, same), first_verdict=first, second_verdict=second).contradicts is contradicts


def test_runs_with_other_targets_are_related_to_one_that_both_have() -> None:
    found = compare_runs(made({A: 1000.0, B: 2000.0}), made({B: 2000.0, C: 500.0}, "run-2", baseline=C))
    assert found.baseline == B
    assert found.only_first == (f"{A} under json c32",)
    assert found.only_second == (f"{C} under json c32",)
    assert [pair.target for pair in found.pairs] == [B]


def test_runs_with_nothing_in_common_have_no_pairs_and_no_baseline() -> None:
    found = compare_runs(made({A: 1000.0}), made({C: 500.0}, "run-2", baseline=C))
    assert (found.baseline, found.pairs) == ("", ())
    assert found.to_dict()["baseline"] == ""


def test_a_level_that_only_one_run_has_is_named_though_both_have_its_target() -> None:
    first = made({A: 1000.0})
    more = replace(JSON, levels=(Level(32), Level(64)))
    second = run([*first.trials, steady_trial(1000, A, level=Level(64))], manifest((A,), (more,), run_id="run-2"))
    found = compare_runs(first, second)
    assert (found.only_first, found.only_second) == ((), (f"{A} under json c64",))
    assert [pair.level for pair in found.pairs] == [Level(32)]


def test_one_limited_launch_takes_a_target_out_of_the_comparison() -> None:
    first = made({A: 1000.0, B: 2000.0})
    marked = [
        replace(each, problems=(LIMITED,)) if (each.target, each.epoch) == (B, 3) else each for each in first.trials
    ]
    pair = pair_of(replace(first, trials=tuple(marked)), first)
    assert (pair.across, pair.relative, pair.first_verdict) == (None, None, None)


def test_a_lower_bound_is_not_put_over_a_figure() -> None:
    first = made({A: 1000.0, B: 2000.0})
    limited = [replace(each, problems=(LIMITED,)) if each.target == B else each for each in first.trials]
    pair = pair_of(first, replace(first, trials=tuple(limited)))
    assert pair.second is not None
    assert (pair.across, pair.relative, pair.second_verdict) == (None, None, None)


def test_differences_of_environment_are_listed_by_key() -> None:
    first = {"cpu": {"model": "fast", "cores": 2}, "packages": {"uvicorn": "0.34"}, "limits": {"files": 1024}}
    second = {"cpu": {"model": "slow", "cores": 2}, "packages": {"gunicorn": "25.1"}, "limits": {"files": 4096}}
    assert list(environment_differences(first, second)) == [
        EnvironmentDifference("cpu.model", "fast", "slow"),
        EnvironmentDifference("packages.gunicorn", None, "25.1"),
        EnvironmentDifference("packages.uvicorn", "0.34", None),
    ]


def test_cores_versions_interpreters_and_commands_belong_to_the_environment() -> None:
    first = made({A: 1000.0, B: 2000.0})
    changed = replace(target_info(A), version="2.0", python="3.13.0", command=("/other/python", "-m", "uvicorn", "x"))
    about = replace(first.manifest, server_cores=(0, 1), load_cores=(2,), targets=(changed, target_info(B)))
    found = compare_runs(first, replace(first, manifest=about)).environment
    assert [(item.key, item.first, item.second) for item in found] == [
        ("load_cores", "[1]", "[2]"),
        ("server_cores", "[0]", "[0, 1]"),
        (f"targets.{A}.command", "-m uvicorn a", "-m uvicorn x"),
        (f"targets.{A}.python", "3.11.1", "3.13.0"),
        (f"targets.{A}.version", "1.0", "2.0"),
    ]


def test_how_a_target_that_only_one_run_has_was_run_is_no_difference() -> None:
    first = made({A: 1000.0, B: 2000.0})
    assert compare_runs(first, made({A: 1000.0}, "run-2")).environment == ()


def test_where_an_interpreter_lies_is_no_difference() -> None:
    first = made({A: 1000.0})
    elsewhere = replace(target_info(A), command=("/elsewhere/bin/python", *target_info(A).command[1:]))
    about = replace(first.manifest, targets=(elsewhere,))
    assert compare_runs(first, replace(first, manifest=about)).environment == ()


def test_differences_of_environment_are_in_the_comparison() -> None:
    first = made({A: 1000.0})
    second = replace(first, manifest=replace(first.manifest, environment={"cpu": {"model": "slow", "cores": 2}}))
    document = compare_runs(first, second).to_dict()
    assert not document["same_environment"]
    assert document["environment_differences"] == [{"key": "cpu.model", "first": "made up", "second": "slow"}]


def test_each_group_of_the_first_run_has_its_own_baseline() -> None:
    groups = (GroupInfo("one", "One", A, (A, B)), GroupInfo("other", "Other", C, (B, C)))
    first = made({A: 1000.0, B: 2000.0, C: 4000.0})
    first = replace(first, manifest=replace(first.manifest, groups=groups))
    found = compare_runs(first, made({A: 1000.0, B: 3000.0, C: 4000.0}, "run-2", seed=3))
    assert [(pair.group, pair.baseline, pair.target) for pair in found.pairs] == [
        ("one", A, A),
        ("one", A, B),
        ("other", C, B),
        ("other", C, C),
    ]
    assert [pair.change for pair in found.pairs] == [None, Verdict.FASTER, Verdict.FASTER, None]
    assert [group["name"] for group in found.to_dict()["groups"]] == ["one", "other"]


def test_what_no_group_compares_stands_last_and_is_related_to_nothing() -> None:
    groups = (GroupInfo("equal", "Equal", A, (A, B), slots=16),)
    first = made({A: 1000.0, B: 2000.0})
    first = replace(first, manifest=replace(first.manifest, groups=groups))
    found = compare_runs(first, first)
    assert [(pair.group, pair.baseline, pair.relative) for pair in found.pairs] == [("", "", None)] * 2
    assert all(pair.across is not None for pair in found.pairs)


def test_cold_starts_are_compared_by_time() -> None:
    cold = ScenarioInfo("cold-start", "a start", "GET", "/", (Level(1),), kind=ScenarioKind.COLD_START)

    def starts(seconds: dict[str, float]) -> Run:
        trials = [
            trial(
                [turn(1, elapsed_s=took * (1 + epoch / 1000), load_cpu_s=0.0)],
                name,
                epoch,
                scenario="cold-start",
                level=Level(1),
                service_us=[int(took * 1e6)],
            )
            for name, took in seconds.items()
            for epoch in (1, 2, 3)
        ]
        return run(trials, manifest((A, B), (cold,)))

    pair = pair_of(starts({A: 0.5, B: 1.0}), starts({A: 0.5, B: 0.5}))
    assert pair.metric is Metric.START
    assert pair.relative is not None
    assert pair.relative.value == pytest.approx(0.5, rel=0.01)
    assert pair.change is Verdict.FASTER
    assert (pair.first_verdict, pair.second_verdict) == (Verdict.SLOWER, Verdict.SAME)


PACED = ScenarioInfo("paced", "a rate", "GET", "/json", (Level(8, 1000.0),))


def at_a_rate(medians_us: dict[str, int], *, dropped: int = 0, answers: int = 1000) -> Run:
    """Three launches that answer 1000 requests/s, half of them in the time given, and the rest in four times that."""
    quick = answers // 2 + 1
    trials = [
        trial(
            [turn(0, elapsed_s=answers / 1000, counts=ledger(answers, dropped=dropped))],
            name,
            epoch,
            scenario="paced",
            level=PACED.levels[0],
            service_us=[500] * answers,
            response_us=[us + epoch for us in [median] * quick + [4 * median] * (answers - quick)],
            lag_us=[10] * answers,
        )
        for name, median in medians_us.items()
        for epoch in (1, 2, 3)
    ]
    return run(trials, manifest((A, B), (PACED,)))


def test_at_a_set_rate_response_times_are_compared_and_the_rate_is_not() -> None:
    first, second = at_a_rate({A: 2000, B: 4000}), at_a_rate({A: 3000, B: 3000})
    every = compare_runs(first, second).pairs
    assert [pair.target for pair in every] == [A, B, A, B], "one percentile after the other"
    pairs = [pair for pair in every if pair.target == B]
    assert [pair.metric for pair in pairs] == [Metric.RESPONSE_P50, Metric.RESPONSE_P90]
    half, most = pairs
    assert half.first is not None
    assert most.first is not None
    assert (half.first.value, most.first.value) == pytest.approx((4.0, 16.0), rel=0.01)
    for pair in pairs:
        assert pair.relative is not None
        assert pair.relative.value == pytest.approx(0.5, rel=0.01)
        assert (pair.change, pair.first_verdict, pair.second_verdict) == (
            Verdict.FASTER,
            Verdict.SLOWER,
            Verdict.SAME,
        )
    assert pairs[0].to_dict()["metric"] == "response_p50_ms"


def test_a_percentile_that_a_run_has_too_few_answers_for_is_not_compared() -> None:
    first, second = at_a_rate({A: 2000, B: 4000}), at_a_rate({A: 2000, B: 4000}, answers=50)
    assert {pair.metric for pair in compare_runs(first, second).pairs} == {Metric.RESPONSE_P50}


def test_times_of_those_that_were_sent_are_not_compared_where_others_could_not_be() -> None:
    first, second = at_a_rate({A: 2000, B: 4000}), at_a_rate({A: 2000, B: 2000}, dropped=200)
    for pair in compare_runs(first, second).pairs:
        assert pair.not_compared is NotCompared.OVERLOADED
        assert (pair.across, pair.relative, pair.change) == (None, None, None)
        assert pair.first is not None
        assert pair.second is not None


def asking(made_of: Run, **definition: object) -> Run:
    return replace(made_of, manifest=replace(made_of.manifest, definitions={"json": definition}))


def differences(first: Run, second: Run) -> list[tuple[str, str, str | None, str | None]]:
    found = compare_runs(first, second).definitions
    return [(item.scenario, item.key, item.first, item.second) for item in found]


def test_a_scenario_that_asked_for_something_else_is_told_and_not_compared() -> None:
    here, there = made({A: 1000.0, B: 2000.0}), made({A: 1000.0, B: 1000.0}, "run-2")
    first = asking(here, request={"path": "/json"}, mix=[{"weight": 2}, {"weight": 1}])
    second = asking(there, request={"path": "/other"}, expect={"status": 404}, mix=[{"weight": 2}, {"weight": 3}])
    assert differences(first, second) == [
        ("json", "expect.status", None, "404"),
        ("json", "mix.2.weight", "1", "3"),
        ("json", "request.path", "/json", "/other"),
    ]
    pair = pair_of(first, second)
    assert pair.not_compared is NotCompared.REDEFINED
    assert (pair.across, pair.relative, pair.change, pair.contradicts) == (None, None, None, False)
    assert pair.first is not None, "each run's own figures stand"
    document = compare_runs(first, second).to_dict()
    assert document["pairs"][1]["not_compared"] == "redefined"
    assert document["definition_differences"][0] == {
        "scenario": "json",
        "key": "expect.status",
        "first": None,
        "second": "404",
    }
    assert differences(first, first) == []


def test_other_levels_are_told_and_those_that_both_have_are_compared() -> None:
    first = made({A: 1000.0, B: 2000.0})
    more = replace(JSON, levels=(Level(32), Level(64)))
    second = replace(first, manifest=replace(first.manifest, scenarios=(more,)))
    assert differences(first, second) == [("json", "levels", "c32", "c32, c64")]
    assert pair_of(first, second).relative is not None


def test_a_run_from_before_definitions_were_recorded_is_held_to_what_it_tells() -> None:
    old = made({A: 1000.0, B: 2000.0})
    new = asking(old, request={"path": "/json", "headers": {"X": "1"}})
    assert differences(old, new) == []
    moved = replace(new, manifest=replace(new.manifest, scenarios=(replace(JSON, path="/other"),)))
    assert differences(old, moved) == [("json", "path", "/json", "/other")]


def with_upstream(made_of: Run, told: str, needs: tuple[str, ...]) -> Run:
    scenario = replace(JSON, needs=needs)
    about = replace(made_of.manifest, scenarios=(scenario,), environment={"services": {"upstream": told}})
    return replace(made_of, manifest=about)


def test_another_latency_of_the_upstream_makes_another_scenario_of_what_calls_it() -> None:
    same = made({A: 1000.0, B: 2000.0})
    calling = with_upstream(same, "5 ms", ("upstream",)), with_upstream(same, "20 ms", ("upstream",))
    assert differences(*calling) == [("json", "upstream's latency", "5 ms", "20 ms")]
    assert pair_of(*calling).not_compared is NotCompared.REDEFINED
    others = with_upstream(same, "5 ms", ()), with_upstream(same, "20 ms", ())
    assert differences(*others) == []
    assert pair_of(*others).not_compared is None


def test_what_the_suites_compare_is_told_and_takes_nothing_out() -> None:
    same = made({A: 1000.0, B: 2000.0, C: 3000.0})

    def within(suite: str, group: GroupInfo) -> Run:
        return replace(same, manifest=replace(same.manifest, suite=suite, groups=(group,)))

    runs = (
        within("full", GroupInfo("one", "", A, (A, B))),
        within("mine", GroupInfo("one", "", B, (A, B, C), slots=64)),
    )
    assert differences(*runs) == [
        ("", "groups.one.baseline", A, B),
        ("", "groups.one.slots", "None", "64"),
        ("", "groups.one.targets", f"{A}, {B}", f"{A}, {B}, {C}"),
        ("", "suite", "full", "mine"),
    ]
    assert all(pair.not_compared is None for pair in compare_runs(*runs).pairs)
