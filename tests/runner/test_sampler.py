import os
import socket
import subprocess
import sys
import threading
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
def sampler() -> Iterator[ProcessSampler]:
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


def test_the_sampler_gives_way_to_whoever_wants_its_core(sampler: ProcessSampler) -> None:
    def policies() -> list[int]:
        return [os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()]

    assert eventually(lambda: os.SCHED_IDLE in policies())
    assert os.sched_getscheduler(0) == os.SCHED_OTHER, "and nobody else"


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
    time.sleep(0.1)
    sampler.take()
    time.sleep(0.1)
    assert sampler.take()[0] == []
    assert {row["target"] for row in rows} == {"someone"}
    assert all(isinstance(row["rss_mib"], float) and row["rss_mib"] > 30 for row in rows)
    assert all(row["threads"] == 1 and row["processes"] == 1 for row in rows)


def test_a_mark_can_be_set_for_later(sampler: ProcessSampler, child: int) -> None:
    sampler.mark_later(Someone((child,)), "peak", 0.05)
    time.sleep(0.3)
    _, marks = sampler.take()
    assert [mark.label for mark in marks["someone"]] == ["peak"]


def test_a_mark_that_is_due_after_its_piece_is_over_is_dropped(sampler: ProcessSampler, child: int) -> None:
    sampler.mark_later(Someone((child,)), "peak", 0.2)
    sampler.take()
    time.sleep(0.4)
    assert sampler.take()[1] == {}


def test_a_target_that_dies_ends_its_rows_not_the_sampler(sampler: ProcessSampler, child: int) -> None:
    sampler.watch([Someone((2**22 - 1,), "dead"), Someone((child,), "alive")])
    time.sleep(0.2)
    rows, _ = sampler.take()
    assert {row["target"] for row in rows} == {"alive"}


def test_context_switches_of_every_thread_count() -> None:
    def doze() -> None:
        for _ in range(200):
            time.sleep(0.0002)

    def switches_of(thread_count: int) -> int:
        before = context_switches([os.getpid()])
        threads = [threading.Thread(target=doze) for _ in range(thread_count)]
        for thread in threads:
            thread.start()
        time.sleep(0.02)
        seen = context_switches([os.getpid()]) - before
        for thread in threads:
            thread.join()
        return seen

    assert switches_of(4) > 0


def test_open_connections_are_counted_by_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        accepted = [server.accept()[0] for _ in range(3)]
        assert open_connections()[port] == 3
        for sock in (*clients, *accepted):
            sock.close()
