"""Two runs side by side: what changed, what of it is sure, and whether the machines are the same."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .comparison import verdict
from .estimate import Estimate, t_quantile
from .records import Level, Manifest, Run
from .summarise import summarise
from .summary import Comparison, Metric, Summary, Verdict

# What may differ between two runs on the same machine without making them another experiment.
UNINTERESTING = ("limits.",)


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """One entry of the environment that is not the same in both runs; None where a run lacks it."""

    key: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class Pair:
    """One target under one scenario and level, in both runs.

    `across` is second over first in requests/s; it holds all that the machine did between the runs. `relative` is the
    same, each divided by its own run's baseline: free of the machine's speed. None where a run lacks the figures, or
    has only a lower bound.
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

    @property
    def contradicts(self) -> bool:
        """Whether both runs came to a verdict against the baseline, and not to the same one."""
        decided = {self.first_verdict, self.second_verdict} - {None, Verdict.INCONCLUSIVE}
        return len(decided) > 1

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        estimates = {name: getattr(self, name) for name in ("first", "second", "across", "relative")}
        verdicts = {name: getattr(self, name) for name in ("change", "first_verdict", "second_verdict")}
        return {
            "target": self.target,
            "scenario": self.scenario,
            "concurrency": self.level.concurrency,
            "rate_rps": self.level.rate_rps or None,
            **{name: None if value is None else value.to_dict() for name, value in estimates.items()},
            **{name: None if value is None else value.value for name, value in verdicts.items()},
            "contradicts": self.contradicts,
        }


@dataclass(frozen=True, slots=True)
class TwoRuns:
    """Two runs compared. `baseline` is what both were related to; empty where they have no target in common."""

    first: str
    second: str
    baseline: str
    environment: tuple[EnvironmentDifference, ...]
    pairs: tuple[Pair, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "schema_version": 1,
            "first": self.first,
            "second": self.second,
            "baseline": self.baseline,
            "same_environment": not self.environment,
            "environment_differences": [
                {"key": item.key, "first": item.first, "second": item.second} for item in self.environment
            ],
            "pairs": [pair.to_dict() for pair in self.pairs],
            "contradictions": sum(pair.contradicts for pair in self.pairs),
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
        }


def compare_runs(first: Run, second: Run) -> TwoRuns:
    """Put two runs side by side, related to a baseline that both have."""
    names = [[target.name for target in run.manifest.targets] for run in (first, second)]
    common = [name for name in names[0] if name in names[1]]
    baseline = first.manifest.baseline if first.manifest.baseline in common else next(iter(common), "")
    summaries = [
        summarise(replace(run, manifest=replace(run.manifest, baseline=baseline or run.manifest.baseline)))
        for run in (first, second)
    ]
    return TwoRuns(
        first=first.manifest.run_id,
        second=second.manifest.run_id,
        baseline=baseline,
        environment=tuple(
            environment_differences(surroundings(first.manifest, common), surroundings(second.manifest, common))
        ),
        pairs=tuple(_pairs(*summaries)),
        only_first=tuple(_only(summaries[0], summaries[1])),
        only_second=tuple(_only(summaries[1], summaries[0])),
    )


def surroundings(manifest: Manifest, targets: Collection[str]) -> dict[str, Any]:
    """All that a run's figures depend on besides the code under test: machine, cores, and how `targets` were run."""
    return {
        **manifest.environment,
        "server_cores": list(manifest.server_cores),
        "load_cores": list(manifest.load_cores),
        "targets": {
            target.name: {"version": target.version, "python": target.python, "command": " ".join(target.command[1:])}
            for target in manifest.targets
            if target.name in targets
        },
    }


def _only(summary: Summary, other: Summary) -> Iterator[str]:
    """What one run measured and the other did not."""
    there = {(result.target, result.scenario, result.level) for result in other.results}
    for result in summary.results:
        if (result.target, result.scenario, result.level) not in there:
            yield f"{result.target} under {result.scenario} {result.level.label}"


def _pairs(first: Summary, second: Summary) -> Iterator[Pair]:
    others = {(result.target, result.scenario, result.level): result for result in second.results}
    ratios = [_ratios(summary) for summary in (first, second)]
    for result in first.results:
        key = (result.target, result.scenario, result.level)
        other = others.get(key)
        if other is None:
            continue
        before, after = ratios[0].get(key), ratios[1].get(key)
        # A lower bound ("at least") over another figure says nothing.
        bounded = result.at_least or other.at_least
        relative = quotient(after.ratio, before.ratio) if before and after else None
        yield Pair(
            target=result.target,
            scenario=result.scenario,
            level=result.level,
            first=result.throughput_rps,
            second=other.throughput_rps,
            across=None if bounded else quotient(other.throughput_rps, result.throughput_rps),
            relative=relative,
            change=None if relative is None else verdict(relative, Metric.THROUGHPUT),
            first_verdict=before.verdict if before else None,
            second_verdict=after.verdict if after else None,
        )


def _ratios(summary: Summary) -> dict[tuple[str, str, Level], Comparison]:
    return {
        (comparison.target, comparison.scenario, comparison.level): comparison
        for comparison in summary.comparisons
        if comparison.metric is Metric.THROUGHPUT
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


def environment_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[EnvironmentDifference]:
    """Every entry that is not the same in both, by its dotted key."""
    flat = [dict(_flatten(environment)) for environment in (first, second)]
    for key in sorted(flat[0].keys() | flat[1].keys()):
        if flat[0].get(key) != flat[1].get(key) and not key.startswith(UNINTERESTING):
            yield EnvironmentDifference(key, flat[0].get(key), flat[1].get(key))


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, str(value)
