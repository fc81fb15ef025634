"""From trials to the published summary: what is estimated, what is compared, and what is left out of both."""

from dataclasses import replace

import pytest

from sgibench.results.records import Level, Problem, ProblemCode, ScenarioInfo, Severity, Trial
from sgibench.results.summarise import summarise
from sgibench.results.summary import Metric, Result, Summary, Verdict

from .builders import JSON, A, B, C, drifting_trials, manifest, peak, problem, run, steady_trial, trial, turn

WAIT = ScenarioInfo("wait", "a wait", "GET", "/wait", (Level(10), Level(100)), waiting=True)
LIMITED = problem(code="generator-limited", message="the load side was at its ceiling")
DIED = problem(code="server-died", message="worker 12 died")


def three_epochs(rates: dict[str, float]) -> list[Trial]:
    return [each for epoch in (1, 2, 3) for each in drifting_trials(rates, epoch)]


def with_problem(trials: list[Trial], found: Problem, target: str, epochs: tuple[int, ...] = (1, 2, 3)) -> list[Trial]:
    marked = []
    for each in trials:
        hit = each.target == target and each.epoch in epochs
        marked.append(replace(each, problems=(found,)) if hit else each)
    return marked


def of(summary: Summary, target: str, level: Level | None = None) -> Result:
    (found,) = [each for each in summary.results if each.target == target and level in (None, each.level)]
    return found


def test_results_come_in_the_manifests_order_whatever_the_trials_order() -> None:
    trials = [
        trial([turn(100)], target, scenario=scenario.name, level=level)
        for scenario in (WAIT, JSON)
        for level in reversed(scenario.levels)
        for target in (C, A, B)
    ]
    summary = summarise(run(trials, manifest((B, A, C), (JSON, WAIT), baseline=A)))
    order = [(each.scenario, each.level.concurrency, each.target) for each in summary.results]
    assert order == [
        (scenario, concurrency, target)
        for scenario, concurrency in (("json", 32), ("wait", 10), ("wait", 100))
        for target in (B, A, C)
    ]
    assert (summary.results[0].app, summary.results[0].setup) == ("b", "one")


def test_every_target_is_compared_to_the_baseline_by_every_metric() -> None:
    rates = {A: 1000.0, B: 2000.0, C: 500.0}
    summary = summarise(run(three_epochs(rates), manifest((A, B, C))))
    assert [(each.target, each.metric) for each in summary.comparisons] == [(B, m) for m in Metric] + [
        (C, m) for m in Metric
    ]
    assert {each.baseline for each in summary.comparisons} == {A}
    verdicts = [each.verdict for each in summary.comparisons]
    assert verdicts == [Verdict.FASTER] * 3 + [Verdict.SLOWER] * 3
    assert summary.comparisons[0].ratio.value == pytest.approx(2.0, rel=0.02)
    assert summary.valid
    assert summary.problems == ()


def test_the_leader_is_the_fastest_and_its_closest_rival_comes_first() -> None:
    rates = {A: 1000.0, B: 2000.0, C: 1900.0}
    summary = summarise(run(three_epochs(rates), manifest((A, B, C))))
    assert [(each.target, each.baseline) for each in summary.leads] == [(B, C), (B, A)]
    assert [each.ratio.value for each in summary.leads] == pytest.approx([2000 / 1900, 2.0], rel=0.02)


def test_without_its_baseline_nothing_is_compared_but_there_is_a_leader() -> None:
    summary = summarise(run(three_epochs({B: 2000.0, C: 1000.0}), manifest((A, B, C))))
    assert summary.comparisons == ()
    assert [(each.target, each.baseline) for each in summary.leads] == [(B, C)]


def test_a_throughput_is_estimated_over_epochs_from_whole_trials() -> None:
    uneven = [
        trial([turn(100, 0, elapsed_s=0.05), turn(100, 1, elapsed_s=0.15)], epoch=epoch, context_switches=400)
        for epoch in (1, 2)
    ]
    result = of(summarise(run(uneven)), A)
    assert result.throughput_rps is not None
    assert result.throughput_rps.value == pytest.approx(1000)
    assert result.throughput_rps.n == 2
    assert dict(result.epoch_throughput_rps) == pytest.approx({1: 1000, 2: 1000})
    assert result.cpu_us_per_request is not None
    assert result.cpu_us_per_request.value == pytest.approx(400)
    assert result.context_switches_per_request is not None
    assert result.context_switches_per_request.value == pytest.approx(2)
    assert result.ledger.ok == 400


def test_cpu_that_could_not_be_read_in_one_turn_is_not_estimated_from_the_others() -> None:
    blind = trial([turn(100, 0), turn(100, 1, cpu_s=None)])
    assert of(summarise(run([blind])), A).cpu_us_per_request is None


