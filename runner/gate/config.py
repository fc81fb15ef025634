"""What a gate is to do, from the command line and ``[tool.sgibench.gate]`` of pyproject.toml; the command line wins."""

import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ...apps.catalogue import Interface
from ...results.errors import UsageError
from ...results.gate.settings import THRESHOLD_PERCENT, GateMetric, GateSettings
from ..durations import parse_duration_s
from ..targets.setups import unknown
from .files import check_writable

PYPROJECT = "pyproject.toml"
TABLE = "[tool.sgibench.gate]"
NOT_IN_THE_TABLE = ("seed", "json", "rejudge", "self_test")
BUDGET = "3m"
THRESHOLD_MIN_PERCENT = 0.1
SHORT_NAMES: Mapping[str, GateMetric] = {
    "throughput": GateMetric.THROUGHPUT,
    "cpu": GateMetric.CPU,
    "throughput-total": GateMetric.THROUGHPUT_TOTAL,
    "cpu-total": GateMetric.CPU_TOTAL,
    "p50": GateMetric.P50,
    "p90": GateMetric.P90,
    "p99": GateMetric.P99,
    "memory-idle": GateMetric.MEMORY_IDLE,
    "memory-peak": GateMetric.MEMORY_PEAK,
    "leak": GateMetric.LEAK,
}

# One, where several may be.
Several = Annotated[list[str], BeforeValidator(lambda given: given if isinstance(given, list) else [given])]
# A figure that is written with or without its unit.
Written = Annotated[str, BeforeValidator(lambda given: str(given) if isinstance(given, int | float) else given)]
Percents = Annotated[list[Written], BeforeValidator(lambda given: [*given] if isinstance(given, list) else [given])]


class GateConfig(BaseModel):
    """All that can be said to a gate. The keys of the table are the options' names with ``_``."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    base: str | None = None
    head: str = "."
    app: str | None = None
    path: Several = []
    scenario: Several = []
    setup: str | None = None
    interface: Annotated[Interface | None, Field(strict=False)] = None
    concurrency: int | None = Field(None, ge=1, le=2000)
    budget: Written = BUDGET
    threshold: Percents = []
    alpha: Written = "1%"
    gate: Several = []
    prepare: str | None = None
    python: str | None = None
    base_python: str | None = None
    head_python: str | None = None
    expect: Literal["same", "status"] = "same"
    expect_status: int | None = Field(None, ge=200, le=599)
    expect_text: str | None = None
    server_cores: str | None = None
    load_cores: str | None = None
    output: str | None = None
    junit: str | None = None
    markdown: str | None = None
    history: str | None = None

    def check_files(self) -> None:
        """Raise StoreError for a file that cannot be written in the end: it would take the verdict with it."""
        for option, name in (("--junit", self.junit), ("--markdown", self.markdown), ("--history", self.history)):
            if name is not None:
                check_writable(Path(name), option, added_to=option == "--history")

    @property
    def settings(self) -> GateSettings:
        """What decides. Raises UsageError."""
        threshold, own = thresholds_of(self.threshold)
        named = tuple(dict.fromkeys(metric_of(name) for name in self.gate))
        usual = tuple(metric for metric in GateMetric if metric.gating)
        alpha = percent_of(self.alpha, "--alpha") / 100
        if not 0 < alpha < 0.5:
            raise UsageError(f"--alpha {self.alpha}: a chance of error lies above 0 and below 50 %", "--alpha 1%")
        return GateSettings(
            threshold_percent=threshold,
            thresholds=own,
            gated=tuple(metric for metric in GateMetric if metric in (named or usual)),
            alpha=alpha,
            pass_alpha=alpha,
            budget_s=parse_duration_s(self.budget),
        )


def read_config(folder: Path, given: Mapping[str, Any]) -> GateConfig:
    """What the table in a folder's pyproject.toml says, and what was `given` instead (None and empty: nothing).

    Raises UsageError with the key; for an unknown one, with the nearest.
    """
    table = table_of(folder / PYPROJECT)
    known = GateConfig.model_fields.keys()
    for key in table:
        if key in NOT_IN_THE_TABLE:
            option = f"--{key.replace('_', '-')}"
            raise UsageError(f"{folder / PYPROJECT}, {TABLE}: {key} is for a single run", f"give it as {option}")
        if key not in known:
            found = unknown("key", key, known)
            where = f"{folder / PYPROJECT}, {TABLE}"
            meant = f"; it is written {key.replace('-', '_')}" if key.replace("-", "_") in known else ""
            raise UsageError(f"{where}: {found.message}{meant}", found.hint)
    said = {key: value for key, value in given.items() if value is not None and value != []}
    try:
        return GateConfig.model_validate({**table, **said})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0]) if first["loc"] else "it"
        where = f"--{key.replace('_', '-')}" if key in said else f"{folder / PYPROJECT}, {TABLE}: {key}"
        message = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"{where}: {message}, not {first['input']!r}", "see docs/ci.md") from error


def where_else(folder: Path) -> str:
    """What to do where there is no table: go to the folder above that has one, or write one."""
    for above in folder.absolute().parents:
        try:
            found = table_of(above / PYPROJECT)
        except UsageError:
            continue
        if found:
            return f"{above / PYPROJECT} has {TABLE}: run it in that folder"
    return f"or app = … in {TABLE} of {PYPROJECT}"


def table_of(path: Path) -> Mapping[str, Any]:
    """The gate's table of a pyproject.toml; empty where there is none. Raises UsageError."""
    try:
        data: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or error}", "it is to be a file, and readable"
        ) from error
    except ValueError as error:
        raise UsageError(f"cannot read {path}: {error}", "see https://toml.io for the format") from error
    for key in ("tool", "sgibench", "gate"):
        data = data.get(key, {}) if isinstance(data, dict) else data
    if not isinstance(data, dict):
        raise UsageError(f"{path}: {TABLE} is no table", f"write a line {TABLE}, and below it its keys")
    return data


