"""Running ``bench`` as a user does: as a process, with its output and its exit code."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

SUITE = """
title = "two bare apps"
budget_s = 60
targets = ["bare-wsgi@gunicorn-gthread-1x8", "bare-asgi@uvicorn"]
[epochs]
min = 2
max = 2
[[scenario]]
name = "json"
seconds = 0.3
[[scenario]]
name = "wait-50ms"
concurrency = [4, 16]
seconds = 0.5
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "120", "NO_COLOR": "1", **(extra or {})}


def bench(*arguments: str, cwd: Path, timeout_s: float = 110, env: Mapping[str, str] | None = None) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "sgibench", *arguments],
        cwd=cwd,
        env=environment(env),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def start_bench(*arguments: str, cwd: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sgibench", *arguments],
        cwd=cwd,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def family_of(pid: int) -> list[psutil.Process]:
    """All that a process started, as it is now."""
    return psutil.Process(pid).children(recursive=True)


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run (psutil tells a reused pid from the process it was)."""
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
