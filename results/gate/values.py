"""From turns to one value per epoch and metric: what is stored beside them can always be computed again."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ..comparison import turn_values
from ..estimate import middle_mean, middle_mean_error
from ..histogram import RESOLUTION_US, Histogram
from ..ledger import Ledger
from ..problems import Problem, ProblemCode, Severity
from ..records import Trial, Turn
from ..summary import Metric
from .records import BASE, HEAD, SIDES, WHOLE, EpochNoise, GateEpoch, GateTurns, Growth, Key, Order, Pair, Work
from .settings import GateMetric

OF_TURNS = {GateMetric.THROUGHPUT: Metric.THROUGHPUT, GateMetric.CPU: Metric.CPU}
DECIDING = tuple(each.percentile for each in GateMetric if each.gating and each.percentile is not None)
OF_MARKS = {GateMetric.MEMORY_IDLE: "idle", GateMetric.MEMORY_PEAK: "peak"}
BYTES_PER_MIB = 2**20
# Of the answers beyond a percentile, so large a part may be there because their requests left late; all others must
# have left within such a share of it. Then what is called p90 is the target's own 90th to 95th percentile, and off by a
# tenth at most: a change still shows in it. With more, it could be a figure of the load side alone. That is looked at
# over a launch: most late requests lie in few windows, and of those the middle half of all takes no notice.
LATE_PART = 0.5
LAG_SHARE = 0.1
# Between the marks of a stretch there must be so many requests to tell a leak by: what a side takes once (a pool that
# is filled, a thread that starts) looks like a leak when it is divided by few. Divided by so many, a tenth of a MiB is
# what is tolerated of one.
LEAK_REQUESTS = 500

Sided = Mapping[str, Sequence[Trial]]


def epoch_of(
    number: int,
    order: Order,
    hash_seed: int,
    started_s: float,
    elapsed_s: float,
    turns: GateTurns,
    noise: EpochNoise | None = None,
    problems: Iterable[Problem] = (),
) -> GateEpoch:
    """The epoch of those turns. Its problems are `problems` and those of the trials."""
    of_trials = [problem for trial in turns.trials for problem in trial.problems]
    return GateEpoch(
        number=number,
        order=order,
        hash_seed=hash_seed,
        started_s=started_s,
        elapsed_s=elapsed_s,
        values=values_of(turns),
        ledgers=ledgers_of(turns),
        noise=noise or EpochNoise(),
        problems=tuple(dict.fromkeys([*problems, *of_trials])),
        limited=limited_in(turns),
        late=late_in(turns),
        turns=turns,
    )


def values_of(turns: GateTurns) -> dict[Key, Pair]:
    """The paired values of an epoch. What was not measured on both sides has none.

    Throughput and CPU: the middle mean of the rounds' log ratios; so are the median and the 90th percentile of response
    times, from each round's two windows. Totals: over all turns together. p99: of all windows together. Memory: the
    mark at rest, the highest mark under load. Leak: the slope of memory over requests.
    """
    found: dict[Key, Pair] = {}
    for scenario in dict.fromkeys(trial.scenario for trial in turns.trials):
        closed, opened = (_by_side(turns.trials, scenario, open_loop) for open_loop in (False, True))
        for metric, of_turns in OF_TURNS.items():
            pair = _of_rounds(closed, of_turns)
            if pair is not None:
                found[scenario, metric] = pair
        total = _of_totals(closed)
        if total is not None:
            found[scenario, GateMetric.THROUGHPUT_TOTAL] = total
        for metric, timed in _of_responses(opened).items():
            found[scenario, metric] = timed
    for metric, label in OF_MARKS.items():
        marked = _of_marks(turns.trials, label)
        if marked is not None:
            found[WHOLE, metric] = marked
    costs = [_cost_us(turns.work, side) for side in SIDES]
    if costs[0] is not None and costs[1] is not None:
        found[WHOLE, GateMetric.CPU_TOTAL] = Pair(costs[0], costs[1])
    slopes = [growth_slope([mark for mark in turns.growth if mark.side == side]) for side in SIDES]
    if slopes[0] is not None and slopes[1] is not None:
        found[WHOLE, GateMetric.LEAK] = Pair(slopes[0], slopes[1])
    return found


def ledgers_of(turns: GateTurns) -> dict[tuple[str, str], Ledger]:
    """What became of an epoch's requests, by scenario and side."""
    keys = dict.fromkeys((trial.scenario, trial.target) for trial in turns.trials)
    return {
        key: Ledger.total(trial.ledger for trial in turns.trials if (trial.scenario, trial.target) == key)
        for key in keys
    }


def limited_in(turns: GateTurns) -> tuple[str, ...]:
    """The scenarios in whose closed loop the load side may have been the limit, and a slower head may look as fast."""
    found = (trial for trial in turns.trials if not trial.level.rate_rps and _at_limit(trial, Severity.INVALID))
    return tuple(dict.fromkeys(trial.scenario for trial in found))


def late_in(turns: GateTurns) -> tuple[str, ...]:
    """The scenarios of which a percentile that usually decides would be the load side's own: it sent too late."""
    found = (trial for trial in turns.trials if trial.level.rate_rps and not in_time(trial, *DECIDING))
    return tuple(dict.fromkeys(trial.scenario for trial in found))


def in_time(trial: Trial, *percentiles: float) -> bool:
    """Whether a trial's requests left near enough to their planned instants for those percentiles of response times.

    What decides are middle percentiles, and a load side that is late now and then blurs only the tail; so one that was
    called late, by the 99th, is looked at once more. Without a problem it is in time.
    """
    lag, times = trial.schedule_lag, trial.response_time
    if not _at_limit(trial):
        return True
    if lag is None or times is None or not (lag.count and times.count):
        return False
    return all(
        lag.percentile_us(100 - LATE_PART * (100 - each)) <= LAG_SHARE * times.percentile_us(each)
        for each in percentiles
    )


