"""Pools of epochs: what is planted in the head, what runs beside, and the lines that they are kept in.

A **pool** is all recorded epochs with one app, one plant and one neighbour. The data are lines of JSON, each whole in
itself: ``session`` (the machine), ``calibration`` (how large a plant's loop is), ``epoch``, and ``chunk``, one gate's
run of a few epochs. Lines are only ever added; what was cut off by a crash is left out when it is read.
"""

import gzip
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from sgibench.results.comparison import turn_values
from sgibench.results.estimate import middle_mean_error
from sgibench.results.gate.records import BASE, HEAD, SIDES, GateEpoch, GateTurns, Pair, change
from sgibench.results.gate.settings import GateMetric
from sgibench.results.summary import Metric

DATA = Path(__file__).parents[1] / "data" / "gate"
PLAIN, PACKED = "recorded.jsonl", "recorded.jsonl.gz"
APPS = ("fastapi", "flask")
NO_PLANT = "none"


class Neighbour(StrEnum):
    """What else runs on the machine."""

    QUIET = "quiet"
    STEADY = "steady"
    BURSTS = "bursts"


@dataclass(frozen=True, slots=True, order=True)
class Pool:
    """Epochs of one kind; written ``fastapi/cpu-2/quiet``."""

    app: str
    plant: str
    neighbour: Neighbour = Neighbour.QUIET

    @property
    def name(self) -> str:
        """As it is written."""
        return f"{self.app}/{self.plant}/{self.neighbour}"

    @property
    def equal(self) -> bool:
        """Whether both sides are the same."""
        return self.plant == NO_PLANT

    @classmethod
    def parse(cls, text: str) -> Self:
        """The pool of that name. Raises ValueError."""
        app, plant, neighbour = text.split("/")
        if app not in APPS:
            raise ValueError(f"{text!r}: the apps are {', '.join(APPS)}")
        return cls(app, plant, Neighbour(neighbour))


