"""Launching targets: started side by side on free ports, ready when they answer, checked, and pinned."""

import contextlib
import errno
import http.client
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...apps.catalogue import Feature
from ...apps.contract import Reply
from ...apps.database.books import Books
from ...results.errors import TargetError
from ...results.records import ProblemCode
from ..load.processor import cpu_time_ns
from .asking import ask
from .interpreters import DEBUGGING, with_root
from .process import GuardedProcess
from .setups import Setup
from .workers import serving_processes, thread_counts, thread_shortfall

HOST = "127.0.0.1"
READY_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 5.0
LAST_LOOK_S = 0.5
SETTLE_TIMEOUT_S = 4.0
SETTLE_LOOK_S = 0.1
ASK_AGAIN_S = 0.02
SETTLED_CPU_SHARE = 0.05
PORT_ATTEMPTS = 3
DATABASE_VARIABLE, UPSTREAM_VARIABLE = "DATABASE_URL", "UPSTREAM_URL"
OF_SERVICES = (DATABASE_VARIABLE, "DATABASE_POOL_SIZE", UPSTREAM_VARIABLE)


@dataclass(frozen=True, slots=True)
class App:
    """An app under test: `path` is ``module:attr``, imported from `root`. `ours`: held to the contract of the suite.

    What a user's own app can do is not known: it counts as able to do everything, on any loop.
    """

    name: str
    path: str
    interface: str
    root: Path
    ours: bool
    features: frozenset[Feature] = frozenset(Feature)
    loops: frozenset[str] = frozenset({"asyncio", "trio"})


@dataclass(frozen=True, slots=True)
class Target:
    """An app on a setup, in an interpreter."""

    app: App
    setup: Setup
    python: str = sys.executable
    label: str = ""

    @property
    def name(self) -> str:
        """As it is written everywhere: ``flask@gunicorn-gthread-2x16``."""
        return f"{self.app.name}@{self.setup.name}{self.label}"


@dataclass(frozen=True, slots=True)
class Witnesses:
    """Who knows what a launch has done besides answering: how often it called the upstream so far, and what its
    database, where it was given one, says of its orders. Both raise TargetError where they are lost."""

    upstream_hits: Callable[[], int] = lambda: 0
    books: Callable[[int | None], Books | None] = lambda _item_id: None


class LiveTarget:
    """A launched target: its process tree, where it listens, and what is known of it."""

    def __init__(self, target: Target, process: GuardedProcess, port: int, witnesses: Witnesses | None = None) -> None:
        """Take charge of a tree that was just started. `witnesses` know what it did besides answering."""
        self.target = target
        self.process = process
        self.port = port
        self._witnesses = witnesses or Witnesses()
        self.own_services = own_services(os.environ, target)
        self.pids: tuple[int, ...] = ()
        self._served: set[int] = set()

    @property
    def name(self) -> str:
        """The target's name."""
        return self.target.name

    @property
    def ours(self) -> bool:
        """Whether it is an app of the suite."""
        return self.target.app.ours

    def refresh(self) -> None:
        """Look again which processes belong to the tree: an app may start helpers when it is first asked."""
        self.pids = tuple(process.pid for process in self.process.tree())
        self._served = set(self.serving_processes())

    def ask(
        self,
        path: str,
        method: str = "GET",
        timeout_s: float = ANSWER_TIMEOUT_S,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """Ask once, over a new connection. Raises OSError or http.client.HTTPException."""
        return ask((HOST, self.port), path, method, headers=headers, body=body, timeout_s=timeout_s)

    def upstream_hits(self) -> int:
        """How often it has called the upstream so far. Raises TargetError when the upstream is lost."""
        return self._witnesses.upstream_hits()

    def books(self, item_id: int | None = None) -> Books | None:
        """What its database says of its orders, all or those of one item; None where that database is not ours.

        Raises TargetError when it cannot be read.
        """
        return None if DATABASE_VARIABLE in self.own_services else self._witnesses.books(item_id)

    def serving_processes(self) -> list[int]:
        """The processes that serve, without a master that only supervises them, or a router that only passes on."""
        return serving_processes(self.process.tree(), self.port, self.target.setup.kind)

    def condition(self) -> list[tuple[ProblemCode, str]]:
        """What became of it since it was last looked at; empty when it is well."""
        if not self.process.running:
            code = self.process.exit_code()
            message = self.failure(f"ended with code {code} while it was measured").message
            return [(ProblemCode.SERVER_DIED, message)]
        found = []
        served = self._served
        self.refresh()
        # Not asked before: one that just ended may be reaped, and replaced, before the tree is looked at.
        died = served - self._served
        if died:
            reason = reason_in(self.process.log_tail(40))
            message = f"{len(died)} of its workers died while it was measured"
            found.append((ProblemCode.WORKER_DIED, f"{message}: {reason}" if reason else message))
        serving, wanted = self._served, self.target.setup.workers
        if len(serving) < wanted:
            found.append((ProblemCode.WORKER_COUNT, f"runs {len(serving)} of {wanted} workers"))
        short = thread_shortfall(self.target.setup, thread_counts(serving))
        if short:
            found.append((ProblemCode.WORKER_COUNT, short))
        return found

    def failure(self, what: str) -> TargetError:
        """The error for a launch that failed: what happened, the app's own words, and where the rest is."""
        reason = reason_in(self.process.log_tail(40))
        return TargetError(
            f"{self.name} {what}" + (f": {reason}" if reason else ""),
            f"its output is in {self.process.log}; it was started as: {' '.join(self.process.command)}",
        )


def launch(
    target: Target,
    log: Path,
    port: int,
    *,
    hash_seed: int,
    cores: Iterable[int] = (),
    given: Mapping[str, str] | None = None,
    witnesses: Witnesses | None = None,
) -> LiveTarget:
    """Start a target and return at once, so that several start side by side; `await_ready` tells how it went.

    `given` are the variables that say where the run's services are.
    """
    command = target.setup.command(target.python, target.app.path, HOST, port)
    env = target_environment(os.environ, target, hash_seed, given or {})
    process = GuardedProcess(
        command, log, cwd=target.app.root, env=env, cores=cores, stop_signal=target.setup.kind.stop_signal
    )
    return LiveTarget(target, process, port, witnesses)


def target_environment(
    env: Mapping[str, str], target: Target, hash_seed: int, given: Mapping[str, str]
) -> dict[str, str]:
    """The environment of a target: the user's, with the app's folder importable, and no hidden server settings.

    Our apps see the services that they are `given`, never a database of the user's; the user's app sees its own first.
    """
    unset = (*target.setup.kind.unset_env, *DEBUGGING, *(OF_SERVICES if target.app.ours else ()))
    kept = {
        name: value
        for name, value in env.items()
        if not any(name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1])) for pattern in unset)
    }
    return with_root({**given, **kept}, target.app.root) | {
        "PYTHONHASHSEED": str(hash_seed),
        "PYTHONUNBUFFERED": "1",
    }


