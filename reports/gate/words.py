"""How sides, metrics, changes and verdicts are said; alike on the page, in Markdown, JUnit XML and a terminal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from ...results.estimate import Estimate
from ...results.gate.records import GateFailure, GateRun, Order, Pair, Source, change
from ...results.gate.settings import GateMetric
from ...results.gate.verdicts import GateResult, GateVerdict, MetricResult, MetricVerdict
from ..format import MISSING, counted, duration, exact, joined, plain, shortened
from ..tables import Tone

TITLE = "Performance gate"
NAME_COLUMNS = 60
WORKING_TREE = "working tree"
REASONS_MAX = 6
WORDS: Mapping[GateVerdict, str] = {
    GateVerdict.PASS: "PASS",
    GateVerdict.REGRESSED: "REGRESSED",
    GateVerdict.INCONCLUSIVE: "INCONCLUSIVE",
    GateVerdict.GO_ON: "NOT DECIDED YET",
}
ICONS: Mapping[GateVerdict, str] = {
    GateVerdict.PASS: "✓",
    GateVerdict.REGRESSED: "✕",
    GateVerdict.INCONCLUSIVE: "?",
    GateVerdict.GO_ON: "…",
}
METRIC_SIGNS: Mapping[MetricVerdict, tuple[str, Tone]] = {
    MetricVerdict.REGRESSED: ("✕", Tone.BAD),
    MetricVerdict.PASS: ("✓", Tone.GOOD),
    MetricVerdict.UNDECIDED: ("?", Tone.MUTED),
}
NAMES: Mapping[GateMetric, str] = {
    GateMetric.THROUGHPUT: "Throughput",
    GateMetric.CPU: "CPU per request",
    GateMetric.THROUGHPUT_TOTAL: "Throughput, total",
    GateMetric.CPU_TOTAL: "CPU per request, total",
    GateMetric.P50: "Response time p50",
    GateMetric.P90: "Response time p90",
    GateMetric.P99: "Response time p99",
    GateMetric.MEMORY_IDLE: "Memory at rest",
    GateMetric.MEMORY_PEAK: "Memory at its peak",
    GateMetric.LEAK: "Memory growth",
}
_PATH_SIGNS = ("/", ".", "~")


@dataclass(frozen=True, slots=True)
class Dot:
    """One epoch's change in the metric's unit of change. `head_first`: the head was started first; `counts`: it was not
    left out for noise, nor measured after the verdict. `error`: what its own rounds tell of its standard error, in the
    same unit; 0 where they tell nothing."""

    epoch: int
    change: float
    head_first: bool
    counts: bool
    error: float = 0.0


def headline(run: GateRun, result: GateResult) -> str:
    """The verdict in a sentence, without its word: what is, or is not, worse than what."""
    base, head = side_name(run.base), side_name(run.head)
    if base == head:
        base, head = f"{base} (base)", f"{head} (head)"
    if source_name(run.head) == WORKING_TREE and result.verdict in (GateVerdict.REGRESSED, GateVerdict.PASS):
        head = f"The {head}"  # other names stay as they are, also at the beginning of a sentence
    if result.verdict is GateVerdict.REGRESSED:
        return f"{head} is worse than {base}." if result.regressed else f"{head} fails where {base} does not."
    if result.verdict is GateVerdict.PASS:
        return f"{head} is not worse than {base}."
    return f"Whether {head} is worse than {base} is not certain."


def reasons(run: GateRun, result: GateResult) -> tuple[str, ...]:
    """Why the verdict is what it is, in sentences, the weightiest first; at least one."""
    if result.regressed:
        return _worse(run, result)
    if result.verdict is GateVerdict.PASS:
        sure = sum(each.gating and each.verdict is MetricVerdict.PASS for each in result.metrics)
        return (f"{counted(sure, 'figure')} surely not worse by the threshold or more.",)
    said = tuple(sentence(readable(plain(reason))) for reason in result.reasons)
    return said or (f"{counted(result.epochs, 'epoch')} did not decide it.",)


def _worse(run: GateRun, result: GateResult) -> tuple[str, ...]:
    """What got worse: the largest changes beside what is tolerated, and how many more."""
    worst = sorted(result.regressed, key=lambda each: -each.change.value / each.threshold)
    said = [
        f"{metric_place(each, run)} is worse by {change_words(each).removeprefix('+')}, surely by more than the "
        f"{limit_words(each.margin, each.unit)} that is tolerated."
        for each in worst
    ]
    if len(said) <= REASONS_MAX:
        return tuple(said)
    kept = said[: REASONS_MAX - 1]
    return (*kept, f"{counted(len(said) - len(kept), 'more figure')} got surely worse too.")


def readable(reason: str) -> str:
    """A reason with the metrics' names as they stand in the table."""
    for metric, name in NAMES.items():
        reason = reason.replace(metric.value, name)
    return reason


