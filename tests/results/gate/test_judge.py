"""Every branch of the verdict, from made-up epochs."""

from collections.abc import Container
from dataclasses import replace

import pytest

from sgibench.results.errors import ExitCode, TargetError
from sgibench.results.gate.judge import judge
from sgibench.results.gate.looks import plan_looks
from sgibench.results.gate.records import BASE, HEAD, EpochNoise, FailureKind, GateEpoch, GateFailure
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.verdicts import GateVerdict, MetricResult, MetricVerdict
from sgibench.results.ledger import Ledger

from ..builders import ledger, problem
from .builders import epoch, epochs, gate_run, without

PLANNED = GateSettings().looking(plan_looks(13))
LONG = GateSettings().looking(plan_looks(27))


def of(results: tuple[MetricResult, ...], metric: GateMetric) -> MetricResult:
    return next(each for each in results if each.metric is metric)


def test_two_equal_versions_pass_at_the_first_look_and_not_before() -> None:
    assert judge(gate_run(epochs(8), PLANNED), final=False).verdict is GateVerdict.GO_ON
    result = judge(gate_run(epochs(9), PLANNED), final=False)
    assert (result.verdict, result.exit_code, result.decided_at) == (GateVerdict.PASS, ExitCode.DONE, 9)
    assert result.reasons == ()


@pytest.mark.parametrize(
    ("metric", "percent"),
    [
        (GateMetric.THROUGHPUT, 2.0),
        (GateMetric.CPU, 2.0),
        (GateMetric.P50, 4.0),
        (GateMetric.P90, 10.0),
        (GateMetric.MEMORY_IDLE, 20.0),
        (GateMetric.MEMORY_PEAK, 15.0),
        (GateMetric.LEAK, 1024.0),
    ],
)
def test_a_metric_that_got_worse_is_called_regressed_and_is_named_alone(metric: GateMetric, percent: float) -> None:
    result = judge(gate_run(epochs(13, {metric: percent}), PLANNED), final=True)
    assert (result.verdict, result.exit_code) == (GateVerdict.REGRESSED, ExitCode.REGRESSED)
    assert [each.metric for each in result.regressed] == [metric]
    assert len(result.reasons) == 1
    assert result.reasons[0].startswith(metric.value)
    assert of(result.metrics, metric).change.value == pytest.approx(percent, abs=0.3)


def test_the_weightiest_reason_comes_first() -> None:
    run = gate_run(epochs(13, {GateMetric.CPU: 5.0, GateMetric.THROUGHPUT: 9.0}), PLANNED)
    reasons = judge(run, final=True).reasons
    assert [reason.split()[0] for reason in reasons] == ["throughput_rps", "cpu_us_per_request"]


def test_what_is_far_worse_is_found_before_the_budget_ends() -> None:
    run = gate_run(epochs(27, {GateMetric.CPU: 10.0}), LONG)
    result = judge(run, final=True)
    assert (result.verdict, result.decided_at) == (GateVerdict.REGRESSED, 14)


def test_the_verdict_does_not_depend_on_how_often_it_was_asked_for() -> None:
    whole = epochs(27, {GateMetric.CPU: 3.0})
    step_by_step = next(
        result
        for count in range(1, 28)
        if (result := judge(gate_run(whole[:count], LONG), final=False)).verdict is not GateVerdict.GO_ON
    )
    at_once = judge(gate_run(whole, LONG), final=True)
    assert (at_once.verdict, at_once.decided_at) == (step_by_step.verdict, step_by_step.decided_at)
    assert at_once.metrics == step_by_step.metrics


def test_a_better_head_passes() -> None:
    better = dict.fromkeys(GateMetric, -10.0)
    assert judge(gate_run(epochs(9, better), PLANNED), final=False).verdict is GateVerdict.PASS


def test_a_change_that_is_neither_surely_there_nor_surely_not_is_inconclusive_with_its_figures() -> None:
    swaying = [4.0, -3.5, 3.0, -1.0, 2.5, 0.5, 3.5, -2.0, 1.0, 4.5, -4.0, 2.0, 1.5]
    result = judge(gate_run(epochs(13, {GateMetric.CPU: swaying}), PLANNED), final=True)
    assert (result.verdict, result.exit_code) == (GateVerdict.INCONCLUSIVE, ExitCode.INCONCLUSIVE)
    assert len(result.reasons) == 1
    assert result.reasons[0].startswith("undecided within the budget: cpu_us_per_request of json +1.")
    assert of(result.metrics, GateMetric.CPU).verdict is MetricVerdict.UNDECIDED
    assert of(result.metrics, GateMetric.THROUGHPUT).verdict is MetricVerdict.PASS


