"""The registry of servers: each worker kind is one entry of data. A new server joins by adding its entries here.

An entry says how to start it (`arguments`, with ``{app} {host} {port} {workers} {threads}`` filled in), which
interface it speaks, how many requests it can hold in service at once, what it needs installed, and how it is asked to
stop. All entries follow their own documentation for production: one listener, no access log, no reloader.
"""

import signal
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ...apps.catalogue import Interface


class SlotRule(StrEnum):
    """How many requests a setup can hold in service at once."""

    PROCESSES = "processes"  # one each
    THREADS = "processes x threads"
    GREENLETS = "processes x 1000"  # gunicorn's worker_connections default
    UNBOUNDED = "unbounded"  # coroutines, until memory or sockets run out


@dataclass(frozen=True, slots=True)
class Kind:
    """A server with its worker class, loop and parser: all of a setup but its numbers.

    `requires` are the distributions that must be installed in the target's interpreter; the first one's version is
    the server's. `install` is the pip argument that brings them.
    """

    name: str
    server: str
    interface: Interface
    summary: str
    arguments: tuple[str, ...]
    slot_rule: SlotRule
    requires: tuple[str, ...]
    install: str
    threaded: bool = False
    default_workers: int = 1
    default_threads: int = 1
    stop_signal: signal.Signals = signal.SIGTERM
    # What tells the server that ``module:attr`` is to be called for the app; None: it understands ``module:attr()``.
    factory_argument: str | None = None
    # Settings from the environment would change what is measured without being seen.
    unset_env: tuple[str, ...] = ()


UVICORN = ("-m", "uvicorn", "{app}", "--host", "{host}", "--port", "{port}", "--workers", "{workers}")
UVICORN_LOG = ("--no-access-log", "--log-level", "warning")
GUNICORN = ("-m", "gunicorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}")
GUNICORN_ALONE = (
    *("--config", str(Path(__file__).with_name("gunicorn_defaults.py"))),
    *("--log-level", "warning"),
)
GUNICORN_ENV = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY")


def _uvicorn(name: str, loop: str, parser: str) -> Kind:
    extras = tuple(library for library in (loop, parser) if library in ("uvloop", "httptools"))
    return Kind(
        name=name,
        server="uvicorn",
        interface=Interface.ASGI,
        summary=f"coroutines on {loop}, HTTP by {parser}",
        arguments=(*UVICORN, "--loop", loop, "--http", parser, *UVICORN_LOG),
        slot_rule=SlotRule.UNBOUNDED,
        requires=("uvicorn", *extras),
        install="uvicorn[standard]" if extras else "uvicorn",
        factory_argument="--factory",
        unset_env=("WEB_CONCURRENCY", "UVICORN_*"),
    )


def _gunicorn(
    name: str,
    worker_class: str,
    interface: Interface,
    summary: str,
    slot_rule: SlotRule,
    *,
    needs: tuple[str, ...] = (),
    threads: int = 1,
) -> Kind:
    threaded = slot_rule is SlotRule.THREADS
    return Kind(
        name=name,
        server="gunicorn",
        interface=interface,
        summary=summary,
        arguments=(
            *GUNICORN,
            "--worker-class",
            worker_class,
            *(("--threads", "{threads}") if threaded else ()),
            *GUNICORN_ALONE,
        ),
        slot_rule=slot_rule,
        requires=("gunicorn", *needs),
        install=" ".join(("gunicorn", *needs)),
        threaded=threaded,
        default_threads=threads,
        unset_env=GUNICORN_ENV,
    )


def _hypercorn(name: str, loop: str) -> Kind:
    extras = ("uvloop",) if loop == "uvloop" else ()
    return Kind(
        name=name,
        server="hypercorn",
        interface=Interface.ASGI,
        summary=f"coroutines on {loop}, HTTP by h11",
        arguments=(
            *("-m", "hypercorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}"),
            *("--worker-class", loop, "--log-level", "warning"),
        ),
        slot_rule=SlotRule.UNBOUNDED,
        requires=("hypercorn", *extras),
        install=" ".join(("hypercorn", *extras)),
    )


_ENTRIES: tuple[Kind, ...] = (
    _uvicorn("uvicorn", "uvloop", "httptools"),
    _uvicorn("uvicorn-uvloop-h11", "uvloop", "h11"),
    _uvicorn("uvicorn-asyncio-httptools", "asyncio", "httptools"),
    _uvicorn("uvicorn-asyncio-h11", "asyncio", "h11"),
    _gunicorn("gunicorn-sync", "sync", Interface.WSGI, "one request per process, no keep-alive", SlotRule.PROCESSES),
    _gunicorn(
        "gunicorn-gthread", "gthread", Interface.WSGI, "a pool of threads per process", SlotRule.THREADS, threads=16
    ),
    _gunicorn(
        "gunicorn-gevent",
        "gevent",
        Interface.WSGI,
        "greenlets, standard library patched",
        SlotRule.GREENLETS,
        needs=("gevent",),
    ),
    _gunicorn("gunicorn-asgi", "asgi", Interface.ASGI, "gunicorn's own coroutine worker", SlotRule.UNBOUNDED),
    _gunicorn(
        "gunicorn-uvicorn",
        "uvicorn_worker.UvicornWorker",
        Interface.ASGI,
        "uvicorn's worker under gunicorn's master",
        SlotRule.UNBOUNDED,
        needs=("uvicorn-worker", "uvicorn", "uvloop", "httptools"),
    ),
    _hypercorn("hypercorn", "uvloop"),
    _hypercorn("hypercorn-asyncio", "asyncio"),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _ENTRIES}


def kinds_for(interface: Interface) -> Iterable[Kind]:
    """The kinds that speak an interface, in the registry's order."""
    return (kind for kind in _ENTRIES if kind.interface is interface)