def sentence(text: str) -> str:
    """A clause as a sentence."""
    said = text.strip()
    return f"{said[:1].upper()}{said[1:]}{'' if said.endswith(('.', '!', '?')) else '.'}"


def side_name(source: Source) -> str:
    """``origin/main (a1b2c3d)``, ``working tree (a1b2c3d, changed)``, ``shop``: a ref, or a folder's own name."""
    name = source_name(source)
    marks = [part for part in (source.commit[:7], "changed" if source.dirty else "") if part]
    aside = f" ({', '.join(marks)})" if marks else ""
    return f"{shortened(plain(name), NAME_COLUMNS)}{aside}"


def source_name(source: Source) -> str:
    """A side's name without its commit."""
    what = source.what.strip()
    if what in (".", "./", ""):
        return WORKING_TREE
    if what.startswith(_PATH_SIGNS):
        return PurePath(what).name.lstrip(".") or PurePath(source.path).name or WORKING_TREE
    return what


def python_of(source: Source) -> str:
    """``CPython 3.11.7``; where only a path is known, its last part."""
    return plain(source.versions.get("python", "") or PurePath(source.python).name)


def python_words(run: GateRun) -> str:
    """The interpreters: one name where both sides have the same."""
    base, head = python_of(run.base), python_of(run.head)
    if base == head:
        return base or "an interpreter that was not recorded"
    return f"{base or '–'} (base), {head or '–'} (head)"


def facts(run: GateRun, result: GateResult) -> tuple[str, ...]:
    """What was compared, in short: app, setup, interpreter, scenarios, epochs, time."""
    return (
        f"{plain(run.app)} on {plain(run.setup)}",
        python_words(run),
        joined([plain(name) for name in run.scenarios]) or "no scenario",
        epochs_words(result),
        f"took {duration(result.elapsed_s)}, with a budget of {duration(run.settings.budget_s)}",
    )


def epochs_words(result: GateResult) -> str:
    """``12 epochs``, ``12 epochs, 2 of them left out``."""
    left_out = f", {len(result.dropped)} of them left out" if result.dropped else ""
    return f"{counted(result.epochs, 'epoch')}{left_out}"


def metric_name(metric: GateMetric) -> str:
    """``CPU per request``."""
    return NAMES[metric]


def metric_place(each: MetricResult, run: GateRun) -> str:
    """A metric with its scenario, where there are several: ``CPU per request of json``."""
    return f"{NAMES[each.metric]} of {plain(each.scenario)}" if scenario_tag(each, run) else NAMES[each.metric]


def scenario_tag(each: MetricResult, run: GateRun) -> str:
    """The scenario, where it has to be said."""
    return plain(each.scenario) if each.scenario and len(run.scenarios) > 1 else ""


def verdict_words(each: MetricResult) -> str:
    """``✕ regressed``."""
    return f"{METRIC_SIGNS[each.verdict][0]} {each.verdict.value}"


