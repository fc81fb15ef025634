"""Sampling memory, CPU, threads and sockets of the targets' process trees, in a thread of the CLI's process.

That process has nothing to do while load is driven, shares no core with the targets, and is not the load generator. It
does share the load's core: so the thread gives way, and reads in the load process's pauses.
Cheap figures are read ten times a second from all targets that are being compared, context switches and connections
once a second; PSS and USS only at marks, since the kernel walks every page table for them.
"""

import contextlib
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psutil

from ..results.records import MemoryMark
from .priority import give_way

INTERVAL_S = 0.1
MORE_EVERY = 10  # reading the kernel's table of connections takes about a millisecond, in one piece
MIB = 1 << 20
ESTABLISHED = "01"


class Sampled(Protocol):
    """What can be sampled: a live target, or anything else with a name, a port and processes."""

    @property
    def name(self) -> str:
        """Under which its rows are kept."""

    port: int
    pids: tuple[int, ...]


class Sampler(Protocol):
    """What the rotation wants of a sampler. A fake one lets the pipeline be tested without processes."""

    def watch(self, targets: Sequence[Sampled]) -> None:
        """Sample these from now on; none to rest."""

    def mark(self, target: Sampled, label: str) -> MemoryMark | None:
        """Read a target's memory now."""

    def mark_later(self, target: Sampled, label: str, delay_s: float) -> None:
        """Read it after a delay, without waiting; `take` has it."""

    def take(self) -> tuple[list[dict[str, Any]], dict[str, list[MemoryMark]]]:
        """The rows and the marks (by target) since the last call."""

    def close(self) -> None:
        """Stop sampling."""


@dataclass(slots=True)
class _Due:
    at: float
    target: Sampled
    label: str


class ProcessSampler:
    """The real sampler. `started` is the run's start on the monotonic clock: rows count seconds from there."""

    def __init__(self, started: float, interval_s: float = INTERVAL_S) -> None:
        """Start the thread; it rests until `watch` names targets."""
        self._started = started
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._targets: Sequence[Sampled] = ()
        self._due: list[_Due] = []
        self._rows: list[dict[str, Any]] = []
        self._marks: dict[str, list[MemoryMark]] = {}
        self._processes: dict[int, psutil.Process] = {}
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._sample, name="sampler", daemon=True)
        self._thread.start()

    def watch(self, targets: Sequence[Sampled]) -> None:
        """Sample these from now on; none to rest."""
        with self._lock:
            self._targets = tuple(targets)
            self._processes.clear()
        self._wake.set()

    def mark(self, target: Sampled, label: str) -> MemoryMark | None:
        """Read a target's memory now; None when its processes are gone."""
        return memory_of(target.pids, label, time.monotonic() - self._started)

    def mark_later(self, target: Sampled, label: str, delay_s: float) -> None:
        """Read a target's memory after a delay, from the sampler's thread."""
        with self._lock:
            self._due.append(_Due(time.monotonic() + delay_s, target, label))
        self._wake.set()

    def take(self) -> tuple[list[dict[str, Any]], dict[str, list[MemoryMark]]]:
        """The rows and the marks (by target) since the last call."""
        with self._lock:
            rows, self._rows = self._rows, []
            marks, self._marks = self._marks, {}
            self._due.clear()
        return rows, marks

    def close(self) -> None:
        """End the thread."""
        self._closed = True
        self._wake.set()
        self._thread.join(5)

    def _sample(self) -> None:
        give_way()
        count = 0
        next_at = time.monotonic()
        while not self._closed:
            with self._lock:
                targets, due = self._targets, list(self._due)
            now = time.monotonic()
            for item in [item for item in due if item.at <= now]:
                self._take_mark(item)
            if targets and now >= next_at:
                self._read(targets, count % MORE_EVERY == 0)
                count += 1
                next_at = max(next_at + self._interval_s, time.monotonic())
            waits = [item.at for item in due if item.at > now] + ([next_at] if targets else [])
            self._wake.wait(max(min(waits) - time.monotonic(), 0) if waits else None)
            self._wake.clear()

    def _take_mark(self, item: _Due) -> None:
        found = self.mark(item.target, item.label)
        with self._lock:
            # One that `take` has meanwhile cleared belongs to a piece that is over.
            if item in self._due:
                self._due.remove(item)
                if found is not None:
                    self._marks.setdefault(item.target.name, []).append(found)

    def _read(self, targets: Sequence[Sampled], with_more: bool) -> None:
        at_s = round(time.monotonic() - self._started, 4)
        connections = open_connections() if with_more else {}
        rows = [
            {
                "at_s": at_s,
                "target": target.name,
                **figures,
                "connections": connections.get(target.port, 0) if with_more else None,
                "context_switches": context_switches(target.pids) if with_more else None,
            }
            for target in targets
            if (figures := self._figures(target.pids))
        ]
        with self._lock:
            self._rows += rows

    def _figures(self, pids: Iterable[int]) -> dict[str, float]:
        """RSS, CPU time, threads and file descriptors of a tree; empty when it is gone."""
        total = {"rss_mib": 0.0, "cpu_s": 0.0, "threads": 0, "fds": 0, "processes": 0}
        for pid in pids:
            with contextlib.suppress(psutil.Error):
                process = self._processes.get(pid) or self._processes.setdefault(pid, psutil.Process(pid))
                with process.oneshot():
                    times = process.cpu_times()
                    total["rss_mib"] += process.memory_info().rss / MIB
                    total["cpu_s"] += times.user + times.system
                    total["threads"] += process.num_threads()
                    total["fds"] += process.num_fds()
                    total["processes"] += 1
        return {name: round(value, 4) for name, value in total.items()} if total["processes"] else {}


def memory_of(pids: Iterable[int], label: str, at_s: float) -> MemoryMark | None:
    """The memory of these processes now: PSS where the kernel tells it, else RSS. None when all are gone."""
    memory = uss = 0.0
    processes, kind = 0, "pss"
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            try:
                full = process.memory_full_info()
                pss = getattr(full, "pss", None)
                if pss:
                    memory += pss / MIB
                    uss += full.uss / MIB
                    processes += 1
                    continue
            except psutil.AccessDenied:
                pass
            memory += process.memory_info().rss / MIB
            processes, kind = processes + 1, "rss"
    if not processes or memory <= 0:
        return None
    return MemoryMark(label, round(at_s, 4), memory, uss if kind == "pss" else None, processes, kind)


def context_switches(pids: Iterable[int]) -> int:
    """Context switches of every thread of these processes so far (psutil counts a process's first thread only)."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    for line in (thread / "status").read_text().splitlines():
                        if "ctxt_switches" in line:
                            total += int(line.rpartition(":")[2])
    return total


def open_connections() -> Mapping[int, int]:
    """Established TCP connections by local port, in one look at the kernel's table; empty where there is none."""
    counts: dict[int, int] = {}
    with contextlib.suppress(OSError), Path("/proc/net/tcp").open() as table:
        next(table, None)
        for line in table:
            fields = line.split()
            if fields[3] == ESTABLISHED:
                port = int(fields[1].rpartition(":")[2], 16)
                counts[port] = counts.get(port, 0) + 1
    return counts
