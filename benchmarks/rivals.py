"""What the benchmarks of the load side share: servers of their own, children, and turns of load.

A **launch** here is one start of server and load processes; in it, rounds of turns, in each of which every generator
has one, in random order. Estimates are over launches (the middle mean of each one's rounds), as in all of the suite.
"""

import contextlib
import http.client
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sgibench.results.errors import LoadError, TargetError
from sgibench.runner.load.orders import Arrival, Block, Endpoint, Expectation, TurnOrder, TurnReport
from sgibench.runner.load.processor import cpu_time_ns
from sgibench.runner.machine import Cores, available_cores, choose_cores
from sgibench.runner.targets.launch import HOST, free_ports
from sgibench.runner.targets.process import GuardedProcess

from .wrk import need, run_wrk

ROOT = Path(__file__).parents[1]
READY_WITHIN_S = 10.0
TIMEOUT_S = 10.0
# About 150 bytes, as a small API answers.
BODY = (
    '{"id":17,"name":"garden chair","price":{"amount":"49.90","currency":"EUR"},'
    '"tags":["garden","wood"],"stock":12,"available":true,"rating":4.5}'
)
NGINX = """
worker_processes {workers};
pid nginx.pid;
events {{ worker_connections 900; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    default_type application/json;
    server {{
        listen {host}:{port} backlog=4096;
        location / {{ return 200 '{body}'; }}
        location = /status {{ stub_status; }}
    }}
}}
daemon off;
"""


class LocalServer(ABC):
    """A server of the benchmark's own on a free loopback port, pinned. It is gone when the context ends."""

    name = "the server"
    ready_path = "/"

    def __init__(self, cores: Sequence[int]) -> None:
        self._cores = tuple(cores)
        (self.port,) = free_ports(1)
        self._folder = tempfile.TemporaryDirectory(prefix="sgibench-")
        self.folder = Path(self._folder.name)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """What starts it on its port, in the foreground."""

    def __enter__(self) -> Self:
        log = self.folder / "server.log"
        self._process = GuardedProcess(self.command(), log, cwd=ROOT, cores=self._cores)
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()
        self._folder.cleanup()

    def ask(self, path: str) -> str:
        """The body of one answer. Raises OSError when there is none."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def endpoint(self, body: str = BODY) -> Endpoint:
        """Where the load goes, and what is right."""
        headers = f"Host: {HOST}:{self.port}\r\nUser-Agent: sgibench\r\nAccept: */*"
        request = f"GET / HTTP/1.1\r\n{headers}\r\n\r\n".encode()
        pids = tuple(process.pid for process in self._process.tree())
        return Endpoint(self.name, HOST, self.port, request, Expectation(200, body.encode()), pids)

    def _await(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            if not self._process.running:
                raise TargetError(f"{self.name} ended before it answered: {self._process.log_tail()}")
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.ask(self.ready_path)
                return
            time.sleep(0.02)
        raise TargetError(f"{self.name} did not answer within {READY_WITHIN_S:g} s: {self._process.log_tail()}")


class Nginx(LocalServer):
    """nginx that answers every request with BODY, from memory."""

    name = "nginx"

    def __init__(self, cores: Sequence[int], workers: int = 1) -> None:
        self._path = need("nginx", "nginx-light")
        super().__init__(cores)
        self._workers = workers
        self._asked = 0

    def command(self) -> Sequence[str]:
        """With a configuration and a prefix of its own; nothing of the system's nginx is touched."""
        values = {"workers": self._workers, "host": HOST, "port": self.port, "body": BODY}
        (self.folder / "nginx.conf").write_text(NGINX.format(**values))
        return [self._path, "-p", str(self.folder), "-c", "nginx.conf", "-e", "stderr"]

    def served(self) -> int:
        """How many requests it has counted so far, without those that ask for this."""
        self._asked += 1
        # "server accepts handled requests", and below that the three counts.
        return int(self.ask("/status").split("requests")[1].split()[2]) - self._asked


class Child:
    """A module of ours in a process of its own: it answers each line of JSON with one, and ends with its stdin."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for us to handle
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        try:
            self._process.wait(3.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def ask(self, document: Mapping[str, Any], within_s: float) -> Any:
        """Its answer. Raises LoadError when there is none in time."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(document).encode() + b"\n")
        if not select.select([self._process.stdout], [], [], within_s)[0]:
            raise LoadError(f"{self._module} did not answer within {within_s:g} s")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self._process.stdout.read(1 << 16)
            if not piece:
                raise LoadError(f"{self._module} ended (exit code {self._process.wait()})")
            answer += piece
        return json.loads(answer)


@dataclass(frozen=True, slots=True)
class Ran:
    """One turn of one generator: right answers in `seconds`, and CPU time of the load process and of the server."""

    ok: int
    seconds: float
    load_cpu_s: float
    server_cpu_s: float

    @property
    def rate_rps(self) -> float:
        """Right answers per second."""
        return self.ok / self.seconds

    @property
    def cpu_us(self) -> float:
        """The load process's CPU time per right answer, in microseconds."""
        return self.load_cpu_s / self.ok * 1e6


def wrk_turn(endpoint: Endpoint, connections: int, seconds: int) -> Ran:
    """A turn of wrk. Raises LoadError when it met errors."""
    before_ns = cpu_time_ns(endpoint.pids) or 0
    run = run_wrk(endpoint, connections, seconds)
    server_cpu_s = ((cpu_time_ns(endpoint.pids) or 0) - before_ns) / 1e9
    if run.errors:
        raise LoadError(f"wrk met errors: {dict(run.errors)}")
    return Ran(run.requests, run.elapsed_s, run.cpu_s, server_cpu_s)


def turn_block(endpoint: Endpoint, arrival: Arrival, seconds: float, drain: bool = False, seed: int = 1) -> Block:
    """A block of one turn. Without drain it measures what wrk measures: what was answered in the time."""
    order = TurnOrder(0, seconds, round=0, position=0)
    return Block(seed, (endpoint,), arrival, (order,), timeout_s=TIMEOUT_S, seed=seed, drain=drain)


def proven(turn: TurnReport) -> TurnReport:
    """A turn, if every request was answered rightly or is still in flight. Raises LoadError."""
    if not turn.ledger.balanced or turn.ledger.error_count or not turn.ledger.ok:
        raise LoadError(f"the engine met errors: {turn.ledger} ({turn.first_error})")
    return turn


@contextlib.contextmanager
def pinned_cores() -> Iterator[Cores]:
    """One core for the server and one for the load, where this process waits too, and all that it starts."""
    whole = available_cores()
    chosen = choose_cores(None, None)
    cores = Cores(chosen.server[:1], chosen.load[:1])
    if cores.shared:
        print("server and load share the machine's only core: the figures are no measure of either")
    os.sched_setaffinity(0, set(cores.load))
    try:
        yield cores
    finally:
        os.sched_setaffinity(0, set(whole))
