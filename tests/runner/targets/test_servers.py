"""Every kind of server, really run: what it starts, what it can do, and that nothing of it is left."""

import http.client
import json
import os
import socket
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import websocket

from sgibench.apps.catalogue import Feature, Interface
from sgibench.results.errors import TargetError
from sgibench.runner.targets.launch import HOST, App, LiveTarget, Target, await_ready, free_ports, launch
from sgibench.runner.targets.servers import KINDS, Kind
from sgibench.runner.targets.setups import Setup
from sgibench.runner.targets.workers import thread_counts, thread_shortfall

from .talking_app import EVENT_EVERY_S, EVENTS

WORKERS, THREADS = 2, 3
READY_WITHIN_S = 30.0
BODY = os.urandom(300_000)
MESSAGES = ("商品", b"\x00\xff", os.urandom(70_000))
# What would change the number of workers, if a server saw it.
HIDDEN = {
    "WEB_CONCURRENCY": "5",
    "GUNICORN_CMD_ARGS": "--workers=5",
    "UVICORN_WORKERS": "5",
    "GRANIAN_WORKERS": "5",
    "UWSGI_PROCESSES": "5",
    "PYTHONDEVMODE": "1",
}


@dataclass
class Seen:
    """What one server did."""

    setup: Setup
    workers: int = 0
    threads: dict[int, int] = field(default_factory=dict)
    threads_held: dict[int, int] = field(default_factory=dict)
    kept_requests: int = 0
    started: bool = False
    devmode: bool = True
    uploads: list[object] = field(default_factory=list)
    events_s: list[float] = field(default_factory=list)
    echoed: tuple[str | bytes, ...] = ()
    log: str = ""
    exit_code: int | None = None
    left: list[int] = field(default_factory=list)


def target_of(kind: Kind) -> Target:
    path = f"talking_app:make_{kind.interface}()" if kind.factories else f"talking_app:{kind.interface}"
    app = App("talking", path, kind.interface, Path(__file__).parent, ours=False)
    return Target(app, Setup(kind, kind.workers_within(WORKERS), THREADS if kind.threaded else 1))


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Seen]]:
    """All of them, started side by side, asked side by side, ended side by side."""
    patch = pytest.MonkeyPatch()
    for name, value in HIDDEN.items():
        patch.setenv(name, value)
    folder = tmp_path_factory.mktemp("servers")
    lives = [
        launch(target_of(kind), folder / f"{kind.name}.log", port, hash_seed=1)
        for kind, port in zip(KINDS.values(), free_ports(len(KINDS)), strict=True)
    ]
    deadline = time.monotonic() + READY_WITHIN_S
    try:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda live: asked(live, deadline), lives))
        trees = [live.process.tree() for live in lives]
        for live in lives:
            live.process.request_stop()
        for live, seen, tree in zip(lives, found, trees, strict=True):
            live.process.stop()
            seen.exit_code = live.process.exit_code()
            seen.left = [process.pid for process in tree if process.is_running()]
            seen.log = live.process.log.read_text()
        yield dict(zip(KINDS, found, strict=True))
    finally:
        for live in lives:
            live.process.stop()
        patch.undo()


def asked(live: LiveTarget, deadline: float) -> Seen:
    await_ready(live, "/", READY_WITHIN_S, deadline)
    seen = Seen(live.target.setup)
    kind, workers = seen.setup.kind, live.serving_processes()
    seen.workers, seen.threads = len(workers), thread_counts(workers)
    told = json.loads(live.ask("/").body)
    seen.started, seen.devmode = bool(told["started"]), told["devmode"]
    seen.kept_requests = kept_requests(live.port, 20)
    seen.uploads = [upload(live.port, chunked=False)]
    if kind.server != "uwsgi":  # the router takes no chunks
        seen.uploads.append(upload(live.port, chunked=True))
    seen.events_s = events_s(live.port)
    if kind.threaded:
        with ThreadPoolExecutor(THREADS) as pool:
            held = [pool.submit(live.ask, "/hold") for _ in range(THREADS)]
            while not held[0].done() and (not seen.threads_held or short(seen)):
                seen.threads_held = thread_counts(workers)
                time.sleep(0.02)
        assert [answer.result().status for answer in held] == [200] * THREADS
    if kind.interface is not Interface.WSGI and Feature.WEBSOCKET not in kind.lacks:
        seen.echoed = echoed(live.port)
    return seen


def short(seen: Seen) -> str:
    return thread_shortfall(seen.setup, seen.threads_held, held=THREADS)


def kept_requests(port: int, most: int) -> int:
    """How many requests one connection bears, up to `most`."""
    with socket.create_connection((HOST, port), timeout=10) as connection, connection.makefile("rb") as answers:
        for number in range(most):
            try:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                if not answers.readline():
                    return number
            except ConnectionError:
                return number
            headers = http.client.parse_headers(answers)
            answers.read(int(headers["content-length"]))
    return most


