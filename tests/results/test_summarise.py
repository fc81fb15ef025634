"""From trials to the published summary: what is estimated, what is compared, and what is left out of both."""

from dataclasses import replace

import pytest

from sgibench.results.records import Level, Problem, ProblemCode, ScenarioInfo, Severity, Trial
from sgibench.results.summarise import summarise
from sgibench.results.summary import RESPONSES, Metric, Result, Summary, Verdict

from .builders import (
    JSON,
    A,
    B,
    C,
    drifting_trials,
    ledger,
    manifest,
    peak,
    problem,
    run,
    steady_trial,
    target_info,
    trial,
    turn,
)

WAIT = ScenarioInfo("wait", "a wait", "GET", "/wait", (Level(10), Level(100)), waiting=True)
LIMITED = problem(code="generator-limited", message="the load side was at its ceiling")
DIED = problem(code="server-died", message="worker 12 died")

OF_ANSWERS = (Metric.THROUGHPUT, Metric.CPU)


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
    assert [(each.target, each.metric) for each in summary.comparisons] == [(B, m) for m in OF_ANSWERS] + [
        (C, m) for m in OF_ANSWERS
    ]
    assert {each.baseline for each in summary.comparisons} == {A}
    verdicts = [each.verdict for each in summary.comparisons]
    assert verdicts == [Verdict.FASTER] * 2 + [Verdict.SLOWER] * 2
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


def test_one_limited_launch_makes_the_whole_cell_a_lower_bound() -> None:
    """The launches that stayed below the load side's limit are the slower ones: no fair sample."""
    rates = {A: 1000.0, B: 2000.0, C: 1500.0}
    trials = with_problem(three_epochs(rates), LIMITED, B, epochs=(2,))
    summary = summarise(run(trials, manifest((A, B, C))))
    result = of(summary, B)
    assert result.at_least
    assert not result.valid
    assert [epoch for epoch, _ in result.epoch_throughput_rps] == [1, 2, 3]
    assert {each.target for each in summary.comparisons} == {C}
    assert {name for each in summary.leads for name in (each.target, each.baseline)} == {A, C}


def test_a_launch_that_was_invalid_otherwise_is_not_in_a_lower_bound() -> None:
    trials = with_problem(three_epochs({A: 1000.0}), LIMITED, A, epochs=(2,))
    trials = [replace(each, problems=(DIED,)) if each.epoch == 3 else each for each in trials]
    result = of(summarise(run(trials)), A)
    assert result.at_least
    assert [epoch for epoch, _ in result.epoch_throughput_rps] == [1, 2]


def test_the_load_side_is_told_as_it_was_in_the_launch_that_came_nearest() -> None:
    trials = [
        replace(trial([turn(100, load_cpu_s=cpu_s, load_wait_s=wait_s)], A, epoch), ceiling_rps=10_000.0)
        for epoch, cpu_s, wait_s in ((1, 0.02, 0.005), (2, 0.03, 0.001), (3, 0.01, 0.0))
    ]
    summary = summarise(run(trials))
    shown = summary.to_dict()["results"][0]["generator"]
    assert shown == {
        "cpu_share": pytest.approx(0.6),
        "wait_share": pytest.approx(0.1),
        "ceiling_rps": 10_000.0,
        "ceiling_share": pytest.approx(0.2),
        "schedule_lag_ms": None,
    }
    assert of(summary, A).valid


def test_without_a_ceiling_there_is_no_share_of_one() -> None:
    shown = of(summarise(run(three_epochs({A: 1000.0}))), A).generator
    assert shown.cpu_share > 0
    assert (shown.ceiling_rps, shown.ceiling_share) == (None, None)


