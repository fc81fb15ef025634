"""From a run's trials to its published summary: pure arithmetic, so that a stored run can be judged again."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import linear_regression

from .comparison import compare_trials, verdict
from .estimate import Estimate, from_epochs, mean_estimate, middle_mean
from .generator import Generator
from .histogram import RESOLUTION_US, Histogram
from .ledger import Ledger
from .records import (
    GroupInfo,
    Level,
    Problem,
    ProblemCode,
    Run,
    ScenarioInfo,
    ScenarioKind,
    Severity,
    TargetInfo,
    Trial,
)
from .summary import RESPONSES, Comparison, Memory, MemorySlope, Metric, Result, Summary, Verdict
from .validity import generator_of, judge

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
SPECTRUM = tuple(round(100 * (1 - 10 ** (-step / 12)), 6) for step in range(61))
NEW_PEAK = 1.002  # above what is only the noise of reading
Key = tuple[str, Level]


def summarise(run: Run) -> Summary:
    """Judge every trial, then estimate and compare. Trials that are invalid are listed, and enter nothing else."""
    targets = {target.name: target for target in run.manifest.targets}
    scenarios = {scenario.name: scenario for scenario in run.manifest.scenarios}
    cells: dict[Key, dict[str, list[Trial]]] = defaultdict(lambda: defaultdict(list))
    shared = bool(set(run.manifest.server_cores) & set(run.manifest.load_cores))
    for trial in run.trials:
        problems = judge(trial, targets[trial.target], scenarios[trial.scenario], shared_core=shared)
        judged = replace(trial, problems=problems)
        cells[(trial.scenario, trial.level)][trial.target].append(judged)
    order = [(scenario.name, level) for scenario in run.manifest.scenarios for level in scenario.levels]
    results: list[Result] = []
    comparisons: list[Comparison] = []
    leads: list[Comparison] = []
    found: list[Problem] = []
    for key in order:
        in_order = [name for name in targets if name in cells[key]]
        results += [_result(targets[name], scenarios[key[0]], cells[key][name]) for name in in_order]
        valid = {
            name: [] if _generator_limited(cells[key][name]) else [trial for trial in cells[key][name] if trial.valid]
            for name in in_order
        }
        found += [problem for name in in_order for trial in cells[key][name] for problem in trial.problems]
        metrics = _metrics(scenarios[key[0]], cells[key])
        for group in run.manifest.compared:
            if group.compares(*key):
                members = {name: valid[name] for name in in_order if name in group.targets}
                comparisons += _against(group, key, members, metrics)
                leads += _leads(group, key, members, metrics[0]) if metrics[0] is not Metric.CPU else ()
    problems = (*run.manifest.problems, *_merged(found))
    return Summary(
        manifest=run.manifest,
        valid=bool(results) and all(problem.severity is not Severity.INVALID for problem in problems),
        problems=problems,
        results=tuple(results),
        comparisons=tuple(comparisons),
        leads=tuple(leads),
        memory_slopes=tuple(_slopes(run.manifest.targets, {key: cells[key] for key in order})),
    )


def _merged(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Each kind of problem once per target and scenario; its first message, and how often it came again."""
    seen: dict[tuple[str, str, str, str], list[Problem]] = defaultdict(list)
    for problem in problems:
        seen[(problem.code, problem.target, problem.scenario, problem.severity)].append(problem)
    for group in seen.values():
        again = f" (and {len(group) - 1} more like it)" if len(group) > 1 else ""
        yield replace(group[0], message=group[0].message + again)


def _result(target: TargetInfo, scenario: ScenarioInfo, trials: Sequence[Trial]) -> Result:
    first = trials[0]
    cold = scenario.kind is ScenarioKind.COLD_START
    valid = [trial for trial in trials if trial.valid]
    limited = _generator_limited(trials)
    used = [trial for trial in trials if trial.valid or _only_generator_limited(trial)] if limited else valid
    rates = [(trial.epoch, trial.ledger.ok / trial.elapsed_s) for trial in used if trial.ledger.ok]
    response = [trial.response_time for trial in used if trial.response_time is not None]
    lag = [trial.schedule_lag for trial in used if trial.schedule_lag is not None]
    cut_ms = math.inf if response else _cut_ms(used)
    return Result(
        target=first.target,
        app=target.app,
        setup=target.setup,
        scenario=first.scenario,
        level=first.level,
        valid=len(valid) == len(trials),
        launches=len(trials),
        problems=tuple(_merged(problem for trial in trials for problem in trial.problems)),
        throughput_rps=None if cold else _estimate(rate for _, rate in rates),
        at_least=limited and bool(rates),
        cpu_us_per_request=_estimate(_cpu_us(used)),
        context_switches_per_request=_estimate(
            trial.context_switches / trial.ledger.ok for trial in used if trial.context_switches and trial.ledger.ok
        ),
        service_time_ms=_percentiles([trial.service_time for trial in used], cut_ms),
        response_time_ms=_percentiles(response) if response else None,
        schedule_lag_ms=_percentiles(lag) if lag else None,
        memory_mib=_memory(used),
        generator=Generator.nearest(generator_of(trial) for trial in trials),
        ledger=Ledger.total(trial.ledger for trial in trials),
        spectrum=_spectrum(Histogram.total(response or [trial.service_time for trial in used]), cut_ms),
        epoch_throughput_rps=tuple(rates),
        start_ms=_estimate(_start_ms(used)) if cold else None,
    )


