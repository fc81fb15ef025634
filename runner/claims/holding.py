"""Holding many requests open on a server, with proof that it holds them, and that each is answered in the end."""

import contextlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...results.errors import BenchError
from ...scenarios.claims.model import NotHereError
from ..machine import SPARE_FILES, limits, open_files
from ..targets.process import GuardedProcess
from .served import RealServed
from .sides import ExperimentError

HOLDER: tuple[str, ...] = (sys.executable, "-P", "-m", "sgibench.runner.claims.holder")
TAKEN_WITHIN_S = 60.0
ANSWERED_WITHIN_S = 60.0
LOOK_EVERY_S = 0.05
NO_THREAD = "can't start new thread"


@dataclass(frozen=True, slots=True)
class RealHeld:
    """Requests in flight. `stopped` says which limit left them fewer than were wanted."""

    count: int
    stopped: str = ""


def allowed(count: int) -> RealHeld:
    """So many requests, or as many as this system lets one client hold."""
    ports, files = limits()["local_ports"], open_files() - SPARE_FILES
    bounds = {f"a process may open {open_files():,} files here (ulimit -Hn)": files}
    if ports is not None:
        bounds[f"the system gives a client {ports:,} ports (net.ipv4.ip_local_port_range)"] = ports - SPARE_FILES
    why, bound = min(bounds.items(), key=lambda item: item[1])
    if count <= bound:
        return RealHeld(count)
    return RealHeld(max(bound, 1), f"{max(bound, 1):,} requests were held instead of {count:,}: {why}")


@contextlib.contextmanager
def hold(
    served: RealServed, path: str, count: int, release: str, cores: Sequence[int], log: Path
) -> Iterator[RealHeld]:
    """Within: so many requests in flight, or as many as the system allows. Raises ExperimentError."""
    held = allowed(count)
    command = [*HOLDER, served.host, str(served.port), path, str(held.count)]
    with GuardedProcess(command, log, cores=cores) as client:
        _await(client, "sent", TAKEN_WITHIN_S)
        taken = served.await_in_service(held.count, TAKEN_WITHIN_S, lambda: "first" in _told(log))
        _check_none_answered(served, client)
        if taken < held.count:
            raise _not_taken(served, f"{served.name} took {taken:,} of {held.count:,} requests at once")
        yield held
        _check_none_answered(served, client)
        if release:
            served.ask(release, timeout_s=ANSWERED_WITHIN_S)
        over = _await(client, "over", ANSWERED_WITHIN_S)
        if over["outcomes"] != {"200": held.count}:
            raise ExperimentError(f"{served.name} answered {held.count:,} held requests with {over['outcomes']}")


def _not_taken(served: RealServed, what: str) -> BenchError:
    """Threads are what a system gives out of; whatever else it was, it should not have happened."""
    if NO_THREAD in served.log():
        return NotHereError(f"{what}: this system allows it no more threads (ulimit -u, pids.max)")
    return ExperimentError(what, f"its log ends with: {served.log()[-500:]}")


def _check_none_answered(served: RealServed, client: GuardedProcess) -> None:
    first = _told(client.log).get("first")
    if first is not None:
        raise ExperimentError(
            f"{served.name} was to hold requests, and answered one meanwhile: {first['outcome']}, after "
            f"{first['sent']:,} were sent"
        )


def _await(client: GuardedProcess, event: str, within_s: float) -> Mapping[str, Any]:
    deadline = time.monotonic() + within_s
    while event not in (told := _told(client.log)):
        if not client.running or time.monotonic() > deadline:
            raise ExperimentError(f"the client that holds requests did not come so far as {event!r}", client.log_tail())
        time.sleep(LOOK_EVERY_S)
    return told[event]


def _told(log: Path) -> dict[str, Mapping[str, Any]]:
    """What the client has told so far, by event."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    told = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("\n")]
    return {line["event"]: line for line in told}
