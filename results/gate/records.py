"""What a gate's run saw, as it is stored: paired values per epoch, the turns behind them, failures, and the sources."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from ..ledger import Ledger
from ..problems import Problem
from ..records import Trial
from ..serialise import trial_from_dict, trial_to_dict
from .settings import GateMetric, GateSettings

GATE_SCHEMA_VERSION = 1
BASE, HEAD = "base", "head"
SIDES = (BASE, HEAD)
WHOLE = ""  # the scenario of what belongs to a launch as a whole

Key = tuple[str, GateMetric]


class Order(StrEnum):
    """Which side was started first."""

    BASE_FIRST = "base-first"
    HEAD_FIRST = "head-first"


class FailureKind(StrEnum):
    """What is no matter of degree. It was seen again when tried again."""

    NOT_STARTED = "does not start"
    WRONG_ANSWERS = "wrong answers"
    ERRORS = "errors"
    DIED = "died"


@dataclass(frozen=True, slots=True)
class Pair:
    """A figure of both sides in one epoch, in the metric's unit. Their ratio is what the paired turns say; `error` is
    the standard error of its logarithm, as the epoch's own rounds scatter. None where there are no rounds to tell."""

    base: float
    head: float
    error: float | None = None

    def to_dict(self) -> dict[str, float]:
        """As JSON."""
        return {"base": self.base, "head": self.head, **({} if self.error is None else {"error": self.error})}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Pair":
        """The pair that `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        error = data.get("error")
        if error is not None and not (math.isfinite(error) and error >= 0):
            raise ValueError(f"a standard error is a number and not below zero, unlike {error!r}")
        return cls(float(data["base"]), float(data["head"]), None if error is None else float(error))


def change(pair: Pair, metric: GateMetric) -> float:
    """How much worse the head is: the log ratio, positive is worse; of a leak the difference in bytes per request.

    Raises ValueError for a figure that is no number, or has no logarithm.
    """
    if not (math.isfinite(pair.base) and math.isfinite(pair.head)):
        raise ValueError(f"{metric.value} must be a number")
    if not metric.in_percent:
        return pair.head - pair.base
    if pair.base <= 0 or pair.head <= 0:
        raise ValueError(f"{metric.value} must be above zero, not {pair.base:g} and {pair.head:g}")
    logs = math.log(pair.head / pair.base)
    return -logs if metric.higher_is_better else logs


@dataclass(frozen=True, slots=True)
class Growth:
    """Memory of a side's process tree at rest, after so many requests since it was launched (warm-up included).

    Between two marks of one `stretch` nothing but requests was added: what connections take is no leak.
    """

    side: str
    requests: int
    memory_mib: float
    stretch: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """CPU time of a side's process tree over a block of the closed loop, the other side's turns included, and how many
    requests it was sent: what is done after an answer, or in no turn at all, counts too."""

    side: str
    requests: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class GateTurns:
    """What an epoch's values are computed from. Trials are named by side (`target` is ``base`` or ``head``): of each
    scenario one of the closed loop, and one of the open loop for response times. Memory marks are ``idle``, ``peak``.
    """

    trials: tuple[Trial, ...]
    growth: tuple[Growth, ...] = ()
    work: tuple[Work, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        trials = [trial_to_dict(trial) for trial in self.trials]
        return {
            "trials": trials,
            "growth": [asdict(mark) for mark in self.growth],
            "work": [asdict(each) for each in self.work],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GateTurns":
        """The turns that `to_dict` wrote. Raises KeyError, TypeError or ValueError when they are none."""
        growth = tuple(
            Growth(str(each["side"]), int(each["requests"]), float(each["memory_mib"]), int(each.get("stretch", 0)))
            for each in data["growth"]
        )
        work = tuple(Work(str(each["side"]), int(each["requests"]), float(each["cpu_s"])) for each in data["work"])
        return cls(tuple(trial_from_dict(trial) for trial in data["trials"]), growth, work)


@dataclass(frozen=True, slots=True)
class EpochNoise:
    """What others took while an epoch was measured, in cores; `pressure` is the share of time in which something
    waited for a core (PSI), None where it cannot be read."""

    foreign_cores: float = 0.0
    steal_cores: float = 0.0
    pressure: float | None = None


@dataclass(frozen=True, slots=True)
class GateEpoch:
    """One fresh launch of both sides. `ledgers` are by scenario and side. `limited` are the scenarios in whose closed
    loop the load side may have been the limit, `late` those whose requests it sent too late for their response times.
    `turns` are stored apart, and None where they were not read. Build it with `values.epoch_of`, which computes all
    that follows from the turns."""

    number: int
    order: Order
    hash_seed: int
    started_s: float
    elapsed_s: float
    values: Mapping[Key, Pair]
    ledgers: Mapping[tuple[str, str], Ledger] = field(default_factory=dict)
    noise: EpochNoise = EpochNoise()
    problems: tuple[Problem, ...] = ()
    limited: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    turns: GateTurns | None = field(default=None, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """As JSON, without the turns."""
        return {
            "number": self.number,
            "order": self.order.value,
            "hash_seed": self.hash_seed,
            "started_s": self.started_s,
            "elapsed_s": self.elapsed_s,
            "values": [
                {"scenario": scenario, "metric": metric.value, **pair.to_dict()}
                for (scenario, metric), pair in self.values.items()
            ],
            "ledgers": [
                {"scenario": scenario, "side": side, "ledger": ledger.to_dict()}
                for (scenario, side), ledger in self.ledgers.items()
            ],
            "noise": asdict(self.noise),
            "problems": [problem.to_dict() for problem in self.problems],
            "limited": list(self.limited),
            "late": list(self.late),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GateEpoch":
        """The epoch that `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        values = {(str(each["scenario"]), GateMetric(each["metric"])): Pair.from_dict(each) for each in data["values"]}
        for (_, metric), pair in values.items():
            change(pair, metric)  # raises for what no change can be told from
        return cls(
            number=int(data["number"]),
            order=Order(data["order"]),
            hash_seed=int(data["hash_seed"]),
            started_s=float(data["started_s"]),
            elapsed_s=float(data["elapsed_s"]),
            values=values,
            ledgers={
                (str(each["scenario"]), str(each["side"])): Ledger.from_dict(each["ledger"]) for each in data["ledgers"]
            },
            noise=EpochNoise(**data["noise"]),
            problems=tuple(Problem.from_dict(each) for each in data["problems"]),
            limited=tuple(str(each) for each in data["limited"]),
            late=tuple(str(each) for each in data["late"]),
        )


@dataclass(frozen=True, slots=True)
class Source:
    """A side: `what` the user named it (a folder or a ref), where it lay, and what ran it. `commit` is empty where it
    is not known, `dirty` where it holds changes that are not committed."""

    side: str
    what: str
    path: str
    commit: str = ""
    dirty: bool = False
    python: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Short form: ``origin/main (a1b2c3d)``."""
        commit = f" ({self.commit[:7]}{', changed' if self.dirty else ''})" if self.commit else ""
        return f"{self.what}{commit}"


@dataclass(frozen=True, slots=True)
class GateFailure:
    """A side failed, and not by degree: `message` says how, and where to look. `epoch` 0: before the first."""

    side: str
    kind: FailureKind
    message: str
    epoch: int = 0
    scenario: str = WHOLE


@dataclass(frozen=True, slots=True)
class GateRun:
    """A gate's run. `status` is running, complete or interrupted; `command` is what was typed. `app` and `setup` are
    what both sides ran; `scenarios` the names of what was asked, `cores` how many the machine has."""

    run_id: str
    started_at: str
    elapsed_s: float
    status: str
    command: tuple[str, ...]
    seed: int
    app: str
    setup: str
    scenarios: tuple[str, ...]
    settings: GateSettings
    base: Source
    head: Source
    environment: Mapping[str, Any] = field(default_factory=dict)
    epochs: tuple[GateEpoch, ...] = ()
    failures: tuple[GateFailure, ...] = ()
    problems: tuple[Problem, ...] = ()
    schema_version: int = GATE_SCHEMA_VERSION

    def to_dict(self) -> dict[str, Any]:
        """As JSON, epochs included, turns left out."""
        return {name: getattr(self, name) for name in GateRun.__dataclass_fields__} | {
            "command": list(self.command),
            "scenarios": list(self.scenarios),
            "settings": self.settings.to_dict(),
            "base": asdict(self.base),
            "head": asdict(self.head),
            "environment": dict(self.environment),
            "epochs": [epoch.to_dict() for epoch in self.epochs],
            "failures": [asdict(failure) | {"kind": failure.kind.value} for failure in self.failures],
            "problems": [problem.to_dict() for problem in self.problems],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "GateRun":
        """The run that `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        values = {name: data[name] for name in cls.__dataclass_fields__} | {
            "command": tuple(data["command"]),
            "scenarios": tuple(data["scenarios"]),
            "settings": GateSettings.from_dict(data["settings"]),
            "base": Source(**data["base"]),
            "head": Source(**data["head"]),
            "epochs": tuple(GateEpoch.from_dict(epoch) for epoch in data["epochs"]),
            "failures": tuple(
                GateFailure(**{**failure, "kind": FailureKind(failure["kind"])}) for failure in data["failures"]
            ),
            "problems": tuple(Problem.from_dict(problem) for problem in data["problems"]),
        }
        return cls(**values)
