"""Worker setups: a kind of server with its numbers, written ``KIND[-WORKERS[xTHREADS]]``."""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...results.errors import UsageError
from .servers import KINDS, Kind, SlotRule

PATTERN = re.compile(r"(?P<kind>.+?)(?:-(?P<workers>\d+)(?:x(?P<threads>\d+))?)?")
WORKER_LIMIT = 256
THREAD_LIMIT = 4096
GREENLETS_PER_WORKER = 1000


@dataclass(frozen=True, slots=True)
class Setup:
    """A worker setup, with its numbers. `name` is canonical: ``uvicorn-2``, ``gunicorn-gthread-2x16``."""

    kind: Kind
    workers: int
    threads: int

    @property
    def name(self) -> str:
        """The canonical name: numbers are left out where they are the default of one worker."""
        if self.kind.threaded:
            return f"{self.kind.name}-{self.workers}x{self.threads}"
        return self.kind.name if self.workers == 1 else f"{self.kind.name}-{self.workers}"

    @property
    def slots(self) -> int | None:
        """How many requests it can hold in service at once; None: as many as come."""
        match self.kind.slot_rule:
            case SlotRule.PROCESSES:
                return self.workers
            case SlotRule.THREADS:
                return self.workers * self.threads
            case SlotRule.GREENLETS:
                return self.workers * GREENLETS_PER_WORKER
            case SlotRule.UNBOUNDED:
                return None

    @property
    def connections(self) -> int | None:
        """How many connections it takes at once; None: not fewer than it has slots."""
        return None if self.kind.connections is None else self.workers * self.kind.connections

    def command(self, python: str, app: str, host: str, port: int | str) -> tuple[str, ...]:
        """The command line that starts `app` (``module:attr``, or ``module:factory()``) on this setup.

        Raises UsageError for a factory that the server cannot call.
        """
        factory = app.endswith("()")
        if factory and not self.kind.factories:
            raise UsageError(
                f"{self.kind.name} cannot call {app} for the app",
                "give it a module with `app = factory()`, or take another server (`bench list setups`)",
            )
        if factory and self.kind.factory_argument is not None:
            app = app.removesuffix("()")
        values = {"app": app, "host": host, "port": port, "workers": self.workers, "threads": self.threads}
        arguments = (argument.format(**values) for argument in self._arguments(factory))
        return (program_of(python, self.kind), *arguments)

    def _arguments(self, factory: bool) -> Iterator[str]:
        for argument in self.kind.arguments:
            if argument == "{app}" and factory and self.kind.factory_argument is not None:
                # Before the app: what follows it, some servers take for the app's own.
                yield self.kind.factory_argument
            yield argument


def program_of(python: str, kind: Kind) -> str:
    """What is started: the interpreter, or a server's own program, which lies beside it."""
    return str(Path(python).with_name(kind.program)) if kind.program else python


def parse_setup(text: str) -> Setup:
    """The setup a user wrote. Raises UsageError for an unknown kind (with the nearest) or impossible numbers."""
    match = PATTERN.fullmatch(text.strip())
    kind = KINDS.get(match["kind"]) if match else None
    if match is None or kind is None:
        written = match["kind"] if match else text
        raise unknown("setup", written, KINDS, see="bench list setups")
    workers = int(match["workers"] or kind.default_workers)
    if match["threads"] and not kind.threaded:
        raise UsageError(
            f"setup {text!r}: {kind.name} workers have no threads to set",
            f"write {Setup(kind, kind.workers_within(workers), 1).name}",
        )
    threads = int(match["threads"] or kind.threads_for(max(workers, 1)))
    if not 1 <= workers <= WORKER_LIMIT or not 1 <= threads <= THREAD_LIMIT:
        raise UsageError(
            f"setup {text!r}: workers must be 1 to {WORKER_LIMIT}, threads 1 to {THREAD_LIMIT}",
            f"for example {Setup(kind, kind.workers_within(2), 16).name}",
        )
    if workers != kind.workers_within(workers):
        raise UsageError(
            f"setup {text!r}: {kind.server} has one process only",
            f"write {Setup(kind, 1, threads * workers if kind.threaded else 1).name}",
        )
    return Setup(kind, workers, threads)


def unknown(what: str, name: str, known: Iterable[str], see: str = "") -> UsageError:
    """The error for a name that does not exist: it suggests the nearest one, or says where all are listed."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
    return UsageError(f"unknown {what} {name!r}", f"{hint} ({see} shows all)" if see else hint)
