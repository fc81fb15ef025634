"""Processes: pinning ourselves to cores, our limits, and the CPU time of others."""

import contextlib
import os
import resource
import threading
import time
from collections.abc import Sequence
from pathlib import Path


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
