"""A guard stands between `bench` and each process tree it starts, so that the tree ends when `bench` does.

It runs as a script of its own (``python -I -S guard.py CORES GRACE_S -- COMMAND…``), needs only the standard library,
and is told nothing but the command. Its standard input is a pipe from `bench`: when that closes, for whatever reason
(normal end, exception, kill -9), the guard asks the command to stop, waits for the grace period, and kills what is
left. As a child subreaper it also inherits, and ends, what the command orphaned (daemons, workers whose master died).

Protocol: the first line on standard output is ``pid N NS``, with the instant of the start on the monotonic clock, in
nanoseconds; at the end comes ``exit CODE``. A line ``stop SIGNAL GRACE_S``
on standard input asks for an end by that signal.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.02


def prctl(option: int, value: int) -> None:
    """Linux's prctl; elsewhere nothing happens, and process groups have to do."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)
    except (OSError, AttributeError):
        return


def descendants(root: int) -> list[int]:
    """Process ids below `root`, parents first, zombies left out."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir() if Path("/proc/self/stat").exists() else ():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold spaces and parentheses of its own.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        for child in children.get(queue.pop(0), []):
            found.append(child)
            queue.append(child)
    return found


def send(pid: int, signum: int, group: bool = False) -> None:
    """Signal a process (or its group); one that is already gone is fine."""
    try:
        if group:
            os.killpg(pid, signum)
        else:
            os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        return


def reap() -> None:
    """Collect orphans that ended; the command itself is left to its Popen."""
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if info is None or info.si_pid == COMMAND_PID[0]:
                return
            os.waitpid(info.si_pid, os.WNOHANG)
        except ChildProcessError:
            return


COMMAND_PID = [0]


def end_tree(process: "subprocess.Popen[bytes]", signum: int, grace_s: float) -> None:
    """Ask the command to stop, wait, then kill whatever is left of its tree."""
    deadline = time.monotonic() + grace_s
    if process.returncode is None:
        send(process.pid, signum)
    while time.monotonic() < deadline:
        if process.poll() is not None and not descendants(os.getpid()):
            return
        reap()
        time.sleep(POLL_S)
    for _ in range(250):  # a tree that forks while it is being killed needs more than one pass
        if process.returncode is None:  # once reaped, the number may be another's
            send(process.pid, signal.SIGKILL, group=True)
        left = descendants(os.getpid())
        for pid in left:
            send(pid, signal.SIGKILL)
        reap()
        if process.poll() is not None and not left:
            return
        time.sleep(POLL_S)


def watch(process: "subprocess.Popen[bytes]", grace_s: float) -> None:
    """Wait until the command ends, or until standard input closes or asks for its end."""
    signum = int(signal.SIGTERM)
    files = [0]
    with contextlib.suppress(AttributeError, OSError):
        files.append(os.pidfd_open(process.pid))  # readable once it has ended: no need to wake up and look
    while process.poll() is None:
        ready, _, _ = select.select(files, [], [], 1.0 if len(files) > 1 else 0.1)
        reap()
        if 0 not in ready:
            continue
        words = os.read(0, 4096).decode(errors="replace").split()
        if words[:1] == ["stop"]:
            signum, grace_s = int(words[1]), float(words[2])
        break
    end_tree(process, signum, 0.2 if process.poll() is not None else grace_s)


def main(arguments: list[str]) -> int:
    """Start the command on the given cores (``-`` for all it may use) and watch over it.

    `grace_s` is for the case that `bench` ends without a word.
    """
    cores, grace_s, _, *command = arguments
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # the pipe alone decides: a signal to the guard must not orphan the tree
    prctl(PR_SET_CHILD_SUBREAPER, 1)

    def in_child() -> None:
        os.setsid()
        if cores != "-" and hasattr(os, "sched_setaffinity"):
            # Only the command: the guard stays where `bench` is, off the cores that are measured. Where a sandbox
            # forbids it, nothing is bound; `bench` has found that out beforehand, and says so.
            with contextlib.suppress(PermissionError):
                os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    began_ns = time.monotonic_ns()
    try:
        # preexec_fn is safe here: the guard has one thread.
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=2, preexec_fn=in_child)
    except OSError as error:
        os.write(1, f"failed {error}\n".encode())
        return 127
    COMMAND_PID[0] = process.pid
    os.write(1, f"pid {process.pid} {began_ns}\n".encode())
    watch(process, float(grace_s))
    try:
        os.write(1, f"exit {process.wait()}\n".encode())
    except BrokenPipeError:
        process.wait()
    reap()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