@dataclass(frozen=True, slots=True)
class Recorded:
    """One epoch of a pool. `run` names the gate's run that it is of, which took `startup_s` up to its first epoch;
    `at_s` is when the epoch began (seconds since 1970). `turns` are both sides' figures of each closed-loop round:
    ``rps`` and ``cpu_us``, 0 where a round has none."""

    pool: Pool
    run: str
    at_s: float
    startup_s: float
    epoch: GateEpoch
    turns: Mapping[str, Mapping[str, Sequence[float]]]

    def to_dict(self) -> dict[str, Any]:
        """As a line of JSON."""
        return {
            "kind": "epoch",
            "pool": self.pool.name,
            "run": self.run,
            "at_s": round(self.at_s, 1),
            "startup_s": self.startup_s,
            "epoch": self.epoch.to_dict(),
            "turns": self.turns,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The epoch that `to_dict` wrote. Raises KeyError, TypeError or ValueError when it is none."""
        epoch = with_errors(GateEpoch.from_dict(data["epoch"]), data["turns"])
        return cls(Pool.parse(data["pool"]), data["run"], data["at_s"], data["startup_s"], epoch, data["turns"])


FIGURES = {GateMetric.THROUGHPUT: "rps", GateMetric.CPU: "cpu_us"}  # of a round


def with_errors(epoch: GateEpoch, turns: Mapping[str, Mapping[str, Sequence[float]]]) -> GateEpoch:
    """The epoch with the standard errors of its changes, told from its rounds, where it was recorded before they were
    stored beside the figures."""
    values = dict(epoch.values)
    for (scenario, metric), pair in epoch.values.items():
        figure = FIGURES.get(metric)
        if figure is None or pair.error is not None or not turns:
            continue
        rounds = zip(turns[BASE][figure], turns[HEAD][figure], strict=True)
        ratios = [math.log(head / base) for base, head in rounds if base > 0 and head > 0]
        values[scenario, metric] = replace(pair, error=middle_mean_error(ratios))
    return replace(epoch, values=values)


def pairs_of(pool: Sequence[Recorded], metric: GateMetric) -> list[Pair]:
    """Both sides' values of the metric in each epoch that has them."""
    return [pair for each in pool for (_, of), pair in each.epoch.values.items() if of is metric]


def changes_of(pool: Sequence[Recorded], metric: GateMetric) -> list[float]:
    """The metric's change in each epoch that has one."""
    return [change(pair, metric) for pair in pairs_of(pool, metric)]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How much CPU time of a request one loop of the plant is, in percent, told from a pilot with `loops` of them."""

    app: str
    loops: int
    percent: float
    low: float | None
    high: float | None
    epochs: int

    def loops_for(self, percent: float) -> int:
        """So many loops take about that many percent of the request's CPU time: surest near the pilot's."""
        return round(percent * self.loops / self.percent)

    def to_dict(self) -> dict[str, Any]:
        """As a line of JSON."""
        return {"kind": "calibration", **{name: getattr(self, name) for name in Calibration.__dataclass_fields__}}


@dataclass(slots=True)
class Data:
    """All that is recorded. Chunks and sessions are as they were written."""

    epochs: dict[Pool, list[Recorded]] = field(default_factory=lambda: defaultdict(list))
    calibrations: dict[str, Calibration] = field(default_factory=dict)
    chunks: list[Mapping[str, Any]] = field(default_factory=list)
    sessions: list[Mapping[str, Any]] = field(default_factory=list)

    def add(self, line: Mapping[str, Any]) -> None:
        """Take one line in. Raises KeyError, TypeError or ValueError for what is none."""
        kind = line["kind"]
        if kind == "epoch":
            recorded = Recorded.from_dict(line)
            self.epochs[recorded.pool].append(recorded)
        elif kind == "calibration":
            calibration = Calibration(**{name: line[name] for name in Calibration.__dataclass_fields__})
            self.calibrations.setdefault(calibration.app, calibration)
        elif kind == "chunk":
            self.chunks.append(line)
        elif kind == "session":
            self.sessions.append(line)
        else:
            raise ValueError(f"there is no kind of line {kind!r}")

    def counts(self) -> dict[Pool, int]:
        """How many epochs each pool has."""
        return {pool: len(epochs) for pool, epochs in self.epochs.items()}


def read_data(folder: Path = DATA) -> Data:
    """Everything in a folder, each pool in the order of time. Raises ValueError for a damaged line (but a last one)."""
    data = Data()
    for line in lines_in(folder):
        data.add(line)
    for epochs in data.epochs.values():
        epochs.sort(key=lambda each: each.at_s)
    return data


def lines_in(folder: Path) -> Iterator[Mapping[str, Any]]:
    """The lines of both files, packed ones first."""
    packed, plain, before = folder / PACKED, folder / PLAIN, set()
    if packed.is_file():
        with gzip.open(packed, "rt", encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                before.add(text)
                yield _parsed(packed, number, text)
    if plain.is_file():
        for number, text in enumerate(plain.read_text(encoding="utf-8").splitlines(keepends=True), 1):
            # What has no end was cut off; what is in both files stayed when packing was cut short.
            if text.endswith("\n") and text not in before:
                yield _parsed(plain, number, text)


def _parsed(path: Path, number: int, text: str) -> Mapping[str, Any]:
    try:
        line: Mapping[str, Any] = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}, line {number}, is damaged ({error}): remove it") from error
    return line


def append(folder: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Add lines, all at once, so that they are there after a crash too. What a crash cut off before is cut away."""
    path = folder / PLAIN
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    with path.open("ab+") as file:
        file.seek(0)
        before = file.read()
        if before and not before.endswith(b"\n"):
            file.truncate(before.rfind(b"\n") + 1)
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def pack(folder: Path) -> Path:
    """Put all lines into the packed file, and remove the plain one. The same lines give the same bytes."""
    texts = [json.dumps(line, separators=(",", ":")) for line in lines_in(folder)]
    packed, new = folder / PACKED, folder / f"{PACKED}.new"
    with new.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        file.write("".join(f"{text}\n" for text in texts).encode())
    new.replace(packed)
    (folder / PLAIN).unlink(missing_ok=True)
    return packed


def compact(turns: GateTurns) -> dict[str, dict[str, list[float]]]:
    """Of each closed-loop round, both sides' requests/s and CPU microseconds per request."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for side in SIDES:
        trials = [trial for trial in turns.trials if trial.target == side and not trial.level.rate_rps]
        found[side] = {
            name: {number: value for trial in trials for number, value in turn_values(trial, metric).items()}
            for name, metric in (("rps", Metric.THROUGHPUT), ("cpu_us", Metric.CPU))
        }
    rounds = sorted({number for of_side in found.values() for number in of_side["rps"]})
    return {
        side: {
            "rps": [round(of_side["rps"].get(number, 0.0)) for number in rounds],
            "cpu_us": [round(of_side["cpu_us"].get(number, 0.0), 1) for number in rounds],
        }
        for side, of_side in found.items()
    }
