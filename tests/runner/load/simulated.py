"""A server, its connections and the time, all played: thousands of turns of the engine in the time of a few real ones.

The engine's own turns, pools and connections run unchanged, on an event loop without sockets, whose clock moves on a
little whenever it is read, and as far as the loop would have slept.
"""

import asyncio
import math
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import cycle
from typing import Any

import pytest

from sgibench.results.ledger import Ledger
from sgibench.runner.load.closed_loop import ClosedTurn
from sgibench.runner.load.connection import Connection
from sgibench.runner.load.open_loop import OpenTurn
from sgibench.runner.load.orders import Endpoint, Expectation, TurnOrder
from sgibench.runner.load.pool import Lane, Pool
from sgibench.runner.load.rules import Rules
from sgibench.runner.load.turn import Turn

READ_NS = 20_000  # what every look at the clock costs
ENDLESS_NS = 10 * 10**9


class End(StrEnum):
    """What becomes of the connection behind an answer."""

    KEPT = "kept"
    CLOSED = "closed"
    RESET = "reset"


class Door(StrEnum):
    """What becomes of an attempt to connect."""

    OPEN = "open"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True)
class Reply:
    """What one request gets: pieces, with a pause before each, and how it ends."""

    pieces: tuple[bytes, ...]
    pause_ms: float = 0.0
    end: End = End.KEPT


@dataclass
class Exchange:
    """One request on a connection, and all that came until the next one, or the end."""

    received: bytes = b""
    ended: bool = False


class Clock:
    """Nanoseconds, for the engine and for the loop."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def read(self) -> int:
        """As `monotonic_ns`."""
        self.now_ns += READ_NS
        return self.now_ns


@contextmanager
def played_time() -> Iterator[Clock]:
    """The clock that all of the load path reads in this context."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("sgibench.runner.load.") and hasattr(module, "monotonic_ns"):
                patch.setattr(module, "monotonic_ns", clock.read)
        yield clock


