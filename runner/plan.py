"""What a run is going to do, and how long that will take."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..apps.catalogue import Feature
from ..results.errors import UsageError
from ..results.records import GroupInfo, Level, NotPossible, ScenarioInfo, ScenarioKind
from ..scenarios.model import Scenario
from .load.drivers import LoadDriver
from .locustfile import LocustScenario
from .machine import Cores
from .pace import Pace
from .pieces import Piece, takes_part
from .targets.launch import Target
from .targets.needs import needs_of
from .targets.services import ServiceOptions

# Launching is CPU work (imports, once in every process): so much per target and per further worker, shared by the
# cores, plus waiting for the last.
LAUNCH_S = 1.5
LAUNCH_PER_TARGET_S = 0.3
LAUNCH_PER_WORKER_S = 0.15
PROVE_S = 0.02  # a target, for each scenario: asked for all it owes, then timed alone
STOP_S = 0.5  # a server that is asked to end
CONNECT_S = 0.0003  # each connection, before the first turn's clock starts
PIECE_S = 0.3  # connecting, and looking at processes before and after
TURN_MORE_S = 0.003  # between turns
START_S = 1.5


@dataclass(frozen=True, slots=True)
class Plan:
    """A whole run. `exact_epochs`: the user asked for that many launches, whatever the budget.

    With `groups`, targets are compared within them only; what is `not_possible` for a target is not tried. With
    `upstream_asked` there is an upstream although no scenario needs it.
    """

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
    groups: tuple[GroupInfo, ...] = ()
    not_possible: tuple[NotPossible, ...] = ()
    services: ServiceOptions = field(default_factory=ServiceOptions)
    upstream_asked: bool = False

    @property
    def features(self) -> frozenset[Feature]:
        """What services the targets need, for the scenarios or because the user said how they should be."""
        ours = any(target.app.ours for target in self.targets)
        needed = needs_of([piece.scenario for piece in self.pieces], ours=ours)
        return needed | {Feature.UPSTREAM} if self.upstream_asked else needed

    @property
    def pressing(self) -> tuple[Piece, ...]:
        """The pieces in which there is load: all but starts."""
        return tuple(piece for piece in self.pieces if piece.kind is not ScenarioKind.COLD_START)

    @property
    def calibrated(self) -> list[int]:
        """The numbers of connections for which the load side's ceiling is worth knowing: those that send requests."""
        return sorted({piece.level.concurrency for piece in self.pieces if piece.kind is ScenarioKind.HTTP})

    @property
    def load_processes(self) -> int:
        """How many load processes drive: one for each load core, but none without a connection of its own. Plain Locust
        drives with one."""
        if self.driver is LoadDriver.LOCUST:
            return 1
        return max(1, min([len(self.cores.load), *(piece.level.concurrency for piece in self.pressing)]))

    @property
    def own_users(self) -> LocustScenario | None:
        """The user's own locustfile, where it drives."""
        return next((piece.scenario for piece in self.pieces if isinstance(piece.scenario, LocustScenario)), None)

    def without(self, names: Collection[str]) -> "Plan":
        """The plan for the targets that are not named."""
        return replace(self, targets=tuple(target for target in self.targets if target.name not in names))

    def pieces_in(self, epoch: int) -> tuple[Piece, ...]:
        """What is measured in an epoch (from 1), in that order.

        What is about memory comes first, and of several such scenarios another one in each epoch: what one leaves
        behind in a process is used again, and hides what the next one takes.
        """
        there = [piece for piece in self.pieces if piece.launches is None or epoch <= piece.launches]
        holding = list(dict.fromkeys(piece.scenario.name for piece in there if piece.scenario.holding))
        first = (epoch - 1) % max(len(holding), 1)
        order = {name: at for at, name in enumerate([*holding[first:], *holding[:first]])}
        return tuple(sorted(there, key=lambda piece: order.get(piece.scenario.name, len(order))))

    def targets_of(self, piece: Piece) -> tuple[Target, ...]:
        """Who is measured in a piece."""
        return tuple(
            target for target in self.targets if takes_part(target.name, piece, self.groups, self.not_possible)
        )

    def targets_in(self, epoch: int) -> tuple[Target, ...]:
        """Who is launched for an epoch: whoever is measured in any of its pieces."""
        wanted = {target.name for piece in self.pieces_in(epoch) for target in self.targets_of(piece)}
        return tuple(target for target in self.targets if target.name in wanted)

    def launch_estimate_s(self, epoch: int = 1) -> float:
        """How long launching, proving and stopping an epoch's targets will take, before it was seen."""
        cores = len(self.cores.server) + len(self.cores.load)
        targets = self.targets_in(epoch)
        work_s = sum(self._start_s(target) for target in targets)
        proofs = len(targets) * len({piece.scenario.name for piece in self.pieces_in(epoch)})
        return LAUNCH_S + work_s * 2 / max(cores, 2) + PROVE_S * proofs

    def piece_estimate_s(self, piece: Piece) -> float:
        """How long one piece of one epoch will take."""
        targets, turn_s = self.targets_of(piece), piece.turn_s(0.0)
        rounds = piece.rounds(turn_s)
        if piece.kind is ScenarioKind.COLD_START:
            return sum(rounds * (2 * self._start_s(target) + STOP_S) for target in targets)
        warmup_s = piece.warmup_s(first=piece is self.pressing[0])
        connecting_s = CONNECT_S * piece.level.concurrency
        return PIECE_S + sum(
            connecting_s + warmup_s + rounds * (turn_s + piece.drain_s(target) + TURN_MORE_S) for target in targets
        )

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
                "; or ".join([f"--budget {math.ceil(least / 5) * 5}s", *self._ways_out()]),
            )
        return self

    @property
    def scenarios(self) -> tuple[Scenario, ...]:
        """What is asked, each once, in order."""
        return tuple({piece.scenario.name: piece.scenario for piece in self.pieces}.values())

    def scenario_infos(self) -> tuple[ScenarioInfo, ...]:
        """The scenarios as they are recorded, with the levels that are measured."""
        levels: dict[str, list[Level]] = {}
        for piece in self.pieces:
            levels.setdefault(piece.scenario.name, []).append(piece.level)
        return tuple(_info(scenario, levels[scenario.name]) for scenario in self.scenarios)

    def _start_s(self, target: Target) -> float:
        return LAUNCH_PER_TARGET_S + LAUNCH_PER_WORKER_S * (target.setup.workers - 1)

    def _ways_out(self) -> list[str]:
        """What else would fit the budget, or might."""
        ways = []
        fewer = next(
            (count for count in range(self.epochs_min - 1, 0, -1) if self._with(count).least_s() <= self.budget_s), None
        )
        if fewer is not None:
            ways.append(f"--epochs {fewer} (with less certainty)")
        for group in self.groups if len(self.groups) > 1 else ():
            alone = replace(self, targets=tuple(t for t in self.targets if t.name in group.targets), groups=(group,))
            least_s = alone.least_s()
            ways.append(f"--group {group.name} (about {math.ceil(least_s)} s)")
        return [*ways, "fewer targets or scenarios"]

    def _with(self, epochs: int) -> "Plan":
        return replace(self, epochs_min=epochs)


def _info(scenario: Scenario, levels: list[Level]) -> ScenarioInfo:
    first = scenario.parts[0].request
    return ScenarioInfo(
        name=scenario.name,
        title=scenario.title,
        method=first.method,
        path=first.path,
        levels=tuple(levels),
        floor_ms=scenario.floor_ms,
        waiting=scenario.waiting,
        locustfile=Path(scenario.locustfile).name if isinstance(scenario, LocustScenario) else "",
        kind=scenario.kind,
        note=scenario.note,
        needs=tuple(scenario.needs),
        slow_clients=scenario.slow_clients.count if scenario.slow_clients else 0,
        holding=scenario.holding,
    )
