"""A world without servers, sockets or time: what the rotation is handed in tests of the pipeline."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgibench.apps.catalogue import Interface
from sgibench.apps.database.books import Books
from sgibench.results.errors import LoadError, TargetError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, MemoryMark, Problem, ProblemCode, Trial
from sgibench.runner.load.orders import Block, BlockReport, Expectation, TurnListener, TurnOrder, TurnReport
from sgibench.runner.machine import Cores, CpuReading
from sgibench.runner.pieces import Piece
from sgibench.runner.plan import Plan
from sgibench.runner.sampler import Sampled
from sgibench.runner.targets.checking import Conformity
from sgibench.runner.targets.cold_start import Start
from sgibench.runner.targets.launch import App, Target
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.model import Load, Request, Scenario

JSON = Scenario(name="json", title="JSON", request=Request(path="/items"), load=Load(concurrency=[8]))
WAIT = Scenario(
    name="wait", title="wait", request=Request(path="/wait"), load=Load(concurrency=[4, 16]), floor_ms=50, waiting=True
)


def a_target(name: str = "shop", setup: str = "uvicorn") -> Target:
    return Target(App(name, f"{name}:app", Interface.ASGI, Path("/"), ours=False), parse_setup(setup))


def a_plan(
    *names: str,
    epochs: tuple[int, int] = (2, 2),
    exact: bool = False,
    budget_s: float = 1000.0,
    seed: int = 1,
    pieces: Sequence[Piece] = (Piece(JSON, Level(8), 0.5), Piece(WAIT, Level(4), 0.5)),
) -> Plan:
    targets = tuple(a_target(name) for name in names or ("fast", "slow"))
    return Plan(
        suite="test",
        title="a test",
        targets=targets,
        baseline=targets[0].name,
        pieces=tuple(pieces),
        epochs_min=epochs[0],
        epochs_max=epochs[1],
        exact_epochs=exact,
        budget_s=budget_s,
        seed=seed,
        cores=Cores((0,), (1,)),
    )


@dataclass
class FakeClock:
    """A clock that moves only when somebody works."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def a_quiet_machine() -> CpuReading:
    return CpuReading(0.0, 0.0, {}, 0.0)


@dataclass
class FakeLive:
    target: Target
    port: int = 1
    pids: tuple[int, ...] = ()
    conditions: list[tuple[ProblemCode, str]] = field(default_factory=list)
    ours: bool = True
    own_services: frozenset[str] = frozenset()

    def books(self) -> Books | None:
        return None

    @property
    def name(self) -> str:
        return self.target.name

    def upstream_hits(self) -> int:
        return 0

    def condition(self) -> list[tuple[ProblemCode, str]]:
        found, self.conditions = self.conditions, []
        return found


