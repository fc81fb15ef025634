"""A stored run of claims, read back from its JSON."""

from collections.abc import Mapping, Sequence
from typing import Any

from .claims import (
    CLAIMS_SCHEMA_VERSION,
    Agreement,
    Chart,
    Claimed,
    ClaimResult,
    ClaimsRun,
    ClaimVerdict,
    Figure,
    Finding,
    Measured,
    Reading,
    Series,
)
from .estimate import Estimate

Json = Mapping[str, Any]


def run_from_dict(data: Json) -> ClaimsRun:
    """The run that `ClaimsRun.to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
    if data["schema_version"] != CLAIMS_SCHEMA_VERSION:
        raise ValueError(f"schema_version {data['schema_version']!r} is not {CLAIMS_SCHEMA_VERSION}")
    return ClaimsRun(
        run_id=str(data["run_id"]),
        started_at=str(data["started_at"]),
        elapsed_s=_number(data["elapsed_s"]),
        quick=bool(data["quick"]),
        seed=int(data["seed"]),
        command=tuple(str(word) for word in data["command"]),
        environment=dict(data["environment"]),
        results=tuple(result_from_dict(item) for item in data["claims"]),
        status=str(data["status"]),
    )


def result_from_dict(data: Json) -> ClaimResult:
    """The result that `ClaimResult.to_dict` wrote. Raises KeyError, TypeError or ValueError when it is not one."""
    return ClaimResult(
        id=str(data["id"]),
        title=str(data["title"]),
        source=str(data["source"]),
        claimed=str(data["claimed"]),
        unit=str(data["unit"]),
        why=str(data["why"]),
        verdict=ClaimVerdict(data["verdict"]),
        findings=tuple(_finding(item) for item in data["readings"]),
        measured=Measured(
            tuple(_figure(name, item) for name, item in data["measured"].items()),
            None if data["chart"] is None else _chart(data["chart"]),
            tuple(str(note) for note in data["notes"]),
        ),
        code=str(data["code"]),
        problem=str(data["problem"]),
        failed=bool(data["failed"]),
        interpreter=str(data["interpreter"]),
        elapsed_s=_number(data["elapsed_s"]),
    )


def _finding(data: Json) -> Finding:
    claimed = Claimed(_bound(data["low"]), _bound(data["high"]), _number(data["rounding"]))
    reading = Reading(str(data["text"]), str(data["measure"]), claimed, str(data["before"]))
    return Finding(reading, Agreement(data["agreement"]))


def _figure(name: str, data: Json) -> Figure:
    estimate = Estimate(
        _number(data["value"]), _bound(data["low"]), _bound(data["high"]), int(data["n"]), str(data["method"])
    )
    return Figure(name, str(data["unit"]), estimate, str(data["text"]))


def _chart(data: Json) -> Chart:
    return Chart(
        title=str(data["title"]),
        takeaway=str(data["takeaway"]),
        x_label=str(data["x_label"]),
        y_label=str(data["y_label"]),
        series=tuple(Series(str(item["name"]), tuple(map(_point, item["points"]))) for item in data["series"]),
        kind=str(data["kind"]),
        log_x=bool(data["log_x"]),
        log_y=bool(data["log_y"]),
        bands=tuple((str(text), _bound(low), _bound(high)) for text, low, high in data["bands"]),
    )


def _point(data: Sequence[Any]) -> tuple[float, float, float | None, float | None]:
    x, y, low, high = data
    return _number(x), _number(y), _bound(low), _bound(high)


def _number(value: Any) -> float:
    """A figure as it was written: whole numbers stay whole."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r} is no number")
    return value


def _bound(value: Any) -> float | None:
    return None if value is None else _number(value)