def _start_ms(trials: Iterable[Trial]) -> Iterator[float]:
    """One figure per launch: the middle of its starts."""
    for trial in trials:
        started = [turn.elapsed_s * 1000 for turn in trial.turns if turn.ledger.ok]
        if started:
            yield middle_mean(started)


def _generator_limited(trials: Iterable[Trial]) -> bool:
    """Whether the load side limited any launch: the others are then no fair sample, but the slower ones."""
    codes = {problem.code for trial in trials for problem in trial.problems if problem.severity is Severity.INVALID}
    return ProblemCode.GENERATOR_LIMITED in codes


def _cut_ms(trials: Iterable[Trial]) -> float:
    """In the closed loop a turn cuts latencies short: what a server makes wait is served when the others stop.

    What is longer than half a turn is no latency that a user would meet, and is left out.
    """
    return min((turn.planned_s for trial in trials for turn in trial.turns), default=math.inf) * 1000 / 2


def _only_generator_limited(trial: Trial) -> bool:
    invalid = {problem.code for problem in trial.problems if problem.severity is Severity.INVALID}
    return invalid == {ProblemCode.GENERATOR_LIMITED}


def _estimate(values: Iterable[float]) -> Estimate | None:
    kept = [value for value in values if value > 0]
    return from_epochs(kept) if kept else None


def _cpu_us(trials: Iterable[Trial]) -> Iterator[float]:
    for trial in trials:
        seconds = [turn.target_cpu_s for turn in trial.turns]
        if trial.ledger.ok and all(value is not None for value in seconds):
            yield sum(value or 0.0 for value in seconds) * 1e6 / trial.ledger.ok


def _percentiles(histograms: Sequence[Histogram], cut_ms: float = math.inf) -> dict[str, Estimate]:
    """Each percentile that every epoch has the samples for, as an estimate over epochs, in milliseconds.

    Those beyond `cut_ms` are left out.
    """
    table: dict[str, Estimate] = {}
    for name, percentile in PERCENTILES.items():
        if histograms and all(histogram.supports(percentile) for histogram in histograms):
            values = [max(histogram.percentile_us(percentile), RESOLUTION_US) / 1000 for histogram in histograms]
            if max(values) <= cut_ms:
                table[name] = from_epochs(values)
    return table


def _spectrum(histogram: Histogram, cut_ms: float) -> tuple[tuple[float, float], ...]:
    points = [percentile for percentile in SPECTRUM if histogram.counts and histogram.supports(percentile)]
    values = histogram.percentiles_us(points) if points else []
    return tuple((point, value / 1000) for point, value in zip(points, values, strict=True) if value <= cut_ms * 1000)


def _memory(trials: Iterable[Trial]) -> Memory:
    highest: dict[str, list[float]] = {"idle": [], "peak": []}
    kinds: set[str] = set()
    for trial in trials:
        for label, values in highest.items():
            marks = [mark for mark in trial.memory if mark.label == label]
            if marks:
                values.append(max(mark.memory_mib for mark in marks))
                kinds |= {mark.kind for mark in marks}
    return Memory(
        idle=_estimate(highest["idle"]), peak=_estimate(highest["peak"]), kind="/".join(sorted(kinds)) or "none"
    )


def _metrics(scenario: ScenarioInfo, cell: Mapping[str, Sequence[Trial]]) -> tuple[Metric, ...]:
    """What its targets are compared by, the figure that ranks them first."""
    if scenario.kind is ScenarioKind.COLD_START:
        return (Metric.START,)
    if any(trial.level.rate_rps for trials in cell.values() for trial in trials):
        return (Metric.CPU, *RESPONSES)  # the rate was set: it tells nothing of the targets
    return (Metric.CPU,) if _paced(cell) else (Metric.THROUGHPUT, Metric.CPU)


