"""The connections to one endpoint, for as long as a block lives."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from time import monotonic_ns
from typing import TYPE_CHECKING

from ...results.ledger import ErrorKind
from .connection import Connection
from .framing import asks_to_close
from .head import HeadConnection
from .limits import OUR_OWN_LIMITS, own_limit
from .mix import MixConnection, MixHeadConnection
from .nonce import MARK, NonceConnection, NonceHeadConnection
from .opening import Opening
from .orders import Endpoint
from .upload import LARGE_BYTES, NonceUploadConnection, UploadConnection
from .websocket import WebSocketConnection

if TYPE_CHECKING:
    from .turn import Turn

Loop = asyncio.AbstractEventLoop


class Lane:
    """A place for one connection. It is open, connecting, waiting to try again, or shut.

    `failure` is why it is shut, `failed_as` what a request is then. `kept` marks a connection that had served and was
    closed while idle. `owed` marks a request that counts as sent and goes out as soon as the connection stands;
    `planned_ns` is its planned instant (open loop), and `sent_ns` when it went out first, if this is the second time.
    """

    __slots__ = ("attempt", "attempt_ns", "connection", "failed_as", "failure", "incoming", "kept", "owed",
                 "planned_ns", "pool", "retry", "sent_ns")  # fmt: skip

    def __init__(self, pool: "Pool") -> None:
        self.pool = pool
        self.connection: Connection | None = None
        self.incoming: Connection | None = None
        self.attempt: asyncio.Task[None] | None = None
        self.attempt_ns = 0
        self.retry: asyncio.TimerHandle | None = None
        self.failure = ""
        self.failed_as = ErrorKind.CONNECT
        self.kept = False
        self.owed = False
        self.planned_ns = self.sent_ns = 0

    @property
    def in_flight(self) -> bool:
        """Whether a request counts as sent here and has no outcome yet."""
        return self.owed or (self.connection is not None and self.connection.sent_ns != 0)

    @property
    def since_ns(self) -> int:
        """When the clock began to run for what the connection is made for."""
        return self.sent_ns if self.owed and self.sent_ns else self.attempt_ns

    @property
    def waiting_since_ns(self) -> int:
        """When the request that is in flight here was sent, or began to wait for its connection."""
        connection = self.connection
        return connection.sent_ns if connection is not None and connection.sent_ns else self.since_ns

    @property
    def due_ns(self) -> int:
        """The planned instant of the request that is in flight here; 0 in a closed loop."""
        connection = self.connection
        return connection.planned_ns if connection is not None and connection.sent_ns else self.planned_ns

    def owe(self, planned_ns: int, sent_ns: int = 0) -> None:
        """Connect for a request that counts as sent; `sent_ns` if it went out before, and goes out again."""
        self.owed, self.planned_ns, self.sent_ns = True, planned_ns, sent_ns
        self.open()

    def open(self) -> None:
        """Start to connect; the turn is told how it ends."""
        self.retry = None
        self.attempt_ns = monotonic_ns()
        self.attempt = self.pool.loop.create_task(self._connect())

    def open_later(self, seconds: float) -> None:
        """Try to connect after a pause."""
        self.retry = self.pool.loop.call_later(seconds, self.open)

    def cancel(self) -> None:
        """Give up connecting, or waiting to."""
        if self.attempt is not None:
            self.attempt.cancel()
            self.attempt = None
        if self.retry is not None:
            self.retry.cancel()
            self.retry = None
        incoming, self.incoming = self.incoming, None
        if incoming is not None:
            incoming.give_up()

    def drop(self) -> None:
        """Close the connection at once, whatever is in flight on it."""
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.sent_ns = 0
            connection.leave()

    # What connections tell

    def connected(self, connection: Connection) -> None:
        """A connection stands; if it is still wanted, the turn uses it."""
        if self.incoming is not connection:
            connection.transport.abort()
            return
        self.incoming = self.attempt = None
        self.connection = connection
        self.failure = ""
        self.kept = False
        self.pool.turn.tally.connects += 1
        self.pool.turn.connected(self, connection)

    def refused(self, connection: Connection, kind: ErrorKind, reason: str) -> None:
        """A connection stood, but is of no use."""
        if self.incoming is connection:
            self.attempt = self.incoming = None
            self.pool.turn.connect_failed(self, reason, kind)

    def lost(self, connection: Connection, exc: Exception | None) -> None:
        """A connection ended; news only if we had not dropped it."""
        if self.connection is not connection:
            return
        self.connection = None
        self.kept = connection.used and not connection.sent_ns
        self.pool.turn.lost(self, connection, exc)

    def unasked(self, connection: Connection) -> None:
        """Bytes came that no request asked for."""
        if self.connection is connection:
            self.pool.turn.unasked(self, connection)

    async def _connect(self) -> None:
        endpoint = self.pool.endpoint
        try:
            await self.pool.opening.open(self._make, in_time=self.pool.turn.running)
        except OSError as error:
            if error.errno in OUR_OWN_LIMITS:
                self.pool.loop.call_exception_handler({"message": "no connection", "exception": own_limit(error)})
            if self.attempt is asyncio.current_task():
                self.attempt = self.incoming = None
                self.pool.turn.connect_failed(self, f"no connection to {endpoint.host}:{endpoint.port}: {error}")

    def _make(self) -> Connection:
        self.incoming = self.pool.connection_class(self)
        return self.incoming


class Pool:
    """All lanes to one endpoint. `turn` is the turn under way, or the last one.

    `closes` says that the request is its connection's last; `renews`, that every request is, so that none finds a
    connection that stands already.
    """

    def __init__(self, endpoint: Endpoint, connections: int, loop: Loop) -> None:
        if endpoint.body and len(endpoint.request) + len(endpoint.body) <= LARGE_BYTES:
            endpoint = replace(endpoint, request=endpoint.request + endpoint.body, body=b"")  # is sent in one piece
        self.endpoint = endpoint
        self.loop = loop
        self.connection_class = _connection_class(endpoint)
        self.closes = asks_to_close(endpoint.request)
        self.renews = all(asks_to_close(part.request) for part in endpoint.mix) if endpoint.mix else self.closes
        self.opening = Opening(loop, endpoint.host, endpoint.port, connections)
        self.turn: Turn
        self.lanes = [Lane(self) for _ in range(connections)]

    def begin(self, turn: "Turn") -> None:
        """Let `turn` hear of everything from now on."""
        self.turn = turn
        for lane in self.lanes:
            if lane.connection is not None:
                lane.connection.turn = turn
                lane.connection.kept = True
                lane.connection.last_ns = 0

    def settle(self) -> None:
        """After a turn: stop connecting, and close what never served a request.

        A server that handles one connection at a time would wait for the first bytes of such a one.
        """
        for lane in self.lanes:
            lane.cancel()
            lane.owed = False
            if lane.connection is not None and not lane.connection.used:
                lane.drop()

    def close(self) -> None:
        """Close everything."""
        for lane in self.lanes:
            lane.cancel()
            lane.drop()


def _connection_class(endpoint: Endpoint) -> Callable[[Lane], Connection]:
    """The plainest kind that can do it: nobody pays for what his requests do not need."""
    if endpoint.websocket is not None:
        return WebSocketConnection
    if endpoint.mix:
        return MixHeadConnection if any(part.method == "HEAD" for part in endpoint.mix) else MixConnection
    varies = MARK in endpoint.request
    if endpoint.method == "HEAD":
        return NonceHeadConnection if varies else HeadConnection
    if endpoint.body or len(endpoint.request) > LARGE_BYTES:
        return NonceUploadConnection if varies else UploadConnection
    return NonceConnection if varies else Connection