def test_an_invalid_trial_enters_no_estimate_and_no_comparison() -> None:
    good = three_epochs({A: 1000.0, B: 2000.0})
    wild = replace(
        steady_trial(90_000, B, epoch=4), problems=(DIED,), memory=(peak(9000), peak(900, "idle")), context_switches=9
    )
    sane = steady_trial(1000, A, epoch=4)
    without, within = summarise(run([*good, sane])), summarise(run([*good, sane, wild]))
    one, other = of(without, B), of(within, B)
    assert (other.throughput_rps, other.cpu_us_per_request) == (one.throughput_rps, one.cpu_us_per_request)
    assert (other.service_time_ms, other.spectrum) == (one.service_time_ms, one.spectrum)
    assert other.epoch_throughput_rps == one.epoch_throughput_rps
    assert (other.memory_mib, other.context_switches_per_request) == (one.memory_mib, None)
    assert within.comparisons == without.comparisons
    assert within.leads == without.leads
    assert not other.valid
    assert not within.valid
    assert not other.at_least
    assert other.ledger.ok == one.ledger.ok + wild.ledger.ok
    assert [each.code for each in other.problems] == [ProblemCode.SERVER_DIED]


def test_a_target_with_only_invalid_trials_has_no_figures() -> None:
    trials = with_problem(three_epochs({A: 1000.0, B: 2000.0}), DIED, B)
    summary = summarise(run([replace(each, memory=(peak(50),)) for each in trials]))
    result = of(summary, B)
    assert (result.throughput_rps, result.at_least, result.service_time_ms) == (None, False, {})
    assert (result.memory_mib.peak, result.memory_mib.kind) == (None, "none")
    assert (result.spectrum, result.epoch_throughput_rps) == ((), ())
    assert summary.comparisons == ()
    assert summary.leads == ()
    assert of(summary, A).valid


def test_a_target_that_the_load_side_limited_is_shown_as_at_least_and_never_ranked() -> None:
    trials = with_problem(three_epochs({A: 1000.0, B: 2000.0, C: 1500.0}), LIMITED, B)
    summary = summarise(run(trials, manifest((A, B, C))))
    result = of(summary, B)
    assert result.at_least
    assert not result.valid
    assert result.throughput_rps is not None
    assert result.throughput_rps.n == 3
    assert {each.target for each in summary.comparisons} == {C}
    assert [(each.target, each.baseline) for each in summary.leads] == [(C, A)]


def test_a_limited_trial_with_another_fault_is_no_lower_bound() -> None:
    trials = [replace(each, problems=(LIMITED, DIED)) for each in three_epochs({A: 1000.0})]
    result = of(summarise(run(trials)), A)
    assert not result.at_least
    assert result.throughput_rps is None


def test_a_warning_beside_it_leaves_a_lower_bound_what_it_is() -> None:
    warning = problem(Severity.WARNING)
    trials = [replace(each, problems=(LIMITED, warning)) for each in three_epochs({A: 1000.0})]
    assert of(summarise(run(trials)), A).at_least


def test_valid_epochs_are_used_alone_where_only_some_were_limited() -> None:
    trials = with_problem(three_epochs({A: 1000.0}), LIMITED, A, epochs=(2,))
    result = of(summarise(run(trials)), A)
    assert not result.at_least
    assert not result.valid
    assert result.throughput_rps is not None
    assert result.throughput_rps.n == 2
    assert [epoch for epoch, _ in result.epoch_throughput_rps] == [1, 3]


def test_a_warning_alone_leaves_everything_valid() -> None:
    trials = with_problem(three_epochs({A: 1000.0, B: 2000.0}), problem(Severity.WARNING), B)
    summary = summarise(run(trials))
    assert summary.valid
    assert len(summary.comparisons) == len(Metric)
    assert len(summary.problems) == 1


@pytest.mark.parametrize(
    ("answers", "shown"),
    [
        (19, []),
        (20, ["p50"]),
        (100, ["p50", "p90"]),
        (1000, ["p50", "p90", "p99"]),
        (10_000, ["p50", "p90", "p99", "p99.9"]),
    ],
)
def test_a_percentile_with_too_few_samples_beyond_it_is_absent(answers: int, shown: list[str]) -> None:
    result = of(summarise(run([trial([turn(answers)])])), A)
    assert list(result.service_time_ms) == shown
    assert all(answers * (100 - point) / 100 >= 9.999 for point, _ in result.spectrum)
    assert result.response_time_ms is None
    assert result.schedule_lag_ms is None


