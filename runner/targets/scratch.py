"""A folder for what the targets write, gone with the run; one that a killed run left behind goes with the next."""

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...results.errors import TargetError

PREFIX = "sgibench-run-"
LOCK = "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder among the system's temporary ones. Raises TargetError when there can be none."""
    with contextlib.ExitStack() as stack:
        try:
            remove_left_behind(Path(tempfile.gettempdir()))
            folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            # Locked first and named then: whoever finds it by its name finds it locked.
            unnamed = folder / "new"
            lock = stack.enter_context(unnamed.open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            unnamed.rename(folder / LOCK)
        except OSError as error:
            raise TargetError(
                f"no folder for the targets' files: {error.strerror or error}",
                "they need one that can be written, with room on its disk: name it with TMPDIR",
            ) from error
        yield folder


def remove_left_behind(parent: Path) -> None:
    """Remove the folders of runs that ended without doing so: nobody holds their lock any more."""
    for lock in parent.glob(f"{PREFIX}*/{LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as held:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
