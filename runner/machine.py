"""The machine at hand: cores, limits, what is recorded as a run's environment, and who else uses its CPU."""

import contextlib
import os
import platform
import re
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from ..results.errors import UsageError
from .control_groups import memory_left_mib

SPARE_FILES = 128  # that a process of ours opens besides its connections


@dataclass(frozen=True, slots=True)
class Cores:
    """Who gets which cores. `shared`: there is but one, so server and load disturb each other."""

    server: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def shared(self) -> bool:
        """Whether server and load have a core in common."""
        return bool(set(self.server) & set(self.load))


def available_cores() -> tuple[int, ...]:
    """The cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


def parse_cores(text: str, available: Sequence[int], option: str) -> tuple[int, ...]:
    """Cores as a user writes them: ``0``, ``0,2``, ``0-3``. Raises UsageError for nonsense or cores not there."""
    cores: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)\s*(?:-\s*(\d+)\s*)?", part)
        if match is None:
            raise UsageError(f"{option} {text!r} is not a list of cores", f"for example {option} 0 or {option} 0,2-3")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"{option} {text!r}: {first}-{last} runs backwards", f"write {option} {last}-{first}")
        cores |= set(range(first, last + 1)) if last - first < 4096 else {first, last}
    absent = sorted(cores - set(available))
    if absent:
        raise UsageError(
            f"{option} {text!r}: core {absent[0]} is not there, or not ours to use",
            f"this machine offers {', '.join(map(str, available))}",
        )
    return tuple(sorted(cores))


def choose_cores(server: str | None, load: str | None) -> Cores:
    """Split the cores between server and load. Unless told otherwise: of two or more, the last one drives the load.

    Where no process may be bound to a core, both sides have all of them. Raises UsageError when one was asked for.
    """
    available = available_cores()
    if not can_pin():
        if server or load:
            hint = "leave --server-cores and --load-cores out"
            raise UsageError("this system lets no process be bound to a core", hint)
        return Cores(available, available)
    load_cores = parse_cores(load, available, "--load-cores") if load else ()
    server_cores = parse_cores(server, available, "--server-cores") if server else ()
    if not load_cores:
        free = [core for core in available if core not in server_cores]
        load_cores = tuple((free or list(available))[-1:])
    if not server_cores:
        server_cores = tuple(core for core in available if core not in load_cores) or tuple(available)
    return Cores(server_cores, load_cores)


def environment() -> dict[str, Any]:
    """What a reader must know of the machine, and of this interpreter, to weigh the figures."""
    uname = platform.uname()
    return {
        "cpu": {
            "model": cpu_model(),
            "cores": os.cpu_count(),
            "usable_cores": list(available_cores()),
            "governor": _first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown",
            "virtual": _is_virtual(),
        },
        "memory_mib": round(psutil.virtual_memory().total / (1 << 20)),
        "system": {"name": uname.system, "kernel": uname.release, "architecture": uname.machine, "os": _os_name()},
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "compiler": platform.python_compiler(),
            "gil": getattr(sys, "_is_gil_enabled", lambda: True)(),
        },
        "limits": limits(),
    }


def limits() -> dict[str, Any]:
    """Limits that cap how many connections, threads or processes a test can have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ports = (_first_line("/proc/sys/net/ipv4/ip_local_port_range") or "").split()
    return {
        "open_files": soft,
        "open_files_hard": hard,
        "local_ports": int(ports[1]) - int(ports[0]) + 1 if len(ports) == 2 else None,
        "listen_backlog": _number("/proc/sys/net/core/somaxconn"),
        "threads": _number("/proc/sys/kernel/threads-max"),
    }


def free_memory_mib() -> float:
    """Memory that can be taken without any being taken from others, in MiB: of the machine, or of the control groups
    that this process is confined to."""
    of_machine = psutil.virtual_memory().available / (1 << 20)
    of_groups = memory_left_mib()
    return of_machine if of_groups is None else min(of_machine, of_groups)


def can_pin() -> bool:
    """Whether processes may be bound to cores here: some sandboxes forbid it."""
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return False
    return True


def open_files() -> int:
    """How many files a process may open here, once it has asked for as many as it can get."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return sys.maxsize if hard == resource.RLIM_INFINITY else hard


@contextlib.contextmanager
def many_files() -> Iterator[None]:
    """Within: this process, and whatever it starts, may open as many files as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """The versions of those distributions that are installed beside sgibench."""
    versions: dict[str, str] = {}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


def cpu_pressure_s() -> float | None:
    """How long something has waited for a core so far (PSI), in seconds; None where the kernel does not tell."""
    found = re.match(r"some .*total=(\d+)", _first_line("/proc/pressure/cpu") or "")
    return int(found[1]) / 1e6 if found else None


def _first_line(path: str) -> str | None:
    with contextlib.suppress(OSError):
        return Path(path).read_text().partition("\n")[0].strip()
    return None


def _number(path: str) -> int | None:
    line = _first_line(path)
    return int(line) if line and line.isdigit() else None


def cpu_model() -> str:
    """What the processor calls itself; ``unknown`` where the system does not tell."""
    with contextlib.suppress(OSError):
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if found:
            return found[1]
    return platform.processor() or "unknown"


def _is_virtual() -> bool:
    with contextlib.suppress(OSError):
        return " hypervisor" in Path("/proc/cpuinfo").read_text()
    return False


def _os_name() -> str:
    with contextlib.suppress(OSError):
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    return "unknown"


@dataclass(frozen=True, slots=True)
class CpuReading:
    """CPU time of the whole machine, and of each of our own processes (all below this one included), in seconds.

    `ours_s` is keyed by process id and start time, so that a process that ends in between is told from one that idles.
    `ended_s` is what children of ours took that have ended, as their parents were told.
    """

    busy_s: float
    steal_s: float
    ours_s: Mapping[tuple[int, float], float]
    at_s: float
    ended_s: float = 0.0

    @classmethod
    def now(cls) -> "CpuReading":
        """Read both."""
        at_s = time.monotonic()
        times = psutil.cpu_times()
        steal = getattr(times, "steal", 0.0)
        busy = sum(times) - times.idle - getattr(times, "iowait", 0.0) - steal
        # guest time is counted in user time already
        busy -= getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
        ours: dict[tuple[int, float], float] = {}
        ended_s = 0.0
        for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
            with contextlib.suppress(psutil.Error):
                mine = process.cpu_times()
                ours[process.pid, process.create_time()] = mine.user + mine.system
                ended_s += mine.children_user + mine.children_system
        return cls(busy, steal, ours, at_s, ended_s)


@dataclass(frozen=True, slots=True)
class Noise:
    """What others took between two readings, in cores: `foreign` processes, and `steal` by the hypervisor."""

    foreign_cores: float
    steal_cores: float

    @classmethod
    def between(cls, before: CpuReading, after: CpuReading) -> "Noise":
        """The noise of the time between. A process of ours that has ended since is ours if its parent waited for it: a
        target that starts others for its work is not to look like a noisy neighbour."""
        elapsed = max(after.at_s - before.at_s, 1e-9)
        ours = sum(max(seconds - before.ours_s.get(key, 0.0), 0.0) for key, seconds in after.ours_s.items())
        known = sum(seconds for key, seconds in before.ours_s.items() if key not in after.ours_s)
        ours += max(after.ended_s - before.ended_s - known, 0.0)
        foreign = after.busy_s - before.busy_s - ours
        return cls(max(foreign, 0.0) / elapsed, max(after.steal_s - before.steal_s, 0.0) / elapsed)