def upload(port: int, *, chunked: bool) -> object:
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    pieces = [BODY[start : start + 50_000] for start in range(0, len(BODY), 50_000)]
    if chunked:
        connection.request("POST", "/upload", iter(pieces), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    else:
        connection.request("POST", "/upload", BODY)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def events_s(port: int) -> list[float]:
    """When each event came, after the request."""
    connection = http.client.HTTPConnection(HOST, port, timeout=10)
    began = time.monotonic()
    connection.request("GET", "/stream")
    response = connection.getresponse()
    times = [time.monotonic() - began for line in iter(response.readline, b"") if line.startswith(b"data:")]
    connection.close()
    return times


def echoed(port: int) -> tuple[str | bytes, ...]:
    client = websocket.create_connection(f"ws://{HOST}:{port}/ws", timeout=10)
    answers = []
    for message in MESSAGES:
        client.send(message) if isinstance(message, str) else client.send_binary(message)
        answers.append(client.recv())
    client.close()
    return tuple(answers)


every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
WSGI = [kind for kind in KINDS.values() if kind.interface is Interface.WSGI]
OTHERS = [kind for kind in KINDS.values() if kind not in WSGI]


@every_kind
def test_as_many_processes_serve_as_the_setup_says_whatever_the_environment_says(
    kind: Kind, servers: dict[str, Seen]
) -> None:
    assert servers[kind.name].workers == kind.workers_within(WORKERS)
    assert not servers[kind.name].devmode


@every_kind
def test_it_ends_by_itself_when_asked_and_leaves_no_process(kind: Kind, servers: dict[str, Seen]) -> None:
    # By itself, or by Python's own way with SIGTERM; killed after its time of grace it would be -9.
    assert servers[kind.name].exit_code in (0, -15)
    assert servers[kind.name].left == []


@every_kind
def test_it_keeps_connections_and_takes_uploads_and_sends_events_one_by_one(
    kind: Kind, servers: dict[str, Seen]
) -> None:
    seen = servers[kind.name]
    assert seen.kept_requests == (1 if kind.name == "gunicorn-sync" else 20)
    assert seen.uploads == [{"bytes": len(BODY), "crc32": zlib.crc32(BODY)}] * len(seen.uploads)
    assert len(seen.events_s) == EVENTS
    assert seen.events_s[-1] - seen.events_s[0] > EVENT_EVERY_S, "they did not come all at once, at the end"


@every_kind
def test_it_writes_no_access_log(kind: Kind, servers: dict[str, Seen]) -> None:
    log = servers[kind.name].log
    assert not any(word in log for word in ("GET", "/stream", "HTTP/1.1")), log


@pytest.mark.parametrize("kind", OTHERS, ids=[kind.name for kind in OTHERS])
def test_it_speaks_websocket_and_tells_the_app_of_its_start_as_the_registry_says(
    kind: Kind, servers: dict[str, Seen]
) -> None:
    seen = servers[kind.name]
    assert seen.echoed == (() if Feature.WEBSOCKET in kind.lacks else MESSAGES)
    assert seen.started == kind.lifespan


SERVERS = sorted({kind.server for kind in KINDS.values()})
THREADED = [kind for kind in WSGI if kind.threaded]


@pytest.mark.parametrize("kind", THREADED, ids=[kind.name for kind in THREADED])
def test_as_many_threads_run_as_the_setup_says(kind: Kind, servers: dict[str, Seen]) -> None:
    seen = servers[kind.name]
    assert thread_shortfall(seen.setup, seen.threads) == ""
    assert short(seen) == ""
    more = Setup(kind, seen.setup.workers, 100)
    assert thread_shortfall(more, seen.threads_held, held=100) != "", "it can fail"


def test_an_app_that_cannot_be_imported_is_named_with_its_own_error_by_every_server(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise ValueError('no config')\n")
    kinds = [next(kind for kind in KINDS.values() if kind.server == server) for server in SERVERS]
    lives = []
    for kind, port in zip(kinds, free_ports(len(kinds)), strict=True):
        app = App("broken", "broken:app", kind.interface, tmp_path, ours=False)
        target = Target(app, Setup(kind, 1, THREADS if kind.threaded else 1))
        lives.append(launch(target, tmp_path / f"{kind.name}.log", port, hash_seed=1))
    try:
        for live in lives:
            with pytest.raises(TargetError, match=r"exited with code \d+ before it answered: ValueError: no config"):
                await_ready(live, "/", READY_WITHIN_S, time.monotonic() + READY_WITHIN_S)
    finally:
        for live in lives:
            live.process.stop()


def test_a_pool_that_is_whole_from_the_start_is_short_where_one_worker_lacks_a_thread() -> None:
    setup = Setup(KINDS["uwsgi-threads"], 2, 4)
    assert thread_shortfall(setup, {1: 4, 2: 5}) == ""
    assert thread_shortfall(setup, {1: 4, 2: 3}) == "1 of its workers run fewer than 4 threads (3)"


def test_a_pool_that_grows_is_short_only_while_more_requests_are_held() -> None:
    setup = Setup(KINDS["gunicorn-gthread"], 2, 4)
    assert thread_shortfall(setup, {1: 1, 2: 1}) == ""
    assert thread_shortfall(setup, {1: 6, 2: 2}, held=64) == ""
    assert thread_shortfall(setup, {1: 3, 2: 2}, held=64) == "runs 5 threads in all while 8 requests are in service"


def test_a_setup_without_threads_or_a_tree_that_is_gone_is_short_of_none() -> None:
    assert thread_shortfall(Setup(KINDS["uvicorn"], 2, 1), {1: 1, 2: 1}, held=99) == ""
    assert thread_shortfall(Setup(KINDS["waitress"], 1, 4), thread_counts([2**22 + 1])) == ""
    assert thread_counts([os.getpid()])[os.getpid()] == psutil.Process().num_threads()
