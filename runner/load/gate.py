"""Turns that begin together in several load processes: a line to the driver when ready, a line back with the instant.

It goes over a socket pair that only the two processes hold; its end tells each that the other is gone.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable

from ...results.errors import LoadError
from . import wire
from .orders import Json

LEAD_NS = 3_000_000  # time for every process to hear of the instant and to wait for it


class WorkerGate:
    """The worker's end. The process exits when the driver is gone, whatever it is doing.

    `stop` is told (from a thread) at which instant the driver wants the turn under way to end.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lines = connection.makefile("rb")
        self._waiting: asyncio.Future[int] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.stop: Callable[[int], None] = lambda end_ns: None

    def introduction(self) -> Json:
        """What the driver tells a new worker. Ends the process when the driver is gone already."""
        line = self._lines.readline()
        if not line:
            os._exit(1)
        return wire.load_line(line)

    def say(self, document: Json) -> None:
        """Tell the driver something."""
        self._connection.sendall(wire.dump_line(document))

    def watch(self) -> None:
        """Listen from now on, in a thread."""
        threading.Thread(target=self._listen, name="gate", daemon=True).start()

    async def pass_turn(self, turn: int) -> int:
        """Wait for all load processes; the instant at which the turn begins."""
        self._loop = asyncio.get_running_loop()
        self._waiting = self._loop.create_future()
        self.say({"ready": turn})
        return await self._waiting

    def _listen(self) -> None:
        try:
            for line in self._lines:
                told = wire.load_line(line)
                if "end_ns" in told:
                    self.stop(told["end_ns"])
                elif self._loop is not None and self._waiting is not None:
                    self._loop.call_soon_threadsafe(self._waiting.set_result, told["start_ns"])
        finally:
            os._exit(1)


class DriverGate:
    """The driver's end: waits until all workers are ready for a turn. `lost` is told (from a thread) who is gone."""

    def __init__(self, lost: Callable[[int], None], starting: Callable[[int], None]) -> None:
        self._lost = lost
        self._starting = starting
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        self._ready: set[int] = set()
        self._turn = 0

    def join(self, connections: list[socket.socket]) -> None:
        """Listen to these workers."""
        self._connections = connections
        for index in range(len(connections)):
            threading.Thread(target=self._listen, args=(index,), name=f"gate-{index}", daemon=True).start()

    def _listen(self, index: int) -> None:
        try:
            with self._connections[index].makefile("rb") as lines:
                for line in lines:
                    self._one_ready(index, wire.load_line(line)["ready"])
        except (OSError, LoadError, LookupError):
            pass  # gone, or out of its mind: lost either way
        finally:
            self._lost(index)

    def _one_ready(self, index: int, turn: int) -> None:
        with self._lock:
            if index in self._ready or (self._ready and turn != self._turn):
                raise LoadError(f"load process {index} is out of step")
            self._turn = turn
            self._ready.add(index)
            if len(self._ready) < len(self._connections):
                return
            self._ready.clear()
        self._starting(turn)
        self._tell({"start_ns": time.monotonic_ns() + LEAD_NS})

    def stop(self) -> None:
        """Let the turn under way end, at the same instant in all load processes."""
        self._tell({"end_ns": time.monotonic_ns() + LEAD_NS})

    def _tell(self, document: Json) -> None:
        line = wire.dump_line(document)
        for at, connection in enumerate(self._connections):
            try:
                connection.sendall(line)
            except OSError:
                self._lost(at)
