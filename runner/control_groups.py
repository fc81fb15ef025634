"""Control groups: the memory that this process, with all others in its groups, may still take.

Within a container a group's path may be the host's, which is not to be seen there; the container's own then lies at the
top. So the group is looked for at its path, and all that it lies in.
"""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MIB = 1 << 20
MEMBERSHIP = Path("/proc/self/cgroup")
MOUNTED = Path("/sys/fs/cgroup")


def memory_left_mib() -> float | None:
    """What the tightest of its groups leaves to this process, in MiB; None where none has a limit."""
    return min((max(left, 0) / MIB for left in _left()), default=None)


def _left() -> Iterator[int]:
    for line in _text(MEMBERSHIP).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            names = ("memory.max", "memory.current", "inactive_file")
            mounts = [MOUNTED, MOUNTED / "unified"]
        elif "memory" in controllers.split(","):
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
            mounts = [MOUNTED / "memory"]
        else:
            continue
        for group in (PurePosixPath(path), *PurePosixPath(path).parents):
            for mount in mounts:
                yield from _left_in(mount / str(group).lstrip("/"), *names)


def _left_in(folder: Path, limit: str, used: str, idle: str) -> Iterator[int]:
    """A group without a limit says so in a word, or in a huge number. What is used holds the cache of files, of which
    the idle part gives way."""
    bound, taken = _text(folder / limit).strip(), _text(folder / used).strip()
    if bound.isdigit() and taken.isdigit():
        found = re.search(rf"^{idle} (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
        yield int(bound) - int(taken) + (int(found[1]) if found else 0)


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""
