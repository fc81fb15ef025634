"""Locust's sockets with seals: a real ZMQ peer that forges, replays, asks or floods reaches nothing but a counter."""

import os
from collections.abc import Iterator

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import gevent
import pytest
import zmq
from locust.rpc import Message, rpc

from sgibench.results.errors import LoadError
from sgibench.runner.load import sealed
from sgibench.runner.load.seal import Rejection, Rejections, Seal, Sender
from sgibench.runner.load.sealed import MasterSocket, WorkerSocket

KEY = b"k" * 32
WAIT_S = 10.0
WAIT_MS = 10_000
FLOOD = 900  # as many as ZMQ holds for a sender
OURS = "load-0-af"
FORGED_STATS = Message("stats", {"stats": [], "stats_total": {"num_requests": 1_000_000}, "errors": {}}, OURS)


def shut(end: rpc.BaseSocket) -> None:
    """A socket of Locust's, with its context."""
    context = end.socket.context
    end.close(linger=0)
    context.term()


class Port:
    """The master's socket, a worker's seal, and peers that connect as they like."""

    def __init__(self) -> None:
        self.rejections = Rejections()
        self.missed: list[str] = []
        seals = {OURS.encode(): Seal(KEY, OURS, Sender.DRIVER)}
        self.master = MasterSocket(rpc.Server("127.0.0.1", 0), seals, self.rejections, self.missed.append)
        self.worker = Seal(KEY, OURS, Sender.WORKER)
        self._context = zmq.Context()
        self._peers: list[zmq.Socket[bytes]] = []

    def peer(self, name: str) -> "zmq.Socket[bytes]":
        peer = self._context.socket(zmq.DEALER)
        peer.setsockopt(zmq.IDENTITY, name.encode())
        peer.connect(f"tcp://127.0.0.1:{self.master.port}")
        self._peers.append(peer)
        return peer

    def frame(self, kind: str) -> bytes:
        return self.worker.close(Message(kind, None, OURS).serialize())

    def next(self) -> str:
        """The type of the next message that the master lets in."""
        with gevent.Timeout(WAIT_S):
            name, message = self.master.recv_from_client()
        assert name == message.node_id == OURS
        return str(message.type)

    def close(self) -> None:
        shut(self.master)
        for peer in self._peers:
            peer.close(linger=0)
        self._context.term()


@pytest.fixture
def port() -> Iterator[Port]:
    made = Port()
    yield made
    made.close()


def test_a_worker_is_heard_and_answered(port: Port) -> None:
    worker = port.peer(OURS)
    worker.send(port.frame("client_ready"))
    assert port.next() == "client_ready"
    port.master.send_to_client(Message("ack", {"index": 0}, OURS))
    assert worker.poll(WAIT_MS)
    assert Message.unserialize(port.worker.open(worker.recv())).type == "ack"
    assert port.rejections.take() == {}


@pytest.mark.parametrize(
    "message",
    [
        FORGED_STATS,
        Message("client_ready", "2.47.0", "stranger"),
        Message("locustfile", {"version": "2.47.0"}, "stranger"),
        Message("bench:report", {"number": 1, "block": 1, "parts": 0}, OURS),
        Message("heartbeat", {"state": "running", "current_cpu_usage": 0}, OURS),
        Message("quit", None, OURS),
        Message("exception", {"msg": "x", "traceback": "y"}, OURS),
    ],
)
def test_a_stranger_is_neither_heard_nor_answered_whatever_it_says(port: Port, message: Message) -> None:
    stranger, worker = port.peer("stranger"), port.peer(OURS)
    stranger.send(message.serialize())
    stranger.send(port.worker.close(message.serialize()))  # a seal that it has somehow got hold of
    stranger.send_multipart([OURS.encode(), b"", message.serialize()])
    rejected = 0
    with gevent.Timeout(WAIT_S):
        while rejected < 3:
            worker.send(port.frame("beat"))
            assert port.next() == "beat"
            rejected += port.rejections.take().get(Rejection.UNKNOWN, 0)
    port.master.send_to_client(Message("ack", {"index": 0}, "stranger"))
    assert not stranger.poll(50)


