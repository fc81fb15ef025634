"""The engine: carries out a block's turns in an event loop of its own."""

import asyncio
import contextlib
import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from ...results.errors import LoadError
from .closed_loop import ClosedTurn
from .open_loop import OpenTurn
from .orders import Arrival, Block, SlowReport, TurnOrder, TurnReport
from .pool import Pool
from .processor import CpuMark
from .rules import Rules
from .slow import SlowHerd
from .turn import Turn

GC_OFF_UP_TO_S = 1.0


class Gate(Protocol):
    """Lets turns of several load processes begin together."""

    async def pass_turn(self, turn: int) -> int:
        """Wait until every load process is ready for a turn; the instant (CLOCK_MONOTONIC, ns) at which it begins."""


@dataclass(frozen=True, slots=True)
class Share:
    """Which part of a block's load is this process's: the `index`-th of `of`."""

    index: int = 0
    of: int = 1

    def arrival(self, whole: Arrival) -> Arrival:
        """Its connections and its rate. Raises LoadError when there are fewer connections than processes."""
        connections = self.part(whole.connections)
        if connections < 1:
            raise LoadError(f"{whole.connections} connections cannot be shared by {self.of} load processes")
        return Arrival(connections, whole.rate_rps / self.of, whole.poisson)

    def part(self, count: int) -> int:
        """Its part of so many things that cannot be divided."""
        return count // self.of + (self.index < count % self.of)


class Engine:
    """Carries out one block. `began` is told of each turn when it begins; `slow` is there when all is over."""

    def __init__(
        self,
        block: Block,
        began: Callable[[TurnOrder], None] | None = None,
        share: Share | None = None,
        gate: Gate | None = None,
    ) -> None:
        self._block = block
        self._began = began
        self._share = share or Share()
        self._gate = gate
        self._arrival = self._share.arrival(block.arrival)
        self._turn: Turn | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_ns: int | None = None
        self._failure: LoadError | None = None
        self.slow: tuple[SlowReport, ...] = ()

    def stop(self, end_ns: int) -> None:
        """End the turn under way, or about to begin: at an instant (CLOCK_MONOTONIC, ns), or now. From any thread."""
        self._stop_ns = end_ns
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # closed: all is over
                self._loop.call_soon_threadsafe(self._stop_turn)

    def _stop_turn(self) -> None:
        if self._turn is not None and self._stop_ns is not None:
            self._turn.stop(self._stop_ns)
            self._stop_ns = None

    async def run(self) -> tuple[TurnReport, ...]:
        """All turns, in order. Raises LoadError when the engine itself failed."""
        loop = self._loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._failed)
        pools = [Pool(endpoint, self._arrival.connections, loop) for endpoint in self._block.endpoints]
        herds = [
            SlowHerd(at, endpoint, endpoint.slow, self._share.part(endpoint.slow.count))
            for at, endpoint in enumerate(self._block.endpoints)
            if endpoint.slow is not None
        ]
        gc.collect()
        try:
            await asyncio.gather(*(herd.start() for herd in herds))
            return tuple([await self._run_turn(at, order, pools) for at, order in enumerate(self._block.turns)])
        finally:
            for pool in pools:
                pool.close()
            for herd in herds:
                herd.close()
            self.slow = tuple(herd.report() for herd in herds)
            loop.set_exception_handler(None)

    async def _run_turn(self, at: int, order: TurnOrder, pools: list[Pool]) -> TurnReport:
        turn = self._new_turn(at, order, pools[order.endpoint])
        self._turn = turn
        self._stop_turn()
        await turn.prepare()
        start_ns = await self._gate.pass_turn(at) if self._gate is not None else 0
        if self._failure is not None:
            raise self._failure
        if self._began is not None:
            self._began(order)
        pids = self._block.endpoints[order.endpoint].pids
        if order.seconds <= GC_OFF_UP_TO_S:
            gc.disable()
        cpu = CpuMark(pids)
        try:
            await turn.run(start_ns)
        finally:
            gc.enable()
        return turn.tally.report(
            order, turn.started_ns, turn.elapsed_s, turn.sent, cpu.since_s(), open_loop=self._arrival.rate_rps > 0
        )

    def _new_turn(self, at: int, order: TurnOrder, pool: Pool) -> Turn:
        rate_rps = self._arrival.rate_rps
        rules = Rules(
            order=order,
            timeout_s=self._block.timeout_s,
            drain=self._block.drain,
            rate_rps=rate_rps,
            poisson=self._arrival.poisson,
            # By round: all endpoints of a round get the same instants, and chance makes none of them faster.
            seed=hash((self._block.seed, order.round, self._share.index)),
            phase_s=self._share.index / self._block.arrival.rate_rps if rate_rps else 0.0,
            mix_seed=hash((self._block.seed, order.round, self._share.index)),
        )
        return OpenTurn(rules, pool) if rate_rps else ClosedTurn(rules, pool)

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault in the engine itself must end the block: figures from a broken engine are no figures."""
        error = context.get("exception")
        self._failure = (
            error
            if isinstance(error, LoadError)
            else LoadError(f"the load engine failed: {context.get('message')}: {error!r}")
        )
        turn = self._turn
        if turn is not None and not turn.outcome.done():
            turn.outcome.set_exception(self._failure)
            turn.outcome.exception()  # a turn that has not begun does not wait for it
