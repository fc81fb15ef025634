"""What the load side is told to do, and what it reports: plain records that cross a process boundary as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from ...results.histogram import Histogram
from ...results.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Expectation:
    """What makes an answer right. `body` is compared byte for byte; `contains` must occur in it; None: not asked."""

    status: int = 200
    body: bytes | None = None
    contains: bytes | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One request of a mix: what is sent, what is right, and how often it is drawn (`weight`, above zero, over the sum
    of all)."""

    weight: float
    request: bytes
    expect: Expectation
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class WebSocketTalk:
    """What is said over a WebSocket: each request is `message`, as text (UTF-8) or binary, and right is its echo."""

    message: bytes
    text: bool = True


class Slow(StrEnum):
    """What a slow client never ends."""

    HEADERS = "headers"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class SlowClients:
    """`count` connections beside the load that send a byte each `every_ms`, of the head or of a body, and never end.

    `request` is what they begin with: a head, whose length is put in where a body is to follow; empty for the
    endpoint's own. They are opened again when the server ends them, and are in no ledger.
    """

    count: int
    what: Slow = Slow.HEADERS
    every_ms: float = 100.0
    request: bytes = b""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where requests go: an address (an IP literal), the prebuilt request, and what its right answer is.

    `pids` is the target's process tree, whose CPU time is read before and after each turn; empty for a server that
    is not ours to look at. `method` tells the response parser of HEAD. `body` follows `request` on the wire: a large
    one that endpoints share is held once.

    With a `mix`, each send draws one of its parts; `request`, `expect`, `method` and `body` are then not used. With
    `websocket`, `request` is the plain GET that asks for the upgrade (what makes it one is added), and `expect` is not
    used. `slow` clients are there beside the load for as long as the block lives.
    """

    name: str
    host: str
    port: int
    request: bytes
    expect: Expectation
    pids: tuple[int, ...] = ()
    method: str = "GET"
    body: bytes = b""
    mix: tuple[Part, ...] = ()
    websocket: WebSocketTalk | None = None
    slow: SlowClients | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """How requests arrive. Closed loop (`rate_rps` 0): `connections` each send when answered.

    Open loop: planned instants at `rate_rps` (constant spacing, or Poisson drawn from the block's seed), due whether
    or not answers come; at most `connections` in flight, what cannot be sent when due is dropped and counted.
    """

    connections: int
    rate_rps: float = 0.0
    poisson: bool = False


@dataclass(frozen=True, slots=True)
class TurnOrder:
    """One turn: which endpoint (index into the block's) gets load for how long, and whether it only warms up."""

    endpoint: int
    seconds: float
    round: int
    position: int
    warmup: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of work for the load side: turns among endpoints at one level. Connections live as long as the block.

    `timeout_s` is the deadline of a whole request, from its send to its last byte. `drain` says how a turn ends: with
    drain the last answers are waited for (up to the deadline) and count; without, what is unanswered when the time is
    up stays `in_flight` (``bench load``: rates are over the planned window).
    """

    id: int
    endpoints: tuple[Endpoint, ...]
    arrival: Arrival
    turns: tuple[TurnOrder, ...]
    timeout_s: float
    seed: int
    drain: bool = True


@dataclass(frozen=True, slots=True)
class Interval:
    """A stretch of a turn, about a second long: what was sent, and what had its outcome, from the last one's end up to
    `until_s` after the turn's start. All intervals of a turn together are its ledger."""

    until_s: float
    sent: int
    ok: int
    errors: int


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What one turn gave. Times are CLOCK_MONOTONIC nanoseconds, the same clock in every process of the machine.

    `elapsed_s` runs from first send to last answer in a closed loop with drain. Else it is the planned window: in an
    open loop the answers that came in the drain count too, as they were planned in it. Histograms are in microseconds:
    `service_time` of right answers, from the actual send (the first one, where a request was sent again);
    `response_time` from the planned instant and `schedule_lag` (plan to send, or to the start of connecting for it) for
    the open loop, else None. `error_time` is the service time of wrong answers. `target_cpu_s` is None where it could
    not be read; `load_cpu_s` is CPU time used, or waited for, by the load process, and `load_wait_s` the part of it
    that was waited for while others had its core; of several, as if all were as busy as the busiest. `connects` counts
    connections made in the turn, `reopened` those that replaced a kept-alive connection which the server had closed
    while idle.
    A turn without drain leaves requests in flight, whose latency is unknown, but no less than `service_so_far`, and
    `response_so_far` from the planned instant (None in a closed loop). `waiting_s` is how long the oldest had waited, 0
    with none; one whose answer came right after the end is not asked. `intervals` are empty for a turn shorter than two
    seconds.
    """

    order: TurnOrder
    started_ns: int
    elapsed_s: float
    ledger: Ledger
    service_time: Histogram
    response_time: Histogram | None
    schedule_lag: Histogram | None
    error_time: Histogram
    target_cpu_s: float | None
    load_cpu_s: float
    connects: int
    reopened: int
    first_error: str = ""
    waiting_s: float = 0.0
    service_so_far: Histogram = field(default_factory=lambda: Histogram({}))
    response_so_far: Histogram | None = None
    intervals: tuple[Interval, ...] = ()
    load_wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class SlowReport:
    """What became of an endpoint's slow clients (index into the block's): of `wanted`, `held` were connected at a time
    on average; the server `ended` so many, by closing or answering, and `refused` so many attempts to connect."""

    endpoint: int
    wanted: int
    held: float
    ended: int
    refused: int


@dataclass(frozen=True, slots=True)
class BlockReport:
    """All turns of a block, in order (warm-up turns included). `locust_requests` and `locust_failures` are what
    Locust's own statistics counted for it: they must agree with the ledgers. `notes` are what else the load side has to
    say of the block, a sentence each: messages that it rejected, say. `paused_s` is the longest time for which a load
    process did not run at all, stopped or left without a core. `slow` is one for each endpoint with slow clients."""

    id: int
    turns: tuple[TurnReport, ...]
    locust_requests: int
    locust_failures: int
    notes: tuple[str, ...] = ()
    paused_s: float = 0.0
    slow: tuple[SlowReport, ...] = ()


class TurnListener(Protocol):
    """Told when a turn of at least a quarter of a second begins: the moment to look at its target's memory."""

    def __call__(self, order: TurnOrder, /) -> None:
        """`order` has just begun."""


class LoadSession(Protocol):
    """The load side, as the rotation sees it. A fake one lets the whole pipeline be tested without sockets."""

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        """Carry out a block. Raises LoadError when the load side failed or was lost."""

    def close(self) -> None:
        """End the load processes."""


Json = Mapping[str, Any]
