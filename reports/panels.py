"""A summary put in the order in which it is read: in each group, one panel for each scenario and level, rows ranked."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..results.estimate import Estimate
from ..results.records import (
    USUAL_CONNECTIONS,
    GroupInfo,
    Level,
    NotPossible,
    ProblemCode,
    ScenarioInfo,
    ScenarioKind,
    Severity,
    TargetInfo,
)
from ..results.summary import Comparison, Metric, Result, Summary, Verdict, figure
from .format import counted, exact, plain
from .measures import Measure, held_one, inverted, measure_of, metrics_of
from .standing import Standing, falls_behind, standing_of

UNCOMPARED = GroupInfo("", "In no comparison", "", ())


@dataclass(frozen=True, slots=True)
class Row:
    """A result, where it stands, and its figures against the baseline's (none for the baseline itself), a larger ratio
    being the better one. `interpreter` is told where the run has several, `held` where the scenario is about what each
    request in flight takes in memory, in KiB."""

    result: Result
    standing: Standing
    is_baseline: bool
    comparisons: tuple[Comparison, ...]
    ours: bool
    interpreter: str = ""
    held: Estimate | None = None

    def over(self, metric: Metric) -> Comparison | None:
        """How it stands to the baseline by this metric."""
        return next((found for found in self.comparisons if found.metric is metric), None)

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
    """All results of one scenario at one level in one group. `headline` marks the group's highest level of the
    scenario. Ratios in it are of speed, also where times were compared. `not_possible` are the targets that could not
    be asked."""

    scenario: ScenarioInfo
    level: Level
    headline: bool
    group: GroupInfo
    rows: tuple[Row, ...]
    leads: tuple[Comparison, ...]
    not_possible: tuple[NotPossible, ...] = ()

    @property
    def baseline(self) -> str:
        """What its ratios are over."""
        return self.group.baseline

    @property
    def measure(self) -> Measure:
        """What its figures are."""
        return measure_of(self.scenario)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What its targets are compared by."""
        return metrics_of(self.scenario, self.level)

    @property
    def metric(self) -> Metric:
        """The one that counts most."""
        return self.metrics[-1]

    @property
    def cold(self) -> bool:
        """Whether it is about starts."""
        return self.metric is Metric.START

    @property
    def holding(self) -> bool:
        """Whether it is about memory: of each request in flight, or each open connection."""
        return self.scenario.holding

    @property
    def held_unit(self) -> str:
        """What memory is counted in there."""
        return f"KiB/{held_one(self.scenario)}"

    @property
    def place(self) -> str:
        """What was asked and how hard: ``json, 32 connections``."""
        return f"{scenario_name(self.scenario)}, {level_text(self.level, self.scenario)}"

    @property
    def ranked(self) -> tuple[Row, ...]:
        """The rows that may be compared, the best figure first."""
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


def scenario_name(scenario: ScenarioInfo) -> str:
    """Its name, and what is to be known beside it."""
    return plain(f"{scenario.name} ({scenario.note})" if scenario.note else scenario.name)


def level_text(level: Level, scenario: ScenarioInfo) -> str:
    """A level in words: ``32 connections``, ``500 requests/s offered``, or ``one start at a time``."""
    if scenario.kind is ScenarioKind.COLD_START:
        return "one start at a time"
    if level.rate_rps:
        over = "" if level.concurrency == USUAL_CONNECTIONS else f" over {counted(level.concurrency, 'connection')}"
        return f"{exact(level.rate_rps)} {measure_of(scenario).unit} offered{over}"
    return counted(level.concurrency, "user" if scenario.locustfile else "connection")


def panels(summary: Summary) -> tuple[Panel, ...]:
    """Group by group every scenario and level that it compares, those without a result included, in the order of the
    plan."""
    shelf = _Shelf(summary)
    plan = _plan(summary)
    return tuple(panel for group in summary.manifest.compared for panel in _of_group(shelf, group, plan))


def uncompared(summary: Summary) -> tuple[Panel, ...]:
    """What no group compares, as a level that presses harder than its slots: figures without a ratio."""
    told = {id(row.result) for panel in panels(summary) for row in panel.rows}
    shelf = _Shelf(summary, lambda result: id(result) not in told)
    plan = ((scenario, level) for scenario, levels in _plan(summary) for level in levels)
    every = (_panel(shelf, UNCOMPARED, scenario, level, headline=False) for scenario, level in plan)
    return tuple(panel for panel in every if panel.rows)


def _of_group(
    shelf: "_Shelf", group: GroupInfo, plan: Iterable[tuple[ScenarioInfo, tuple[Level, ...]]]
) -> Iterable[Panel]:
    for scenario, levels in plan:
        compared = [level for level in levels if group.compares(scenario.name, level)]
        for level in compared:
            yield _panel(shelf, group, scenario, level, headline=level == max(compared))


