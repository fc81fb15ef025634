"""Ratios of two targets from turns of the same rounds, and the verdicts that follow."""

import math
from collections.abc import Iterable

from .estimate import Estimate, from_epochs, middle_mean
from .histogram import RESOLUTION_US
from .records import ProblemCode, Trial
from .summary import Metric, Verdict

# Differences within this margin are noise to whoever chooses a server; see docs/method.md.
MARGIN = 0.02


def verdict(ratio: Estimate, metric: Metric) -> Verdict:
    """What a ratio (target over baseline) says: its whole interval has to lie on one side of the margin, or within.

    Without an interval (one epoch) nothing is decided.
    """
    if ratio.low is None or ratio.high is None:
        return Verdict.INCONCLUSIVE
    upper, lower = 1 + MARGIN, 1 / (1 + MARGIN)
    if ratio.low > upper:
        return Verdict.FASTER if metric.higher_is_better else Verdict.SLOWER
    if ratio.high < lower:
        return Verdict.SLOWER if metric.higher_is_better else Verdict.FASTER
    if ratio.low >= lower and ratio.high <= upper:
        return Verdict.SAME
    return Verdict.INCONCLUSIVE


def compare_trials(baseline: Iterable[Trial], target: Iterable[Trial], metric: Metric) -> Estimate | None:
    """The ratio target / baseline over the epochs that both have valid trials in; None where there is none.

    Each epoch gives one value: the middle mean of its rounds' log ratios, or of response times, the ratio of their
    percentile. The interval is Student's t over epochs. Where a launch was overloaded, response times are compared in
    none: what could not be sent has none, and the other launches are no fair sample, but the faster ones.
    """
    ours, theirs = list(target), list(baseline)
    if metric.percentile is not None and any(map(_overloaded, (*ours, *theirs))):
        return None
    by_epoch = {trial.epoch: trial for trial in theirs}
    values: list[float] = []
    for trial in ours:
        other = by_epoch.get(trial.epoch)
        value = None if other is None else _epoch_log_ratio(other, trial, metric)
        if value is not None:
            values.append(math.exp(value))
    return from_epochs(values) if values else None


def _epoch_log_ratio(baseline: Trial, target: Trial, metric: Metric) -> float | None:
    if metric.percentile is not None:
        below, above = (_response_us(trial, metric.percentile) for trial in (baseline, target))
        return math.log(above / below) if above and below else None
    of_baseline, of_target = turn_values(baseline, metric), turn_values(target, metric)
    logs = [
        math.log(of_target[number] / of_baseline[number]) for number in sorted(of_baseline.keys() & of_target.keys())
    ]
    return middle_mean(logs) if logs else None


def _response_us(trial: Trial, percentile: float) -> float:
    """A percentile of a launch's response times; 0 where it has none."""
    times = trial.response_time
    if times is None or not times.supports(percentile):
        return 0.0
    return max(times.percentile_us(percentile), RESOLUTION_US)


def _overloaded(trial: Trial) -> bool:
    return any(problem.code is ProblemCode.OVERLOADED for problem in trial.problems)


def turn_values(trial: Trial, metric: Metric) -> dict[int, float]:
    """One figure per round: requests/s, CPU microseconds per right answer, or milliseconds up to it, where it is the
    first after a start. Turns without any are left out."""
    values: dict[int, float] = {}
    for turn in trial.turns:
        if not turn.ledger.ok:
            continue
        if metric is Metric.THROUGHPUT:
            values[turn.round] = turn.throughput_rps
        elif metric is Metric.START:
            values[turn.round] = turn.elapsed_s * 1000
        elif turn.target_cpu_s:
            values[turn.round] = turn.target_cpu_s * 1e6 / turn.ledger.ok
    return values
