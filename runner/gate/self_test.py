"""``bench gate --self-test``: the gate, on this machine, about two comparisons whose right verdicts are known.

The suite's FastAPI app against itself must pass. The same with a tenth of a request's CPU time planted in the head must
be called regressed.

How many loops that is follows from what a request took in the first part, and from what a loop took beside it: priced
after each launch, when both sides are gone, against what a request took in that launch; of all launches the median. A
loop in a server, with cold caches, costs more than one that runs again and again: in five tries 1.0 to 1.7 times.
So this is no measure, and what counts is what the gate then measures, which is shown.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rich.console import Console

from ...apps.planting import Plant, spin
from ...results.gate.records import GateEpoch, GateRun
from ...results.gate.self_test import Part, PartName, SelfTest
from ...results.gate.settings import GateMetric
from ...results.gate.store import GateStore
from ...results.gate.verdicts import GateResult
from ..targets.scratch import scratch_folder
from .carrying_out import Gate, carry_out
from .config import GateConfig
from .measuring import Decide, so_far
from .planted_sides import APP, write_sides

PLANTED_PERCENT: Final = 10.0
# A change of ten percent needs no finer sieve, and a minute can be sure of this one.
THRESHOLD: Final = "5%"
SHARE: Final = 0.6  # of the usual time that each epoch is pressed
BUDGET: Final = "75s"
ABOUT = {
    PartName.SAME: "A against A: the same code on both sides",
    PartName.PLANTED: f"planted: the head does some {PLANTED_PERCENT:g} % more in each request",
}
# The price of a loop: what so many cost more than so few, as often as that.
MANY, FEW, REPEATED = 500, 100, 201
COLD: Final = 1.35  # what it costs more in a server

Keep = Callable[[GateRun, GateResult, GateStore], None]


def loop_ns(clock: Callable[[], int] = time.thread_time_ns) -> float:
    """CPU time that one of the planted loops takes here and now, in nanoseconds: the median of many differences, so
    that neither the clock nor the call is in it."""

    def taken(loops: int) -> int:
        began = clock()
        spin(loops)
        return clock() - began

    return statistics.median(taken(MANY) - taken(FEW) for _ in range(REPEATED)) / (MANY - FEW)


@dataclass(slots=True)
class Pricing:
    """Is asked after each launch whether to go on: says what the gate's own rule says, and takes a loop's price."""

    price: Callable[[], float] = loop_ns
    seen: list[float] = field(default_factory=list)

    def __call__(self, run: GateRun) -> GateResult:
        """The verdict so far."""
        self.seen.append(COLD * self.price())
        return so_far(run)


def loops_for(percent: float, epochs: Sequence[GateEpoch], loops_ns: Sequence[float]) -> int:
    """How many loops are so much of a request's CPU time; 0 where that was not measured. `loops_ns` are their
    prices beside the epochs."""
    found = [
        percent / 100 * pair.base * 1000 / price
        for epoch, price in zip(epochs, loops_ns, strict=False)
        for (_, metric), pair in epoch.values.items()
        if metric is GateMetric.CPU and price > 0
    ]
    return max(round(statistics.median(found)), 1) if found else 0


@dataclass(frozen=True, slots=True)
class How:
    """How a self-test is made: `store` makes a folder for a part, `keep` draws and saves its verdict."""

    budget: str
    seed: int
    store: Callable[[PartName], GateStore]
    console: Console
    keep: Keep


def self_test(how: How) -> SelfTest:
    """Both parts. The second is left out where the first was interrupted, or measured no request. Raises BenchError."""
    pricing = Pricing()
    with scratch_folder() as scratch:
        gate = prepared(how, scratch / PartName.SAME, Plant())
        part, run, interrupted = compared(how, gate, PartName.SAME, 0, pricing)
        parts = [part]
        loops = loops_for(PLANTED_PERCENT, run.epochs, pricing.seen)
        if loops and not interrupted:
            gate = prepared(how, scratch / PartName.PLANTED, Plant(loops=loops))
            part, _, interrupted = compared(how, gate, PartName.PLANTED, loops)
            parts.append(part)
    return SelfTest(tuple(parts), PLANTED_PERCENT, interrupted)


def prepared(how: How, folder: Path, plant: Plant) -> Gate:
    """A gate of two sides in a folder, the head with a plant. No table of the user's has a say in it."""
    base, head = write_sides(folder, "fastapi", Plant(), plant)
    config = GateConfig(
        base=f"./{base.name}",
        head=f"./{head.name}",
        app=APP,
        path=["/json"],
        gate=["cpu", "throughput"],
        threshold=[THRESHOLD],
        budget=how.budget,
    )
    return Gate.of(config, folder, how.seed, SHARE)


def compared(
    how: How, gate: Gate, name: PartName, loops: int, decide: Decide | None = None
) -> tuple[Part, GateRun, bool]:
    """One part carried out and kept, its run, and whether it was interrupted."""
    store = how.store(name)
    how.console.print(ABOUT[name], highlight=False, markup=False, soft_wrap=True)
    outcome = carry_out(gate, store, how.console, decide)
    result = outcome.result
    how.keep(outcome.run, result, store)
    return Part.of(name, result, loops, str(store.folder)), outcome.run, outcome.interrupted