@dataclass
class FakeLauncher:
    """Starts nothing. `failing` names do not start, `wrong` ones give wrong answers."""

    clock: FakeClock = field(default_factory=FakeClock)
    failing: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()
    dies_with: dict[str, ProblemCode] = field(default_factory=dict)
    hash_seeds: list[int] = field(default_factory=list)
    launched: list[int] = field(default_factory=list)
    start_s: dict[str, float] = field(default_factory=dict)
    failing_alone: tuple[str, ...] = ()
    alone: list[tuple[str, int]] = field(default_factory=list)  # who was started alone, and how many ran meanwhile
    running: int = 0

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[FakeLive | TargetError]:
        self.hash_seeds.append(hash_seed)
        self.launched.append(len(targets))
        self.clock.now += 2.0
        self.running += len(targets)
        return [
            TargetError(f"{target.name} exited with code 1")
            if target.app.name in self.failing
            else FakeLive(
                target,
                conditions=[(self.dies_with[target.app.name], "it died")] if target.app.name in self.dies_with else [],
            )
            for target in targets
        ]

    def prove(self, targets: Sequence[FakeLive], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        return [
            TargetError(f"{live.name} answers wrongly")
            if live.target.app.name in self.wrong
            else Conformity(
                {scenario.name: (Expectation(),) for scenario in scenarios},
                {scenario.name: 0.0 for scenario in scenarios},
            )
            for live in targets
        ]

    def start_alone(
        self, target: Target, epoch: int, hash_seed: int, scenario: Scenario, expect: Expectation
    ) -> Start | TargetError:
        self.alone.append((target.name, self.running))
        began, took_s = self.clock.now, self.start_s.get(target.app.name, 1.0)
        self.clock.now += took_s
        if target.app.name in self.failing_alone:
            return TargetError(f"{target.name} exited with code 1 before it answered")
        return Start(began, took_s, took_s / 2)

    def stop(self) -> None:
        self.running = 0


@dataclass
class FakeLoad:
    """Answers every turn at the rate of its target, times how fast the machine happens to be in that round."""

    rates: dict[str, float]
    clock: FakeClock = field(default_factory=FakeClock)
    machine: Callable[[int], float] = lambda _round: 1.0
    fails_at: int | None = None
    interrupts_at: int | None = None
    blocks: list[Block] = field(default_factory=list)

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        self.blocks.append(block)
        if self.fails_at == len(self.blocks):
            raise LoadError("a load process was lost")
        if self.interrupts_at == len(self.blocks):
            os.kill(os.getpid(), signal.SIGINT)
        turns = []
        for order in block.turns:
            if on_turn is not None:
                on_turn(order)
            turns.append(self._turn(block, order))
            self.clock.now += order.seconds
        return BlockReport(block.id, tuple(turns), sum(turn.ledger.ok for turn in turns), 0)

    def _turn(self, block: Block, order: TurnOrder) -> TurnReport:
        rate = self.rates[block.endpoints[order.endpoint].name.partition("@")[0]] * self.machine(order.round)
        count = max(round(rate * order.seconds), 1)
        elapsed_s = count / rate
        return TurnReport(
            order=order,
            started_ns=int(self.clock.now * 1e9),
            elapsed_s=elapsed_s,
            ledger=Ledger(scheduled=count, sent=count, ok=count),
            service_time=Histogram.of_us([max(int(0.95e6 * block.arrival.connections / rate), 1)] * count),
            response_time=None,
            schedule_lag=None,
            error_time=Histogram({}),
            target_cpu_s=elapsed_s * 0.9,
            load_cpu_s=elapsed_s * 0.2,
            connects=0,
            reopened=0,
        )

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class FakeCalibrator:
    """Knows every ceiling after a second, and some from before. `fails_at` is a number of connections."""

    clock: FakeClock = field(default_factory=FakeClock)
    known: tuple[int, ...] = ()
    fails_at: int = 0
    asked: list[int] = field(default_factory=list)
    closed: int = 0
    noted: tuple[Problem, ...] = ()

    def needs_s(self, levels: Iterable[int]) -> float:
        return float(len(set(levels) - set(self.known)))

    def ceiling_rps(self, connections: int) -> float:
        self.asked.append(connections)
        self.clock.now += self.needs_s([connections])
        if connections == self.fails_at:
            raise LoadError("the null server did not start")
        return 10_000.0 * connections

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakeSampler:
    marked: list[tuple[str, str]] = field(default_factory=list)
    _later: dict[str, list[MemoryMark]] = field(default_factory=dict)

    def watch(self, targets: Sequence[Sampled]) -> None:
        """Nothing is sampled."""

    def mark(self, target: Sampled, label: str) -> MemoryMark | None:
        self.marked.append((target.name, label))
        return MemoryMark(label, 0.0, 40.0 if label == "idle" else 44.0, 30.0, 1, "pss")

    def mark_later(self, target: Sampled, label: str, delay_s: float) -> None:
        self._later.setdefault(target.name, []).append(MemoryMark(label, delay_s, 50.0, 40.0, 1, "pss"))

    def take(self) -> tuple[list[dict[str, Any]], dict[str, list[MemoryMark]]]:
        marks, self._later = self._later, {}
        return [{"at_s": 0.0, "target": "x", "rss_mib": 1.0}], marks

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class FakeWatcher:
    phases: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    epochs: list[tuple[int, int]] = field(default_factory=list)

    def phase(self, epoch: int, text: str) -> None:
        self.phases.append(text)

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        self.pieces.append(piece.label)

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        self.epochs.append((number, of))
