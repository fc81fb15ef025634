"""A server with a clock, in a process of its own: what it does on time is not held up by the tests' interpreter.

As a script it prints its port, serves with one thread until its stdin ends, and prints what it has counted.
"""

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection
from types import TracebackType

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"

# Told the number of a request (from 1), and the time since the first one in seconds; waits before it is answered.
Policy = Callable[[int, float], None]


def stalling_each_period(period_s: float, from_s: float, until_s: float) -> Policy:
    """Answer nobody from `from_s` to `until_s` of every period."""

    def wait(number: int, since_s: float) -> None:
        phase_s = since_s % period_s
        if from_s <= phase_s < until_s:
            time.sleep(until_s - phase_s)

    return wait


def working(seconds: float) -> Policy:
    """Keep the CPU busy for so long, for each request."""
    return lambda number, since_s: _spin(seconds)


def slow_now_and_then(seconds: float, each: float, slow_s: float) -> Policy:
    """As `working`, but each so-manieth request takes `slow_s`."""
    return lambda number, since_s: _spin(seconds if number % round(each) else slow_s)


def leaking(step_s: float) -> Policy:
    """Take longer by `step_s` with each request."""
    return lambda number, since_s: _spin(number * step_s)


def _spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class TimedServer:
    """Runs this file as a script. `requests` is known after the end of the context."""

    def __init__(self, policy: Callable[..., Policy], *arguments: float) -> None:
        self._command = [sys.executable, __file__, policy.__name__, *map(str, arguments)]
        self.port = 0
        self.requests = 0

    def __enter__(self) -> "TimedServer":
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            counted, _ = self._process.communicate(timeout=10)  # ends its stdin
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        self.requests = json.loads(counted)

    def pin(self, cores: Collection[int]) -> None:
        """Keep it on these cores."""
        os.sched_setaffinity(self._process.pid, cores)


class Served:
    """Serves in this process. Our requests are small, have no bodies, and come one at a time."""

    def __init__(self, policy: Policy) -> None:
        self.requests = 0
        self._policy = policy
        self._began_s = 0.0
        self._events = selectors.DefaultSelector()

    def until_told(self, listener: socket.socket) -> None:
        """Serve until stdin ends."""
        self._events.register(listener, selectors.EVENT_READ, lambda: self._take(listener))
        self._events.register(sys.stdin, selectors.EVENT_READ)
        while True:
            for key, _ in self._events.select():
                if key.data is None:
                    return
                key.data()

    def _take(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._events.register(connection, selectors.EVENT_READ, lambda: self._answer(connection))

    def _answer(self, connection: socket.socket) -> None:
        try:
            data = connection.recv(65536)
            if data:
                self.requests += 1
                self._began_s = self._began_s or time.monotonic()
                self._policy(self.requests, time.monotonic() - self._began_s)
                connection.sendall(ANSWER)
                return
        except OSError:
            pass  # the client has gone
        self._events.unregister(connection)
        connection.close()


def main() -> None:
    """Serve as the arguments say: a policy's name, and its numbers."""
    name, *numbers = sys.argv[1:]
    policies: dict[str, Callable[..., Policy]] = {
        policy.__name__: policy for policy in (stalling_each_period, working, slow_now_and_then, leaking)
    }
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        served = Served(policies[name](*map(float, numbers)))
        served.until_told(listener)
    sys.stdout.write(json.dumps(served.requests))


if __name__ == "__main__":
    main()
