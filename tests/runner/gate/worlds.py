"""A gate without servers, sockets or time."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sgibench.results.errors import TargetError
from sgibench.results.gate.records import BASE, HEAD, GateEpoch, GateFailure, GateRun, Source
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.store import GateStore
from sgibench.results.gate.verdicts import GateResult
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import MemoryMark
from sgibench.runner.gate.building import Side
from sgibench.runner.gate.launches import Compared
from sgibench.runner.gate.measuring import GateMeasurement, GateOutcome
from sgibench.runner.gate.weighing import Weighing
from sgibench.runner.instruments import Instruments
from sgibench.runner.load.orders import Block, BlockReport, TurnListener, TurnOrder, TurnReport
from sgibench.runner.machine import Cores
from sgibench.runner.sampler import Sampled
from sgibench.runner.targets.launch import Target

from ..fakes import (
    JSON,
    FakeClock,
    FakeLauncher,
    FakeLive,
    FakeLoad,
    FakeSampler,
    FakeWatcher,
    a_quiet_machine,
    a_target,
)

PIDS = {BASE: (101,), HEAD: (102,)}
RATES = {BASE: 2000.0, HEAD: 2000.0}


@dataclass
class GateLoad(FakeLoad):
    """Also has response times in the open loop, and a little noise of its own in every block; `errors` are sides that
    give one wrong answer a turn."""

    errors: tuple[str, ...] = ()
    noise: Callable[[], float] = lambda: 0.0
    used_s: dict[str, float] = field(default_factory=lambda: dict.fromkeys((BASE, HEAD), 0.0))

    def cpu_time_ns(self, pids: Sequence[int]) -> int:
        """That of the side with those processes, for all its launches together."""
        return round(1e9 * self.used_s[BASE if pids == PIDS[BASE] else HEAD])

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        report = super().run(block, on_turn)
        counted = sum(turn.ledger.ok + turn.ledger.error_count for turn in report.turns)
        return replace(report, locust_requests=counted)

    def _turn(self, block: Block, order: TurnOrder) -> TurnReport:
        side = block.endpoints[order.endpoint].name.partition("@")[0]
        turn = super()._turn(block, order)
        cpu_s = turn.ledger.ok / self.rates[side] * (1 + self.noise())
        self.used_s[side] += cpu_s
        turn = replace(turn, target_cpu_s=cpu_s)
        if side in self.errors:
            ledger = replace(turn.ledger, ok=turn.ledger.ok - 1, errors={"status": 1})
            turn = replace(turn, ledger=ledger, first_error="status 500, expected 200")
        if not block.arrival.rate_rps:
            return turn
        count = max(round(block.arrival.rate_rps * order.seconds), 1)
        times = Histogram.of_us([round(1e6 / self.rates[side] * (1 + at / count)) for at in range(count)])
        return replace(
            turn,
            elapsed_s=order.seconds,
            ledger=Ledger(scheduled=count, sent=count, ok=count),
            service_time=times,
            response_time=times,
            schedule_lag=Histogram.of_us([1] * count),
        )


@dataclass
class GateLauncher(FakeLauncher):
    """`fails_in` are the launches (by number) in which a side does not start, `wrong_in` those in which it answers
    wrongly, `dies_in` those in which it dies under load."""

    fails_in: dict[str, Sequence[int]] = field(default_factory=dict)
    dies_in: dict[str, Sequence[int]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[FakeLive | TargetError]:
        self.order.append(targets[0].app.name)
        self.failing = tuple(side for side, epochs in self.fails_in.items() if epoch in epochs)
        from sgibench.results.records import ProblemCode

        self.dies_with = {side: ProblemCode.SERVER_DIED for side, epochs in self.dies_in.items() if epoch in epochs}
        started = super().start(targets, epoch, hash_seed)
        for live in started:
            if isinstance(live, FakeLive):
                live.pids = PIDS[live.name.partition("@")[0]]
        return started


@dataclass
class GateSampler(FakeSampler):
    """`grows` is what a side has taken more each time it is looked at, in MiB."""

    grows: dict[str, float] = field(default_factory=dict)
    taken: dict[str, float] = field(default_factory=dict)

    def mark(self, target: Sampled, label: str) -> MemoryMark | None:
        side = target.name.partition("@")[0]
        self.taken[side] = self.taken.get(side, 40.0) + self.grows.get(side, 0.0)
        return MemoryMark(label, 0.0, self.taken[side], 30.0, 1, "pss")


@dataclass
class GateWatcher:
    judged: list[str] = field(default_factory=list)

    def epoch_judged(self, epoch: GateEpoch, so_far: GateResult, of: int) -> None:
        self.judged.append(so_far.verdict.value)


@dataclass
class World:
    """Everything around a gate, faked, on one clock."""

    folder: Path
    rates: dict[str, float] = field(default_factory=lambda: dict(RATES))
    settings: GateSettings = field(default_factory=GateSettings)
    seed: int = 1
    failures: tuple[GateFailure, ...] = ()
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.launcher = GateLauncher(self.clock)
        chance = random.Random(self.seed)
        self.load = GateLoad(self.rates, self.clock, noise=lambda: chance.gauss(0, 0.02))
        self.sampler = GateSampler()
        self.phases, self.watcher = FakeWatcher(), GateWatcher()
        self.store = GateStore(self.folder / "run")

    @property
    def compared(self) -> Compared:
        base, head = (Side(Source(name, name, "/"), a_target(name)) for name in (BASE, HEAD))
        return Compared(base, head, (JSON,), None, Cores((0,), (1,)), self.seed)

    @property
    def new_run(self) -> GateRun:
        compared = self.compared
        return GateRun(
            run_id="run",
            started_at="2026-01-01T00:00:00+00:00",
            elapsed_s=0.0,
            status="running",
            command=("bench", "gate"),
            seed=self.seed,
            app="app:app",
            setup="uvicorn",
            scenarios=("json",),
            settings=self.settings,
            base=compared.base.source,
            head=compared.head.source,
            failures=self.failures,
        )

    def run(self, waited_s: float = 0.0) -> GateOutcome:
        weighing = Weighing(self.load, self.sampler, read_cpu_ns=self.load.cpu_time_ns)
        instruments = Instruments(
            self.launcher, weighing, self.sampler, self.phases, 0.0, clock=self.clock, read_cpu=a_quiet_machine
        )
        measurement = GateMeasurement(
            self.compared,
            self.new_run,
            self.store,
            instruments,
            weighing,
            self.watcher,
            service_s=dict,
            waited_s=lambda: waited_s,
        )
        return measurement.run()


CPU_ALONE = GateSettings(gated=(GateMetric.CPU,))
