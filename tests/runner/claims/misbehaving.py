"""Sides that go wrong, each in its own way. Loaded by fresh interpreters, like a claim's file."""

import atexit
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def says(word: str) -> dict[str, Any]:
    sys.stdout.write("what a library prints is in nobody's way\n")
    return {"word": word, "pid": os.getpid(), "cores": sorted(os.sched_getaffinity(0)), "stopped": ""}


def complains_at_its_end() -> dict[str, Any]:
    atexit.register(sys.stderr.write, "nobody fetched this error\n")
    return {"word": "x"}


def fails() -> dict[str, Any]:
    raise ValueError("seventeen is no prime here")


def exits() -> dict[str, Any]:
    os._exit(7)


def gives_no_figures() -> Any:
    return {"figure": object()}


def sleeps(pid_file: str) -> dict[str, Any]:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(pid_file).write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)
    return {}


def eats(mib: int) -> dict[str, Any]:
    held = b"x" * (mib << 20)
    time.sleep(60)
    return {"held": len(held)}