def test_one_epoch_with_too_few_samples_takes_the_percentile_away() -> None:
    trials = [trial([turn(count)], epoch=epoch) for epoch, count in ((1, 1000), (2, 999))]
    assert "p99" not in of(summarise(run(trials)), A).service_time_ms


def test_percentiles_are_in_milliseconds_and_estimated_over_epochs() -> None:
    trials = [
        trial([turn(100, elapsed_s=1.0)], epoch=epoch, service_us=[1000 * ms] * 100, response_us=[2000 * ms] * 100)
        for epoch, ms in ((1, 10), (2, 40))
    ]
    result = of(summarise(run(trials)), A)
    assert result.service_time_ms["p50"].value == pytest.approx(20, rel=0.001)
    assert result.response_time_ms is not None
    assert result.response_time_ms["p50"].value == pytest.approx(40, rel=0.001)
    assert result.spectrum[0] == pytest.approx((0.0, 20.0), rel=0.001)


def memory_trials(slopes_kib: list[float], found: Problem | None = None) -> list[Trial]:
    """Peaks on a straight line over concurrency, one slope per epoch."""
    return [
        trial(
            [turn(100)],
            epoch=epoch,
            scenario="wait",
            level=level,
            memory=[peak(40.0, "idle"), peak(1.0), peak(50 + slope * level.concurrency / 1024)],
            problems=[found] if found else [],
        )
        for epoch, slope in enumerate(slopes_kib, 1)
        for level in WAIT.levels
    ]


def test_memory_per_request_in_flight_is_the_slope_of_the_peaks() -> None:
    summary = summarise(run(memory_trials([100.0, 120.0, 140.0]), manifest((A,), (WAIT,))))
    (slope,) = summary.memory_slopes
    assert (slope.target, slope.scenario) == (A, "wait")
    assert slope.memory_per_request_kib.value == pytest.approx(120)
    assert slope.memory_per_request_kib.n == 3
    memory = of(summary, A, Level(100)).memory_mib
    assert memory.idle is not None
    assert memory.idle.value == pytest.approx(40)
    assert memory.peak is not None
    assert memory.peak.value == pytest.approx(50 + 120 * 100 / 1024, rel=0.01)
    assert memory.kind == "pss"


def test_one_level_has_no_slope() -> None:
    trials = [each for each in memory_trials([100.0, 120.0]) if each.level == Level(10)]
    assert summarise(run(trials, manifest((A,), (WAIT,)))).memory_slopes == ()


def test_memory_of_invalid_trials_bends_no_slope() -> None:
    trials = memory_trials([100.0, 100.0, 9000.0])
    marked = with_problem(trials, DIED, A, epochs=(3,))
    (slope,) = summarise(run(marked, manifest((A,), (WAIT,)))).memory_slopes
    assert slope.memory_per_request_kib.n == 2
    assert slope.memory_per_request_kib.value == pytest.approx(100)


def test_memory_under_a_limited_load_still_makes_a_slope() -> None:
    (slope,) = summarise(run(memory_trials([100.0, 120.0], LIMITED), manifest((A,), (WAIT,)))).memory_slopes
    assert slope.memory_per_request_kib.n == 2


def test_problems_of_one_kind_are_told_once_with_their_number() -> None:
    trials = memory_trials([1.0, 1.0, 1.0], DIED)
    summary = summarise(run(trials, manifest((A,), (WAIT,), problems=[problem()])))
    assert [each.message for each in of(summary, A, Level(10)).problems] == ["worker 12 died (and 2 more like it)"]
    assert [each.message for each in summary.problems] == ["noise", "worker 12 died (and 5 more like it)"]


def test_a_run_without_trials_is_not_valid_and_has_no_results() -> None:
    summary = summarise(run([]))
    assert not summary.valid
    assert summary.results == ()


def test_a_problem_of_the_whole_run_makes_it_invalid() -> None:
    trials = three_epochs({A: 1000.0})
    assert not summarise(run(trials, manifest(problems=[problem()]))).valid
    assert summarise(run(trials, manifest(problems=[problem(Severity.WARNING)]))).valid


def test_the_summary_as_json_has_what_the_design_promises() -> None:
    document = summarise(run(three_epochs({A: 1000.0, B: 2000.0}))).to_dict("report.html")
    assert document["schema_version"] == 1
    assert document["epochs"] == 3
    assert document["report"] == "report.html"
    assert document["results"][0]["throughput_rps"].keys() == {"value", "low", "high", "n", "method"}
    assert document["results"][0]["concurrency"] == 32
    assert document["results"][0]["rate_rps"] is None
    assert document["comparisons"][0]["verdict"] == "faster"
    assert {"scenario", "concurrency", "metric", "baseline", "target", "ratio"} <= document["comparisons"][0].keys()
