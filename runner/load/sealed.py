"""Locust's master and worker with sealed messages: nothing reaches Locust that the other end did not send, just now."""

import os
from collections.abc import Callable, Sequence

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # before the import: nothing of ours is monkey-patched

import gevent
import zmq
from locust.env import Environment
from locust.exception import RPCError, RPCSendError
from locust.rpc import Message, rpc
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import RequestStats
from zmq.error import ZMQError

from ...results.errors import LoadError
from .seal import HEAD, RejectedError, Rejection, Rejections, Seal, Sender

HOST = "127.0.0.1"
MAX_FRAME_BYTES = 4 * 2**20  # of what a stranger sends, ZMQ holds no more than this at a time
MAX_WAITING = 100  # and no more such messages of each connection
REJECTED_IN_A_ROW = 64
PAUSE_S = 0.01  # then the rest of the driver gets its turn: a flood of small messages costs a seventh of a core


class MasterSocket(rpc.Server):
    """The master's socket, taken over from Locust: opens messages of this run's workers, and drops all others.

    `missed` is told the name of a worker of whose messages some never came.
    """

    def __init__(
        self, plain: rpc.Server, seals: dict[bytes, Seal], rejections: Rejections, missed: Callable[[str], None]
    ) -> None:
        self.socket = plain.socket
        self._seals = seals
        self._rejections = rejections
        self._missed = missed
        # Limits hold from the next bind on; nobody has connected yet.
        self.socket.unbind(self.socket.getsockopt_string(zmq.LAST_ENDPOINT))
        self.socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
        self.socket.setsockopt(zmq.RCVHWM, MAX_WAITING)
        self.port = self.socket.bind_to_random_port(f"tcp://{HOST}")

    def recv_from_client(self) -> tuple[str, Message]:
        """The next message of one of our workers. Raises RPCError, as Locust expects, when the socket fails."""
        while True:
            for _ in range(REJECTED_IN_A_ROW):
                try:
                    frames = self.socket.recv_multipart()
                except ZMQError as error:
                    raise RPCError("the socket failed") from error
                try:
                    return self._opened(frames)
                except RejectedError as rejected:
                    self._rejections.add({rejected.reason: 1})
            gevent.sleep(PAUSE_S)

    def send_to_client(self, message: Message) -> None:
        """To a worker of this run; nobody else is answered."""
        name = message.node_id.encode()
        if name not in self._seals:
            return
        try:
            self.socket.send_multipart([name, self._seals[name].close(message.serialize())], zmq.NOBLOCK)
        except ZMQError as error:
            raise RPCSendError("the socket failed") from error

    def _opened(self, frames: Sequence[bytes]) -> tuple[str, Message]:
        name = frames[0]
        seal = self._seals.get(name)
        if seal is None:
            raise RejectedError(Rejection.UNKNOWN)
        if len(frames) != 2:
            raise RejectedError(Rejection.FORGED)
        missed = seal.missed
        message: Message = Message.unserialize(seal.open(frames[1]))
        if message.node_id.encode() != name:
            raise RejectedError(Rejection.FORGED)
        if seal.missed > missed:
            self._missed(message.node_id)
        return message.node_id, message


class SealedMaster(MasterRunner):
    """Locust's master on a random loopback port, for the workers named and nobody else."""

    def __init__(
        self,
        environment: Environment,
        key: bytes,
        workers: Sequence[str],
        rejections: Rejections,
        missed: Callable[[str], None],
    ) -> None:
        self._seals = {name.encode(): Seal(key, name, Sender.DRIVER) for name in workers}
        self._rejections = rejections
        self._missed = missed
        super().__init__(environment, HOST, 0)
        environment.runner = self

    @property
    def server(self) -> rpc.Server:
        """The socket that all of Locust's messages go through."""
        return self._server

    @server.setter
    def server(self, plain: rpc.Server) -> None:
        self._server = MasterSocket(plain, self._seals, self._rejections, self._missed)


class WorkerSocket(rpc.Client):
    """A worker's socket, taken over from Locust: seals what is sent, and hands on what the driver sealed."""

    def __init__(self, plain: rpc.Client, seal: Seal, rejections: Rejections) -> None:
        self.socket = plain.socket
        self._seal = seal
        self._rejections = rejections

    def send(self, message: Message) -> None:
        """To the driver. Raises LoadError for a message larger than it takes, RPCSendError when the socket fails."""
        payload = message.serialize()
        if len(payload) + HEAD.size > MAX_FRAME_BYTES:
            raise LoadError(f"a message of {len(payload):,} bytes ({message.type}) is too large for the driver")
        try:
            # Not to wait here keeps numbers in the order of sending.
            self.socket.send(self._seal.close(payload), zmq.NOBLOCK)
        except ZMQError as error:
            raise RPCSendError("the socket failed") from error

    def recv(self) -> Message:
        """The driver's next message. Raises RPCError, as Locust expects, when the socket fails."""
        while True:
            try:
                frame = self.socket.recv()
            except ZMQError as error:
                raise RPCError("the socket failed") from error
            try:
                message: Message = Message.unserialize(self._seal.open(frame))
            except RejectedError as rejected:
                self._rejections.add({rejected.reason: 1})
                gevent.sleep(PAUSE_S)
            else:
                return message


class SealedWorker(WorkerRunner):
    """Locust's worker under the name that the driver gave it."""

    def __init__(self, environment: Environment, port: int, key: bytes, name: str, rejections: Rejections) -> None:
        self._name = name
        self._seal = Seal(key, name, Sender.WORKER)
        self._rejections = rejections
        environment.stats = RequestStats(use_response_times_cache=False)  # as Locust does for its workers
        super().__init__(environment, HOST, port)
        environment.runner = self

    @property
    def client_id(self) -> str:
        """The worker's name in Locust."""
        return self._name

    @client_id.setter
    def client_id(self, _made_up: str) -> None:
        """Locust makes up a name that the driver could not know beforehand."""

    @property
    def client(self) -> rpc.Client:
        """The socket that all of Locust's messages go through."""
        return self._client

    @client.setter
    def client(self, plain: rpc.Client) -> None:
        self._client = WorkerSocket(plain, self._seal, self._rejections)
