"""What a rotation gave a claim: its figures from what was valid, and in words what was not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ...results.comparison import compare_trials
from ...results.estimate import Estimate, from_epochs
from ...results.records import Problem, ProblemCode, Run, Severity, Trial
from ...results.summarise import summarise
from ...results.summary import Metric
from ...results.validity import judge
from ...scenarios.claims.serving import Compared, PerLaunch, Quantity

METRICS: Mapping[Compared, Metric] = {"requests/s": Metric.THROUGHPUT, "CPU µs": Metric.CPU}
T = TypeVar("T")
Cell = tuple[str, str, int]
# What is told besides what was invalid.
TOLD = (ProblemCode.NOISY_MACHINE, ProblemCode.SHARED_CORE)


class RealRotated:
    """The figures of a finished run, by target (as the claim named it), path and number of connections."""

    def __init__(self, run: Run, names: Mapping[tuple[str, str], str]) -> None:
        """`names` are the targets' own."""
        self._names = names
        self._scenarios = {scenario.path: scenario.name for scenario in run.manifest.scenarios}
        self._levels = {each.name: [level.concurrency for level in each.levels] for each in run.manifest.scenarios}
        self._cells: dict[Cell, dict[int, Trial]] = {}
        summary = summarise(run)
        self._results = {(each.target, each.scenario, each.level.concurrency): each for each in summary.results}
        self._notes = tuple(dict.fromkeys(sentences(summary.problems)))
        targets = {target.name: target for target in run.manifest.targets}
        scenarios = {scenario.name: scenario for scenario in run.manifest.scenarios}
        shared = bool(set(run.manifest.server_cores) & set(run.manifest.load_cores))
        for trial in run.trials:
            found = judge(trial, targets[trial.target], scenarios[trial.scenario], shared_core=shared)
            judged = replace(trial, problems=found)
            cell = (trial.target, trial.scenario, trial.level.concurrency)
            if judged.valid and not self._results[cell].at_least:
                self._cells.setdefault(cell, {})[trial.epoch] = judged

    @property
    def notes(self) -> tuple[str, ...]:
        """What was wrong, or must be known of the figures."""
        return self._notes

    def values(
        self, target: tuple[str, str], quantity: PerLaunch, path: str = "", connections: int = 0
    ) -> dict[int, float]:
        """One figure for each launch that gave a valid one."""
        trials = self._cells.get(self._cell(target, path, connections), {})
        figures = {epoch: figure_of(trial, quantity) for epoch, trial in trials.items()}
        return {epoch: figure for epoch, figure in figures.items() if figure is not None}

    def estimate(
        self, target: tuple[str, str], quantity: Quantity, path: str = "", connections: int = 0
    ) -> Estimate | None:
        """The same as an estimate; a latency only where every launch had the samples for it."""
        if quantity == "ms p50" or quantity == "ms p90" or quantity == "ms p99":
            cell = self._cell(target, path, connections)
            result = self._results.get(cell) if cell in self._cells else None
            return None if result is None else result.service_time_ms.get(quantity.removeprefix("ms "))
        values = [value for value in self.values(target, quantity, path, connections).values() if value > 0]
        return from_epochs(values) if values else None

    def ratio(
        self,
        target: tuple[str, str],
        over: tuple[str, str],
        quantity: Compared = "requests/s",
        path: str = "",
        connections: int = 0,
    ) -> Estimate | None:
        """One target over another, from turns of the same rounds."""
        above = self._cells.get(self._cell(target, path, connections), {})
        below = self._cells.get(self._cell(over, path, connections), {})
        return compare_trials(below.values(), above.values(), METRICS[quantity])

    def _cell(self, target: tuple[str, str], path: str, connections: int) -> Cell:
        """Raises KeyError for what was not asked for, ValueError where it must be said which."""
        scenario = self._scenarios[path] if path else only(list(self._scenarios.values()))
        return self._names[target], scenario, connections or only(self._levels[scenario])


def only(found: Sequence[T]) -> T:
    """The one there is. Raises ValueError where it must be said which."""
    if len(found) != 1:
        raise ValueError(f"there were several ({found}): say which")
    return found[0]


def figure_of(trial: Trial, quantity: PerLaunch) -> float | None:
    """One figure of a launch; None where it has none."""
    right, costs = trial.ledger.ok, [turn.target_cpu_s for turn in trial.turns]
    match quantity:
        case "requests/s":
            return right / trial.elapsed_s if right and trial.elapsed_s else None
        case "CPU µs":
            known = [cost for cost in costs if cost is not None]
            return sum(known) * 1e6 / right if right and len(known) == len(costs) else None
        case "MiB idle" | "MiB peak":
            label = quantity.removeprefix("MiB ")
            return max((mark.memory_mib for mark in trial.memory if mark.label == label), default=None)


def sentences(problems: tuple[Problem, ...]) -> Iterator[str]:
    """What is worth telling of a run's problems, as whole sentences."""
    for problem in problems:
        message = problem.message[:1].upper() + problem.message[1:]
        if problem.severity is Severity.INVALID:
            where = ", ".join(filter(None, (problem.target, problem.scenario)))
            yield f"Not used{f' ({where})' if where else ''}: {problem.message}."
        elif problem.code in TOLD:
            yield f"{message}."