def own_services(env: Mapping[str, str], target: Target) -> frozenset[str]:
    """The services' variables that a user's app finds in its own environment: what it does there is not seen."""
    return frozenset() if target.app.ours else frozenset(OF_SERVICES) & env.keys()


def free_ports(count: int) -> list[int]:
    """That many free ports of the loopback. They are only reserved while this runs: whoever uses one must retry."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind((HOST, 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def await_ready(live: LiveTarget, path: str, timeout_s: float, deadline: float) -> Reply:
    """Wait until a target answers `path` with its whole number of workers; return the answer, whatever it says.

    `deadline` is the instant on the monotonic clock, `timeout_s` after the launch. Raises TargetError when it exits,
    when something else answers on its port, or when the time is up.
    """
    complaint = f"did not listen on its port within {timeout_s:g} s"
    looked = False
    while (left_s := deadline - time.monotonic()) > 0 or not looked:
        looked = True  # once, even where waiting for others has taken all the time
        if not live.process.running:
            code = live.process.exit_code()
            raise live.failure(f"exited with code {code} before it answered")
        try:
            answer = live.ask(path, timeout_s=min(ANSWER_TIMEOUT_S, max(left_s, LAST_LOOK_S)))
        except TimeoutError:
            complaint = f"accepts connections, but gave no answer to {path} within {timeout_s:g} s"
        except OSError as error:
            if error.errno not in (errno.ECONNREFUSED, errno.ECONNRESET):
                complaint = f"could not be asked: {error}"
        except http.client.HTTPException as error:
            complaint = f"does not answer in HTTP: {error!r}"
        else:
            serving = live.serving_processes()
            if not serving:
                raise live.failure(f"does not listen on port {live.port}, another process does")
            if len(serving) >= live.target.setup.workers and answer.status < 500:
                live.refresh()
                return answer
            complaint = (
                f"answers {path} with status {answer.status}"
                if answer.status >= 500
                else f"runs {len(serving)} of {live.target.setup.workers} workers after {timeout_s:g} s"
            )
            if answer.status >= 500 and time.monotonic() > deadline - timeout_s + ANSWER_TIMEOUT_S:
                break
        time.sleep(ASK_AGAIN_S)
    raise live.failure(complaint)


def settle(targets: Sequence[LiveTarget], timeout_s: float = SETTLE_TIMEOUT_S) -> None:
    """Wait until the targets' start-up work is over: they use next to no CPU between two looks."""
    deadline = time.monotonic() + timeout_s
    before = sum(cpu_seconds(live.pids) for live in targets)
    while time.monotonic() < deadline:
        time.sleep(SETTLE_LOOK_S)
        now = sum(cpu_seconds(live.pids) for live in targets)
        if now - before < SETTLED_CPU_SHARE * SETTLE_LOOK_S:
            return
        before = now


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time of these processes, user and system; those that are gone count for nothing."""
    return sum(cpu_time_ns([pid]) or 0 for pid in pids) / 1e9


def port_was_taken(live: LiveTarget) -> bool:
    """Whether a launch failed only because something else had taken its port meanwhile."""
    return bool(re.search(r"address already in use|Errno 98", live.process.log_tail(40), re.IGNORECASE))


def reason_in(log: str) -> str:
    """The line of a log that says why: the last one that names an exception, else the first that tells of an error."""
    # An exception group has its errors behind bars.
    lines = [line.strip(" |") for line in log.splitlines() if line.strip(" |")]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    told = [line for line in lines if re.search(r"\b(error|could not|cannot|failed)\b", line, re.IGNORECASE)]
    # A traceback ends with its error; a server's own log begins with it.
    return (named[-1:] or told[:1] or lines[-1:] or [""])[0][:300]
