"""A database for every launch of every target, all alike: files copied from one, or schemas in PostgreSQL."""

import math
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from os import environ
from pathlib import Path
from typing import Protocol

from ...apps.catalogue import APPS_ROOT, Interface
from ...apps.database.schema import DatabaseError, drop, in_schema, locate, prepare
from ...results.errors import TargetError, UsageError
from .interpreters import interpreter, with_root
from .launch import Target, reason_in
from .process import GuardedProcess

ONLOOKER = 1  # the connection over which we look at their orders
CONNECTIONS = 16  # of a target, shared by its processes; more where they cannot share them equally
KEEPER = ("-m", "apps.database.keeper")
LOOK_WITHIN_S = 30.0
READY_WITHIN_S = 60.0
DROP_WITHIN_S = 20.0
DRIVERS = ("psycopg", "psycopg-pool")
ASYNC_DRIVERS = ("asyncpg",)


def pool_size(workers: int) -> int:
    """The connections that each process of a target may open, so that a target has 16 in all, or the next number that
    its processes can share: with 3 of them 18, with 9 also 18."""
    return math.ceil(CONNECTIONS / workers)


def connections_of(target: Target) -> int:
    """How many connections all processes of a target may open together."""
    return target.setup.workers * pool_size(target.setup.workers)


def connections_told(targets: Iterable[Target]) -> str:
    """How many each target may open, in words."""
    more = [f"{target.name} {count}" for target in targets if (count := connections_of(target)) != CONNECTIONS]
    return f"up to {CONNECTIONS} for each target" + (f", but {', '.join(more)}" if more else "")


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of a target, by a short name that no other launch of the run has."""

    key: str
    target: Target


class Databases(Protocol):
    """Where the databases of a run come from."""

    def make(self, launches: Sequence[Launch]) -> Mapping[str, str]:
        """A fresh database for each launch: its URL by the launch's key. Raises TargetError."""

    def drop(self) -> None:
        """Drop all that there are. May be called again."""


class SqliteDatabases:
    """Files: one is made and filled, and copied for each launch, so that what one target writes slows no other."""

    def __init__(self, folder: Path) -> None:
        """Make the template in `folder`, which must be there. Raises TargetError."""
        self._folder = folder
        self._template = folder / "template.db"
        self._made: list[Path] = []
        try:
            prepare(f"sqlite:///{self._template}")
        except DatabaseError as error:
            raise self._impossible(error) from error

    def make(self, launches: Sequence[Launch]) -> Mapping[str, str]:
        """A copy for each launch."""
        urls = {}
        for launch in launches:
            path = self._folder / f"{launch.key}.db"
            self._made.append(path)
            try:
                shutil.copyfile(self._template, path)
            except OSError as error:
                raise self._impossible(error) from error
            urls[launch.key] = f"sqlite:///{path}"
        return urls

    def drop(self) -> None:
        """Remove the copies, each with what SQLite keeps beside it."""
        for path in self._made:
            drop(f"sqlite:///{path}")
        self._made.clear()

    def _impossible(self, error: Exception) -> TargetError:
        return TargetError(
            f"cannot make the targets' databases in {self._folder}: {error}",
            "they need a folder that can be written, with room on its disk: name another with TMPDIR",
        )


class PostgresDatabases:
    """Schemas in a database of the user's. A keeper, which runs in a target's interpreter and lives no longer than this
    process, makes them and drops them, however this process ends."""

    def __init__(self, url: str, log_path: Callable[[str], Path]) -> None:
        """In the database of that URL, whose use `look_at` has found possible."""
        self._url = url
        self._log_path = log_path
        self._keepers: list[GuardedProcess] = []
        self._count = 0

    def make(self, launches: Sequence[Launch]) -> Mapping[str, str]:
        """A schema for each launch; one keeper for those of each interpreter."""
        urls: dict[str, str] = {}
        waited_for = []
        token = secrets.token_hex(4)
        for python in dict.fromkeys(launch.target.python for launch in launches):
            schemas = []
            for launch in launches:
                if launch.target.python == python:
                    self._count += 1
                    schemas.append(f"sgibench_{int(time.time())}_{token}_{self._count}")
                    urls[launch.key] = in_schema(self._url, schemas[-1])
            waited_for.append(self._keeper(python, schemas))
        for keeper, log_from in waited_for:
            _await_ready(keeper, log_from)
        return urls

    def drop(self) -> None:
        """End the keepers, and the schemas with them."""
        for keeper in self._keepers:
            keeper.request_stop()
        for keeper in self._keepers:
            keeper.stop()
        self._keepers = []

    def _keeper(self, python: str, schemas: Sequence[str]) -> tuple[GuardedProcess, int]:
        # A log of its own for each: what one says in it must not be taken for another's word.
        log = self._log_path(f"database-{len(self._keepers) + 1}" if self._keepers else "database")
        log_from = log.stat().st_size if log.exists() else 0
        keeper = GuardedProcess(
            [python, *KEEPER, *schemas], log, env=keeper_environment(self._url), grace_s=DROP_WITHIN_S
        )
        self._keepers.append(keeper)
        return keeper, log_from


