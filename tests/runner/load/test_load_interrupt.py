"""``bench load`` that is interrupted says what it has seen so far; interrupted again, it ends at once."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from .lying_server import LyingServer, answer, late
from .test_load_command import PROGRAM

GONE_WITHIN_S = 10.0
NOTHING_YET = "interrupted: nothing was measured yet\n"
# A driver that hangs is not waited for.
IMPATIENT = "from sgibench.runner.load import session\nsession.GRACE_S = 0.3\n"


class Loading:
    """``bench load`` under way."""

    def __init__(self, server: LyingServer, process: "subprocess.Popen[str]") -> None:
        self.process = process
        while not server.requests:
            assert process.poll() is None, "it ended before it had sent anything"
            time.sleep(0.01)
        time.sleep(0.3)
        self.children = psutil.Process(process.pid).children(recursive=True)
        assert self.children

    def signal(self, number: int) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> tuple[str, str]:
        """Standard output and error; no process may be left."""
        printed = self.process.communicate(timeout=20)
        assert not psutil.wait_procs(self.children, timeout=GONE_WITHIN_S)[1]
        return printed


@contextmanager
def loading(server: LyingServer, *arguments: str) -> Iterator[Loading]:
    url = f"http://127.0.0.1:{server.port}/"
    command = [sys.executable, "-c", IMPATIENT + PROGRAM, "load", url, "--duration", "60", "--no-calibrate", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Loading(server, process)
        finally:
            process.kill()


@pytest.mark.parametrize(("processes", "number"), [("1", signal.SIGINT), ("2", signal.SIGTERM)])
def test_the_first_signal_ends_the_load_and_keeps_its_figures(processes: str, number: int) -> None:
    with LyingServer(late(answer(), 0.005)) as server, loading(server, "--processes", processes, "--json") as load:
        load.signal(number)
        printed, errors = load.end()
        said: dict[str, Any] = json.loads(printed)
        assert said["ledger"]["ok"] <= server.requests <= said["ledger"]["sent"]
    assert load.process.returncode == 130
    assert errors == ""
    assert said["interrupted"] is True
    assert said["planned_s"] == 60
    assert 0.1 < said["elapsed_s"] < 20
    assert said["throughput_rps"] == said["ledger"]["ok"] / said["elapsed_s"] > 0
    assert said["valid"] == all(problem["severity"] == "warning" for problem in said["problems"])
    assert said["service_time_ms"]["p50"] > 5


def test_people_read_how_long_it_was() -> None:
    with LyingServer(late(answer(), 0.005)) as server, loading(server, "--rate", "100") as load:
        load.signal(signal.SIGINT)
        printed, errors = load.end()
    assert "interrupted after " in printed
    assert "right answers/s" in printed
    assert errors == ""


def test_the_second_signal_ends_everything_at_once() -> None:
    """The driver is stopped, so that it cannot answer the first."""
    with LyingServer(late(answer(), 0.005)) as server, loading(server) as load:
        (driver,) = load.children
        driver.suspend()
        load.signal(signal.SIGINT)
        time.sleep(0.3)
        assert load.process.poll() is None, "it waits for what the load side has seen"
        load.signal(signal.SIGINT)
        printed, errors = load.end()
    assert load.process.returncode == 130
    assert printed == ""
    assert errors == "interrupted twice: ended at once, without figures\n"


def test_a_signal_before_anything_was_sent_leaves_no_figures() -> None:
    """The server takes no connection: its queue is full, and the load side waits for its connections."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        command = [sys.executable, "-c", PROGRAM, "load", f"http://127.0.0.1:{port}/", "--duration", "60"]
        command += ["--no-calibrate", "--timeout", "50s", "--connections", "20"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            while not any(each.raddr and each.raddr.port == port for each in connections_below(process.pid)):
                time.sleep(0.05)
            time.sleep(0.2)
            os.kill(process.pid, signal.SIGINT)
            printed, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed == ""
    assert errors == NOTHING_YET


def test_a_signal_during_the_calibration_says_that_nothing_was_measured(tmp_path: Path) -> None:
    """It is made long, that it may be met."""
    long = "from sgibench.runner.load import calibration\ncalibration.WARMUP_S = 60\n"
    command = [sys.executable, "-c", long + PROGRAM, "load", "http://127.0.0.1:9/", "--json"]
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        while not any(each.raddr for each in connections_below(process.pid)):
            assert process.poll() is None, "it ended before it had calibrated"
            time.sleep(0.05)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 2, "the driver, and the null server"
        os.kill(process.pid, signal.SIGINT)
        printed, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert printed == ""
    assert errors == NOTHING_YET
    assert not psutil.wait_procs(children, timeout=GONE_WITHIN_S)[1]


def connections_below(pid: int) -> list[Any]:
    found: list[Any] = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            found += child.net_connections(kind="tcp")
        except psutil.NoSuchProcess:
            continue
    return found
