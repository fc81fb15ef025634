"""Ten thousand requests in flight at once: does the load process hold them, and in how much memory?

    python -m benchmarks.load_in_flight [--connections 10000] [--wait 1] [--turn 5] [--repeats 3]

Asked for: all of them in flight at one time, by the server's own count; all answered, and the ledger balanced; the load
process (the engine inside Locust) under 150 MB. The server answers each request after a wait. Each repeat starts server
and load process anew. Memory: the peak of PSS from five readings a second, and the kernel's own peak of RSS, which also
has the pages that the process shares with others.

What a machine has to allow, and what is looked at beforehand: open files (a socket each, on both sides) and local ports
(each connection to the one address of the server needs one of its own).
"""

import argparse
import contextlib
import json
import re
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from sgibench.results.errors import LoadError, UsageError
from sgibench.results.estimate import mean_estimate
from sgibench.results.ledger import Ledger
from sgibench.runner.load.orders import Arrival
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import Cores, limits

from .common import elapsed
from .ratios import judged, script, shown
from .rivals import LocalServer, pinned_cores, turn_block
from .waiting_server import BODY

ASKED_MB = 150.0
READ_EVERY_S = 0.2
SPARE_FILES = 200


class WaitingServer(LocalServer):
    """The server that makes requests wait."""

    name = "the waiting server"
    ready_path = "/count"

    def __init__(self, cores: Sequence[int], wait_s: float) -> None:
        super().__init__(cores)
        self._wait_s = wait_s

    def command(self) -> Sequence[str]:
        """In a Python of its own."""
        return [sys.executable, "-m", "benchmarks.waiting_server", str(self.port), str(self._wait_s)]


class MemoryWatch:
    """Reads a process's PSS while the context lasts; `peak_mb` is the most that was seen."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0

    def __enter__(self) -> "MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(READ_EVERY_S):
            with contextlib.suppress(psutil.Error):
                self.peak_mb = max(self.peak_mb, pss_mb(self._process.pid))


@dataclass(frozen=True, slots=True)
class Repeat:
    """What one repeat gave; memory in MB (10^6 bytes)."""

    ledger: Ledger
    served: int
    most_held: int
    idle_pss_mb: float
    peak_pss_mb: float
    peak_rss_mb: float


def pss_mb(pid: int) -> float:
    """A process's proportional set size."""
    return float(psutil.Process(pid).memory_full_info().pss) / 1e6


def peak_rss_mb(pid: int) -> float:
    """The most resident memory a process ever had, as the kernel has kept it."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    if found is None:
        raise LoadError("this kernel does not tell a process's peak of memory (VmHWM in /proc/PID/status)")
    return int(found[1]) * 1024 / 1e6


def check_limits(connections: int) -> str:
    """What the machine allows, in a line. Raises UsageError when it is too little."""
    allowed = limits()
    files, ports = allowed["open_files_hard"], allowed["local_ports"]
    if 0 < files < connections + SPARE_FILES:
        raise UsageError(
            f"{connections} connections need {connections + SPARE_FILES} open files, the limit is {files}",
            "raise it (ulimit -Hn), or give fewer --connections",
        )
    if ports is not None and ports < connections + SPARE_FILES:
        raise UsageError(
            f"{connections} connections to one address need as many local ports, there are {ports}",
            "widen them: sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
        )
    backlog = allowed["listen_backlog"]
    return f"limits: {files} open files (hard), {ports} local ports, a listen backlog of {backlog}"


def one_repeat(cores: Cores, options: argparse.Namespace) -> Repeat:
    """A closed loop on all connections: every one sends at the start, and waits."""
    with WaitingServer(cores.server, options.wait) as server, LocustSession(load_cores=cores.load) as session:
        block = turn_block(server.endpoint(BODY), Arrival(options.connections), options.turn, drain=True)
        session.start()
        pid = session.pid
        assert pid is not None
        idle_mb = pss_mb(pid)
        with MemoryWatch(pid) as watch:
            turn = session.run(block).turns[0]
        if turn.first_error:
            print(f"          first error: {turn.first_error}")
        count = json.loads(server.ask("/count"))
        return Repeat(turn.ledger, count["requests"], count["most"], idle_mb, watch.peak_mb, peak_rss_mb(pid))


def main() -> None:
    """Print a line per repeat, then what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--wait", type=float, default=1.0, help="seconds that each request waits for its answer")
    parser.add_argument("--turn", type=float, default=5.0, help="seconds of load")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    print(check_limits(options.connections))
    began, repeats = time.monotonic(), []
    with pinned_cores() as cores:
        for number in range(options.repeats):
            seen = one_repeat(cores, options)
            repeats.append(seen)
            print(
                f"{elapsed(began)}  repeat {number + 1}: {seen.most_held:,} held at once, {seen.ledger.sent:,} sent, "
                f"{seen.ledger.ok:,} right, {seen.served:,} seen by the server; PSS {seen.idle_pss_mb:.1f} MB idle, "
                f"{seen.peak_pss_mb:.1f} at its peak; peak of RSS {seen.peak_rss_mb:.1f}",
                flush=True,
            )
    held = all(seen.most_held == options.connections for seen in repeats)
    right = all(seen.ledger.balanced and seen.ledger.ok == seen.ledger.sent == seen.served for seen in repeats)
    print(f"{options.connections:,} in flight at once, by the server's count: {'holds' if held else 'DOES NOT HOLD'}")
    print(f"all answered, ledger balanced, the server's count the same: {'holds' if right else 'DOES NOT HOLD'}")
    for name, values in (("PSS", [a.peak_pss_mb for a in repeats]), ("RSS", [a.peak_rss_mb for a in repeats])):
        peak = mean_estimate(values)
        print(f"peak of {name}: {shown(peak, '.1f')} MB   asked: below {ASKED_MB:g}: {judged(peak, high=ASKED_MB)}")


if __name__ == "__main__":
    script(main)
