"""A real server, as an experiment sees it: what it answers, holds in memory, and writes."""

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from ...apps.contract import Reply
from ..targets.launch import HOST, LiveTarget
from .sides import ExperimentError

MIB = 1 << 20
ESTABLISHED = "01"
LOOK_EVERY_S = 0.05


class RealServed:
    """A live target. It was launched for this experiment alone, and whoever launched it ends it."""

    def __init__(self, live: LiveTarget) -> None:
        """Take a target that is ready."""
        self._live = live

    @property
    def name(self) -> str:
        """The target's name."""
        return self._live.name

    @property
    def host(self) -> str:
        """The address that it listens on."""
        return HOST

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._live.port

    @property
    def pids(self) -> tuple[int, ...]:
        """All processes of its tree, as it is now."""
        return tuple(process.pid for process in self._live.process.tree())

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Reply:
        """Ask once, over a new connection. Raises ExperimentError when there is no answer."""
        try:
            return self._live.ask(path, method, timeout_s, headers, body)
        except (OSError, http.client.HTTPException) as error:
            raise ExperimentError(f"{self.name} gave no answer to {method} {path}: {error!r}") from error

    def memory(self) -> dict[str, float]:
        """PSS, USS and RSS of its tree now, in MiB. Raises ExperimentError when it is gone."""
        found = {"pss_mib": 0.0, "uss_mib": 0.0, "rss_mib": 0.0}
        for process in self._live.process.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                full = process.memory_full_info()
                found["pss_mib"] += full.pss / MIB
                found["uss_mib"] += full.uss / MIB
                found["rss_mib"] += full.rss / MIB
        if not found["rss_mib"]:
            raise ExperimentError(*_ended(self._live))
        return found

    def threads(self) -> int:
        """How many threads its processes have now."""
        count = 0
        for process in self._live.process.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                count += process.num_threads()
        return count

    def log(self) -> str:
        """What it has written so far."""
        return self._live.process.log.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> int | None:
        """End it as its kind is ended, and wait; its exit code."""
        self._live.process.stop()
        return self._live.process.exit_code()

    @property
    def running(self) -> bool:
        """Whether it still runs."""
        return self._live.process.running

    def in_service(self) -> int:
        """On how many connections it has read all that came, of those that it has accepted and that are open."""
        return sum(1 for line in _connections() if _is_read(line, self.port))

    def await_in_service(self, count: int, within_s: float, in_vain: Callable[[], bool] = lambda: False) -> int:
        """Wait until that many are; how many were at last, when it was in vain: its time up, or the server ended."""
        deadline = time.monotonic() + within_s
        while (found := self.in_service()) < count and time.monotonic() < deadline and self.running and not in_vain():
            time.sleep(LOOK_EVERY_S)
        return found


def _ended(live: LiveTarget) -> tuple[str, str]:
    error = live.failure(f"ended with code {live.process.exit_code()}")
    return error.message, error.hint


def _connections() -> list[list[str]]:
    return [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]


def _is_read(fields: list[str], port: int) -> bool:
    """A row of the kernel's table: local address, state, queues, and the inode, which is 0 before it is accepted."""
    local, state, queues, inode = fields[1], fields[3], fields[4], fields[9]
    unread = int(queues.partition(":")[2], 16)
    return state == ESTABLISHED and int(local.partition(":")[2], 16) == port and inode != "0" and not unread
