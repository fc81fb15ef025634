"""What the registry holds of a server: how to start it, what it can do, and what is to be found running."""

import signal
from dataclasses import dataclass
from enum import StrEnum

from ....apps.catalogue import Feature, Interface

NOTHING: frozenset[Feature] = frozenset()


class SlotRule(StrEnum):
    """How many requests a setup can hold in service at once."""

    PROCESSES = "processes"  # one each
    THREADS = "processes x threads"
    GREENLETS = "processes x 1000"  # gunicorn's worker_connections default
    UNBOUNDED = "unbounded"  # coroutines, until memory or sockets run out


@dataclass(frozen=True, slots=True)
class Kind:
    """A server with its worker class, loop and parser: all of a setup but its numbers.

    An entry follows its server's own documentation for production: one listener, no access log, no reloader.
    """

    name: str
    server: str
    interface: Interface
    summary: str
    arguments: tuple[str, ...]
    """The command line behind the program, with ``{app} {host} {port} {workers} {threads}`` filled in."""
    slot_rule: SlotRule
    requires: tuple[str, ...]
    """The distributions that the target's interpreter must have; the first one's version is the server's."""
    install: str
    """The pip argument that brings them."""
    program: str = ""
    """The program to start, where it is not Python itself: it lies beside the interpreter."""
    connections: int | None = None
    """At so many each worker stops accepting, kept ones included; None: not before it is out of slots, or files."""
    threaded: bool = False
    """Whether its setups have a number of threads."""
    default_workers: int = 1
    default_threads: int = 1
    shares_threads: bool = False
    """Whether the default number of threads is for all workers together."""
    one_process: bool = False
    """Whether it has no workers but the process that is started."""
    behind_router: bool = False
    """Whether a process of the server's own takes all connections, and its workers stand behind that."""
    threads_from_start: bool = False
    """Whether all threads of a setup run as soon as it answers. Others are started as requests need them."""
    loop: str = "asyncio"
    """The event loop under a coroutine: ``asyncio`` (also where uvloop implements it) or ``trio``."""
    lacks: frozenset[Feature] = NOTHING
    """What it cannot do although its interface allows it."""
    drops_empty_messages: bool = False
    """Whether a WebSocket message without content that the app sends never leaves."""
    lifespan: bool = True
    """Whether an ASGI app is told when it starts and ends."""
    stop_signal: signal.Signals = signal.SIGTERM
    factories: bool = True
    """Whether ``module:attr()``, which is called for the app, can be given to it."""
    factory_argument: str | None = None
    """What tells the server that ``module:attr`` is to be called; None: it understands ``module:attr()``."""
    unset_env: tuple[str, ...] = ()
    """Settings from the environment that would change what is measured without being seen; ``*`` ends a pattern."""

    @property
    def written(self) -> str:
        """How its setups are written, N workers and T threads: ``uvicorn-N``, ``gunicorn-gthread-NxT``, ``daphne``."""
        if self.threaded:
            return f"{self.name}-1xT" if self.one_process else f"{self.name}-NxT"
        return self.name if self.one_process else f"{self.name}-N"

    def workers_within(self, workers: int) -> int:
        """That many workers, or as many as it can have."""
        return 1 if self.one_process else workers

    def threads_for(self, workers: int) -> int:
        """The threads of each worker where a setup does not say."""
        return max(1, self.default_threads // workers) if self.shares_threads else self.default_threads