def _at_limit(trial: Trial, severity: Severity | None = None) -> bool:
    return any(
        problem.code is ProblemCode.GENERATOR_LIMITED and severity in (None, problem.severity)
        for problem in trial.problems
    )


def growth_slope(marks: Sequence[Growth]) -> float | None:
    """Bytes of memory per request: the straight line through a side's marks, the same slope in each stretch. Those with
    fewer than `LEAK_REQUESTS` requests between their marks are left out; None where no other is left."""
    away, memory = [], []
    for stretch in dict.fromkeys(mark.stretch for mark in marks):
        found = [mark for mark in marks if mark.stretch == stretch]
        requests = np.array([mark.requests for mark in found], dtype=float)
        if np.ptp(requests) < LEAK_REQUESTS:
            continue
        away.append(requests - requests.mean())
        memory.append(np.array([mark.memory_mib for mark in found]) * BYTES_PER_MIB)
    spread = sum(float((each * each).sum()) for each in away)
    return sum(float((x * y).sum()) for x, y in zip(away, memory, strict=True)) / spread if spread else None


def _by_side(trials: Iterable[Trial], scenario: str, open_loop: bool) -> Sided:
    return {
        side: [
            trial
            for trial in trials
            if trial.scenario == scenario and trial.target == side and bool(trial.level.rate_rps) is open_loop
        ]
        for side in SIDES
    }


def _of_rounds(sided: Sided, metric: Metric) -> Pair | None:
    return _middle(sided, lambda trial: turn_values(trial, metric))


def _middle(sided: Sided, by_round: Callable[[Trial], Mapping[int, float]]) -> Pair | None:
    """The middle mean over the rounds in which both sides have a figure, of the base's, and of the ratios, with the
    error of the latter."""
    pairs: list[tuple[float, float]] = []
    for base, head in zip(sided[BASE], sided[HEAD], strict=False):
        of_base, of_head = by_round(base), by_round(head)
        rounds = sorted(of_base.keys() & of_head.keys())
        pairs += [(of_base[at], of_head[at]) for at in rounds if of_base[at] > 0 and of_head[at] > 0]
    if not pairs:
        return None
    base_value = math.exp(middle_mean([math.log(base) for base, _ in pairs]))
    ratios = [math.log(head / base) for base, head in pairs]
    return Pair(base_value, base_value * math.exp(middle_mean(ratios)), middle_mean_error(ratios))


def _of_totals(sided: Sided) -> Pair | None:
    """Right answers per second of all turns together."""
    rates = []
    for side in SIDES:
        turns = [turn for trial in sided[side] for turn in trial.turns]
        elapsed_s = math.fsum(turn.elapsed_s for turn in turns)
        rates.append(sum(turn.ledger.ok for turn in turns) / elapsed_s if elapsed_s > 0 else 0.0)
    return Pair(*rates) if min(rates) > 0 else None


def _cost_us(work: Iterable[Work], side: str) -> float | None:
    """CPU time per request, in microseconds."""
    seen = [each for each in work if each.side == side]
    requests, cpu_s = sum(each.requests for each in seen), math.fsum(each.cpu_s for each in seen)
    return cpu_s * 1e6 / requests if requests and cpu_s > 0 else None


def _of_responses(sided: Sided) -> dict[GateMetric, Pair]:
    """Response times in milliseconds, where they are the target's own and not the load side's.

    A pile-up in one window, be it the machine's, is in all of an epoch's highest response times: taken together, the
    90th percentile of equal sides differs by 15 % from launch to launch, window by window by 5 % (benchmarks/README.md,
    "The gate's noise"). Where a side could not take the rate, percentiles are those of what was sent: too low, and
    still far above the other's.
    """
    found = {
        GateMetric.P50: _middle(sided, lambda trial: _of_windows(trial, lambda turn: turn.p50_ms)),
        GateMetric.P90: _middle(sided, lambda trial: _of_windows(trial, lambda turn: turn.p90_ms)),
        GateMetric.P99: _merged(sided, GateMetric.P99),
    }
    return {
        metric: pair
        for metric, pair in found.items()
        if pair is not None and all(in_time(trial, metric.percentile or 0.0) for side in SIDES for trial in sided[side])
    }


def _of_windows(trial: Trial, figure: Callable[[Turn], float | None]) -> dict[int, float]:
    """A figure of a trial's windows, by round."""
    figures = {turn.round: figure(turn) for turn in trial.turns}
    return {number: max(ms, RESOLUTION_US / 1000) for number, ms in figures.items() if ms is not None}


def _merged(sided: Sided, metric: GateMetric) -> Pair | None:
    """A percentile of all of an epoch's windows together."""
    percentile, found = metric.percentile or 0.0, []
    for side in SIDES:
        times = Histogram.total(trial.response_time for trial in sided[side] if trial.response_time is not None)
        if not times.count or not times.supports(percentile):
            return None
        found.append(max(times.percentile_us(percentile), RESOLUTION_US) / 1000)
    return Pair(*found)


def _of_marks(trials: Iterable[Trial], label: str) -> Pair | None:
    marks = {
        side: [mark for trial in trials if trial.target == side for mark in trial.memory if mark.label == label]
        for side in SIDES
    }
    if not all(marks.values()) or len({mark.kind for those in marks.values() for mark in those}) > 1:
        return None
    base, head = (max(mark.memory_mib for mark in marks[side]) for side in SIDES)
    return Pair(base, head) if base > 0 and head > 0 else None
