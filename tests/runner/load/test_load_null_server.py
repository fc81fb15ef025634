"""The null server answers as it says, on its own cores, and is gone when whoever started it is."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import psutil
import pytest

from sgibench.results.errors import LoadError
from sgibench.runner.load import calibration
from sgibench.runner.load.calibration import NullServer
from sgibench.runner.machine import available_cores

from ..commands.cli import living
from ..waiting import eventually

OWNER = """
import sys, time
from sgibench.runner.load.calibration import NullServer
server = NullServer(256, processes=2)
print(server.pid, flush=True)
time.sleep(60)
"""


@contextmanager
def running(size: int = 256, processes: int = 1, cores: tuple[int, ...] = ()) -> Iterator[NullServer]:
    server = NullServer(size, cores, processes)
    try:
        yield server
    finally:
        server.close()


def answers(server: NullServer, count: int) -> list[tuple[dict[str, str], bytes]]:
    """Headers and bodies of so many answers, asked for one after another on one connection."""
    found = []
    with socket.create_connection((server.endpoint.host, server.endpoint.port), 5) as connection:
        stream = connection.makefile("rb")
        for _ in range(count):
            connection.sendall(server.endpoint.request)
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = dict(line.decode().rstrip().split(": ", 1) for line in iter(stream.readline, b"\r\n"))
            found.append((headers, stream.read(int(headers["Content-Length"]))))
    return found


@pytest.mark.parametrize("size", [0, 256, 1 << 20])
def test_it_answers_with_a_body_of_the_length_that_was_asked_for_and_a_date(size: int) -> None:
    with running(size) as server:
        for headers, body in answers(server, 3):
            assert len(body) == size
            assert body == server.endpoint.expect.body
            assert parsedate_to_datetime(headers["Date"]).tzinfo is not None


def test_its_processes_share_one_port_and_end_together() -> None:
    with running(processes=2) as server:
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children()]
        assert len(family) == 2
        for _ in range(20):
            answers(server, 1)
    assert eventually(lambda: not living(family), 5)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen here")
def test_it_keeps_to_its_cores() -> None:
    (core, *_) = available_cores()
    with running(cores=(core,)) as server:
        assert os.sched_getaffinity(server.pid) == {core}


def test_it_is_gone_when_its_owner_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        server = psutil.Process(int(owner.stdout.readline()))
        family = [server, *server.children()]
        assert len(family) == 2
        os.kill(owner.pid, signal.SIGKILL)
    assert eventually(lambda: not living(family), 10)


def test_it_may_be_closed_again() -> None:
    with running() as server:
        server.close()
    assert not psutil.pid_exists(server.pid)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("raise SystemExit('no such thing')", "the null server did not start: no such thing"),
        ("print('hello')", "the null server did not start"),
        ("import time; time.sleep(60)", "the null server did not start"),
    ],
)
def test_one_that_does_not_start_is_an_error_with_its_last_words_and_leaves_no_process(
    program: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calibration, "COMMAND", (sys.executable, "-c", program))
    monkeypatch.setattr(calibration, "START_WITHIN_S", 0.5)
    before = set(psutil.Process().children())
    with pytest.raises(LoadError) as caught:
        NullServer(256)
    assert caught.value.message == words
    assert set(psutil.Process().children()) == before


def test_one_that_cannot_even_be_run_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "COMMAND", ("/no/such/program",))
    with pytest.raises(LoadError, match=r"the null server did not start: .*No such file"):
        NullServer(256)
