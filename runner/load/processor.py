"""Processes: pinning ourselves to cores, our limits, and the CPU time of others."""

import contextlib
import os
import resource
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


def pin(cores: Sequence[int]) -> None:
    """Keep this process, with the threads it has and will have, on these cores. Does nothing where that cannot be."""
    if not cores or not hasattr(os, "sched_setaffinity"):
        return
    try:
        threads = [int(path.name) for path in Path("/proc/self/task").iterdir()]
    except OSError:
        threads = [0]
    for thread in threads:
        try:
            os.sched_setaffinity(thread, cores)
        except OSError:
            continue


def allow_many_files() -> None:
    """Raise this process's limit of open files (connections) as far as the system lets us."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_time_ns(pids: Sequence[int]) -> int | None:
    """CPU time that these processes have used so far with all their threads, in nanoseconds.

    None for no process, or when one is gone: half a tree's time would be a wrong figure.
    """
    if not pids:
        return None
    try:
        # Linux's clock of another process (linux/posix-timers.h): all threads, about 1 µs to read.
        return sum(time.clock_gettime_ns((~pid << 3) | 2) for pid in pids)
    except OSError:
        return None


def cpu_wait_ns() -> int:
    """How long this thread has been ready to run so far while others had its core, in nanoseconds.

    0 where the kernel does not tell.
    """
    try:
        # Documentation/scheduler/sched-stats.rst: time on the CPU, time on the run queue, time slices.
        return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0


class CpuUse(NamedTuple):
    """CPU time in seconds: of the target, None where it cannot be known; what the load process used or waited for; and
    the part of that for which it waited while others had its core."""

    target_s: float | None
    load_s: float
    load_wait_s: float


class CpuMark:
    """The CPU time that the load process and a target have used up to now."""

    def __init__(self, pids: Sequence[int]) -> None:
        """`pids` is the target's process tree."""
        self._pids = pids
        # Waiting counts as use: a core that is shared with others is soon full.
        self._waited_ns = cpu_wait_ns()
        self._used_ns = time.process_time_ns()
        self._target_ns = cpu_time_ns(pids)

    def since_s(self) -> CpuUse:
        """What both have used since; of the load process, the waiting that counts is this thread's."""
        target_ns = cpu_time_ns(self._pids)
        used_s = (time.process_time_ns() - self._used_ns) / 1e9
        wait_s = (cpu_wait_ns() - self._waited_ns) / 1e9
        if target_ns is None or self._target_ns is None:
            return CpuUse(None, used_s + wait_s, wait_s)
        return CpuUse((target_ns - self._target_ns) / 1e9, used_s + wait_s, wait_s)
