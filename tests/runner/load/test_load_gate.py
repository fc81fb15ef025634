"""The gate between driver and workers: a turn begins for all at once, and who is lost is called by its own name."""

import queue
import socket
from collections.abc import Iterator

import pytest

from sgibench.runner.load import wire
from sgibench.runner.load.gate import DriverGate

WAIT_S = 10.0


class Side:
    """A driver's gate with two workers' ends, and what it has told."""

    def __init__(self) -> None:
        pairs = [socket.socketpair() for _ in range(2)]
        self.lost: queue.Queue[int] = queue.Queue()
        self.started: queue.Queue[int] = queue.Queue()
        self.workers = [theirs for _, theirs in pairs]
        self.ours = [ours for ours, _ in pairs]
        self.gate = DriverGate(self.lost.put, self.started.put)
        self.gate.join(self.ours)

    def ready(self, worker: int, turn: int = 0) -> None:
        self.workers[worker].sendall(wire.dump_line({"ready": turn}))

    def told(self, worker: int) -> int:
        self.workers[worker].settimeout(WAIT_S)
        start_ns: int = wire.load_line(self.workers[worker].recv(4096))["start_ns"]
        return start_ns

    def close(self) -> None:
        for each in (*self.workers, *self.ours):
            each.close()


@pytest.fixture
def side() -> Iterator[Side]:
    made = Side()
    yield made
    made.close()


def test_a_turn_begins_at_the_same_instant_for_all_and_not_before_all_are_ready(side: Side) -> None:
    side.ready(1, turn=4)
    with pytest.raises(queue.Empty):
        side.started.get(timeout=0.05)
    side.ready(0, turn=4)
    assert side.started.get(timeout=WAIT_S) == 4
    assert side.told(0) == side.told(1)
    assert side.lost.empty()


def test_a_worker_that_died_after_it_was_ready_is_the_one_that_is_named(side: Side) -> None:
    side.ready(0)
    side.workers[0].close()
    assert side.lost.get(timeout=WAIT_S) == 0  # its end was seen
    side.ready(1)
    assert side.lost.get(timeout=WAIT_S) == 0  # it could not be told, which worker 1's thread finds out
    assert side.told(1) > 0
    assert side.lost.empty()


@pytest.mark.parametrize("line", [b"Traceback (most recent call last):\n", b"[1]\n", b'{"client": "x"}\n'])
def test_a_worker_that_says_what_nobody_understands_is_lost(side: Side, line: bytes) -> None:
    side.workers[1].sendall(line)
    assert side.lost.get(timeout=WAIT_S) == 1
    assert side.lost.empty()


@pytest.mark.parametrize(("worker", "turn"), [(0, 4), (0, 5), (1, 5)])
def test_a_worker_that_is_out_of_step_is_lost(side: Side, worker: int, turn: int) -> None:
    side.ready(0, turn=4)
    with pytest.raises(queue.Empty):
        side.lost.get(timeout=0.05)
    side.ready(worker, turn=turn)
    assert side.lost.get(timeout=WAIT_S) == worker
    assert side.started.empty()
