"""The numbers that servers advise for the cores at hand, each by its own documentation: ``KIND-*``."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...apps.catalogue import Interface
from ...results.errors import UsageError
from ..targets.servers import KINDS, Kind
from ..targets.setups import Setup, parse_setup, unknown

ANY = "-*"


@dataclass(frozen=True, slots=True)
class Advice:
    """Workers as ``per_core x cores + more``; `threads_per_core` where a setup has threads that depend on the cores."""

    per_core: int = 1
    more: int = 0
    threads_per_core: int | None = None
    threads: int | None = None


# Kinds that are not here run a process for each core, with the threads that are their server's default: a coroutine,
# or a greenlet, leaves the core only when the core has nothing to do for it.
ADVICE: Mapping[str, Advice] = {
    # gunicorn, "How many workers": (2 x cores) + 1. "threads": two to four for each core.
    "gunicorn-sync": Advice(2, 1),
    "gunicorn-gthread": Advice(2, 1, threads_per_core=4),
    # uWSGI has "no magic rule"; its quickstart goes on with 4 processes, and 2 threads in each.
    "uwsgi": Advice(0, 4),
    "uwsgi-threads": Advice(0, 4, threads=2),
}


def advised(kind: Kind, server_cores: int) -> Setup:
    """A kind of setup with the numbers that its server advises."""
    advice, cores = ADVICE.get(kind.name, Advice()), max(server_cores, 1)
    workers = kind.workers_within(advice.per_core * cores + advice.more)
    if not kind.threaded:
        return Setup(kind, workers, 1)
    threads = advice.threads_per_core * cores if advice.threads_per_core else advice.threads
    return Setup(kind, workers, threads or kind.threads_for(workers))


def setup_for(text: str, server_cores: int) -> Setup:
    """The setup that was written; ``KIND-*`` has the numbers that are advised. Raises UsageError."""
    if not text.endswith("*"):
        return parse_setup(text)
    name = text.removesuffix(ANY)
    if name not in KINDS:
        raise unknown("setup", name, KINDS, see="bench list setups")
    return advised(KINDS[name], server_cores)


def default_setups(interface: str, server_cores: int) -> list[Setup]:
    """The setups to try for an app, when none was named: each server's usual worker kinds, sized for these cores."""
    cores = max(server_cores, 1)
    names: Mapping[Interface, tuple[str, ...]] = {
        # Threads for an app that waits: more than gunicorn advises, which thinks of computing.
        Interface.WSGI: ("gunicorn-sync-*", f"gunicorn-gthread-{cores}x64", "gunicorn-gevent-*"),
        Interface.ASGI: ("uvicorn-*", "gunicorn-uvicorn-*", "gunicorn-asgi-*"),
        Interface.RSGI: ("granian-rsgi-*",),
    }
    return [setup_for(name, cores) for name in names[Interface(interface)]]


def split_target(text: str) -> tuple[str, str]:
    """The app and the setup of a target as a suite writes it. Raises UsageError."""
    name, at, setup = text.partition("@")
    if not (name and at and setup):
        raise UsageError(f"target {text!r} is not written APP@SETUP", "for example flask@gunicorn-gthread-2x16")
    return name, setup
