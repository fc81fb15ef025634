"""Reading scenarios and suites from TOML, with errors that say file, line and key."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ..results.errors import UsageError
from .model import Scenario
from .suite import Suite

HERE = Path(__file__).parent
SUITES = HERE / "suites"
Model = TypeVar("Model", bound=BaseModel)


def scenario_names() -> list[str]:
    """The scenarios that come with sgibench."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def suite_names() -> list[str]:
    """The suites that come with sgibench."""
    return sorted(path.stem for path in SUITES.glob("*.toml"))


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file; its name is the file's unless it says another. Raises UsageError."""
    return _read(path, Scenario)


def read_suite(path: Path) -> Suite:
    """The suite in a file; its name is the file's unless it says another. Raises UsageError."""
    return _read(path, Suite)


def built_in_scenario(name: str) -> Scenario:
    """A scenario that comes with sgibench, by name. Raises KeyError when there is none."""
    if name not in scenario_names():
        raise KeyError(name)
    return read_scenario(HERE / f"{name}.toml")


def built_in_suite(name: str) -> Suite:
    """A suite that comes with sgibench, by name. Raises KeyError when there is none."""
    if name not in suite_names():
        raise KeyError(name)
    return read_suite(SUITES / f"{name}.toml")


def _read(path: Path, model: type[Model]) -> Model:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {path}: {error}", "name a TOML file that can be read") from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}", "see https://toml.io for the format") from error
    try:
        return model.model_validate({"name": path.stem, **data})
    except ValidationError as error:
        raise _explained(path, text, error) from error


def _explained(path: Path, text: str, error: ValidationError) -> UsageError:
    """Every complaint of pydantic's with its line and key; for an unknown key, what is known there."""
    complaints = []
    for problem in error.errors():
        location = problem["loc"]
        key = ".".join(str(part) for part in location) or "the file"
        message = {
            "extra_forbidden": "is not a key that is known here",
            "missing": "is missing",
        }.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        complaints.append(f"{path}, line {line_of(text, location)}: {key}: {message}")
    return UsageError("\n".join(complaints), "the keys are described in docs/scenarios.md")


def line_of(text: str, location: Sequence[int | str]) -> int:
    """The line (from 1) of the deepest part of a key's path that stands in a TOML text; 1 when none does."""
    keys = [part for part in location if isinstance(part, str)]
    indices = {keys_before(location, at): part for at, part in enumerate(location) if isinstance(part, int)}
    best, best_depth = 1, 0
    table: tuple[str, ...] = ()
    seen: dict[tuple[str, ...], int] = {}
    active = True
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*(\[\[?)\s*([\w.\"-]+)\s*\]", line):
            table = tuple(part.strip('"') for part in header[2].split("."))
            seen[table] = seen.get(table, -1) + 1
            active = header[1] == "[" or indices.get(table, seen[table]) == seen[table]
            found = table
        elif assignment := re.match(r"\s*([\w.\"-]+)\s*=", line):
            found = (*table, *(part.strip('"') for part in assignment[1].split(".")))
        else:
            continue
        if active and len(found) > best_depth and list(found) == keys[: len(found)]:
            best, best_depth = number, len(found)
    return best


def keys_before(location: Sequence[int | str], at: int) -> tuple[str, ...]:
    """The table's path that an index in a key's path counts in."""
    return tuple(part for part in location[:at] if isinstance(part, str))


def levels_of(scenario: Scenario, overrides: Mapping[str, Any] | None = None) -> list[tuple[int, float]]:
    """The levels of a scenario as (connections, rate), lowest first; a suite may override them."""
    given = overrides or {}
    rates: Sequence[float] = given.get("rate_rps") or ([] if given.get("concurrency") else scenario.load.rate_rps)
    if rates:
        return [(count, rate) for count in sorted(set(scenario.load.connections)) for rate in sorted(set(rates))]
    return [(count, 0.0) for count in sorted(set(given.get("concurrency") or scenario.load.concurrency))]