def metric_of(name: str) -> GateMetric:
    """A metric by its name, or its short one. Raises UsageError with the nearest."""
    if name in SHORT_NAMES:
        return SHORT_NAMES[name]
    if name in set(GateMetric):
        return GateMetric(name)
    raise unknown("metric", name, SHORT_NAMES)


def thresholds_of(written: Sequence[str]) -> tuple[float, dict[GateMetric, float]]:
    """The threshold in percent, and those of single metrics, written ``p90=10%``. Raises UsageError."""
    found: dict[GateMetric | None, float] = {}
    for text in written:
        name, equals, value = text.rpartition("=")
        metric = metric_of(name.strip()) if equals else None
        if metric is not None and not metric.in_percent:
            raise UsageError(f"--threshold {text}: {metric.value} has no percent", "its limit is 100 bytes a request")
        if metric in found:
            hint = "one is for all that has none of its own, others for a metric each: --threshold p90=10%"
            raise UsageError(f"--threshold {text}: that is said already, as {found[metric]:g} %", hint)
        found[metric] = percent_of(value, "--threshold")
        if found[metric] < THRESHOLD_MIN_PERCENT:
            raise UsageError(
                f"--threshold {text}: a change of {found[metric]:g} % is less than can be told",
                "it is in percent: 2% is written 2% or 2, and not 0.02",
            )
    return found.pop(None, THRESHOLD_PERCENT), {metric: value for metric, value in found.items() if metric is not None}


def percent_of(text: str, option: str) -> float:
    """A percentage above zero, with its sign or without. Raises UsageError."""
    match = re.fullmatch(r"\s*([\d.]+)\s*%?\s*", text)
    try:
        value = float(match[1]) if match else 0.0
    except ValueError:
        value = 0.0
    if not (math.isfinite(value) and 0 < value <= 1000):
        raise UsageError(f"{option} {text!r} is no percentage above zero", f"for example {option} 2%")
    return value
