"""Slow clients: connections beside the load that never finish what they say, as from a bad network or an attacker.

A server that keeps a worker for each of them has fewer left for the load.
"""

import asyncio
import re
from collections.abc import Callable
from time import monotonic_ns
from typing import cast

from .limits import OUR_OWN_LIMITS, own_limit
from .orders import Endpoint, Slow, SlowClients, SlowReport

START_WITHIN_S = 2.0
AGAIN_AFTER_S = 1.0  # since it was last opened: a server that ends them at once must not be flooded
SLICE_MS = 10.0  # bytes are sent in slices: all at once would be in the way of the load
HEAD_END = b"\r\n\r\n"
LENGTHS = re.compile(rb"(?i)\r\n(content-length|transfer-encoding):[^\r\n]*")
BODY_BYTES = 1_000_000  # at ten bytes a second, more than a day
FILLING = b"x-note: " + b"a" * 90 + b"\r\n"  # header after header: no line grows long
LETTER = b"a"


class Script:
    """What each client says: at once, and then byte by byte."""

    def __init__(self, slow: SlowClients, endpoint: Endpoint) -> None:
        whole = slow.request or (endpoint.mix[0].request if endpoint.mix else endpoint.request)
        head = whole.partition(HEAD_END)[0]
        if slow.what is Slow.BODY:
            head = LENGTHS.sub(b"", head)
            self.at_once = head + b"\r\nContent-Length: %d" % BODY_BYTES + HEAD_END
            self._lead, self._filling = b"", LETTER
        else:
            self.at_once = b""
            self._lead, self._filling = head + b"\r\n", FILLING

    def byte(self, at: int) -> bytes:
        """The byte at that place of what comes slowly."""
        lead = len(self._lead)
        if at < lead:
            return self._lead[at : at + 1]
        at = (at - lead) % len(self._filling)
        return self._filling[at : at + 1]


class SlowClient(asyncio.Protocol):
    """One connection."""

    __slots__ = ("_at", "_herd", "_open", "place", "since_ns", "transport")

    def __init__(self, herd: "SlowHerd", place: int) -> None:
        self._herd = herd
        self.place = place
        self._at = 0
        self._open = False
        self.since_ns = 0
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak."""
        # uvloop's transports do what asyncio's do, without being derived from them.
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(0)
        self.since_ns = monotonic_ns()
        self._open = True
        self._herd.stands(self)
        if self._herd.script.at_once:
            self.transport.write(self._herd.script.at_once)

    def data_received(self, data: bytes) -> None:
        """An answer to what is not finished: there is nothing left to hold."""
        self.transport.abort()
        self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has had enough."""
        self._ended()

    def drip(self) -> None:
        """Say the next byte."""
        if self._open and not self.transport.is_closing():
            self.transport.write(self._herd.script.byte(self._at))
            self._at += 1

    def _ended(self) -> None:
        if self._open:
            self._open = False
            self._herd.ended(self)


class SlowHerd:
    """All slow clients of one endpoint, in one load process."""

    def __init__(self, at: int, endpoint: Endpoint, slow: SlowClients, count: int) -> None:
        self.script = Script(slow, endpoint)
        self._at = at
        self._endpoint = endpoint
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._places: list[SlowClient | None] = [None] * count
        self._slices = max(1, min(count, round(slow.every_ms / SLICE_MS)))
        self._every_s = slow.every_ms / 1000 / self._slices
        self._slice = 0
        self._attempts: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()
        self._over = False
        self._held_ns = self._ended = self._refused = 0
        self._since_ns = 0

    async def start(self) -> None:
        """Connect all, and begin to drip. Those that take long are not waited for."""
        for place in range(self._count):
            self._open(place)
        if self._attempts:
            await asyncio.wait(self._attempts, timeout=START_WITHIN_S)
        self._since_ns = monotonic_ns()
        self._drip()

    def close(self) -> None:
        """End all."""
        self._over = True
        for timer in self._timers:
            timer.cancel()
        for attempt in self._attempts:
            attempt.cancel()
        for client in self._places:
            if client is not None:
                self._count_time(client)
                client.transport.abort()
        self._lived_ns = monotonic_ns() - self._since_ns

    def report(self) -> SlowReport:
        """What became of them, once they are closed."""
        held = self._held_ns / self._lived_ns if self._lived_ns else 0.0
        return SlowReport(self._at, self._count, held, self._ended, self._refused)

    def stands(self, client: SlowClient) -> None:
        """One is connected."""
        self._places[client.place] = client

    def ended(self, client: SlowClient) -> None:
        """The server has ended one: open it again."""
        if self._over:
            return
        self._places[client.place] = None
        self._ended += 1
        self._count_time(client)
        lived_s = (monotonic_ns() - client.since_ns) / 1e9
        self._later(max(AGAIN_AFTER_S - lived_s, 0.0), lambda: self._open(client.place))

    def _count_time(self, client: SlowClient) -> None:
        self._held_ns += max(monotonic_ns() - max(client.since_ns, self._since_ns), 0)

    def _open(self, place: int) -> None:
        attempt = self._loop.create_task(self._connect(place))
        self._attempts.add(attempt)
        attempt.add_done_callback(self._attempts.discard)

    async def _connect(self, place: int) -> None:
        try:
            await self._loop.create_connection(
                lambda: SlowClient(self, place), self._endpoint.host, self._endpoint.port
            )
        except OSError as error:
            if error.errno in OUR_OWN_LIMITS:
                self._loop.call_exception_handler({"message": "no connection", "exception": own_limit(error)})
            self._refused += 1
            self._later(AGAIN_AFTER_S, lambda: self._open(place))

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        def do() -> None:
            self._timers.discard(timer)
            what()

        timer = self._loop.call_later(seconds, do)
        self._timers.add(timer)

    def _drip(self) -> None:
        for client in self._places[self._slice :: self._slices]:
            if client is not None:
                client.drip()
        self._slice = (self._slice + 1) % self._slices
        self._later(self._every_s, self._drip)
