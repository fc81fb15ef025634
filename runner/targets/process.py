"""A process tree under guard: started in a session of its own, its output kept, always gone afterwards."""

import contextlib
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

from ...results.errors import TargetError

GUARD = Path(__file__).with_name("guard.py")
START_TIMEOUT_S = 20.0
GUARD_NOTICES_WITHIN_S = 2.0


class GuardedProcess:
    """A command and all that it starts. Use as a context manager, or call `stop`; a dying `bench` stops it as well."""

    def __init__(
        self,
        command: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        cores: Iterable[int] = (),
        stop_signal: signal.Signals = signal.SIGTERM,
        grace_s: float = 3.0,
    ) -> None:
        """Start `command`; its output goes to the end of `log`, its process inherits `cwd` and `env`."""
        self.command = tuple(command)
        self.log = log
        self._stop_signal = stop_signal
        self._grace_s = grace_s
        self._exit_code: int | None = None
        core_list = ",".join(str(core) for core in sorted(cores)) or "-"
        with log.open("ab") as output:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), core_list, str(grace_s), "--", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                bufsize=0,
                cwd=cwd,
                env=None if env is None else dict(env),
                start_new_session=True,
            )
        self._pid: int | None = None
        self._began = 0.0

    @property
    def pid(self) -> int:
        """The command's process id. Raises TargetError when it could not be executed."""
        # Asked for late, so that several processes start side by side.
        if self._pid is None:
            word, rest = self._read_line(START_TIMEOUT_S)
            if word != "pid":
                self._exit_code = 127  # as a shell says it
                self.stop()
                raise TargetError(f"cannot start {self.command[0]}: {rest or 'its guard gave no answer'}")
            pid, _, began_ns = rest.partition(" ")
            self._pid, self._began = int(pid), int(began_ns) / 1e9
        return self._pid

    @property
    def began(self) -> float:
        """When the command was started, on the monotonic clock. Raises TargetError when it could not be."""
        _ = self.pid  # comes with it
        return self._began

    def _read_line(self, timeout_s: float) -> tuple[str, str]:
        """The guard's next line as (word, rest); empty strings when there is none in time."""
        output = self._guard.stdout
        assert output is not None
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return "", ""
        word, _, rest = output.readline().decode(errors="replace").strip().partition(" ")
        return word, rest

    def exit_code(self, wait_s: float = 0.0) -> int | None:
        """The command's exit code (negative: killed by that signal), None while it runs and for `wait_s` longer."""
        if self._exit_code is None:
            _ = self.pid  # its line comes first
            word, rest = self._read_line(wait_s)
            if word == "exit":
                self._exit_code = int(rest)
            elif self._guard.poll() is not None:
                word, rest = self._read_line(0)  # it may have said so just before it ended
                self._exit_code = int(rest) if word == "exit" else -int(signal.SIGKILL)
        return self._exit_code

    @property
    def running(self) -> bool:
        """Whether the command itself still runs."""
        if self.exit_code() is not None:
            return False
        if psutil.pid_exists(self.pid):
            return True
        self.exit_code(GUARD_NOTICES_WITHIN_S)
        return False

    def tree(self) -> list[psutil.Process]:
        """The command's process and its descendants; empty when it is gone."""
        try:
            root = psutil.Process(self.pid)
            return [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def pin(self, cores: Iterable[int]) -> None:
        """Bind every thread of the tree to these cores, if any; threads started later inherit it."""
        wanted = set(cores)
        if not wanted:
            return
        for _ in range(5):  # a thread may start another while we look
            threads = [tid for process in self.tree() for tid in _threads(process.pid)]
            moved = [tid for tid in threads if not _pin_thread(tid, wanted)]
            if not moved:
                return

    def log_tail(self, lines: int = 12) -> str:
        """The last lines of the output."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    def request_stop(self) -> None:
        """Ask for the end without waiting for it, so that several can stop side by side."""
        stdin = self._guard.stdin
        if stdin is not None and not stdin.closed:
            with contextlib.suppress(BrokenPipeError, OSError):
                stdin.write(f"stop {int(self._stop_signal)} {self._grace_s}\n".encode())
                stdin.flush()
            with contextlib.suppress(BrokenPipeError, OSError):
                stdin.close()

    def stop(self) -> None:
        """End the tree, and wait until it is gone. May be called again."""
        self.request_stop()
        try:
            self._guard.wait(self._grace_s + 7)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()
        if self._guard.stdout is not None and not self._guard.stdout.closed:
            with contextlib.suppress(TargetError):
                self.exit_code()
            self._guard.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _threads(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(entry.name) for entry in Path(f"/proc/{pid}/task").iterdir()]
    return []


def _pin_thread(tid: int, cores: set[int]) -> bool:
    """Pin one thread; False when it still had to be moved."""
    try:
        if os.sched_getaffinity(tid) == cores:
            return True
        os.sched_setaffinity(tid, cores)
    except (ProcessLookupError, PermissionError):
        return True
    return False
