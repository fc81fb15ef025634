"""Several load processes: Locust's master here, and workers as children, each on a core of its own."""

import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import gevent
from locust.env import Environment

from ...results.errors import LoadError
from . import wire
from .channel import Mailbox
from .gate import DriverGate
from .orders import Json
from .seal import Rejections
from .sealed import SealedMaster

START_WITHIN_S = 60.0
KEY_BYTES = 32
WORKER = (sys.executable, "-P", "-m", "sgibench.runner.load.worker")


class Fleet:
    """The workers. Only those that this process started are known, and only they have the key that seals messages:
    it reaches each over a socket pair of its own. Locust's port is on loopback, and random.

    `mailbox` gets ``("lost", index)`` when a worker is gone, and ``("missed", index)`` when messages of it are.
    """

    def __init__(
        self,
        environment: Environment,
        cores: Sequence[int],
        processes: int,
        mailbox: Mailbox,
        starting: Callable[[int], None],
    ) -> None:
        key = secrets.token_bytes(KEY_BYTES)
        self._names = [f"load-{index}-{secrets.token_hex(8)}" for index in range(processes)]
        self.rejections = Rejections()
        self.runner = SealedMaster(
            environment, key, self._names, self.rejections, lambda name: mailbox.put(("missed", self.index_of(name)))
        )
        self._gate = DriverGate(lambda index: mailbox.put(("lost", index)), starting)
        self._workers: list[subprocess.Popen[bytes]] = []
        connections = []
        for index, name in enumerate(self._names):
            connections.append(self._start_worker())
            connections[-1].sendall(
                wire.dump_line(
                    {
                        "key": key.hex(),
                        "name": name,
                        "index": index,
                        "of": processes,
                        "port": self.runner.server.port,
                        "cores": [cores[index % len(cores)]] if cores else [],
                    }
                )
            )
        self._await_workers(connections)
        self._gate.join(connections)
        self.runner.start(processes, processes)
        self._await_users(processes)

    def send(self, message_type: str, data: Json) -> None:
        """To every worker, and to nobody else."""
        for name in self._names:
            self.runner.send_message(message_type, dict(data), client_id=name)

    def stop(self) -> None:
        """End the turn under way."""
        self._gate.stop()

    def index_of(self, name: str) -> int:
        """Which worker has this name in Locust."""
        return self._names.index(name)

    def check(self) -> None:
        """Raise LoadError when Locust has not heard of a worker for a while."""
        for index, name in enumerate(self._names):
            node = self.runner.clients.get(name)
            if node is None or node.state == "missing":
                raise LoadError(f"load process {index} does not answer any more")

    def _start_worker(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [*WORKER, str(theirs.fileno())]
            self._workers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]))
        return ours

    def _await_workers(self, connections: Sequence[socket.socket]) -> None:
        """Until each worker has said, over its own socket, that it has joined."""
        deadline = time.monotonic() + START_WITHIN_S
        for index, connection in enumerate(connections):
            connection.setblocking(False)
            line = b""
            while not line.endswith(b"\n"):
                try:
                    piece = connection.recv(4096)
                    if not piece:
                        raise LoadError(f"load process {index} died while starting")
                    line += piece
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise LoadError(f"load process {index} did not start in time") from None
                    gevent.sleep(0.02)
            connection.setblocking(True)
            if wire.load_line(line).get("joined") != self._names[index]:
                raise LoadError(f"load process {index} joined under a name that it was not given")

    def _await_users(self, count: int) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while self.runner.user_count < count:
            if time.monotonic() > deadline:
                raise LoadError("Locust did not spawn its users in time")
            gevent.sleep(0.02)
