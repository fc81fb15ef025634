"""What is not the same around two runs: their environments, what their scenarios ask, and how their suites compare."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .records import Manifest, ScenarioInfo

# What may differ between two runs on the same machine without making them another experiment.
UNINTERESTING = ("limits.",)
LEVELS = "levels"
UPSTREAM = "upstream"


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """One entry of the environment that is not the same in both runs; None where a run lacks it."""

    key: str
    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class DefinitionDifference:
    """One entry of what was asked that is not the same in both runs; None where a run lacks it. `scenario` is empty
    where it concerns the suite."""

    scenario: str
    key: str
    first: str | None
    second: str | None

    @property
    def matters(self) -> bool:
        """Whether the scenario's figures are those of another experiment. At a level that both runs have they are not,
        whatever other levels there were."""
        return bool(self.scenario) and self.key != LEVELS


def surroundings(manifest: Manifest, targets: Collection[str]) -> dict[str, Any]:
    """All that a run's figures depend on besides the code under test: machine, cores, and how `targets` were run."""
    return {
        **manifest.environment,
        "server_cores": list(manifest.server_cores),
        "load_cores": list(manifest.load_cores),
        "targets": {
            target.name: {
                "version": target.version,
                "python": target.python,
                **({"interpreter": target.interpreter} if target.interpreter else {}),
                "command": " ".join(target.command[1:]),
            }
            for target in manifest.targets
            if target.name in targets
        },
    }


def environment_differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[EnvironmentDifference]:
    """Every entry that is not the same in both, by its dotted key."""
    for key, one, other in _unlike(first, second):
        if not key.startswith(UNINTERESTING):
            yield EnvironmentDifference(key, one, other)


def definition_differences(
    first: Manifest, second: Manifest, targets: Collection[str]
) -> Iterator[DefinitionDifference]:
    """What the suites say of these targets, and the scenarios that both runs have ask, where it is not the same."""
    for key, one, other in _unlike(_suite(first, targets), _suite(second, targets)):
        yield DefinitionDifference("", key, one, other)
    theirs = {scenario.name: scenario for scenario in second.scenarios}
    for scenario in first.scenarios:
        if scenario.name in theirs:
            both = ((first, scenario), (second, theirs[scenario.name]))
            # Runs from before definitions were recorded know less of what was asked.
            known = all(scenario.name in manifest.definitions for manifest, _ in both)
            for key, one, other in _unlike(*(_definition(manifest, info, known=known) for manifest, info in both)):
                yield DefinitionDifference(scenario.name, key, one, other)


def _suite(manifest: Manifest, targets: Collection[str]) -> dict[str, Any]:
    groups = {
        group.name: {
            "baseline": group.baseline,
            "slots": group.slots,
            "without": ", ".join(group.without),
            "targets": ", ".join(name for name in group.targets if name in targets),
        }
        for group in manifest.compared
        if group.name
    }
    return {"suite": manifest.suite, **({"groups": groups} if groups else {"baseline": manifest.baseline})}


def _definition(manifest: Manifest, scenario: ScenarioInfo, *, known: bool) -> dict[str, Any]:
    asked: Mapping[str, Any] = {
        "kind": scenario.kind.value,
        "method": scenario.method,
        "path": scenario.path,
        "floor_ms": scenario.floor_ms,
        "slow_clients": scenario.slow_clients,
        "locustfile": scenario.locustfile,
    }
    if known:
        asked = manifest.definitions[scenario.name]
    upstream = manifest.environment.get("services", {}).get(UPSTREAM)
    calls = UPSTREAM in scenario.needs or UPSTREAM in asked
    return {
        **asked,
        LEVELS: ", ".join(level.label for level in scenario.levels),
        **({"upstream's latency": upstream} if calls and upstream else {}),
    }


def _unlike(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    flat = [dict(_flatten(each)) for each in (first, second)]
    for key in sorted(flat[0].keys() | flat[1].keys()):
        if flat[0].get(key) != flat[1].get(key):
            yield key, flat[0].get(key), flat[1].get(key)


def _flatten(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        for number, inner in enumerate(value, 1):
            yield from _flatten(inner, f"{prefix}.{number}")
    else:
        yield prefix, str(value)
