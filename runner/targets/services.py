"""What the targets of a run lean on: an upstream for all of them, and for each launch a database and an address of its
own, told in its environment."""

import contextlib
import http.client
import json
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from ...apps.catalogue import Feature
from ...apps.database.books import Books
from ...results.errors import TargetError
from .bookkeeping import read_books
from .databases import (
    Databases,
    Launch,
    PostgresDatabases,
    SqliteDatabases,
    checked_url,
    look_at,
    pool_size,
)
from .launch import HOST, Target
from .process import GuardedProcess
from .scratch import scratch_folder
from .upstream import UpstreamOptions

UPSTREAM: tuple[str, ...] = (sys.executable, "-P", "-m", "sgibench.runner.targets.upstream")
UPSTREAM_WITHIN_S = 20.0
HITS_WITHIN_S = 5.0


class Upstream:
    """The upstream's process. It ends with `close`, and with this process however that ends."""

    def __init__(self, options: UpstreamOptions, log: Path, cores: Iterable[int] = ()) -> None:
        """Start it on those cores, and wait until it listens. Raises TargetError."""
        log_from = log.stat().st_size if log.exists() else 0
        self._process = GuardedProcess([*UPSTREAM, *options.arguments], log, cores=cores)
        try:
            self._port = self._told_port(log_from)
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def url(self, name: str) -> str:
        """Where a caller of that name (letters and digits) finds it, and is counted."""
        return f"http://{HOST}:{self._port}/{name}"

    def hits(self, name: str) -> int:
        """How often that caller has called so far. Raises TargetError when the upstream does not say."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=HITS_WITHIN_S)
        try:
            connection.request("GET", "/hits", headers={"Connection": "close"})
            counts = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TargetError(f"the upstream is lost: {error!r}", f"its output is in {self._process.log}") from error
        finally:
            connection.close()
        return sum(int(count) for path, count in counts.items() if path.startswith(f"/{name}/"))

    def close(self) -> None:
        """End it. May be called again."""
        self._process.stop()

    def _told_port(self, log_from: int) -> int:
        """The port, from its one line of output. Raises TargetError."""
        deadline = time.monotonic() + UPSTREAM_WITHIN_S
        while time.monotonic() < deadline and self._process.running:
            with self._process.log.open("rb") as log:
                log.seek(log_from)
                said = log.read()
            if said.endswith(b"\n") and said.strip().isdigit():
                return int(said)
            time.sleep(0.01)
        raise TargetError("the upstream did not start", f"its output is in {self._process.log}")


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a user wants of the services. `checked` comes before anything is started."""

    database_url: str | None = None
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)
    database_version: str = ""

    def checked(self, targets: Sequence[Target]) -> Self:
        """The same, once a database that is named was found usable by these targets. Raises UsageError."""
        if self.database_url is None:
            return self
        url = checked_url(self.database_url)
        return replace(self, database_url=url, database_version=look_at(url, targets))


class Services:
    """The services of one run. `prepare` comes before a launch, `release` after its end; `close` ends all of it."""

    def __init__(self, databases: Databases | None = None, upstream: Upstream | None = None) -> None:
        """What there is of both."""
        self._databases = databases
        self._upstream = upstream
        self._launches: dict[tuple[str, int], tuple[str, str]] = {}
        self._closing = contextlib.ExitStack()
        self._told: dict[str, str] = {}

    @property
    def told(self) -> Mapping[str, str]:
        """What there is, in words, for the record of the run: ``database`` and ``upstream``."""
        return self._told

    @classmethod
    def start(
        cls,
        features: Collection[str],
        log_path: Callable[[str], Path],
        options: ServiceOptions | None = None,
        cores: Iterable[int] = (),
    ) -> Self:
        """Start what these features need; a database also where the options, which were checked, name one.

        `cores` are for the upstream. Raises TargetError when something cannot be started.
        """
        options = options or ServiceOptions()
        services = cls()
        try:
            if options.database_url is not None:
                services._databases = PostgresDatabases(options.database_url, log_path)
                services._told["database"] = f"PostgreSQL {options.database_version}"
            elif Feature.SHOP in features:
                services._databases = SqliteDatabases(services._closing.enter_context(scratch_folder()))
                services._told["database"] = "SQLite"
            if Feature.UPSTREAM in features:
                services._upstream = Upstream(options.upstream, log_path("upstream"), cores)
                services._told["upstream"] = options.upstream.told
        except BaseException:
            services.close()
            raise
        return services

    def prepare(self, targets: Sequence[Target], epoch: int) -> None:
        """Make what the launches of these targets need. Raises TargetError."""
        launches = [Launch(f"e{epoch}t{index}", target) for index, target in enumerate(targets)]
        urls = self._databases.make(launches) if self._databases else {}
        for launch in launches:
            self._launches[launch.target.name, epoch] = launch.key, urls.get(launch.key, "")

    def environment(self, target: Target, epoch: int) -> dict[str, str]:
        """The variables of a launch that was prepared."""
        key, url = self._launches[target.name, epoch]
        found: dict[str, str] = {}
        if url:
            found |= {"DATABASE_URL": url, "DATABASE_POOL_SIZE": str(pool_size(target.setup.workers))}
        if self._upstream:
            found["UPSTREAM_URL"] = self._upstream.url(key)
        return found

    def hits(self, target: Target, epoch: int) -> int:
        """How often this launch has called the upstream so far; 0 where there is none. Raises TargetError."""
        return self._upstream.hits(self._launches[target.name, epoch][0]) if self._upstream else 0

    def books(self, target: Target, epoch: int, item_id: int | None = None) -> Books | None:
        """What this launch's database says of its orders, all of them or those of one item; None where it has none.

        Raises TargetError when that cannot be read.
        """
        url = self._launches[target.name, epoch][1]
        return read_books(url, target.python, item_id) if url else None

    def release(self) -> None:
        """Drop the databases of all launches: they have ended."""
        if self._databases:
            self._databases.drop()

    def close(self) -> None:
        """End and remove everything. May be called again."""
        try:
            self.release()
        finally:
            if self._upstream:
                self._upstream.close()
            self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
