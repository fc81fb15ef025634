"""A gate as a process, looked at from outside."""

import contextlib
import subprocess

import psutil

from ..commands.cli import family_of, living


def launched(bench: "subprocess.Popen[str]") -> bool:
    """Whether a server of its runs."""
    with contextlib.suppress(psutil.Error):  # one that was there may be gone
        return any("uvicorn" in " ".join(process.cmdline()) for process in living(family_of(bench.pid)))
    return False
