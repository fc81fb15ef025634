"""Ratios come from turns of the same rounds; verdicts need the whole interval on one side of the margin."""

import math

import pytest

from sgibench.results.comparison import MARGIN, compare_trials, turn_values, verdict
from sgibench.results.estimate import Estimate
from sgibench.results.records import Trial
from sgibench.results.summary import Metric, Verdict

from .builders import A, B, drifting_trials, ledger, steady_trial, trial, turn

UP, DOWN = 1 + MARGIN, 1 / (1 + MARGIN)
MORE = math.nextafter(UP, 2)
LESS = math.nextafter(DOWN, 0)
RATES = {A: 1000.0, B: 1370.0}


@pytest.mark.parametrize(
    ("low", "high", "of_throughput"),
    [
        (1.05, 1.10, Verdict.FASTER),
        (MORE, 1.10, Verdict.FASTER),
        (UP, 1.10, Verdict.INCONCLUSIVE),
        (1.01, 1.10, Verdict.INCONCLUSIVE),
        (0.90, 0.95, Verdict.SLOWER),
        (0.90, LESS, Verdict.SLOWER),
        (0.90, DOWN, Verdict.INCONCLUSIVE),
        (0.90, 0.99, Verdict.INCONCLUSIVE),
        (0.90, 1.10, Verdict.INCONCLUSIVE),
        (0.99, 1.01, Verdict.SAME),
        (DOWN, UP, Verdict.SAME),
        (DOWN, MORE, Verdict.INCONCLUSIVE),
        (LESS, UP, Verdict.INCONCLUSIVE),
        (UP, UP, Verdict.SAME),
        (DOWN, DOWN, Verdict.SAME),
        (None, None, Verdict.INCONCLUSIVE),
    ],
)
def test_a_verdict_needs_the_whole_interval(low: float | None, high: float | None, of_throughput: Verdict) -> None:
    ratio = Estimate(1.0 if low is None or high is None else (low + high) / 2, low, high, 5, "")
    opposite = {Verdict.FASTER: Verdict.SLOWER, Verdict.SLOWER: Verdict.FASTER}
    assert verdict(ratio, Metric.THROUGHPUT) is of_throughput
    assert verdict(ratio, Metric.CPU) is opposite.get(of_throughput, of_throughput)


def test_one_launch_decides_nothing_however_large_the_difference() -> None:
    ratio = compare_trials([steady_trial(1000)], [steady_trial(9000, B)], Metric.THROUGHPUT)
    assert ratio is not None
    assert ratio.value == pytest.approx(9.0)
    assert verdict(ratio, Metric.THROUGHPUT) is Verdict.INCONCLUSIVE


def epochs_of(target: str, count: int = 5) -> list[Trial]:
    return [each for epoch in range(1, count + 1) for each in drifting_trials(RATES, epoch) if each.target == target]


@pytest.mark.parametrize(("metric", "truth"), [(Metric.THROUGHPUT, 1.37), (Metric.CPU, 1 / 1.37)])
def test_a_known_ratio_is_found_while_the_machine_changes_its_speed_by_two(metric: Metric, truth: float) -> None:
    rates = list(turn_values(epochs_of(A, 1)[0], Metric.THROUGHPUT).values())
    assert max(rates) / min(rates) > 1.8

    ratio = compare_trials(epochs_of(A), epochs_of(B), metric)

    assert ratio is not None
    assert ratio.value == pytest.approx(truth, rel=0.005)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.high / ratio.low < 1.02
    assert ratio.n == 5


def test_rounds_are_paired_by_number_not_by_place() -> None:
    """The machine is twice as fast in rounds 2 and 3; the target misses round 0, the baseline round 3."""
    baseline = trial([turn(count, number) for number, count in ((0, 100), (1, 100), (2, 200))])
    target = trial([turn(count, number) for number, count in ((3, 300), (2, 300), (1, 150))], B)
    ratio = compare_trials([baseline], [target], Metric.THROUGHPUT)
    assert ratio is not None
    assert ratio.value == pytest.approx(1.5)


def test_only_epochs_that_both_have_are_compared() -> None:
    baseline = [steady_trial(1000, epoch=epoch) for epoch in (1, 2, 3)]
    target = [steady_trial(rate, B, epoch) for rate, epoch in ((2000, 2), (2000, 3), (9000, 4))]
    ratio = compare_trials(baseline, target, Metric.THROUGHPUT)
    assert ratio is not None
    assert ratio.n == 2
    assert ratio.value == pytest.approx(2.0)


def test_nothing_in_common_gives_no_ratio() -> None:
    one, other = steady_trial(1000, epoch=1), steady_trial(1000, B, epoch=2)
    assert compare_trials([one], [other], Metric.THROUGHPUT) is None
    assert compare_trials([], [other], Metric.THROUGHPUT) is None
    assert compare_trials([one], [], Metric.THROUGHPUT) is None
    apart = trial([turn(50, number=9)], B)
    assert compare_trials([trial([turn(50, number=1)])], [apart], Metric.THROUGHPUT) is None


def test_one_disturbed_round_does_not_move_the_ratio() -> None:
    disturbed = [turn(1 if number == 2 else 100, number) for number in range(5)]
    ratio = compare_trials([steady_trial(2000)], [trial(disturbed, B)], Metric.THROUGHPUT)
    assert ratio is not None
    assert ratio.value == pytest.approx(1.0)


def test_turns_without_a_right_answer_or_without_cpu_have_no_figure() -> None:
    mixed = trial([turn(100, 0), turn(0, 1), turn(100, 2, cpu_s=None), turn(50, 3, cpu_s=0.1)])
    assert turn_values(mixed, Metric.THROUGHPUT) == pytest.approx({0: 2000, 2: 2000, 3: 1000})
    assert turn_values(mixed, Metric.CPU) == pytest.approx({0: 400, 3: 2000})


def test_only_right_answers_count_towards_a_rate_and_bear_its_cost() -> None:
    half_wrong = trial([turn(50, counts=ledger(50, status=50))])
    assert turn_values(half_wrong, Metric.THROUGHPUT) == pytest.approx({0: 1000})
    assert turn_values(half_wrong, Metric.CPU) == pytest.approx({0: 800})