def test_under_a_worker_s_name_nothing_opens_without_its_seal_or_twice(port: Port) -> None:
    worker = port.peer(OURS)
    genuine = port.frame("stats")
    worker.send(genuine)
    worker.send(FORGED_STATS.serialize())
    worker.send(b"")
    worker.send(os.urandom(5000))
    worker.send_multipart([port.frame("multi"), b"part"])
    worker.send(genuine)
    worker.send(Seal(b"another key" * 3, OURS, Sender.WORKER).close(FORGED_STATS.serialize()))
    worker.send(Seal(KEY, OURS, Sender.DRIVER).close(FORGED_STATS.serialize()))
    worker.send(port.frame("last"))
    assert [port.next(), port.next()] == ["stats", "last"]
    assert port.rejections.take() == {Rejection.FORGED: 6, Rejection.REPLAYED: 1}


def test_a_worker_cannot_speak_for_another(port: Port) -> None:
    worker = port.peer(OURS)
    worker.send(port.worker.close(Message("quit", None, "load-1-ab").serialize()))
    worker.send(port.frame("last"))
    assert port.next() == "last"
    assert port.rejections.take() == {Rejection.FORGED: 1}


def test_messages_that_were_lost_are_noticed_with_the_next(port: Port) -> None:
    worker = port.peer(OURS)
    worker.send(port.frame("first"))
    port.frame("lost")
    worker.send(port.frame("next"))
    assert [port.next(), port.next()] == ["first", "next"]
    assert port.missed == [OURS]


def test_a_flood_keeps_neither_a_worker_nor_the_rest_of_the_driver_from_their_turn(port: Port) -> None:
    flood, worker = port.peer("flood"), port.peer(OURS)
    worker.send(port.frame("early"))
    assert port.next() == "early"
    for _ in range(FLOOD):
        flood.send(b"x" * 1000)
    worker.send(port.frame("late"))
    listening = gevent.spawn(lambda: [port.next(), port.next()])
    seen = [0]
    with gevent.Timeout(WAIT_S):
        while seen[-1] < FLOOD:
            gevent.sleep(0.001)
            seen.append(seen[-1] + port.rejections.take().get(Rejection.UNKNOWN, 0))
        assert len(set(seen)) > 5  # this greenlet had its turn in the midst of it
        worker.send(port.frame("last"))
        assert listening.get() == ["late", "last"]


def test_a_worker_takes_orders_from_its_driver_only() -> None:
    rejections = Rejections()
    context = zmq.Context()
    router = context.socket(zmq.ROUTER)
    at = router.bind_to_random_port("tcp://127.0.0.1")
    client = WorkerSocket(rpc.Client("127.0.0.1", at, OURS), Seal(KEY, OURS, Sender.WORKER), rejections)
    driver = Seal(KEY, OURS, Sender.DRIVER)
    client.send(Message("client_ready", None, OURS))
    assert router.poll(WAIT_MS)
    name, hello = router.recv_multipart()
    order = driver.close(Message("bench:block", {"block": {}}, OURS).serialize())
    forged = Message("spawn", {"user_classes_count": {"EngineUser": 100}}, OURS).serialize()
    for frame in (forged, b"", hello, order, order, driver.close(Message("stop", None, OURS).serialize())):
        router.send_multipart([name, frame])
    with gevent.Timeout(WAIT_S):
        assert [client.recv().type, client.recv().type] == ["bench:block", "stop"]
    assert rejections.take() == {Rejection.FORGED: 3, Rejection.REPLAYED: 1}
    shut(client)
    router.close(linger=0)
    context.term()


def test_what_the_driver_would_not_take_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "MAX_FRAME_BYTES", 1000)
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        at = router.bind_to_random_port("tcp://127.0.0.1")
        client = WorkerSocket(rpc.Client("127.0.0.1", at, OURS), Seal(KEY, OURS, Sender.WORKER), Rejections())
        with pytest.raises(LoadError, match=r"1,\d\d\d bytes \(bench:report\) is too large"):
            client.send(Message("bench:report", {"turns": b"x" * 1000}, OURS))
        shut(client)