@pytest.mark.parametrize("count", [0, 1, 6])
def test_too_few_epochs_decide_nothing_whatever_they_show(count: int) -> None:
    result = judge(gate_run(epochs(count, {GateMetric.CPU: 50.0}), PLANNED), final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert f"too few epochs: {count}" in result.reasons[0]
    assert "9" in result.reasons[0]


def test_a_run_that_ends_early_still_decides_if_it_can() -> None:
    assert judge(gate_run(epochs(9, {GateMetric.CPU: 10.0}), LONG), final=True).verdict is GateVerdict.REGRESSED
    assert judge(gate_run(epochs(7), LONG), final=True).verdict is GateVerdict.PASS


def test_memory_needs_four_mib_besides_its_percents() -> None:
    six_percent_of_50_mib = judge(gate_run(epochs(13, {GateMetric.MEMORY_IDLE: 6.0}), PLANNED), final=True)
    assert six_percent_of_50_mib.verdict is GateVerdict.PASS
    idle = of(six_percent_of_50_mib.metrics, GateMetric.MEMORY_IDLE)
    assert (idle.margin, idle.threshold) == pytest.approx((8.0, 12.0))


def test_tails_are_shown_and_decide_only_when_asked_to() -> None:
    worse = {GateMetric.P99: 60.0}
    shown = judge(gate_run(epochs(13, worse), PLANNED), final=True)
    assert shown.verdict is GateVerdict.PASS
    assert not of(shown.metrics, GateMetric.P99).gating
    asked = replace(PLANNED, gated=(*PLANNED.gated, GateMetric.P99))
    assert judge(gate_run(epochs(13, worse), asked), final=True).verdict is GateVerdict.REGRESSED


def test_a_leak_that_cannot_be_ruled_out_stops_no_pass() -> None:
    wild = [3000.0, -2500.0, 900.0, -100.0, 2000.0, -3000.0, 500.0, 10.0, -900.0]
    result = judge(gate_run(epochs(9, {GateMetric.LEAK: wild}), PLANNED), final=False)
    assert result.verdict is GateVerdict.PASS
    assert of(result.metrics, GateMetric.LEAK).verdict is MetricVerdict.UNDECIDED


def test_what_looks_like_a_leak_holds_a_pass_up_until_it_is_sure() -> None:
    leaking = epochs(13, {GateMetric.LEAK: 1024.0})
    assert judge(gate_run(leaking[:12], PLANNED), final=False).verdict is GateVerdict.GO_ON
    too_early = judge(gate_run(leaking[:8], PLANNED), final=True)
    assert too_early.verdict is GateVerdict.INCONCLUSIVE
    assert "leak_bytes_per_request" in too_early.reasons[-1]
    assert judge(gate_run(leaking, PLANNED), final=True).verdict is GateVerdict.REGRESSED


@pytest.mark.parametrize("kind", FailureKind)
def test_a_head_that_fails_is_regressed_for_that_reason_even_before_any_epoch(kind: FailureKind) -> None:
    failure = GateFailure(HEAD, kind, "ImportError: no module named shop", 0, "json")
    result = judge(gate_run((), PLANNED, failures=[failure]), final=False)
    assert result.verdict is GateVerdict.REGRESSED
    assert kind.value in result.reasons[0]
    assert "ImportError" in result.reasons[0]


def test_a_base_that_fails_is_an_error_of_the_tool_and_no_verdict() -> None:
    failure = GateFailure(BASE, FailureKind.NOT_STARTED, "port in use")
    with pytest.raises(TargetError, match="base failed") as caught:
        judge(gate_run((), PLANNED, failures=[failure]), final=True)
    assert caught.value.exit_code is ExitCode.USAGE


def test_errors_of_the_head_alone_are_a_failure() -> None:
    bad = [epoch(number, {}, errors={HEAD: ledger(900, status=100)}) for number in range(1, 6)]
    assert judge(gate_run(bad[:4], PLANNED), final=False).verdict is GateVerdict.GO_ON
    result = judge(gate_run(bad, PLANNED), final=False)
    assert (result.verdict, result.decided_at) == (GateVerdict.REGRESSED, 5)
    assert "10.00%" in result.reasons[0]
    # Whenever it is judged: what came after the verdict does not change it.
    later = gate_run([*bad, *epochs(13)[5:]], PLANNED)
    assert judge(later, final=True).decided_at == 5


def wrong_in(numbers: Container[int], bad: Ledger, count: int = 13) -> list[GateEpoch]:
    """Equal epochs, but for the head's errors in those."""
    return [
        replace(each, ledgers={**each.ledgers, ("json", HEAD): bad}) if each.number in numbers else each
        for each in epochs(count)
    ]


@pytest.mark.parametrize(
    ("numbers", "bad", "reason"),
    [
        ((4, 11), ledger(900, status=100), "in 2 of 13 epochs (200 status); the base errs in none: too seldom"),
        ((4,), ledger(900, status=100), "in 1 of 13 epochs (100 status); the base errs in none: too seldom"),
        ((2, 11), ledger(900, timeout=100), "in 2 of 13 epochs (200 timeout)"),
        (range(1, 6), ledger(9999, body=1), "5 of 58,000 requests wrongly or not at all (5 body), wrongly in 5 of 13"),
    ],
)
def test_errors_of_the_head_that_are_too_few_to_be_sure_let_it_not_pass(
    numbers: Container[int], bad: Ledger, reason: str
) -> None:
    those = wrong_in(numbers, bad)
    result = judge(gate_run(those, GateSettings()), final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert reason in result.reasons[0]


def test_a_wrong_answer_before_the_first_look_holds_the_pass_up_to_the_end() -> None:
    those = wrong_in((4,), ledger(900, status=100))
    assert judge(gate_run(those[:12], PLANNED), final=False).verdict is GateVerdict.GO_ON
    assert judge(gate_run(those, PLANNED), final=True).verdict is GateVerdict.INCONCLUSIVE
    later = wrong_in((11,), ledger(900, status=100))
    assert judge(gate_run(later, PLANNED), final=True).decided_at == 9  # by then there was none


@pytest.mark.parametrize("bad", [ledger(900, status=100), ledger(900, timeout=100), ledger(9999, status=1)])
def test_errors_that_no_coin_would_give_to_the_head_are_seen_at_planned_looks_and_at_the_end(bad: Ledger) -> None:
    those = wrong_in(range(2, 10), bad)  # the first epoch has none
    result = judge(gate_run(those, PLANNED), final=True)
    assert (result.verdict, result.decided_at) == (GateVerdict.REGRESSED, 9)
    unplanned = gate_run(those[:10], GateSettings())
    assert judge(unplanned, final=False).verdict is GateVerdict.GO_ON
    assert judge(unplanned, final=True).verdict is GateVerdict.REGRESSED


def test_a_load_side_at_its_limit_lets_nothing_pass_and_hides_no_regression() -> None:
    at_limit = [replace(each, limited=("json",) if each.number % 3 == 0 else ()) for each in epochs(13)]
    result = judge(gate_run(at_limit, PLANNED), final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert "load side" in result.reasons[0]
    worse = [replace(each, limited=("json",)) for each in epochs(13, {GateMetric.CPU: 5.0})]
    assert judge(gate_run(worse, PLANNED), final=True).verdict is GateVerdict.REGRESSED


def test_where_both_sides_miss_deadlines_alike_what_is_left_to_compare_is_no_pass() -> None:
    late = {("json", side): ledger(800, timeout=200) for side in (BASE, HEAD)}
    result = judge(gate_run([replace(each, ledgers=late) for each in epochs(13)], PLANNED), final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert "the base itself left requests unanswered" in result.reasons[0]
    assert "in 13 of 13 epochs" in result.reasons[0]


def test_noisy_epochs_are_left_out_whole_and_named() -> None:
    those = [
        replace(epoch(each.number, dict.fromkeys(GateMetric, 90.0)), noise=EpochNoise(1.5, 0.2))
        if each.number in (2, 5)
        else each
        for each in epochs(13)
    ]
    result = judge(gate_run(those, GateSettings()), final=True)
    assert (result.verdict, result.dropped) == (GateVerdict.PASS, (2, 5))
    assert all(each.change.n == 11 for each in result.metrics)


def test_a_machine_too_noisy_is_the_reason_where_nothing_can_be_decided() -> None:
    swaying = [4.0, -3.5, 3.0, -1.0, 2.5, 0.5, 3.5, -2.0, 1.0, 4.5, -4.0, 2.0, 1.5]
    bursts = [
        replace(each, noise=EpochNoise(1.2 if each.number % 3 == 0 else 0.05))
        for each in epochs(13, {GateMetric.CPU: swaying})
    ]
    steady = [replace(each, noise=EpochNoise(0.9)) for each in bursts]
    assert "in 4 of 13 epochs" in judge(gate_run(bursts, PLANNED), final=True).reasons[0]
    assert "0.9 cores all the time" in judge(gate_run(steady, PLANNED), final=True).reasons[0]


def test_memory_of_which_the_machine_tells_nothing_is_left_out_and_said() -> None:
    memory = (GateMetric.MEMORY_IDLE, GateMetric.MEMORY_PEAK, GateMetric.LEAK)
    result = judge(gate_run([without(each, *memory) for each in epochs(13)], PLANNED), final=True)
    assert result.verdict is GateVerdict.PASS
    assert [each.message.split()[0] for each in result.problems] == [metric.value for metric in memory]
    alone = replace(PLANNED, gated=memory)
    nothing = judge(gate_run([without(each, *memory) for each in epochs(13)], alone), final=True)
    assert nothing.verdict is GateVerdict.INCONCLUSIVE
    assert nothing.reasons == ("nothing that decides was measured",)


TIMES = (GateMetric.P50, GateMetric.P90)
INSTEAD = (
    "--gate throughput --gate cpu --gate throughput-total --gate cpu-total "
    "--gate memory-idle --gate memory-peak --gate leak"
)


@pytest.mark.parametrize(
    ("lacking", "measured_in", "late", "reason"),
    [
        (TIMES, 0, True, "response_time_p50_ms and response_time_p90_ms of json could not be measured in 13 of 13 "
         f"epochs: the load side was late; give it a core of its own, or do without: {INSTEAD}"),
        (TIMES, 10, True, "could not be measured in 3 of 13 epochs: the load side was late"),
        (TIMES, 9, False, "could not be measured in 4 of 13 epochs: too few answers; do without: --gate throughput"),
        ((GateMetric.P90,), 0, False, "response_time_p90_ms of json could not be measured in 13 of 13 epochs: too few "
         "answers; do without: --gate throughput --gate cpu --gate throughput-total --gate cpu-total --gate p50"),
        ((GateMetric.CPU,), 4, False, "cpu_us_per_request of json could not be measured in 9 of 13 epochs: no figure"),
        ((GateMetric.MEMORY_PEAK,), 9, False, "memory_peak_mib could not be measured in 4 of 13 epochs: no figure"),
    ],
)  # fmt: skip
def test_what_was_measured_too_seldom_never_passes_in_silence(
    lacking: tuple[GateMetric, ...], measured_in: int, late: bool, reason: str
) -> None:
    those = [
        without(each, *lacking, late=["json"] if late else []) if each.number > measured_in else each
        for each in epochs(13)
    ]
    result = judge(gate_run(those, replace(PLANNED, looks=PLANNED.looks[:0])), final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert len(result.reasons) == 1
    assert reason in result.reasons[0]
    assert not any(each.verdict is MetricVerdict.PASS for each in result.metrics if each.metric in lacking)


def test_what_was_measured_too_seldom_is_still_found_worse() -> None:
    worse = epochs(13, {GateMetric.CPU: 40.0})
    those = [without(each, GateMetric.CPU) if each.number > 10 else each for each in worse]
    result = judge(gate_run(those, GateSettings()), final=True)
    assert result.verdict is GateVerdict.REGRESSED
    assert [each.metric for each in result.regressed] == [GateMetric.CPU]


def test_what_lacks_in_a_few_epochs_passes_with_the_others() -> None:
    those = [without(each, *TIMES, late=["json"]) if each.number in (3, 12) else each for each in epochs(13)]
    result = judge(gate_run(those, GateSettings()), final=True)
    assert result.verdict is GateVerdict.PASS
    assert of(result.metrics, GateMetric.P50).change.n == 11


def test_a_scenario_that_lacks_is_missed_though_another_has_it() -> None:
    run = replace(gate_run(epochs(13), PLANNED), scenarios=("json", "page"))
    result = judge(run, final=True)
    assert result.verdict is GateVerdict.INCONCLUSIVE
    assert "throughput_rps and cpu_us_per_request" in result.reasons[0]
    assert "of page could not be measured in 13 of 13 epochs" in result.reasons[0]


def test_nothing_at_all_never_passes() -> None:
    nothing = judge(gate_run([without(each, *GateMetric) for each in epochs(13)], PLANNED), final=True)
    assert (nothing.verdict, nothing.reasons) == (GateVerdict.INCONCLUSIVE, ("nothing that decides was measured",))


def test_the_result_as_json_has_what_the_contract_says() -> None:
    noted = problem()
    result = judge(gate_run(epochs(13, {GateMetric.CPU: 5.0}), PLANNED, problems=[noted]), final=True)
    data = result.to_dict()
    assert (data["verdict"], data["exit_code"], data["epochs"], data["elapsed_s"]) == ("regressed", 1, 13, 91.5)
    assert data["problems"] == [noted.to_dict()]
    cpu = next(each for each in data["metrics"] if each["metric"] == "cpu_us_per_request")
    assert set(cpu) >= {"scenario", "metric", "change_percent", "verdict", "threshold_percent", "gating"}
    assert set(cpu["change_percent"]) == {"value", "low", "high", "n", "method"}
    assert (cpu["scenario"], cpu["verdict"], cpu["threshold_percent"], cpu["gating"]) == (
        "json",
        "regressed",
        2.0,
        True,
    )
    leak = next(each for each in data["metrics"] if each["metric"] == "leak_bytes_per_request")
    assert (leak["change_percent"], leak["unit"]) == (None, "bytes/request")
    assert leak["change"]["value"] == pytest.approx(0.0, abs=0.5)