def test_a_paced_result_near_the_ceiling_is_a_lower_bound_and_compared_with_nothing() -> None:
    level = Level(8, 1000.0)
    paced = ScenarioInfo("paced", "a rate", "GET", "/json", (level,))
    trials = [
        replace(
            trial(
                [turn(1000, elapsed_s=1.0)],
                target,
                epoch,
                scenario="paced",
                level=level,
                service_us=[3000] * 1000,
                response_us=[3000] * 1000,
                lag_us=[100] * 1000,
            ),
            ceiling_rps=ceiling_rps,
        )
        for epoch in (1, 2)
        for target, ceiling_rps in ((A, 50_000.0), (B, 1_100.0))
    ]
    # What a turn's requests cost would raise the ceiling: an open loop spins, and shows nothing of that.
    trials = [replace(each, turns=(replace(each.turns[0], load_cpu_s=1.0),)) for each in trials]
    summary = summarise(run(trials, manifest((A, B), (paced,))))
    assert of(summary, B).at_least
    assert not of(summary, A).at_least
    assert summary.comparisons == summary.leads == ()
    lag = summary.to_dict()["results"][0]["generator"]["schedule_lag_ms"]
    assert lag["p50"]["value"] == pytest.approx(0.1, rel=0.01)


@pytest.mark.parametrize(("second", "rate"), [(710, 705), (1000, 837)])  # overloaded in both launches, or in one
def test_an_overloaded_target_keeps_its_figure_and_is_compared_by_no_time_of_those_that_were_sent(
    second: int, rate: int
) -> None:
    level = Level(8, 1000.0)
    paced = ScenarioInfo("paced", "a rate", "GET", "/json", (level,))
    trials = [
        trial(
            [turn(0, elapsed_s=1.0, counts=ledger(ok, dropped=1000 - ok))],
            target,
            epoch,
            scenario="paced",
            level=level,
            service_us=[3000] * ok,
            response_us=[9000] * ok,
            lag_us=[100] * ok,
        )
        for epoch, ok in ((1, 700), (2, second))
        for target, ok in ((A, 1000), (B, ok))
    ]
    summary = summarise(run(trials, manifest((A, B), (paced,))))
    result = of(summary, B)
    assert [(each.code, each.severity) for each in result.problems] == [(ProblemCode.OVERLOADED, Severity.WARNING)]
    assert (result.valid, result.at_least, summary.valid) == (True, False, True)
    assert result.throughput_rps is not None
    assert result.throughput_rps.value == pytest.approx(rate, rel=0.01)
    assert not [each for each in summary.comparisons if each.metric in (Metric.THROUGHPUT, *RESPONSES)]


def paired(ratios: dict[int, tuple[float, float]]) -> list[Trial]:
    """By epoch, the rates of B and C in it, on a machine whose speed is theirs to differ by."""
    return [
        steady_trial(rate, target, epoch)
        for epoch, rates in ratios.items()
        for target, rate in zip((B, C), rates, strict=True)
        if rate
    ]


def test_ratios_of_the_same_rounds_make_the_leader_not_the_faster_minutes_of_the_machine() -> None:
    """B has a launch more than C, in a fast minute: more requests/s on average, and slower in every shared round."""
    trials = paired({1: (1000, 1100), 2: (1020, 1120), 3: (1000, 1101), 4: (3000, 0)})
    summary = summarise(run(trials, manifest((A, B, C))))
    rates = [each.throughput_rps.value for each in summary.results if each.throughput_rps]
    assert rates[0] > rates[1]
    (lead,) = summary.leads
    assert (lead.target, lead.baseline, lead.verdict) == (C, B, Verdict.FASTER)


def test_a_leader_gives_way_to_whoever_surely_leads_it_though_another_ratio_is_lower() -> None:
    """A, with few and scattered launches, has the lowest ratio and decides nothing; C is ahead without doubt."""
    trials = paired({1: (1000, 1100), 2: (1020, 1120), 3: (1000, 1101), 4: (9000, 0)})
    trials += [steady_trial(1800, A, 1), steady_trial(900, A, 2)]
    summary = summarise(run(trials, manifest((A, B, C))))
    assert {each.target for each in summary.leads} == {C}


def test_results_whose_ratios_run_in_a_circle_still_have_a_leader() -> None:
    """Each pair shares launches of its own, and in each of them the other one of the pair is ahead."""
    circle = {1: {A: 1000, B: 1100}, 2: {A: 1000, B: 1101}, 3: {B: 1000, C: 1100}, 4: {B: 1000, C: 1101}}
    circle |= {5: {C: 1000, A: 1100}, 6: {C: 1000, A: 1101}}
    trials = [steady_trial(rate, target, epoch) for epoch, rates in circle.items() for target, rate in rates.items()]
    summary = summarise(run(trials, manifest((A, B, C))))
    assert len({each.target for each in summary.leads}) == 1
    assert len(summary.leads) == 2


