"""Pieces: a scenario at one level, with how long its turns are, and which targets take part."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ..results.errors import UsageError
from ..results.records import USUAL_CONNECTIONS, GroupInfo, Level, NotPossible, ScenarioKind
from ..scenarios.files import levels_of
from ..scenarios.model import Scenario
from ..scenarios.suite import SuiteScenario
from .locustfile import LocustScenario
from .targets.launch import Target

# A turn is long enough to hold many answers, and short against the machine's changes of speed (docs/method.md).
TURN_S = 0.010
TURN_LIMIT_S = 3.0
TURN_PER_SERVICE_TIME = 10
TURN_PER_PASS = 3  # one pass: an answer for each connection, from a target that works on one at a time
# In the open loop a turn must hold what happens now and then, and the time before and after it.
OPEN_TURN_S = 0.5
OPEN_TURN_REQUESTS = 20
WARMUP_S = 0.3
WARMUP_AGAIN_S = 0.1
COLD_START_S = 1.0  # as which each start counts in a piece's seconds


@dataclass(frozen=True, slots=True)
class Piece:
    """A scenario at one level: the unit that is measured in one go, for all targets, and saved."""

    scenario: Scenario
    level: Level
    seconds: float  # for each target, in each epoch
    launches: int | None = None  # measured in the first so many epochs only

    @property
    def kind(self) -> ScenarioKind:
        """What is counted."""
        return self.scenario.kind

    @property
    def label(self) -> str:
        """In words: ``json, 32 connections``."""
        name, level = self.scenario.name, self.level
        if self.kind is ScenarioKind.COLD_START:
            return name
        unit = "user" if isinstance(self.scenario, LocustScenario) else "connection"
        connections = f"{level.concurrency} {unit}{'' if level.concurrency == 1 else 's'}"
        if not level.rate_rps:
            return f"{name}, {connections}"
        what = "messages/s" if self.kind is ScenarioKind.WEBSOCKET else "requests/s"
        several = f" on {connections}" if level.concurrency != USUAL_CONNECTIONS else ""
        return f"{name}, {level.rate_rps:g} {what}{several}"

    def of(self, scenario: Scenario) -> "Piece":
        """The same for another version of its scenario."""
        return replace(self, scenario=scenario)

    def turn_s(self, service_s: float, slots: int | None = None) -> float:
        """Length of a turn for a target with so many slots that needs `service_s` to answer a single request."""
        if self.scenario.turn_ms is not None:
            return self.scenario.turn_ms / 1000
        several = TURN_PER_SERVICE_TIME * max(service_s, self._floor_s)
        if self.level.rate_rps:
            shortest = max(OPEN_TURN_S, OPEN_TURN_REQUESTS / self.level.rate_rps, several)
        elif self.scenario.waiting:
            shortest = several
        else:
            shortest = max(several, TURN_PER_PASS * self._pass_s(service_s, slots))
        return min(max(TURN_S, shortest), TURN_LIMIT_S)

    def rounds(self, turn_s: float) -> int:
        """How many turns, or starts, each target gets."""
        return max(1, round(self.seconds / (COLD_START_S if self.kind is ScenarioKind.COLD_START else turn_s)))

    def warmup_s(self, *, first: bool) -> float:
        """How long a target is warmed up: longest before its `first` piece of an epoch."""
        if first:
            return WARMUP_S
        # What is about waiting needs none, and beside slow clients a turn may last as long as its deadline.
        return 0.0 if self.scenario.waiting or self.scenario.slow_clients else WARMUP_AGAIN_S

    def drain_s(self, target: Target) -> float:
        """How long the last answers of a turn take to come in: those beyond the target's slots queue up."""
        slots, slow = target.setup.slots, self.scenario.slow_clients
        if slow and slots is not None and slots <= slow.count:
            return self.scenario.load.timeout_s  # some servers hold a slot for each slow client
        return self._floor_s * math.ceil(self.level.concurrency / slots) if slots else self._floor_s

    @property
    def _floor_s(self) -> float:
        return self.scenario.floor_ms / 1000

    def _pass_s(self, service_s: float, slots: int | None) -> float:
        """An answer for each connection: of what is work, one at a time; of what is waiting, as many as slots."""
        connections = self.level.concurrency
        working_s = max(service_s - self._floor_s, 0.0)
        return connections * working_s + self._floor_s * math.ceil(connections / (slots or connections))


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


def takes_part(target: str, piece: Piece, groups: Collection[GroupInfo], not_possible: Collection[NotPossible]) -> bool:
    """Whether a target, by name, is measured in a piece: it can do it, and some group of its compares it there."""
    if any(item.target == target and concerns(item, piece) for item in not_possible):
        return False
    return compared(target, piece, groups)


def compared(target: str, piece: Piece, groups: Collection[GroupInfo]) -> bool:
    """Whether some group, where there are groups, compares a target in a piece."""
    name, level = piece.scenario.name, piece.level
    return not groups or any(target in group.targets and group.compares(name, level) for group in groups)


def concerns(item: NotPossible, piece: Piece) -> bool:
    """Whether something that is not possible is part of this piece."""
    return item.scenario == piece.scenario.name and item.level in (None, piece.level)
