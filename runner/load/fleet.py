"""Several load processes: Locust's master here, and workers as children, each on a core of its own."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from locust.env import Environment

from ...results.errors import LoadError
from . import wire
from .gate import DriverGate
from .locust_side import Mailbox
from .orders import Block, Json

START_WITHIN_S = 60.0
SLACK_S = 15.0


def block_deadline_s(block: Block) -> float:
    """How long a block may take at the very most, in seconds: every turn may open connections, and drain, for a whole
    deadline each."""
    return sum(order.seconds + 2 * block.timeout_s for order in block.turns) + SLACK_S


class Fleet:
    """The workers. Only those that this process started are known; Locust's own port is on loopback, and random."""

    def __init__(
        self,
        environment: Environment,
        token: str,
        cores: Sequence[int],
        processes: int,
        mailbox: Mailbox,
        starting: Callable[[int], None],
    ) -> None:
        self.runner: Any = environment.create_master_runner("127.0.0.1", 0)
        self._gate = DriverGate(lambda index: mailbox.put(("lost", index)), starting)
        self._workers: list[subprocess.Popen[bytes]] = []
        connections = []
        for index in range(processes):
            connections.append(self._start_worker())
            connections[-1].sendall(
                wire.dump_line(
                    {
                        "token": token,
                        "index": index,
                        "of": processes,
                        "port": self.runner.server.port,
                        "cores": [cores[index % len(cores)]] if cores else [],
                    }
                )
            )
        self._clients = self._await_clients(connections)
        self._gate.join(connections)
        self.runner.start(processes, processes)
        self._await_users(processes)

    def send(self, message_type: str, data: Json) -> None:
        """To every worker, and to nobody else."""
        for client in self._clients:
            self.runner.send_message(message_type, data, client_id=client)

    def knows(self, client: str) -> bool:
        """Whether a worker of that name is ours."""
        return client in self._clients

    def check(self) -> None:
        """Raise LoadError when Locust has not heard of a worker for a while."""
        for index, client in enumerate(self._clients):
            node = self.runner.clients.get(client)
            if node is None or node.state == "missing":
                raise LoadError(f"load process {index} does not answer any more")

    def _start_worker(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-P", "-m", "sgibench.runner.load.worker", str(theirs.fileno())]
            self._workers.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()]))
        return ours

    def _await_clients(self, connections: Sequence[socket.socket]) -> list[str]:
        """Each worker's name in Locust, told over its own socket."""
        deadline = time.monotonic() + START_WITHIN_S
        names: list[str] = []
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
            names.append(wire.load_line(line)["client"])
        return names

    def _await_users(self, count: int) -> None:
        deadline = time.monotonic() + START_WITHIN_S
        while self.runner.user_count < count:
            if time.monotonic() > deadline:
                raise LoadError("Locust did not spawn its users in time")
            gevent.sleep(0.02)
