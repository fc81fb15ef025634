"""Ceilings of the load side as they were measured, remembered from one command to the next.

A ceiling belongs to what it was measured with: the machine, the versions of what the load side is made of, and how it
pressed. The memory is a convenience and no more: whatever is wrong with its file, one measures again.
"""

import contextlib
import functools
import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...results.errors import StoreError
from ...results.store import write_atomically
from ..machine import cpu_model, installed_versions

MADE_OF = ("sgibench", "locust", "gevent", "uvloop", "httptools")
KEPT_FOR_S = 7 * 24 * 3600.0
CONNECTIONS_MAX = 64  # from there on a request costs the load side no less
BODY_BYTES_MIN = 256
BODY_BYTES_MAX = 1 << 20
RATE_LIMIT_RPS = 1e9  # what lies beyond was not measured

Entry = tuple[float, float]  # ceiling in requests/s, and when it was measured (seconds since the epoch)


@dataclass(frozen=True, slots=True)
class Pressure:
    """How the load side presses, in steps: one ceiling stands for all loads of a step.

    `connections` goes in powers of two up to 64, `body_bytes` of an answer in powers of four from 256 B to 1 MiB.
    """

    connections: int
    processes: int
    shared_core: bool
    body_bytes: int = BODY_BYTES_MIN

    @classmethod
    def of(
        cls, connections: int, processes: int, *, shared_core: bool = False, body_bytes: int = BODY_BYTES_MIN
    ) -> "Pressure":
        """The step for a load. Connections round up and bodies down, to the side where a request costs less."""
        step = min(1 << max(connections - 1, 0).bit_length(), CONNECTIONS_MAX)
        size = BODY_BYTES_MIN
        while size * 4 <= min(body_bytes, BODY_BYTES_MAX):
            size *= 4
        # Every load process needs a connection, where the load itself has one for each.
        return cls(max(step, min(processes, connections)), processes, shared_core, size)


class CeilingCache:
    """Ceilings in a file that all commands share. Nothing here fails: what cannot be read or written is not there."""

    def __init__(
        self,
        path: Path | None = None,
        surroundings: Mapping[str, str] | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """The user's own file, and this machine, unless others are given."""
        self._path = path or cache_path()
        self._surroundings = surroundings
        self._now = now

    def find(self, pressure: Pressure) -> float | None:
        """The ceiling in requests/s; None where none is known that is younger than a week."""
        entry = self._entries().get(self._key(pressure))
        return None if entry is None else entry[0]

    def keep(self, pressure: Pressure, ceiling_rps: float) -> float:
        """Remember a ceiling; the highest that is known now. A machine that was slow for a while does not lower it."""
        entries = self._entries()
        key = self._key(pressure)
        known = entries.get(key)
        if known is not None and known[0] >= ceiling_rps:
            return known[0]
        entries[key] = (ceiling_rps, self._now())
        document = {key: {"ceiling_rps": rps, "measured_at": at} for key, (rps, at) in entries.items()}
        if self._path is not None:
            with contextlib.suppress(StoreError):
                write_atomically(self._path, json.dumps({"ceilings": document}, indent=1) + "\n")
        return ceiling_rps

    def _key(self, pressure: Pressure) -> str:
        about = {**(self._surroundings or here()), **asdict(pressure)}
        return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()

    def _entries(self) -> dict[str, Entry]:
        if self._path is None:
            return {}
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))["ceilings"].items()
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return {}
        read = {key: self._entry(data) for key, data in found}
        return {key: entry for key, entry in read.items() if entry is not None}

    def _entry(self, data: Any) -> Entry | None:
        """An entry of the file; None where it is none, is too old, or comes from the future (a clock was set)."""
        if not isinstance(data, Mapping):
            return None
        rps, at = data.get("ceiling_rps"), data.get("measured_at")
        if not isinstance(rps, float) or not isinstance(at, float):
            return None
        fresh = 0 <= self._now() - at <= KEPT_FOR_S
        return (rps, at) if fresh and 0 < rps < RATE_LIMIT_RPS else None


@functools.cache
def here() -> Mapping[str, str]:
    """The machine, and the versions of what the load side is made of."""
    uname = platform.uname()
    return {
        "cpu": cpu_model(),
        "kernel": f"{uname.system} {uname.release} {uname.machine}",
        "python": " ".join((platform.python_implementation(), platform.python_version(), *platform.python_build())),
        "compiler": platform.python_compiler(),
        **installed_versions(MADE_OF),
    }


def cache_path() -> Path | None:
    """The file in the user's cache directory (XDG base directories); None for a user without a home."""
    told = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not told.is_absolute():
        try:
            told = Path.home() / ".cache"
        except RuntimeError:
            return None
    return told / "sgibench" / "ceilings.json"
