"""What a run is going to do, and how long that will take."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..results.errors import UsageError
from ..results.records import Level, ScenarioInfo
from ..scenarios.files import levels_of
from ..scenarios.model import Scenario, SuiteScenario
from .load.drivers import LoadDriver
from .locustfile import LocustScenario
from .machine import Cores
from .targets.launch import Target

# A turn is long enough to hold many answers, and short against the machine's changes of speed (docs/method.md).
TURN_S = 0.010
TURN_LIMIT_S = 3.0
TURN_PER_SERVICE_TIME = 10
TURN_PER_PASS = 3  # one pass: an answer for each connection, from a target that works on one at a time
WARMUP_S = 0.3
WARMUP_AGAIN_S = 0.1
# Launching is CPU work (imports): so much per target, shared by the cores, plus waiting for the last.
LAUNCH_S = 1.5
LAUNCH_PER_TARGET_S = 0.3
PIECE_S = 0.3  # connecting, and looking at processes before and after
START_S = 1.5


@dataclass(frozen=True, slots=True)
class Piece:
    """A scenario at one level: the unit that is measured in one go, for all targets, and saved."""

    scenario: Scenario
    level: Level
    seconds: float  # for each target, in each epoch
    launches: int | None = None  # measured in the first so many epochs only

    @property
    def label(self) -> str:
        """In words: ``json, 32 connections``."""
        if self.level.rate_rps:
            return f"{self.scenario.name}, {self.level.rate_rps:g} requests/s"
        unit = "user" if isinstance(self.scenario, LocustScenario) else "connection"
        plural = "" if self.level.concurrency == 1 else "s"
        return f"{self.scenario.name}, {self.level.concurrency} {unit}{plural}"

    def turn_s(self, service_s: float) -> float:
        """Length of a turn for a target that needs `service_s` to answer a single request."""
        if self.scenario.turn_ms is not None:
            return self.scenario.turn_ms / 1000
        several = TURN_PER_SERVICE_TIME * max(service_s, self.scenario.floor_ms / 1000)
        passes = 0.0 if self.scenario.waiting else TURN_PER_PASS * self.level.concurrency * service_s
        return min(max(TURN_S, several, passes), TURN_LIMIT_S)

    def rounds(self, turn_s: float) -> int:
        """How many turns each target gets."""
        return max(1, round(self.seconds / turn_s))

    def drain_s(self, target: Target) -> float:
        """How long the last answers of a turn take to come in: those beyond the target's slots queue up."""
        floor_s = self.scenario.floor_ms / 1000
        slots = target.setup.slots
        return floor_s * math.ceil(self.level.concurrency / slots) if slots else floor_s


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `exact_epochs`: the user asked for that many launches, whatever the budget."""

    suite: str
    title: str
    targets: tuple[Target, ...]
    baseline: str
    pieces: tuple[Piece, ...]
    epochs_min: int
    epochs_max: int
    exact_epochs: bool
    budget_s: float
    seed: int
    cores: Cores
    driver: LoadDriver = LoadDriver.ENGINE

    @property
    def load_processes(self) -> int:
        """How many load processes drive: one for each load core, but none without a connection of its own. Plain Locust
        drives with one."""
        if self.driver is LoadDriver.LOCUST:
            return 1
        return max(1, min(len(self.cores.load), *(piece.level.concurrency for piece in self.pieces)))

    @property
    def own_users(self) -> LocustScenario | None:
        """The user's own locustfile, where it drives."""
        return next((piece.scenario for piece in self.pieces if isinstance(piece.scenario, LocustScenario)), None)

    def without(self, names: Collection[str]) -> "Plan":
        """The plan for the targets that are not named."""
        return replace(self, targets=tuple(target for target in self.targets if target.name not in names))

    def pieces_in(self, epoch: int) -> tuple[Piece, ...]:
        """What is measured in an epoch (from 1)."""
        return tuple(piece for piece in self.pieces if piece.launches is None or epoch <= piece.launches)

    def launch_estimate_s(self) -> float:
        """How long launching, proving and stopping the targets will take, before it was seen."""
        cores = len(self.cores.server) + len(self.cores.load)
        return LAUNCH_S + LAUNCH_PER_TARGET_S * len(self.targets) * 2 / max(cores, 2)

    def piece_estimate_s(self, piece: Piece) -> float:
        """How long one piece of one epoch will take."""
        turn_s = piece.turn_s(0.0)
        rounds = piece.rounds(turn_s)
        warmup = WARMUP_S if piece is self.pieces[0] else (0.0 if piece.scenario.waiting else WARMUP_AGAIN_S)
        turns_s = sum(warmup + rounds * (turn_s + piece.drain_s(target) + 0.003) for target in self.targets)
        return PIECE_S + turns_s

    def least_s(self) -> float:
        """The shortest budget that this plan can be carried out in."""
        pace = Pace(self)
        return START_S + sum(pace.epoch_s(number) for number in range(1, self.epochs_min + 1))

    def checked(self) -> "Plan":
        """Itself. Raises UsageError when the budget cannot hold the fewest epochs."""
        least = self.least_s()
        if not self.exact_epochs and self.budget_s < least:
            raise UsageError(
                f"a budget of {self.budget_s:g} s is too small: {len(self.targets)} targets in {len(self.pieces)} "
                f"pieces, launched {self.epochs_min} times, take about {math.ceil(least)} s",
                f"--budget {math.ceil(least / 5) * 5}s, or fewer targets or scenarios, or --epochs "
                f"{max(1, self.epochs_min - 1)} (with less certainty)",
            )
        return self

    def scenario_infos(self) -> tuple[ScenarioInfo, ...]:
        """The scenarios as they are recorded, with the levels that are measured."""
        levels: dict[str, list[Level]] = {}
        scenarios: dict[str, Scenario] = {}
        for piece in self.pieces:
            levels.setdefault(piece.scenario.name, []).append(piece.level)
            scenarios[piece.scenario.name] = piece.scenario
        return tuple(
            ScenarioInfo(
                name=name,
                title=scenario.title,
                method=scenario.request.method,
                path=scenario.request.path,
                levels=tuple(levels[name]),
                floor_ms=scenario.floor_ms,
                waiting=scenario.waiting,
                locustfile=Path(scenario.locustfile).name if isinstance(scenario, LocustScenario) else "",
            )
            for name, scenario in scenarios.items()
        )


