"""What is seen while measuring, as it is stored: turns, memory marks, problems, trials, and the run around them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from .histogram import Histogram
from .ledger import Ledger
from .problems import Problem as Problem
from .problems import ProblemCode as ProblemCode
from .problems import Severity as Severity

SCHEMA_VERSION = 1
USUAL_CONNECTIONS = 256  # of the open loop, where a scenario names no others


@dataclass(frozen=True, slots=True, order=True)
class Level:
    """How hard a scenario presses: `concurrency` connections, and for the open loop a rate (requests/s), else 0."""

    concurrency: int
    rate_rps: float = 0.0

    @property
    def label(self) -> str:
        """Short form for file names and tables: ``c32``, ``r500``, or on unusual connections ``r500-c16``."""
        if not self.rate_rps:
            return f"c{self.concurrency}"
        connections = "" if self.concurrency == USUAL_CONNECTIONS else f"-c{self.concurrency}"
        return f"r{self.rate_rps:.12g}{connections}"


@dataclass(frozen=True, slots=True)
class Turn:
    """A short stretch in which one target got load.

    `started_s` counts from the start of the run on the monotonic clock. `elapsed_s` runs from first send to last
    answer (open loop: it is the planned window). `target_cpu_s` is the CPU time of the target's whole process tree in
    it (None where it cannot be read), `load_cpu_s` what a load process used of its core, or waited for, and
    `load_wait_s` the part of that for which it waited. `reopened` counts kept-alive connections that had been closed
    while idle. `p50_ms` and `p90_ms` are those of the turn's own response times: in the open loop, where it had any."""

    round: int
    position: int
    started_s: float
    planned_s: float
    elapsed_s: float
    ledger: Ledger
    target_cpu_s: float | None
    load_cpu_s: float
    reopened: int = 0
    load_wait_s: float = 0.0  # runs from before it was told apart have none
    p50_ms: float | None = None
    p90_ms: float | None = None

    @property
    def throughput_rps(self) -> float:
        """Right answers per second of elapsed time."""
        return self.ledger.ok / self.elapsed_s if self.elapsed_s > 0 else 0.0


@dataclass(frozen=True, slots=True)
class MemoryMark:
    """Memory of a target's whole process tree at one moment. `kind` is ``pss``, or ``rss`` where PSS cannot be had."""

    label: str  # "idle" or "peak"
    at_s: float
    memory_mib: float
    uss_mib: float | None
    processes: int
    kind: str


@dataclass(frozen=True, slots=True)
class Trial:
    """One target under one scenario at one level in one epoch. `ceiling_rps` is what the load side can do at best at
    that level, as it was calibrated; None where it was not."""

    epoch: int
    target: str
    scenario: str
    level: Level
    turns: tuple[Turn, ...]
    service_time: Histogram
    response_time: Histogram | None = None
    schedule_lag: Histogram | None = None
    memory: tuple[MemoryMark, ...] = ()
    context_switches: int | None = None
    problems: tuple[Problem, ...] = ()
    first_error: str = ""
    ceiling_rps: float | None = None

    @property
    def ledger(self) -> Ledger:
        """The turns' ledgers added up."""
        return Ledger.total(turn.ledger for turn in self.turns)

    @property
    def elapsed_s(self) -> float:
        """The turns' elapsed times added up."""
        return sum(turn.elapsed_s for turn in self.turns)

    @property
    def valid(self) -> bool:
        """Whether the figures may be shown as figures and compared."""
        return all(problem.severity is not Severity.INVALID for problem in self.problems)


@dataclass(frozen=True, slots=True)
class TargetInfo:
    """What was measured: an app on a setup, and exactly how it was started.

    `slots` is how many requests it can hold in service at once, None for unbounded. `ours` tells the suite's own,
    proven equivalent apps from a user's."""

    name: str
    app: str
    setup: str
    interface: str
    server: str
    version: str
    workers: int
    slots: int | None
    command: tuple[str, ...]
    python: str
    ours: bool
    interpreter: str = ""  # in words: "CPython 3.13.1, free-threaded"
    threads: int | None = None  # that a process really runs, where the setup fixes them


