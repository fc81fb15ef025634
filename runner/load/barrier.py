"""The end of a block: every load process says that it is done, and what it has counted so far. Nothing is guessed.

A report comes in parts, so that no message is large. The last one says how many there were, and the load process's
ledger over all blocks since it began: a part that is lost, late or comes twice cannot stay unnoticed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...results.errors import LoadError
from ...results.ledger import Ledger
from . import wire
from .orders import Block, Json, SlowReport, TurnReport

PART_BYTES = 2**18


class Statement:
    """A load process's side: what it says of each block, and its count over all of them."""

    def __init__(self) -> None:
        self._number = 0
        self._block = 0
        self._counted = Ledger()

    def begin(self, block: int) -> None:
        """The next block."""
        self._number += 1
        self._block = block

    def messages(
        self,
        turns: Sequence[TurnReport],
        paused_s: float,
        rejected: Mapping[str, int],
        slow: Sequence[SlowReport] = (),
    ) -> Iterator[Json]:
        """The block's report. `paused_s` is how long this process did not run, `rejected` what it was sent by others
        (by reason), `slow` what became of slow clients."""
        parts = 0
        for part in _parts(turns):
            yield {**self._head(), "part": parts, "turns": part}
            parts += 1
        self._counted = Ledger.total([self._counted, *(turn.ledger for turn in turns)])
        yield {
            **self._head(),
            "parts": parts,
            "counted": self._counted.to_dict(),
            "paused_s": paused_s,
            "rejected": dict(rejected),
            "slow": [wire.encode_slow(report) for report in slow],
        }

    def failure(self, why: str) -> Json:
        """The block has failed."""
        return {**self._head(), "error": why}

    def _head(self) -> dict[str, int]:
        return {"number": self._number, "block": self._block}


@dataclass(slots=True)
class _Side:
    """What one load process has told: of this block, and its ledger up to the last."""

    counted: Ledger = field(default_factory=Ledger)
    turns: list[TurnReport] = field(default_factory=list)
    parts: int = 0
    done: bool = False


class Barrier:
    """The driver's side: nobody passes until every load process has told all."""

    def __init__(self, processes: int) -> None:
        self.paused_s = 0.0
        self.rejected: list[Mapping[str, int]] = []
        self.slow: list[SlowReport] = []
        self._number = 0
        self._block: Block | None = None
        self._sides = [_Side() for _ in range(processes)]

    def begin(self, block: Block) -> None:
        """The next block."""
        self._number += 1
        self._block = block
        self.paused_s = 0.0
        self.rejected, self.slow = [], []
        for side in self._sides:
            side.turns, side.parts, side.done = [], 0, False

    def waiting_for(self) -> list[int]:
        """The load processes that have not told all yet; empty when the block is over."""
        return [index for index, side in enumerate(self._sides) if not side.done]

    def take(self, worker: int, message: Json) -> None:
        """A message of a load process. Raises LoadError for one that is out of order or does not add up, and when it
        says that the block has failed."""
        assert self._block is not None
        side = self._sides[worker]
        if (message["number"], message["block"]) != (self._number, self._block.id) or side.done:
            raise LoadError(f"load process {worker} reported out of order")
        if "error" in message:
            raise LoadError(message["error"])
        if "parts" in message:
            self._finish(worker, side, message)
        elif message["part"] != side.parts:
            raise LoadError(f"load process {worker} reported out of order")
        else:
            side.parts += 1
            side.turns += [wire.decode_turn(wire.load_line(line)) for line in message["turns"].splitlines()]

    def turns(self) -> list[tuple[TurnReport, ...]]:
        """For each turn, what every load process saw of it."""
        return list(zip(*(side.turns for side in self._sides), strict=True))

    def _finish(self, worker: int, side: _Side, message: Json) -> None:
        assert self._block is not None
        if message["parts"] != side.parts or len(side.turns) != len(self._block.turns):
            raise LoadError(f"load process {worker} did not report all turns")
        side.counted = Ledger.total([side.counted, *(turn.ledger for turn in side.turns)])
        told = Ledger.from_dict(message["counted"])
        if side.counted != told:
            raise LoadError(
                f"load process {worker} counted {told.sent:,} requests so far, and reported {side.counted.sent:,}"
            )
        self.paused_s = max(self.paused_s, message["paused_s"])
        self.rejected.append(message["rejected"])
        self.slow += [wire.decode_slow(report) for report in message["slow"]]
        side.done = True


def _parts(turns: Sequence[TurnReport]) -> Iterator[bytes]:
    part = b""
    for turn in turns:
        part += wire.dump_line(wire.encode_turn(turn))
        if len(part) >= PART_BYTES:
            yield part
            part = b""
    if part:
        yield part
