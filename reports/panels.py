"""A summary put in the order in which it is read: one panel for each scenario and level, its rows ranked."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ..results.records import Level, ProblemCode, ScenarioInfo, Severity
from ..results.summary import Comparison, Metric, Result, Summary, Verdict
from .format import counted, exact, plain


class Standing(StrEnum):
    """Whether a result takes part in the ranking."""

    RANKED = "ranked"
    AT_LEAST = "at least"
    INVALID = "invalid"


@dataclass(frozen=True, slots=True)
class Row:
    """A result, where it stands, and its throughput against the baseline's (None for the baseline itself)."""

    result: Result
    standing: Standing
    is_baseline: bool
    comparison: Comparison | None
    ours: bool

    @property
    def partial(self) -> bool:
        """Whether some of its launches were invalid and left out."""
        return self.standing is Standing.RANKED and not self.result.valid

    @property
    def reason(self) -> str:
        """Why it is invalid, in the codes of its problems."""
        codes = dict.fromkeys(
            problem.code.value for problem in self.result.problems if problem.severity is Severity.INVALID
        )
        return ", ".join(codes) or "no figure"


@dataclass(frozen=True, slots=True)
class Panel:
    """All results of one scenario at one level. `headline` marks the scenario's highest level."""

    scenario: ScenarioInfo
    level: Level
    headline: bool
    baseline: str
    rows: tuple[Row, ...]
    leads: tuple[Comparison, ...]

    @property
    def ident(self) -> str:
        """What tells it apart in the page."""
        return f"{self.scenario.name} {self.level.label}"

    @property
    def place(self) -> str:
        """What was asked and how hard: ``json, 32 connections``."""
        return f"{plain(self.scenario.name)}, {level_text(self.level, self.scenario)}"

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows that may be compared, the highest throughput first."""
        return self.standing(Standing.RANKED)

    @property
    def open_loop(self) -> bool:
        """Whether requests came at a rate."""
        return self.level.rate_rps > 0

    @property
    def paced(self) -> bool:
        """Whether it was the load's users who set the rate, so that throughput is not compared."""
        return any(problem.code is ProblemCode.PACED for row in self.rows for problem in row.result.problems)

    @property
    def limit_rps(self) -> float | None:
        """What `concurrency` requests that each take at least the floor can give in a second."""
        if self.scenario.floor_ms <= 0 or self.open_loop:
            return None
        return self.level.concurrency / self.scenario.floor_ms * 1000

    def standing(self, standing: Standing) -> tuple[Row, ...]:
        """The rows of one standing."""
        return tuple(row for row in self.rows if row.standing is standing)


def level_text(level: Level, scenario: ScenarioInfo) -> str:
    """A level in words: ``32 connections``, or ``500 requests/s offered``."""
    if level.rate_rps:
        return f"{exact(level.rate_rps)} requests/s offered"
    return counted(level.concurrency, "user" if scenario.locustfile else "connection")


def panels(summary: Summary) -> tuple[Panel, ...]:
    """Every scenario and level, those without a result included, in the order of the plan."""
    return tuple(
        _panel(summary, scenario, level, level == max(levels))
        for scenario, levels in _plan(summary)
        for level in levels
    )


def target_names(summary: Summary) -> tuple[str, ...]:
    """Every target's name, those of the plan first."""
    planned = [target.name for target in summary.manifest.targets]
    return tuple(dict.fromkeys([*planned, *(result.target for result in summary.results)]))


def ranked_names(summary: Summary) -> tuple[str, ...]:
    """Every target's name, in the order of throughput in the first headline panel that has results."""
    first = next((panel for panel in panels(summary) if panel.headline and panel.rows), None)
    names = [row.result.target for row in first.rows] if first else []
    return tuple(dict.fromkeys([*names, *target_names(summary)]))


def _plan(summary: Summary) -> list[tuple[ScenarioInfo, tuple[Level, ...]]]:
    planned = list(summary.manifest.scenarios)
    known = {scenario.name for scenario in planned}
    for result in summary.results:
        if result.scenario not in known:
            known.add(result.scenario)
            planned.append(ScenarioInfo(result.scenario, result.scenario, "GET", "", ()))
    return [(scenario, _levels(scenario, summary.results)) for scenario in planned]


def _levels(scenario: ScenarioInfo, results: Iterable[Result]) -> tuple[Level, ...]:
    seen = (result.level for result in results if result.scenario == scenario.name)
    return tuple(sorted({*scenario.levels, *seen}))


def _panel(summary: Summary, scenario: ScenarioInfo, level: Level, headline: bool) -> Panel:
    rows = [
        _row(summary, result)
        for result in summary.results
        if result.scenario == scenario.name and result.level == level
    ]
    order = list(Standing)
    rows.sort(key=lambda row: (order.index(row.standing), -_throughput(row.result), row.result.target))
    leads = tuple(
        lead
        for lead in summary.leads
        if lead.scenario == scenario.name and lead.level == level and lead.metric is Metric.THROUGHPUT
    )
    return Panel(scenario, level, headline, summary.manifest.baseline, tuple(rows), leads)


def _row(summary: Summary, result: Result) -> Row:
    comparison = next(
        (
            comparison
            for comparison in summary.comparisons
            if comparison.metric is Metric.THROUGHPUT
            and comparison.target == result.target
            and comparison.scenario == result.scenario
            and comparison.level == result.level
        ),
        None,
    )
    ours = next((target.ours for target in summary.manifest.targets if target.name == result.target), True)
    standing = _standing(result)
    return Row(result, standing, result.target == summary.manifest.baseline, comparison, ours)


def _standing(result: Result) -> Standing:
    estimate = result.throughput_rps
    if estimate is None or not math.isfinite(estimate.value):
        return Standing.INVALID
    if result.at_least:
        return Standing.AT_LEAST
    # Invalid, but from fewer launches than there were: the figures are those of the valid ones.
    return Standing.RANKED if result.valid or estimate.n < result.launches else Standing.INVALID


def _throughput(result: Result) -> float:
    return result.throughput_rps.value if result.throughput_rps else 0.0


def undecided(panel: Panel) -> tuple[Comparison, ...]:
    """The leads that are no lead: what cannot be told apart from the fastest, closest first."""
    open_leads = [lead for lead in panel.leads if lead.verdict is not Verdict.FASTER]
    return tuple(sorted(open_leads, key=lambda lead: lead.ratio.value))


def decided(panel: Panel) -> tuple[Comparison, ...]:
    """The leads that are clear, closest first."""
    clear = [lead for lead in panel.leads if lead.verdict is Verdict.FASTER]
    return tuple(sorted(clear, key=lambda lead: lead.ratio.value))
