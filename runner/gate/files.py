"""Files that a user asked for by name: whether they can be written, and writing them, whatever they are."""

import contextlib
import errno
import os
from pathlib import Path

from ...results.store import unwritable, write_atomically

# What lies there is open already: it is written to, and never replaced by a file of that name.
OPEN_ALREADY = (Path("/dev"), Path("/dev/fd"), Path("/proc/self/fd"))


def check_writable(path: Path, option: str, *, added_to: bool = False) -> None:
    """Raise StoreError for a file that could not be written in the end: it would take the verdict with it. `option`
    names it.

    A new file needs a folder that can be written; so does one that is replaced, unless it is only `added_to`.
    """
    remedy = other_file(option)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error, remedy) from error
    if path.is_dir():
        raise unwritable(path, OSError(errno.EISDIR, os.strerror(errno.EISDIR)), remedy)
    opened = is_stream(path) or (added_to and path.exists())
    if not os.access(path if opened else _aim(path).parent, os.W_OK):
        raise unwritable(path, OSError(errno.EACCES, os.strerror(errno.EACCES)), remedy)


def other_file(option: str) -> str:
    """What to do where the file that an option names cannot be written."""
    return f"make room there, or name another file: {option} FILE"


def write_file(path: Path, text: str, option: str) -> None:
    """Write a file whole or not at all; what is no file (a pipe, a terminal) is written to. Raises StoreError."""
    if is_stream(path):
        append(path, text, option)
    else:
        write_atomically(_aim(path), text, other_file(option))


def append(path: Path, text: str, option: str) -> None:
    """Add to the end of a file; whoever reads a pipe may have stopped. Raises StoreError when that cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(BrokenPipeError), path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise unwritable(path, error, other_file(option)) from error


def is_stream(path: Path) -> bool:
    """Whether a path is a device, a pipe or what is open already: nothing that another file can take the place of."""
    return path.absolute().parent in OPEN_ALREADY or (path.exists() and not path.is_file())


def _aim(path: Path) -> Path:
    """Where a link leads to: the link stays."""
    return Path(os.path.realpath(path))
