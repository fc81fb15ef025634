"""Process trees are always gone afterwards: whatever they do, and however `bench` ends."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from sgibench.results.errors import TargetError
from sgibench.runner.targets.process import GuardedProcess

from ..waiting import eventually

SLEEP = "import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); {SLEEP}"
WITH_CHILD = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); {SLEEP}"
# A daemon as the books write it: two forks and a session of its own.
WITH_DAEMON = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open({file!r}, "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
time.sleep(60)
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_process_ends_with_its_context_and_leaves_its_output(tmp_path: Path) -> None:
    with GuardedProcess(python(f"print('hello', flush=True); {SLEEP}"), tmp_path / "log") as process:
        pid = process.pid
        assert process.running
        assert eventually(lambda: "hello" in process.log_tail())
    assert gone(pid)
    assert process.exit_code() == -signal.SIGTERM


def test_children_end_too(tmp_path: Path) -> None:
    with GuardedProcess(python(WITH_CHILD), tmp_path / "log") as process:
        assert eventually(lambda: len(process.tree()) == 2)
        pids = [member.pid for member in process.tree()]
    assert all(gone(pid) for pid in pids)


def test_who_ignores_the_request_is_killed_after_the_grace(tmp_path: Path) -> None:
    with GuardedProcess(python(STUBBORN), tmp_path / "log", grace_s=0.3) as process:
        assert eventually(lambda: "ready" in process.log_tail())
        pid = process.pid
    assert gone(pid)
    assert process.exit_code() == -signal.SIGKILL


def test_a_daemon_in_a_session_of_its_own_ends_too(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with GuardedProcess(python(WITH_DAEMON.format(file=str(file))), tmp_path / "log"):
        assert eventually(lambda: file.exists() and bool(file.read_text()))
        daemon = int(file.read_text())
        assert not gone(daemon)
    assert gone(daemon)


def test_workers_whose_master_was_killed_end_too(tmp_path: Path) -> None:
    with GuardedProcess(python(WITH_CHILD), tmp_path / "log") as process:
        assert eventually(lambda: len(process.tree()) == 2)
        master, worker = [member.pid for member in process.tree()]
        os.kill(master, signal.SIGKILL)
        assert eventually(lambda: process.exit_code() == -signal.SIGKILL)
    assert gone(worker)


def test_an_exit_of_its_own_is_seen_with_its_code(tmp_path: Path) -> None:
    with GuardedProcess(python("raise SystemExit(7)"), tmp_path / "log") as process:
        assert eventually(lambda: process.exit_code() == 7)
        assert not process.running
        assert process.tree() == []


def test_a_command_that_cannot_be_executed_is_an_error(tmp_path: Path) -> None:
    process = GuardedProcess(["/nowhere/python"], tmp_path / "log")
    with pytest.raises(TargetError, match=r"cannot start /nowhere/python: .*No such file"):
        _ = process.pid


def test_stopping_twice_is_once(tmp_path: Path) -> None:
    process = GuardedProcess(python(SLEEP), tmp_path / "log")
    process.stop()
    process.stop()
    assert process.exit_code() == -signal.SIGTERM


def test_every_thread_is_pinned_also_one_that_runs_already(tmp_path: Path) -> None:
    threads = "import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start() for _ in range(5)]"
    core = min(os.sched_getaffinity(0))
    with GuardedProcess(python(threads), tmp_path / "log") as process:
        assert eventually(lambda: psutil.Process(process.pid).num_threads() == 6)
        process.pin({core})
        tasks = [int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir()]
        assert len(tasks) == 6
        assert all(os.sched_getaffinity(task) == {core} for task in tasks)


PARENT = """
import sys, time
from pathlib import Path
from sgibench.runner.targets.process import GuardedProcess
process = GuardedProcess([sys.executable, "-c", {code!r}], Path({log!r}), grace_s=0.5)
print(process.pid, flush=True)
{then}
"""


@pytest.mark.parametrize("code", [SLEEP, WITH_CHILD, STUBBORN], ids=["plain", "with a child", "stubborn"])
def test_the_tree_ends_when_its_owner_is_killed_outright(code: str, tmp_path: Path) -> None:
    script = PARENT.format(code=code, log=str(tmp_path / "log"), then="time.sleep(60)")
    owner = subprocess.Popen(python(script), stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    tree = [pid]
    if code == WITH_CHILD:
        assert eventually(lambda: bool(psutil.Process(pid).children()))
        tree += [child.pid for child in psutil.Process(pid).children()]
    owner.kill()
    owner.communicate()
    assert eventually(lambda: all(gone(member) for member in tree))


def test_the_tree_ends_when_its_owner_fails(tmp_path: Path) -> None:
    script = PARENT.format(code=SLEEP, log=str(tmp_path / "log"), then="raise RuntimeError")
    done = subprocess.run(python(script), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert eventually(lambda: gone(int(done.stdout.split()[0])))


def test_a_signal_to_the_guard_does_not_orphan_the_tree(tmp_path: Path) -> None:
    with GuardedProcess(python(SLEEP), tmp_path / "log") as process:
        guard = psutil.Process(process.pid).parent()
        assert guard is not None
        guard.send_signal(signal.SIGTERM)
        guard.send_signal(signal.SIGINT)
        time.sleep(0.2)
        assert process.running
        pid = process.pid
        guard.kill()
        assert eventually(lambda: gone(pid)), "the kernel ends the command when even the guard was killed"


def test_the_environment_and_folder_are_as_given(tmp_path: Path) -> None:
    code = textwrap.dedent("import os; print(os.getcwd(), os.environ.get('SHOP'), os.environ.get('HOME'), flush=True)")
    with GuardedProcess(python(code), tmp_path / "log", cwd=tmp_path, env={"SHOP": "open"}) as process:
        assert eventually(lambda: not process.running)
    assert process.log_tail() == f"{tmp_path} open None"