def target_names(summary: Summary) -> tuple[str, ...]:
    """Every target's name, those of the plan first."""
    planned = [target.name for target in summary.manifest.targets]
    return tuple(dict.fromkeys([*planned, *(result.target for result in summary.results)]))


def ranked_names(summary: Summary) -> tuple[str, ...]:
    """Every target's name, in the order of the figures in the first headline panel that has results."""
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


class _Shelf:
    """A summary's results and comparisons, to be found by what they are of."""

    def __init__(self, summary: Summary, wanted: Callable[[Result], bool] = lambda _: True) -> None:
        targets = summary.manifest.targets
        self.targets: Mapping[str, TargetInfo] = {target.name: target for target in targets}
        self.interpreters = {target.name: target.interpreter or target.python for target in targets}
        self.several = len(set(self.interpreters.values())) > 1
        self.not_possible = summary.manifest.not_possible
        self.results: dict[tuple[str, Level], list[Result]] = {}
        for result in filter(wanted, summary.results):
            self.results.setdefault((result.scenario, result.level), []).append(result)
        self.comparisons = {
            (each.group, each.scenario, each.level, each.metric, each.target): each for each in summary.comparisons
        }
        self.slopes = {(each.scenario, each.target): each.memory_per_request_kib for each in summary.memory_slopes}
        self.leads: dict[tuple[str, str, Level, Metric], list[Comparison]] = {}
        for lead in summary.leads:
            self.leads.setdefault((lead.group, lead.scenario, lead.level, lead.metric), []).append(lead)

    def interpreter(self, target: str) -> str:
        """What runs a target, where they differ in that."""
        return self.interpreters.get(target, "") if self.several else ""


def _panel(shelf: _Shelf, group: GroupInfo, scenario: ScenarioInfo, level: Level, *, headline: bool) -> Panel:
    metrics = metrics_of(scenario, level)
    found = shelf.results.get((scenario.name, level), [])
    # A run without groups, and what is in none, is shown whole.
    members = [result for result in found if not group.name or result.target in group.targets]
    rows = [_row(shelf, group, metrics, result) for result in members]
    order = list(Standing)
    rows.sort(key=lambda row: (order.index(row.standing), *rank_of(row.result, metrics[-1]), row.result.target))
    if scenario.holding:
        rows = [replace(row, held=shelf.slopes.get((scenario.name, row.result.target))) for row in rows]
        rows.sort(key=lambda row: (order.index(row.standing), row.held.value if row.held else math.inf))
    leads = shelf.leads.get((group.name, scenario.name, level, metrics[-1]), ()) if group is not UNCOMPARED else ()
    cannot = tuple(
        cell
        for cell in shelf.not_possible
        if cell.scenario == scenario.name and cell.target in group.targets and cell.level in (None, level)
    )
    return Panel(scenario, level, headline, group, tuple(rows), tuple(map(of_speed, leads)), cannot)


def _row(shelf: _Shelf, group: GroupInfo, metrics: Iterable[Metric], result: Result) -> Row:
    place = (group.name, result.scenario, result.level)
    found = [shelf.comparisons.get((*place, metric, result.target)) for metric in metrics]
    target = shelf.targets.get(result.target)
    return Row(
        result,
        standing_of(result),
        result.target == group.baseline,
        () if group is UNCOMPARED else tuple(of_speed(each) for each in found if each is not None),
        target is None or target.ours,
        shelf.interpreter(result.target),
    )


def of_speed(comparison: Comparison) -> Comparison:
    """The same, with a ratio that is the larger the better."""
    if comparison.metric.higher_is_better:
        return comparison
    return replace(comparison, ratio=inverted(comparison.ratio))


def rank_of(result: Result, metric: Metric) -> tuple[bool, float]:
    """What results are put in order by, the best first: where the rate was set, who does not keep up comes last."""
    estimate = figure(result, metric)
    if metric.higher_is_better:
        return False, -estimate.value if estimate else 0.0
    behind = metric.percentile is not None and falls_behind(result)
    return behind, estimate.value if estimate else math.inf


def undecided(panel: Panel) -> tuple[Comparison, ...]:
    """The leads that are no lead: what cannot be told apart from the fastest, closest first."""
    open_leads = [lead for lead in panel.leads if lead.verdict is not Verdict.FASTER]
    return tuple(sorted(open_leads, key=lambda lead: lead.ratio.value))


def decided(panel: Panel) -> tuple[Comparison, ...]:
    """The leads that are clear, closest first."""
    clear = [lead for lead in panel.leads if lead.verdict is Verdict.FASTER]
    return tuple(sorted(clear, key=lambda lead: lead.ratio.value))
