"""What a run is going to do, and how long that will take."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..results.errors import UsageError
from ..results.records import Level, ScenarioInfo
from ..scenarios.files import levels_of
from ..scenarios.model import Scenario, SuiteScenario
from .machine import Cores
from .targets.launch import Target

# A turn is long enough to hold many answers, and short against the machine's changes of speed (docs/method.md).
TURN_S = 0.05
TURN_LIMIT_S = 3.0
TURN_PER_SERVICE_TIME = 10
WARMUP_S = 0.4
WARMUP_AGAIN_S = 0.1
# Launching is CPU work (imports): so much per target, shared by the cores, plus waiting for the last.
LAUNCH_S = 1.5
LAUNCH_PER_TARGET_S = 0.4
START_S = 3.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A scenario at one level: the unit that is measured in one go, for all targets, and saved."""

    scenario: Scenario
    level: Level
    seconds: float  # for each target, in each epoch

    @property
    def label(self) -> str:
        """In words: ``json, 32 connections``."""
        if self.level.rate_rps:
            return f"{self.scenario.name}, {self.level.rate_rps:g} requests/s"
        plural = "" if self.level.concurrency == 1 else "s"
        return f"{self.scenario.name}, {self.level.concurrency} connection{plural}"

    def turn_s(self, service_s: float) -> float:
        """Length of a turn for a target that needs `service_s` to answer a single request."""
        if self.scenario.turn_ms is not None:
            return self.scenario.turn_ms / 1000
        return min(max(TURN_S, TURN_PER_SERVICE_TIME * max(service_s, self.scenario.floor_ms / 1000)), TURN_LIMIT_S)

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

    def epoch_estimate_s(self) -> float:
        """How long one epoch will take, before one was seen."""
        cores = max(len(self.cores.server) + len(self.cores.load), 1)
        launch = LAUNCH_S + LAUNCH_PER_TARGET_S * len(self.targets) * 2 / max(cores, 2)
        return launch + sum(self.piece_estimate_s(piece) for piece in self.pieces)

    def piece_estimate_s(self, piece: Piece) -> float:
        """How long one piece of one epoch will take."""
        turn_s = piece.turn_s(0.0)
        rounds = piece.rounds(turn_s)
        warmup = WARMUP_S if piece is self.pieces[0] else (0.0 if piece.scenario.waiting else WARMUP_AGAIN_S)
        return sum(warmup + rounds * (turn_s + piece.drain_s(target) + 0.003) for target in self.targets)

    def least_s(self) -> float:
        """The shortest budget that this plan can be carried out in."""
        return START_S + self.epochs_min * self.epoch_estimate_s()

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
            )
            for name, scenario in scenarios.items()
        )


def pieces_of(scenario: Scenario, place: SuiteScenario | None, seconds: float) -> list[Piece]:
    """The pieces of one scenario, its levels rising; a suite's entry may set levels and time."""
    overrides = place.model_dump() if place else None
    seconds = place.seconds if place else seconds
    return [Piece(scenario, Level(connections, rate), seconds) for connections, rate in levels_of(scenario, overrides)]


def check_names(pieces: Sequence[Piece]) -> None:
    """Raise UsageError when two scenarios share a name, so that their figures would mix."""
    seen: dict[str, Scenario] = {}
    for piece in pieces:
        if seen.setdefault(piece.scenario.name, piece.scenario) is not piece.scenario:
            raise UsageError(f"two scenarios are called {piece.scenario.name!r}", "give one of them another name")
