"""Records to JSON and back. Kept apart from the records so that they stay plain, and from the store's file handling."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .histogram import Histogram
from .ledger import Ledger
from .records import (
    GroupInfo,
    Level,
    Manifest,
    MemoryMark,
    NotPossible,
    Problem,
    ScenarioInfo,
    ScenarioKind,
    TargetInfo,
    Trial,
    Turn,
)

Json = Mapping[str, Any]
LATER = ("groups", "not_possible", "definitions")  # runs from before they were recorded have none


def manifest_to_dict(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON."""
    data = {name: getattr(manifest, name) for name in Manifest.__dataclass_fields__}
    return data | {
        "command": list(manifest.command),
        "server_cores": list(manifest.server_cores),
        "load_cores": list(manifest.load_cores),
        "targets": [asdict(target) for target in manifest.targets],
        "scenarios": [asdict(scenario) for scenario in manifest.scenarios],
        "environment": dict(manifest.environment),
        "problems": [problem.to_dict() for problem in manifest.problems],
        "groups": [asdict(group) for group in manifest.groups],
        "not_possible": [asdict(item) for item in manifest.not_possible],
        "definitions": {name: dict(definition) for name, definition in manifest.definitions.items()},
    }


def manifest_from_dict(data: Json) -> Manifest:
    """The manifest that `manifest_to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
    values = {name: data[name] for name in Manifest.__dataclass_fields__ if name not in LATER} | {
        "command": tuple(data["command"]),
        "server_cores": tuple(data["server_cores"]),
        "load_cores": tuple(data["load_cores"]),
        "targets": tuple(TargetInfo(**{**item, "command": tuple(item["command"])}) for item in data["targets"]),
        "scenarios": tuple(_scenario_from_dict(item) for item in data["scenarios"]),
        "problems": tuple(Problem.from_dict(item) for item in data["problems"]),
        "groups": tuple(_group_from_dict(item) for item in data.get("groups", ())),
        "not_possible": tuple(_not_possible_from_dict(item) for item in data.get("not_possible", ())),
        "definitions": data.get("definitions", {}),
    }
    return Manifest(**values)


def trial_to_dict(trial: Trial) -> dict[str, Any]:
    """A trial as JSON."""
    return {
        "epoch": trial.epoch,
        "target": trial.target,
        "scenario": trial.scenario,
        "level": asdict(trial.level),
        "turns": [_turn_to_dict(turn) for turn in trial.turns],
        "service_time_us": trial.service_time.to_dict(),
        "response_time_us": _histogram(trial.response_time),
        "schedule_lag_us": _histogram(trial.schedule_lag),
        "memory": [asdict(mark) for mark in trial.memory],
        "context_switches": trial.context_switches,
        "first_error": trial.first_error,
        "ceiling_rps": trial.ceiling_rps,
        "problems": [problem.to_dict() for problem in trial.problems],
    }


def trial_from_dict(data: Json) -> Trial:
    """The trial that `trial_to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
    return Trial(
        epoch=int(data["epoch"]),
        target=data["target"],
        scenario=data["scenario"],
        level=Level(**data["level"]),
        turns=tuple(_turn_from_dict(turn) for turn in data["turns"]),
        service_time=Histogram.from_dict(data["service_time_us"]),
        response_time=_maybe_histogram(data["response_time_us"]),
        schedule_lag=_maybe_histogram(data["schedule_lag_us"]),
        memory=tuple(MemoryMark(**mark) for mark in data["memory"]),
        context_switches=data["context_switches"],
        first_error=data["first_error"],
        ceiling_rps=_maybe_float(data.get("ceiling_rps")),  # runs from before there were ceilings have none
        problems=tuple(Problem.from_dict(item) for item in data["problems"]),
    )


def _scenario_from_dict(data: Json) -> ScenarioInfo:
    later = {"kind": ScenarioKind(data.get("kind", ScenarioKind.HTTP)), "needs": tuple(data.get("needs", ()))}
    return ScenarioInfo(**{**data, **later, "levels": tuple(Level(**level) for level in data["levels"])})


def _group_from_dict(data: Json) -> GroupInfo:
    return GroupInfo(**{**data, "targets": tuple(data["targets"]), "without": tuple(data.get("without", ()))})


def _not_possible_from_dict(data: Json) -> NotPossible:
    level = data["level"]
    return NotPossible(**{**data, "level": None if level is None else Level(**level)})


def _turn_to_dict(turn: Turn) -> dict[str, Any]:
    return asdict(turn) | {"ledger": turn.ledger.to_dict()}


def _turn_from_dict(data: Json) -> Turn:
    return Turn(**{**data, "ledger": Ledger.from_dict(data["ledger"])})


def _maybe_float(value: Any) -> float | None:
    return None if value is None else float(value)


def _histogram(histogram: Histogram | None) -> dict[str, int] | None:
    return None if histogram is None else histogram.to_dict()


def _maybe_histogram(data: Mapping[str, int] | None) -> Histogram | None:
    return None if data is None else Histogram.from_dict(data)
