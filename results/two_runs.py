"""Two runs side by side: what changed, what of it is sure, and whether the machines are the same."""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from .comparison import verdict
from .differences import (
    DefinitionDifference,
    EnvironmentDifference,
    definition_differences,
    environment_differences,
    surroundings,
)
from .estimate import Estimate, t_quantile
from .records import GroupInfo, Level, ProblemCode, Run
from .summarise import summarise
from .summary import RESPONSES, Comparison, Metric, Result, Summary, Verdict, figure


class NotCompared(StrEnum):
    """Why two figures are not put in a ratio."""

    REDEFINED = "redefined"  # the scenario asked for something else
    LIMITED = "load-limited"  # by the load side: "at least X" over another figure says nothing
    OVERLOADED = "overloaded"  # what was not sent when due has no response time


@dataclass(frozen=True, slots=True)
class Pair:
    """One target under one scenario and level, in both runs.

    The figures are requests/s, or where `metric` is a time, milliseconds: of a start, or in the open loop of the
    response at the set rate, one pair for each percentile. `across` is second over first; it holds all that the machine
    did between the runs. `relative` is the same, each divided by the figure of its own run's `baseline`, which is that
    of `group`: free of the machine's speed. None where a run lacks the figures, or they are `not_compared`. `group` and
    `baseline` are empty where no group compares the level.
    """

    target: str
    scenario: str
    level: Level
    first: Estimate | None
    second: Estimate | None
    across: Estimate | None
    relative: Estimate | None
    change: Verdict | None
    first_verdict: Verdict | None
    second_verdict: Verdict | None
    baseline: str = ""
    group: str = ""
    metric: Metric = Metric.THROUGHPUT
    not_compared: NotCompared | None = None

    @property
    def contradicts(self) -> bool:
        """Whether both runs came to a verdict against the baseline on the same question, and not to the same one."""
        decided = {self.first_verdict, self.second_verdict} - {None, Verdict.INCONCLUSIVE}
        return len(decided) > 1 and self.not_compared is None

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        estimates = {name: getattr(self, name) for name in ("first", "second", "across", "relative")}
        verdicts = {name: getattr(self, name) for name in ("change", "first_verdict", "second_verdict")}
        return {
            "target": self.target,
            "scenario": self.scenario,
            "concurrency": self.level.concurrency,
            "rate_rps": self.level.rate_rps or None,
            "group": self.group,
            "baseline": self.baseline,
            "metric": self.metric.value,
            **{name: None if value is None else value.to_dict() for name, value in estimates.items()},
            **{name: None if value is None else value.value for name, value in verdicts.items()},
            "contradicts": self.contradicts,
            "not_compared": None if self.not_compared is None else self.not_compared.value,
        }


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """Two runs compared, group by group, as the first one has them. `baseline` is what both were related to, in the
    first group; empty where they have no target in common."""

    first: str
    second: str
    baseline: str
    environment: tuple[EnvironmentDifference, ...]
    pairs: tuple[Pair, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    groups: tuple[GroupInfo, ...] = ()
    definitions: tuple[DefinitionDifference, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": 1,
            "first": self.first,
            "second": self.second,
            "baseline": self.baseline,
            "groups": [asdict(group) for group in self.groups],
            "same_environment": not self.environment,
            "environment_differences": [asdict(item) for item in self.environment],
            "definition_differences": [asdict(item) for item in self.definitions],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "contradictions": sum(pair.contradicts for pair in self.pairs),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
        }


def compare_runs(first: Run, second: Run) -> TwoRuns:
    """Put two runs side by side, related to a baseline that both have: in each group of the first run, its own."""
    names = [[target.name for target in run.manifest.targets] for run in (first, second)]
    common = [name for name in names[0] if name in names[1]]
    groups = tuple(filter(None, (_in_both(group, common) for group in first.manifest.compared)))
    summaries = [summarise(replace(run, manifest=replace(run.manifest, groups=groups))) for run in (first, second)]
    definitions = tuple(definition_differences(first.manifest, second.manifest, common))
    changed = {item.scenario for item in definitions if item.matters}
    return TwoRuns(
        first=first.manifest.run_id,
        second=second.manifest.run_id,
        baseline=groups[0].baseline if groups else "",
        environment=tuple(
            environment_differences(surroundings(first.manifest, common), surroundings(second.manifest, common))
        ),
        pairs=tuple(_pairs(groups, summaries[0], summaries[1], changed)),
        only_first=tuple(_only(summaries[0], summaries[1])),
        only_second=tuple(_only(summaries[1], summaries[0])),
        groups=tuple(group for group in groups if group.name),
        definitions=definitions,
    )


def _in_both(group: GroupInfo, common: Collection[str]) -> GroupInfo | None:
    """The group as far as both runs have its targets; None where they have none of them."""
    targets = tuple(name for name in group.targets if name in common)
    if not targets:
        return None
    return replace(group, targets=targets, baseline=group.baseline if group.baseline in targets else targets[0])


def _only(summary: Summary, other: Summary) -> Iterator[str]:
    """What one run measured and the other did not."""
    there = {(result.target, result.scenario, result.level) for result in other.results}
    for result in summary.results:
        if (result.target, result.scenario, result.level) not in there:
            yield f"{result.target} under {result.scenario} {result.level.label}"


def _pairs(groups: Collection[GroupInfo], first: Summary, second: Summary, changed: Collection[str]) -> Iterator[Pair]:
    others = {(result.target, result.scenario, result.level): result for result in second.results}
    kept = [result for result in first.results if (result.target, result.scenario, result.level) in others]
    ratios = [_ratios(summary) for summary in (first, second)]
    for group in (*groups, None):  # what no group compares comes last
        pairs: dict[tuple[str, Level], list[Pair]] = {}
        for result in kept:
            where = (result.scenario, result.level)
            at_home = [each for each in groups if result.target in each.targets and each.compares(*where)]
            if (group in at_home) if group else not at_home:
                other = others[result.target, result.scenario, result.level]
                for metric in _metrics(result, other):
                    key = (group.name if group else None, result.target, *where, metric)
                    why_not = _not_compared(result, other, metric, changed)
                    found = _pair(group, result, other, metric, [known.get(key) for known in ratios], why_not)
                    pairs.setdefault(where, []).append(found)
        for those in pairs.values():
            yield from sorted(those, key=lambda pair: list(Metric).index(pair.metric))


def _metrics(result: Result, other: Result) -> Collection[Metric]:
    """What two results are compared by: their rate means nothing where it was set."""
    if result.start_ms is not None or other.start_ms is not None:
        return (Metric.START,)
    if not result.level.rate_rps:
        return (Metric.THROUGHPUT,)
    known = [metric for metric in RESPONSES if figure(result, metric) and figure(other, metric)]
    return known or RESPONSES[:1]


def _not_compared(result: Result, other: Result, metric: Metric, changed: Collection[str]) -> NotCompared | None:
    if result.scenario in changed:
        return NotCompared.REDEFINED
    if result.at_least or other.at_least:
        return NotCompared.LIMITED
    codes = {problem.code for each in (result, other) for problem in each.problems}
    return NotCompared.OVERLOADED if metric in RESPONSES and ProblemCode.OVERLOADED in codes else None


def _pair(
    group: GroupInfo | None,
    result: Result,
    other: Result,
    metric: Metric,
    ratios: Sequence[Comparison | None],
    why_not: NotCompared | None,
) -> Pair:
    figures = [figure(each, metric) for each in (result, other)]
    before, after = ratios
    relative = quotient(after.ratio, before.ratio) if before and after and why_not is None else None
    return Pair(
        target=result.target,
        scenario=result.scenario,
        level=result.level,
        first=figures[0],
        second=figures[1],
        across=None if why_not else quotient(figures[1], figures[0]),
        relative=relative,
        change=None if relative is None else verdict(relative, metric),
        first_verdict=before.verdict if before else None,
        second_verdict=after.verdict if after else None,
        baseline=group.baseline if group else "",
        group=group.name if group else "",
        metric=metric,
        not_compared=why_not,
    )


def _ratios(summary: Summary) -> dict[tuple[str | None, str, str, Level, Metric], Comparison]:
    return {
        (comparison.group, comparison.target, comparison.scenario, comparison.level, comparison.metric): comparison
        for comparison in summary.comparisons
    }


def quotient(numerator: Estimate | None, denominator: Estimate | None) -> Estimate | None:
    """The ratio of two independent estimates, each from its own launches: Welch's interval on the logs."""
    if numerator is None or denominator is None:
        return None
    value = numerator.value / denominator.value
    spreads = [_standard_error(estimate) for estimate in (numerator, denominator)]
    if None in spreads:
        return Estimate(value, None, None, min(numerator.n, denominator.n), "ratio; one launch gives no interval")
    variances = [(spread or 0.0) ** 2 for spread in spreads]
    total = sum(variances)
    sizes = (numerator.n, denominator.n)
    # Welch and Satterthwaite's degrees of freedom
    scale = sum(variance**2 / (n - 1) for variance, n in zip(variances, sizes, strict=True))
    freedom = total**2 / scale if scale > 0 else min(sizes) - 1
    half = t_quantile(freedom) * math.sqrt(total)
    return Estimate(
        value,
        value * math.exp(-half),
        value * math.exp(half),
        min(sizes),
        "ratio of independent runs, 95 % Welch interval on logs",
    )


def _standard_error(estimate: Estimate) -> float | None:
    if estimate.low is None or estimate.high is None:
        return None
    return math.log(estimate.high / estimate.low) / 2 / t_quantile(estimate.n - 1)