class Pace:
    """How long epochs take: by estimate until one was seen, then by the longest that was seen of each part."""

    def __init__(self, plan: Plan) -> None:
        """Nothing was seen yet."""
        self._plan = plan
        self._launch_s: float | None = None
        self._piece_s: dict[str, float] = {}

    def saw(self, epoch_s: float, piece_s: Mapping[str, float]) -> None:
        """An epoch took so long, and each of its pieces (by label) so long of that."""
        self._launch_s = max(self._launch_s or 0.0, epoch_s - sum(piece_s.values()))
        for label, seconds in piece_s.items():
            self._piece_s[label] = max(self._piece_s.get(label, 0.0), seconds)

    def epoch_s(self, number: int) -> float:
        """How long an epoch will take."""
        launch_s = self._plan.launch_estimate_s() if self._launch_s is None else self._launch_s
        return launch_s + sum(
            self._piece_s.get(piece.label) or self._plan.piece_estimate_s(piece)
            for piece in self._plan.pieces_in(number)
        )

    def epochs(self, done: int, left_s: float) -> tuple[int, float]:
        """How many epochs there will be in all, with `done` over and `left_s` of the budget left; and what the rest
        of them will take, in seconds."""
        number, rest_s = done, 0.0
        while number < self._plan.epochs_max:
            next_s = self.epoch_s(number + 1)
            must = number < self._plan.epochs_min or self._plan.exact_epochs
            if not must and rest_s + next_s > left_s:
                break
            number, rest_s = number + 1, rest_s + next_s
        return number, rest_s


def pieces_of(scenario: Scenario, place: SuiteScenario | None, seconds: float) -> list[Piece]:
    """The pieces of one scenario, its levels rising; a suite's entry may set levels and time."""
    overrides = place.model_dump() if place else None
    seconds, launches = (place.seconds, place.launches) if place else (seconds, None)
    return [
        Piece(scenario, Level(connections, rate), seconds, launches)
        for connections, rate in levels_of(scenario, overrides)
    ]


def check_names(pieces: Sequence[Piece]) -> None:
    """Raise UsageError when two scenarios share a name, or a level comes twice, so that their figures would mix."""
    seen: dict[str, Scenario] = {}
    levels: set[tuple[str, Level]] = set()
    for piece in pieces:
        if (piece.scenario.name, piece.level) in levels:
            raise UsageError(f"{piece.label}: is asked for twice", "name each level of a scenario once")
        levels.add((piece.scenario.name, piece.level))
        if seen.setdefault(piece.scenario.name, piece.scenario) != piece.scenario:
            raise UsageError(f"two scenarios are called {piece.scenario.name!r}", "give one of them another name")