def keeper_environment(url: str) -> dict[str, str]:
    """What a keeper is told. Not as an argument: everybody on the machine can read those."""
    return with_root(environ, APPS_ROOT) | {"DATABASE_URL": url, "PYTHONUNBUFFERED": "1"}


def look_at(url: str, targets: Sequence[Target]) -> str:
    """Look whether these targets can use the database: the server's version. Raises UsageError with the cause."""
    free, version = 0, ""
    for python in dict.fromkeys(target.python for target in targets):
        theirs = [target for target in targets if target.python == python]
        check_drivers(python, theirs)
        free, version = _look(url, python)
    needed = sum(map(connections_of, targets)) + ONLOOKER
    if needed > free:
        raise UsageError(
            f"the database has {free} connections free, and {len(targets)} targets, and who looks at their "
            f"orders, may open {needed}",
            f"raise its max_connections by {needed - free}, or compare fewer targets at a time",
        )
    return version


def _look(url: str, python: str) -> tuple[int, str]:
    """How many connections are free, and the server's version, as an interpreter sees it. Raises UsageError."""
    why = f"nothing was heard of it within {LOOK_WITHIN_S:g} s"
    try:
        done = subprocess.run(
            [python, *KEEPER],
            env=keeper_environment(url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LOOK_WITHIN_S,
            check=False,
        )
        words = done.stdout.split()
        if words[:1] == ["free"]:
            return int(words[1]), words[2]
        # Without the kind of exception, which says nothing that the rest does not.
        why = reason_in(done.stderr).rpartition("Error: ")[2] or f"exit code {done.returncode}"
    except subprocess.TimeoutExpired:
        pass
    raise UsageError(
        f"the database cannot be used: {why}",
        "--database names one that is there, in which its user may create schemas: "
        "postgresql://USER:PASSWORD@HOST:PORT/NAME",
    )


def checked_url(url: str) -> str:
    """The URL of a PostgreSQL database, as every driver takes it. Raises UsageError for any other."""
    hint = "write it as postgresql://USER:PASSWORD@HOST:PORT/NAME; without it, every launch has a SQLite file"
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError("--database takes the URL of a PostgreSQL database", hint)
    try:
        in_schema(url, "any")
        return locate(url).url
    except DatabaseError as error:
        raise UsageError(f"--database: {error}", hint) from error


def check_drivers(python: str, targets: Iterable[Target]) -> None:
    """Raise UsageError when an interpreter lacks a PostgreSQL driver that its targets, or the keeper, import."""
    asynchronous = any(target.app.ours and target.app.interface != Interface.WSGI for target in targets)
    wanted = (*DRIVERS, *(ASYNC_DRIVERS if asynchronous else ()))
    missing = [name for name in wanted if name not in interpreter(python).installed]
    if missing:
        raise UsageError(
            f"PostgreSQL needs {', '.join(missing)}, which {python} does not have",
            f'{python} -m pip install "psycopg[binary,pool]" asyncpg',
        )


def _await_ready(keeper: GuardedProcess, log_from: int) -> None:
    """Wait until a keeper has made its schemas. Raises TargetError."""
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        with keeper.log.open("rb") as log:
            log.seek(log_from)
            said = log.read().decode(errors="replace")
        if "ready\n" in said:
            return
        if not keeper.running:
            raise TargetError(
                f"the schemas for this launch could not be made: {reason_in(said)}", f"more is in {keeper.log}"
            )
        time.sleep(0.02)
    raise TargetError(f"the schemas for this launch were not there within {READY_WITHIN_S:g} s", f"see {keeper.log}")