def signed(estimate: Estimate, unit: str) -> str:
    """A change with its sign: ``+2.31 %``, ``−0.40 %``; a plus is worse."""
    text = _fixed(estimate.value, _decimals(estimate))
    plus = "+" if estimate.value > 0 and text.strip("0.") and text != MISSING else ""
    return f"{plus}{text} {told_unit(unit)}"


def _decimals(estimate: Estimate) -> int:
    """Two for a few percent, and fewer for many: the third would be noise."""
    parts = (estimate.value, estimate.low, estimate.high)
    largest = max((abs(part) for part in parts if part is not None and math.isfinite(part)), default=0.0)
    return 2 if largest < 20 else 1 if largest < 200 else 0


def _fixed(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return MISSING
    text = f"{value:,.{decimals}f}"
    return text.removeprefix("-") if not text.strip("-0.") else text.replace("-", "−")


def told_unit(unit: str) -> str:
    """A unit as short as tables want it: ``B/req``."""
    return unit.replace("bytes/request", "B/req")


def bounds(estimate: Estimate) -> str:
    """A change's interval, ``[1.93 to 2.70]``, or why there is none."""
    if estimate.low is None or estimate.high is None:
        return "(one epoch: no interval)" if estimate.n == 1 else "(too few epochs: no interval)"
    decimals = _decimals(estimate)
    return f"[{_fixed(estimate.low, decimals)} to {_fixed(estimate.high, decimals)}]"


def change_words(each: MetricResult) -> str:
    """``+7.50 % [7.10 to 7.90]``."""
    return f"{signed(each.change, each.unit)} {bounds(each.change)}"


def limit_words(value: float, unit: str) -> str:
    """A threshold or a margin: ``2 %``, ``200 B/req``."""
    return f"{exact(float(f'{value:.3g}'))} {told_unit(unit)}"


def failure_words(failure: GateFailure) -> str:
    """A failure with whom it concerns: ``head, json: does not start: …``."""
    where = [failure.side, plain(failure.scenario), f"epoch {failure.epoch}" if failure.epoch else ""]
    message = plain(failure.message)
    return f"{', '.join(part for part in where if part)}: {failure.kind.value}{f': {message}' if message else ''}"


def dots(run: GateRun, result: GateResult, each: MetricResult) -> tuple[Dot, ...]:
    """A metric's change in every epoch that has one, in the order of time."""
    found = []
    counted_in = counting(run, result)
    for epoch in sorted(run.epochs, key=lambda epoch: epoch.number):
        pair = epoch.values.get((each.scenario, each.metric))
        if pair is None or (value := change_of(pair, each.metric)) is None:
            continue
        error = (100 + value) * (pair.error or 0.0)
        found.append(Dot(epoch.number, value, epoch.order is Order.HEAD_FIRST, epoch.number in counted_in, error))
    return tuple(found)


def counting(run: GateRun, result: GateResult) -> frozenset[int]:
    """Numbers of the epochs that the verdict rests upon."""
    looked_at = run.epochs if result.decided_at is None else run.epochs[: result.decided_at]
    return frozenset(epoch.number for epoch in looked_at) - frozenset(result.dropped)


def epoch_tag(number: int, run: GateRun, result: GateResult) -> str:
    """What is to be said of an epoch that does not count."""
    if number in counting(run, result):
        return ""
    return "left out" if number in result.dropped else "after the verdict"


def change_of(pair: Pair, metric: GateMetric) -> float | None:
    """A pair's change in percent (of a leak: in bytes per request); None where it has none."""
    try:
        value = change(pair, metric)
        found = 100 * math.expm1(value) if metric.in_percent else value
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def split(metrics: Sequence[MetricResult]) -> tuple[list[MetricResult], list[MetricResult]]:
    """Those that decide, what regressed first; and those that are only reported."""
    order = (MetricVerdict.REGRESSED, MetricVerdict.UNDECIDED, MetricVerdict.PASS)
    ranked = sorted(metrics, key=lambda each: order.index(each.verdict))
    return [each for each in ranked if each.gating], [each for each in ranked if not each.gating]
