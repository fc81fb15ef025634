"""Every application behind a real server on a real socket, started as a user would start it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, AppInfo, Interface
from sgibench.apps.contract import Reply
from sgibench.apps.database.schema import prepare
from sgibench.runner.targets.asking import ask as ask_once
from sgibench.runner.targets.services import Upstream
from sgibench.runner.targets.upstream import UpstreamOptions

_START_SECONDS = 30
_LISTENING = re.compile(r"(?:running on|Listening at:) http://127\.0\.0\.1:(\d+)")
_UVICORN = ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--no-access-log", "--lifespan")
_GUNICORN = ("-m", "gunicorn", "--bind", "127.0.0.1:0", "--no-control-socket", "--worker-class", "gthread")
_SLOTS = ("--workers", "2", "--threads", "4")
_OF_SERVICES = ("DATABASE_URL", "DATABASE_POOL_SIZE", "UPSTREAM_URL")
SERVED = tuple(app for app in APPS.values() if app.interface in {Interface.WSGI, Interface.ASGI})
"""What gunicorn and uvicorn can serve."""


class Ask(Protocol):
    """Sends one request, on a connection of its own."""

    def __call__(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Reply: ...


class Running(NamedTuple):
    """An application that answers."""

    pid: int
    port: int

    def ask(self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Reply:
        return ask_once(("127.0.0.1", self.port), target, method, headers=headers, body=body, timeout_s=20)


def command_of(app: AppInfo) -> tuple[str, ...]:
    if app.interface is Interface.WSGI:
        return (sys.executable, *_GUNICORN, *_SLOTS, app.path)
    # Django has no lifespan events. With "on", an application that has them and fails at them does not start.
    return (sys.executable, *_UVICORN, "auto" if app.name.startswith("django") else "on", app.path)


@contextmanager
def serve(
    app: AppInfo, folder: Path, services: Mapping[str, str], command: tuple[str, ...] = ()
) -> Iterator[Callable[[], Running]]:
    """Start the application with these addresses of services in its environment, and no others.

    What comes back waits until it listens, so that several can be started side by side.
    """
    folder.mkdir(exist_ok=True)
    log = folder / "server.log"
    environment = {name: value for name, value in os.environ.items() if name not in _OF_SERVICES}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command or command_of(app),
            cwd=folder,
            env={**environment, "PYTHONPATH": str(APPS_ROOT), **services},
            stdout=output,
            stderr=output,
        )
    try:
        yield lambda: Running(process.pid, _wait_for_port(process, log))
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fresh_database(folder: Path) -> str:
    """The URL of a new SQLite database with the shop in it."""
    url = f"sqlite:///{folder / 'shop.db'}"
    prepare(url)
    return url


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server chose itself, so that two of them cannot want the same one."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _LISTENING.search(log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The service that applications ask for prices, without a latency of its own."""
    service = Upstream(UpstreamOptions(median_ms=0), tmp_path_factory.mktemp("upstream") / "upstream.log")
    yield service
    service.close()


@pytest.fixture(scope="session", params=SERVED, ids=lambda app: app.name)
def app(request: pytest.FixtureRequest) -> AppInfo:
    assert isinstance(request.param, AppInfo)
    return request.param


@pytest.fixture(scope="session")
def running(app: AppInfo, upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The application, with a database of its own."""
    folder = tmp_path_factory.mktemp(app.name)
    name = app.name.replace("-", "")
    with serve(app, folder, {"DATABASE_URL": fresh_database(folder), "UPSTREAM_URL": upstream.url(name)}) as server:
        yield server()


@pytest.fixture(scope="session")
def ask(running: Running) -> Ask:
    """Asks the application."""
    return running.ask


@pytest.fixture(scope="session")
def upstream_hits(app: AppInfo, upstream: Upstream) -> Callable[[], int]:
    """How often the application has called the upstream so far."""
    return lambda: upstream.hits(app.name.replace("-", ""))
