"""Every application behind a real server on a real socket, started as a user would start it."""

import http.client
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, AppInfo, Interface

_START_SECONDS = 30
_LISTENING = re.compile(r"(?:running on|Listening at:) http://127\.0\.0\.1:(\d+)")
_COMMANDS = {
    Interface.ASGI: ("-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--lifespan", "on", "--no-access-log"),
    Interface.WSGI: ("-m", "gunicorn", "--bind", "127.0.0.1:0", "--worker-class", "sync"),
}


class Answer(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes
    elapsed_ms: float


def _wait_for_port(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server chose itself, so that two of them cannot want the same one."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := _LISTENING.search(log.read_text()):
            return int(found[1])
        time.sleep(0.02)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@contextmanager
def _serve(app: AppInfo, folder: Path) -> Iterator[int]:
    log = folder / "server.log"
    environment = {**os.environ, "PYTHONPATH": str(APPS_ROOT)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *_COMMANDS[app.interface], app.path],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        yield _wait_for_port(process, log)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session", params=APPS.values(), ids=lambda app: app.name)
def app(request: pytest.FixtureRequest) -> AppInfo:
    assert isinstance(request.param, AppInfo)
    return request.param


@pytest.fixture(scope="session")
def ask(app: AppInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], Answer]]:
    """Sends one request, on a connection of its own, to the running application."""
    with _serve(app, tmp_path_factory.mktemp(app.name)) as port:

        def send(method: str, target: str) -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            try:
                began = time.perf_counter()
                connection.request(method, target)
                response = connection.getresponse()
                body = response.read()
                elapsed_ms = (time.perf_counter() - began) * 1000
                return Answer(response.status, response.headers, body, elapsed_ms)
            finally:
                connection.close()

        yield send