class PlayedLoop(asyncio.BaseEventLoop):
    """Sleeps by moving the clock on."""

    def __init__(self, clock: Clock, server: "PlayedServer") -> None:
        super().__init__()
        self._clock = clock
        self._server = server
        self._ends_ns = clock.now_ns + ENDLESS_NS
        self._selector = self  # what the base class's iterations wait with

    def time(self) -> float:
        return self._clock.now_ns / 1e9

    def select(self, timeout: float | None) -> list[Any]:
        assert timeout is not None, "nothing is left that could happen, and the turn has not ended"
        self._clock.now_ns += math.ceil(timeout * 1e9)
        assert self._clock.now_ns < self._ends_ns, "the turn does not end"
        return []

    def _process_events(self, events: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nobody sleeps."""

    async def create_connection(self, protocol_factory: Callable[[], Any], *_: Any, **__: Any) -> Any:
        door = next(self._server.doors)
        if door is Door.REFUSED:
            raise ConnectionRefusedError(111, "Connection refused")
        if door is Door.SILENT:
            await self.create_future()
        protocol = protocol_factory()
        wire = Wire(self, protocol, self._server)
        protocol.connection_made(wire)
        return wire, protocol


class Wire(asyncio.Transport):
    """A connection whose other end is the script."""

    def __init__(self, loop: PlayedLoop, protocol: asyncio.Protocol, server: "PlayedServer") -> None:
        super().__init__()
        self._loop = loop
        self._protocol = protocol
        self._server = server
        self._outbox: deque[tuple[float, bytes | End]] = deque()
        self._pumping = False
        self._closed = False
        self.exchanges: list[Exchange] = []
        server.wires.append(self)
        if server.early:
            self._post(0.0, server.early)

    def write(self, data: Any) -> None:
        assert not self._closed
        reply = self._server.take(self, bytes(data))
        for piece in reply.pieces:
            self._post(reply.pause_ms / 1000, piece)
        if reply.end is not End.KEPT:
            self._post(reply.pause_ms / 1000, reply.end)

    def is_closing(self) -> bool:
        return self._closed

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    close = abort

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """What is written has arrived."""

    def get_write_buffer_size(self) -> int:
        return 0

    def _post(self, pause_s: float, what: bytes | End) -> None:
        self._outbox.append((pause_s, what))
        if not self._pumping:
            self._pumping = True
            self._loop.call_later(pause_s, self._pump)

    def _pump(self) -> None:
        if self._closed or self._server.is_over():
            return
        _, what = self._outbox.popleft()
        if isinstance(what, End):
            self._closed = True
            if self.exchanges:
                self.exchanges[-1].ended = what is End.CLOSED
            self._protocol.connection_lost(ConnectionResetError() if what is End.RESET else None)
            return
        if self.exchanges:
            self.exchanges[-1].received += what
        self._protocol.data_received(what)
        self._server.saw()
        if self._outbox:
            self._loop.call_later(self._outbox[0][0], self._pump)
        else:
            self._pumping = False


@dataclass
class PlayedServer:
    """Replies and doors in order, again and again; from the second turn on, those of `later`, if there are any.

    `seen` is what has become of the requests after each piece that was delivered.
    """

    script: Sequence[Reply]
    at_the_door: Sequence[Door] = (Door.OPEN,)
    early: bytes = b""
    later: Sequence[Reply] = ()
    request: bytes = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
    requests: int = 0
    wires: list[Wire] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    turn: Turn | None = None

    def __post_init__(self) -> None:
        self.replies = cycle(self.script)
        self.doors = cycle(self.at_the_door)

    def take(self, wire: Wire, data: bytes) -> Reply:
        """A request has come; what it gets."""
        assert data == self.request
        self.requests += 1
        wire.exchanges.append(Exchange())
        return next(self.replies)

    def begin(self, turn: Turn) -> None:
        """A turn is about to begin."""
        if self.turn is not None and self.later:
            self.replies = cycle(self.later)
        self.turn = turn

    def is_over(self) -> bool:
        """Whether the turn has all its outcomes: what comes now belongs to none."""
        return self.turn is not None and self.turn.outcome.done()

    def saw(self) -> None:
        """Note what has become of the requests by now."""
        if self.turn is not None:
            tally = self.turn.tally
            self.seen.append((tally.service.count, tally.errors.total()))


@dataclass(frozen=True)
class Played:
    """What one turn gave."""

    turn: Turn
    ledger: Ledger


def play(
    server: PlayedServer,
    expect: Expectation,
    *,
    seconds: float = 0.003,
    connections: int = 2,
    rate_rps: float = 0.0,
    timeout_s: float = 0.02,
    drain: bool = True,
    turns: int = 1,
    method: str = "GET",
    connection_class: Callable[[Lane], Connection] | None = None,
    here: Endpoint | None = None,
) -> list[Played]:
    """Carry out turns on a played server. An exception in the loop, or a turn without an end, is a failure."""
    endpoint = here or Endpoint("/", "127.0.0.1", 80, server.request, expect, method=method)
    kind = OpenTurn if rate_rps else ClosedTurn
    failures: list[object] = []

    async def work(loop: asyncio.AbstractEventLoop) -> list[Played]:
        pool = Pool(endpoint, connections, loop)
        pool.connection_class = connection_class or pool.connection_class
        done = []
        for number in range(turns):
            order = TurnOrder(0, seconds, number, 0)
            turn: Turn = kind(Rules(order, timeout_s, drain, rate_rps, seed=number, mix_seed=number), pool)
            server.begin(turn)
            await turn.prepare()
            await turn.run()
            done.append(Played(turn, turn.ledger()))
        pool.close()
        return done

    with played_time() as clock:
        loop = PlayedLoop(clock, server)
        loop.set_exception_handler(lambda _, context: failures.append(context))
        try:
            played = loop.run_until_complete(work(loop))
        finally:
            loop.close()
    assert not failures, failures
    return played
