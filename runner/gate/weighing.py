"""The load side, with a look at each side's memory and CPU time before and after: what grows with requests is a leak,
and what is done outside of turns is work all the same."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ...results.gate.records import Growth, Work
from ..load.orders import Block, BlockReport, LoadSession, TurnListener
from ..load.processor import cpu_time_ns
from ..sampler import Sampler
from .naming import side_of


@dataclass(slots=True)
class _Place:
    """Where a side can be looked at."""

    name: str
    port: int
    pids: tuple[int, ...]


@dataclass(slots=True)
class Weighing:
    """A load session that weighs, around each block of a closed loop: warm-up, a look, the rest, another look.

    In between there are the same connections: one more takes memory too, and a slower side gets fewer requests for it.
    """

    inner: LoadSession
    sampler: Sampler
    growth: list[Growth] = field(default_factory=list)
    work: list[Work] = field(default_factory=list)
    requests: Counter[str] = field(default_factory=Counter)
    stretch: int = 0
    read_cpu_ns: Callable[[Sequence[int]], int | None] = cpu_time_ns

    def launched(self) -> None:
        """Both sides are new: what was seen before is another launch's."""
        self.growth, self.work, self.requests, self.stretch = [], [], Counter(), 0

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        """Carry out a block. Raises LoadError when the load side failed or was lost."""
        warming = tuple(order for order in block.turns if order.warmup)
        if block.arrival.rate_rps or not warming or len(warming) == len(block.turns):
            return self._counted(block, on_turn)
        self.stretch += 1
        warm = self._weighed(replace(block, turns=warming), on_turn)
        before, sent = self._used(block), self.requests.copy()
        rest = self._weighed(replace(block, turns=block.turns[len(warming) :]), on_turn)
        for name, used_ns in self._used(block).items():
            if name in before:
                cpu_s = (used_ns - before[name]) / 1e9
                self.work.append(Work(side_of(name), self.requests[name] - sent[name], cpu_s))
        return replace(
            rest,
            turns=(*warm.turns, *rest.turns),
            locust_requests=warm.locust_requests + rest.locust_requests,
            locust_failures=warm.locust_failures + rest.locust_failures,
            notes=(*warm.notes, *rest.notes),
            paused_s=max(warm.paused_s, rest.paused_s),
        )

    def _used(self, block: Block) -> dict[str, int]:
        """CPU time so far of those sides of which it can be told, in nanoseconds."""
        used = {endpoint.name: self.read_cpu_ns(endpoint.pids) for endpoint in block.endpoints}
        return {name: used_ns for name, used_ns in used.items() if used_ns is not None}

    def close(self) -> None:
        """End the load processes."""
        self.inner.close()

    def _weighed(self, block: Block, on_turn: TurnListener | None) -> BlockReport:
        report = self._counted(block, on_turn)
        for endpoint in block.endpoints:
            name = endpoint.name
            mark = self.sampler.mark(_Place(name, endpoint.port, endpoint.pids), "rest")
            if mark is not None:
                self.growth.append(Growth(side_of(name), self.requests[name], mark.memory_mib, self.stretch))
        return report

    def _counted(self, block: Block, on_turn: TurnListener | None) -> BlockReport:
        report = self.inner.run(block, on_turn)
        for turn in report.turns:
            self.requests[block.endpoints[turn.order.endpoint].name] += turn.ledger.sent
        return report