class ScenarioKind(StrEnum):
    """What is counted: answers to requests, messages that came back, or starts (in which nothing is pressed)."""

    HTTP = "http"
    WEBSOCKET = "websocket"
    COLD_START = "cold-start"


@dataclass(frozen=True, slots=True)
class ScenarioInfo:
    """What was asked: the request, the levels, and what is known beforehand (`floor_ms`: no answer can be faster).

    With a `locustfile`, its users asked what they liked, and a level's concurrency is how many there were. `method`
    and `path` are those of the first request where a scenario mixes several. `note` is always shown beside: what else
    was the case meanwhile. `needs` are the features that a target must have."""

    name: str
    title: str
    method: str
    path: str
    levels: tuple[Level, ...]
    floor_ms: float = 0.0
    waiting: bool = False
    locustfile: str = ""
    kind: ScenarioKind = ScenarioKind.HTTP
    note: str = ""
    needs: tuple[str, ...] = ()
    slow_clients: int = 0  # beside the load, holding whatever a server gives them
    holding: bool = False  # it is about what each request in flight, or each open connection, takes in memory


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """Targets that are compared with each other, and with no others: `baseline` is one of them. With `slots`, each has
    so many requests in service; what presses harder is not compared, nor the scenarios that it goes `without`."""

    name: str
    title: str
    baseline: str
    targets: tuple[str, ...]
    slots: int | None = None
    without: tuple[str, ...] = ()  # runs from before groups could leave any out have none

    def compares(self, scenario: str, level: Level) -> bool:
        """Whether the group's targets are compared under this scenario, by name, at this level."""
        return scenario not in self.without and (self.slots is None or level.concurrency <= self.slots)

    def beside_slow_clients(self, scenarios: Iterable[ScenarioInfo]) -> "GroupInfo":
        """The group as it compares: at equal slots, slow clients would take them."""
        slow = [each.name for each in scenarios if each.slow_clients and self.slots is not None]
        return replace(self, without=tuple(dict.fromkeys((*self.without, *slow))))


@dataclass(frozen=True, slots=True)
class NotPossible:
    """What a target cannot do, and why, in one sentence; with a `level`, only that one."""

    target: str
    scenario: str
    reason: str
    level: Level | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that is known of a run besides its trials. `status` is running, complete, interrupted, or failed.

    `epochs` is how many there may be while the run goes on, and how many there were once it is over. `definitions` are
    the scenarios by name as their TOML says them, without levels, words and defaults."""

    run_id: str
    suite: str
    title: str
    status: str
    started_at: str
    elapsed_s: float
    command: tuple[str, ...]
    seed: int
    epochs: int
    server_cores: tuple[int, ...]
    load_cores: tuple[int, ...]
    baseline: str
    targets: tuple[TargetInfo, ...]
    scenarios: tuple[ScenarioInfo, ...]
    environment: Mapping[str, Any]
    problems: tuple[Problem, ...] = ()
    schema_version: int = SCHEMA_VERSION
    groups: tuple[GroupInfo, ...] = ()
    not_possible: tuple[NotPossible, ...] = ()
    definitions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def compared(self) -> tuple[GroupInfo, ...]:
        """The groups as they compare; a run without any is one, of all its targets."""
        whole = GroupInfo("", "", self.baseline, tuple(target.name for target in self.targets))
        return tuple(group.beside_slow_clients(self.scenarios) for group in self.groups) or (whole,)

    @property
    def driver(self) -> str:
        """What sent the requests: ``engine``, or plain ``locust``."""
        return str(self.environment.get("load", {}).get("driver", "engine"))


@dataclass(frozen=True, slots=True)
class Run:
    """A plan carried out: its manifest and every trial that was finished."""

    manifest: Manifest
    trials: tuple[Trial, ...] = field(default=())
