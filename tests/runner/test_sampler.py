import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sgibench.runner.sampler import ProcessSampler, context_switches, memory_of, open_connections

from .waiting import eventually


@dataclass
class Someone:
    pids: tuple[int, ...]
    name: str = "someone"
    port: int = 0


@pytest.fixture
def sampler(monkeypatch: pytest.MonkeyPatch) -> Iterator[ProcessSampler]:
    # It gives way to everybody: beside other tests it would wait for its core without end.
    monkeypatch.setattr("sgibench.runner.sampler.give_way", lambda: None)
    made = ProcessSampler(time.monotonic(), interval_s=0.02)
    yield made
    made.close()


@pytest.fixture
def child() -> Iterator[int]:
    code = "import time; data = bytearray(30 << 20); print('up', flush=True); time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process.pid
    process.kill()
    process.communicate()


def test_memory_is_that_of_all_the_processes(child: int) -> None:
    alone = memory_of([child], "idle", 1.0)
    both = memory_of([child, os.getpid()], "idle", 1.0)
    assert alone is not None
    assert both is not None
    assert alone.memory_mib > 30
    assert both.memory_mib > alone.memory_mib
    assert (alone.processes, both.processes) == (1, 2)
    assert alone.uss_mib is not None
    assert alone.uss_mib <= alone.memory_mib


def test_the_sampler_gives_way_to_whoever_wants_its_core() -> None:
    def policies() -> list[int]:
        return [os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()]

    sampler = ProcessSampler(time.monotonic())
    assert eventually(lambda: os.SCHED_IDLE in policies())
    assert os.sched_getscheduler(0) == os.SCHED_OTHER, "and nobody else"
    sampler.close()


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert memory_of([2**22 - 1], "idle", 0.0) is None


def test_rows_are_taken_while_something_is_watched_and_not_after(sampler: ProcessSampler, child: int) -> None:
    someone = Someone((child,))
    sampler.watch([someone])
    rows: list[dict[str, object]] = []

    def three_rows_are_there() -> bool:
        rows.extend(sampler.take()[0])
        return len(rows) >= 3

    assert eventually(three_rows_are_there)
    sampler.watch(())

    def rests() -> bool:
        sampler.take()
        time.sleep(0.1)
        return sampler.take()[0] == []

    assert eventually(rests)
    assert {row["target"] for row in rows} == {"someone"}
    assert all(isinstance(row["rss_mib"], float) and row["rss_mib"] > 30 for row in rows)
    assert all(row["threads"] == 1 and row["processes"] == 1 for row in rows)


def test_a_mark_can_be_set_for_later(sampler: ProcessSampler, child: int) -> None:
    sampler.mark_later(Someone((child,)), "peak", 0.05)
    time.sleep(1)
    _, marks = sampler.take()
    assert [mark.label for mark in marks["someone"]] == ["peak"]


def test_a_mark_that_is_due_after_its_piece_is_over_is_dropped(sampler: ProcessSampler, child: int) -> None:
    sampler.mark_later(Someone((child,)), "peak", 0.2)
    sampler.take()
    time.sleep(0.4)
    assert sampler.take()[1] == {}


def test_a_target_that_dies_ends_its_rows_not_the_sampler(sampler: ProcessSampler, child: int) -> None:
    sampler.watch([Someone((2**22 - 1,), "dead"), Someone((child,), "alive")])
    rows: list[dict[str, object]] = []

    def three_rows_are_there() -> bool:
        rows.extend(sampler.take()[0])
        return len(rows) >= 3

    assert eventually(three_rows_are_there)
    assert {row["target"] for row in rows} == {"alive"}


def test_context_switches_of_every_thread_count() -> None:
    code = """
import threading, time
def doze():
    while True:
        time.sleep(0.001)
threading.Thread(target=doze, daemon=True).start()
print('up', flush=True)
threading.Event().wait()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = context_switches([process.pid])
        assert eventually(lambda: context_switches([process.pid]) > before), "though its first thread sleeps"
        process.kill()


def test_open_connections_are_counted_by_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        accepted = [server.accept()[0] for _ in range(3)]
        assert open_connections()[port] == 3
        for sock in (*clients, *accepted):
            sock.close()
