"""What the load side can do at best on this machine: driven against the null server as it drives a target.

A ceiling is requests per second of load CPU: right answers over the CPU time that the load processes used **or waited
for** (``TurnReport.load_cpu_s``), times the number of processes. Over time alone, the ceiling would be the null
server's wherever that is the slower of the two; per CPU second it is the load side's own, for what it spends idle is
not counted. Waiting belongs in it for three reasons. It is what the CPU share of a result is made of, so that the share
of the ceiling is that CPU share, had each request cost as little as in the best window. It only lowers a ceiling, and
the best window is the one that had to wait least. And where load and server share a core, the wait for the server is
part of what the load side can do there.

The machine changes its speed within seconds, so a ceiling is a maximum: of several short windows, and of all that the
cache has seen. A share of it errs low.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from types import TracebackType

from ...results.errors import LoadError
from ...results.records import Problem, ProblemCode, Severity
from ..machine import Cores
from .ceilings import CeilingCache, Pressure
from .orders import Arrival, Block, Endpoint, Expectation, LoadSession, TurnOrder, TurnReport

COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "sgibench.runner.load.null_server")
START_WITHIN_S = 20.0
GRACE_S = 1.0
SHOWN_LINES = 3

WARMUP_S = 0.2
WINDOW_S = 0.1
WINDOWS = 6
TIMEOUT_S = 5.0
SERVER_START_S = 0.3
MEASURING_S = WARMUP_S + WINDOW_S * WINDOWS + 0.1


class NullServer:
    """The null server's process. It ends with `close`, and with this process however that ends."""

    def __init__(self, body_bytes: int, cores: Sequence[int] = (), processes: int = 1) -> None:
        """Start it, on those cores, and wait until it listens. Raises LoadError."""
        self._body_bytes = body_bytes
        with tempfile.TemporaryFile() as log:
            self._process = self._start([str(body_bytes), str(processes), ",".join(map(str, cores))], log.fileno())
            try:
                self._port = self._told_port()
            except (ValueError, OSError) as error:
                self.close()
                log.seek(0)
                words = log.read().decode("utf-8", "replace").splitlines()[-SHOWN_LINES:]
                raise LoadError(": ".join(("the null server did not start", *words))) from error
            except BaseException:
                self.close()
                raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def endpoint(self) -> Endpoint:
        """What to ask, and the right answer."""
        from .null_server import HOST, body_of  # uvloop is slow to import, and nothing else here needs it

        request = f"GET /null HTTP/1.1\r\nHost: {HOST}:{self._port}\r\nUser-Agent: sgibench\r\nAccept: */*\r\n\r\n"
        return Endpoint("null", HOST, self._port, request.encode(), Expectation(body=body_of(self._body_bytes)))

    def close(self) -> None:
        """End it. May be called again."""
        with contextlib.suppress(OSError):
            if self._process.stdin is not None:
                self._process.stdin.close()  # it ends with its input
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    @staticmethod
    def _start(arguments: Sequence[str], log: int) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                [*COMMAND, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        except OSError as error:
            raise LoadError(f"the null server did not start: {error}") from error

    def _told_port(self) -> int:
        """The port, from its one line of output. Raises ValueError or OSError."""
        stdout = self._process.stdout
        assert stdout is not None
        if not select.select([stdout], [], [], START_WITHIN_S)[0]:
            raise TimeoutError("it said nothing")
        return int(stdout.readline())


class Calibration:
    """The ceilings of one load side: from the cache, or measured with its session. Ends with `close`, to be used again.

    A context manager, for the null server's sake.
    """

    def __init__(
        self, session: LoadSession, cores: Cores, processes: int = 1, cache: CeilingCache | None = None
    ) -> None:
        """`processes` load processes on `cores.load`; the null server gets `cores.server`."""
        self._session = session
        self._cores = cores
        self._processes = processes
        self._cache = cache or CeilingCache()
        self._server: NullServer | None = None
        self._known: dict[Pressure, float] = {}
        self._notes: list[str] = []

    def __enter__(self) -> "Calibration":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def needs_s(self, levels: Iterable[int]) -> float:
        """About how long it takes to find the ceilings for these numbers of connections: nothing for known ones."""
        unknown = {pressure for pressure in map(self._pressure, levels) if self._find(pressure) is None}
        starting_s = SERVER_START_S if unknown and self._server is None else 0.0
        return starting_s + MEASURING_S * len(unknown)

    def ceiling_rps(self, connections: int) -> float:
        """The ceiling in requests/s for so many connections: the known one, or measured now.

        Raises LoadError when it cannot be measured.
        """
        pressure = self._pressure(connections)
        known = self._find(pressure)
        return self._measure(pressure) if known is None else known

    def measured_again_rps(self, connections: int) -> float:
        """The same after another look, for a result that the known one condemns: the higher of the two."""
        return self._measure(self._pressure(connections))

    @property
    def noted(self) -> tuple[Problem, ...]:
        """What the load side had to say of its measurements, as warnings: messages that it rejected meanwhile."""
        code, where = ProblemCode.REJECTED_MESSAGES, "in the calibration"
        return tuple(Problem(code, f"{where}: {note}", severity=Severity.WARNING) for note in self._notes)

    def close(self) -> None:
        """End the null server, if it runs. The next measurement starts another."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _pressure(self, connections: int) -> Pressure:
        # What the targets' answers will be long is not known beforehand: small ones cost least, so the share errs low.
        return Pressure.of(connections, self._processes, shared_core=self._cores.shared)

    def _find(self, pressure: Pressure) -> float | None:
        if pressure not in self._known:
            found = self._cache.find(pressure)
            if found is None:
                return None
            self._known[pressure] = found
        return self._known[pressure]

    def _measure(self, pressure: Pressure) -> float:
        if self._server is None:
            # As many processes as press, that each may have its fill; but no more than there are cores for them.
            processes = max(1, min(self._processes, len(self._cores.server)))
            self._server = NullServer(pressure.body_bytes, self._cores.server, processes)
        report = self._session.run(block_for(self._server.endpoint, pressure.connections))
        self._notes += report.notes
        measured = ceiling_of([turn for turn in report.turns if not turn.order.warmup], self._processes)
        found = max(measured, self._known.get(pressure, 0.0))
        self._known[pressure] = self._cache.keep(pressure, found)
        return self._known[pressure]


def uncalibrated(why: str, levels: str = "") -> Problem:
    """What is said of results whose ceiling is not known: they stand, with less known of them.

    `levels` names the numbers of connections that it is about, where it is not about all there are.
    """
    where = f" for a concurrency of {levels}" if levels else ""
    message = (
        f"the load side was not calibrated{where} ({why}): how busy its CPU was is known, but not how near its ceiling "
        "it came"
    )
    return Problem(ProblemCode.UNCALIBRATED, message, severity=Severity.WARNING)


def block_for(endpoint: Endpoint, connections: int) -> Block:
    """A warm-up, and the windows of one calibration."""
    warmup = TurnOrder(0, WARMUP_S, round=-1, position=0, warmup=True)
    windows = [TurnOrder(0, WINDOW_S, number, 0) for number in range(WINDOWS)]
    return Block(0, (endpoint,), Arrival(connections), (warmup, *windows), TIMEOUT_S, seed=0)


def ceiling_of(windows: Sequence[TurnReport], processes: int) -> float:
    """The best window's right answers per second of load CPU, for all processes together, in requests/s.

    Raises LoadError when not every request was answered rightly: what the load side cannot even do with the null server
    is no ceiling.
    """
    for window in windows:
        if window.ledger.error_count or not window.ledger.ok or not window.ledger.balanced:
            why = f": {window.first_error}" if window.first_error else ""
            raise LoadError(f"the load side had errors even with the null server{why}")
    return max(window.ledger.ok / max(window.load_cpu_s, 1e-9) for window in windows) * processes