def test_a_warning_alone_leaves_everything_valid() -> None:
    trials = with_problem(three_epochs({A: 1000.0, B: 2000.0}), problem(Severity.WARNING), B)
    summary = summarise(run(trials))
    assert summary.valid
    assert len(summary.comparisons) == len(OF_ANSWERS)
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
    result = of(summarise(run([trial([turn(answers, planned_s=60.0)])])), A)
    assert list(result.service_time_ms) == shown
    assert all(answers * (100 - point) / 100 >= 9.999 for point, _ in result.spectrum)
    assert result.response_time_ms is None
    assert result.schedule_lag_ms is None


def test_one_epoch_with_too_few_samples_takes_the_percentile_away() -> None:
    trials = [trial([turn(count)], epoch=epoch) for epoch, count in ((1, 1000), (2, 999))]
    assert "p99" not in of(summarise(run(trials)), A).service_time_ms


def closed(turn_s: float, *latencies_ms: float) -> Trial:
    """A closed loop in turns of that length, each latency a thousand times."""
    times = [int(ms * 1000) for ms in latencies_ms for _ in range(1000)]
    return trial([turn(len(times), planned_s=turn_s, elapsed_s=turn_s)], service_us=times, level=Level(10_000))


@pytest.mark.parametrize(
    ("longest_ms", "shown"), [(24.0, ["p50", "p90", "p99"]), (25.0, ["p50", "p90", "p99"]), (26.0, ["p50"])]
)
def test_in_the_closed_loop_what_is_longer_than_half_a_turn_is_left_out(longest_ms: float, shown: list[str]) -> None:
    about = manifest((A,), (ScenarioInfo("json", "", "GET", "/json", (Level(10_000),)),))
    result = of(summarise(run([closed(0.0501, 1.0, 1.0, longest_ms)], about)), A)
    assert list(result.service_time_ms) == shown
    assert max(latency for _, latency in result.spectrum) <= 25.05
    assert result.throughput_rps is not None


def test_the_shortest_turn_of_all_launches_says_what_is_cut() -> None:
    about = manifest((A,), (ScenarioInfo("json", "", "GET", "/json", (Level(10_000),)),))
    trials = [closed(1.0, 40.0), replace(closed(0.05, 40.0), epoch=2)]
    result = of(summarise(run(trials, about)), A)
    assert (result.service_time_ms, result.spectrum) == ({}, ())


def test_in_the_open_loop_no_latency_is_cut() -> None:
    one = trial([turn(100, elapsed_s=4.0)], service_us=[900_000] * 100, response_us=[950_000] * 100)
    result = of(summarise(run([one])), A)
    assert result.response_time_ms is not None
    assert list(result.response_time_ms) == list(result.service_time_ms) == ["p50", "p90"]
    assert result.spectrum[-1][1] == pytest.approx(950, rel=0.001)


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


def with_slots(slots: int | None, slope_kib: float = 100.0) -> Summary:
    about = replace(manifest((A,), (WAIT,)), targets=(target_info(A, slots),))
    return summarise(run(memory_trials([slope_kib, slope_kib]), about))


def test_memory_is_related_to_what_a_target_holds_not_to_the_connections_that_press() -> None:
    """From 10 to 100 connections, 90 requests more press; with 40 slots, 30 more are held."""
    (slope,) = with_slots(40).memory_slopes
    assert slope.memory_per_request_kib.value == pytest.approx(100.0 * 90 / 30)
    (unbounded,) = with_slots(None).memory_slopes
    assert unbounded.memory_per_request_kib.value == pytest.approx(100.0)


@pytest.mark.parametrize("slots", [1, 3, 10])
def test_a_target_whose_slots_are_full_at_every_level_has_no_slope(slots: int) -> None:
    assert with_slots(slots).memory_slopes == ()


def test_slopes_come_in_the_manifests_order_whatever_the_trials_order() -> None:
    trials = [replace(each, target=name) for name in (B, A) for each in reversed(memory_trials([100.0, 120.0]))]
    summary = summarise(run(trials, manifest((A, B), (WAIT,))))
    assert [each.target for each in summary.memory_slopes] == [A, B]


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