def _paced(cell: Mapping[str, Sequence[Trial]]) -> bool:
    """Whether it was the users who set the rate: then it tells nothing of the targets."""
    problems = (problem for trials in cell.values() for trial in trials for problem in trial.problems)
    return any(problem.code is ProblemCode.PACED for problem in problems)


def _against(
    group: GroupInfo, key: Key, trials: Mapping[str, Sequence[Trial]], metrics: Iterable[Metric]
) -> Iterator[Comparison]:
    for name in trials:
        if name != group.baseline and group.baseline in trials:
            for metric in metrics:
                yield from _compare(group, key, metric, group.baseline, name, trials)


def _leads(group: GroupInfo, key: Key, trials: Mapping[str, Sequence[Trial]], metric: Metric) -> Iterator[Comparison]:
    """The fastest target over every other, the closest first."""
    rates: dict[str, float] = {}
    for name, those in trials.items():
        rate = _estimate(trial.ledger.ok / trial.elapsed_s for trial in those)
        if rate is not None:
            rates[name] = rate.value
    if not rates:
        return
    leader, tried = max(rates, key=rates.__getitem__), set[str]()
    while True:
        tried.add(leader)
        found = [
            comparison
            for name in rates
            if name != leader
            for comparison in _compare(group, key, metric, name, leader, trials)
        ]
        found.sort(key=lambda comparison: comparison.ratio.value, reverse=not metric.higher_is_better)
        # The highest rate may come from faster minutes of the machine; ratios of the same rounds decide.
        ahead = [rival for rival in found if rival.verdict is Verdict.SLOWER and rival.baseline not in tried]
        if not ahead:
            break
        leader = ahead[0].baseline
    yield from found


def _compare(
    group: GroupInfo, key: Key, metric: Metric, baseline: str, target: str, trials: Mapping[str, Sequence[Trial]]
) -> Iterator[Comparison]:
    ratio = compare_trials(trials[baseline], trials[target], metric)
    if ratio is not None:
        yield Comparison(key[0], key[1], metric, baseline, target, ratio, verdict(ratio, metric), group.name)


def _peak(trial: Trial) -> float | None:
    return max((mark.memory_mib for mark in trial.memory if mark.label == "peak"), default=None)


def _began(trial: Trial) -> float:
    return min((turn.started_s for turn in trial.turns), default=0.0)


def _peaks(cells: Mapping[Key, Mapping[str, Sequence[Trial]]]) -> Mapping[tuple[str, int], list[tuple[float, float]]]:
    """When each launch's memory was read at a peak, and how much it was."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = defaultdict(list)
    for trial in (trial for those in cells.values() for trials in those.values() for trial in trials):
        peak = _peak(trial)
        if peak is not None:
            found[trial.target, trial.epoch].append((_began(trial), peak))
    return found


def _slopes(targets: Iterable[TargetInfo], cells: Mapping[Key, Mapping[str, Sequence[Trial]]]) -> Iterator[MemorySlope]:
    """Memory per request in flight: within each epoch, the least-squares slope of peak memory over what was held.

    A target holds no more than its slots, however many connections press; what waits in the socket costs it nothing.
    Memory that a launch had taken before is used again, and shows no slope: a launch counts only where holding the most
    took more than all that came before.
    """
    before = _peaks(cells)
    for target, scenario in dict.fromkeys((info, name) for name, _ in cells for info in targets):
        points: dict[int, list[tuple[int, float, bool]]] = defaultdict(list)
        for (name, level), trials in cells.items():
            held = min(level.concurrency, target.slots or level.concurrency)
            for trial in trials.get(target.name, ()) if name == scenario else ():
                peak = _peak(trial)
                if peak is not None and (trial.valid or _only_generator_limited(trial)):
                    earlier = [mib for at_s, mib in before[target.name, trial.epoch] if at_s < _began(trial)]
                    points[trial.epoch].append((held, peak, peak > max(earlier, default=0.0) * NEW_PEAK))
        slopes = [
            linear_regression([held for held, _, _ in those], [peak for _, peak, _ in those]).slope * 1024
            for those in points.values()
            if len({held for held, _, _ in those}) >= 2 and max(those)[2]
        ]
        if slopes:
            yield MemorySlope(target.name, scenario, mean_estimate(slopes))
