"""The CLI's end of the load path: starts the driver process, gives it blocks, and makes sure that it ends."""

import contextlib
import ipaddress
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ...results.errors import LoadError, LoadStartError, UsageError
from ..machine import SPARE_FILES, open_files
from . import wire
from .drivers import LoadDriver
from .orders import Block, BlockReport, Json, TurnListener

START_WITHIN_S = 90.0
SILENT_FOR_S = 30.0  # the driver says that it is alive every second
GRACE_S = 3.0
SHOWN_LINES = 8
SHOWN_CHARACTERS = 200
DRIVER = (sys.executable, "-P", "-m", LoadDriver.ENGINE.module)
PLAIN_DRIVER = (sys.executable, "-P", "-m", LoadDriver.LOCUST.module)
STOP = b"stop"  # among the driver's lines, which end in a newline


class LocustSession:
    """A LoadSession whose load processes are driven by Locust, pinned to `load_cores` where that is possible.

    The driver starts with the first block, where it was not begun before, and again with the next after a failure. It
    ends with `close`, and with this process however that ends. Use from one thread.
    """

    def __init__(
        self,
        load_cores: Sequence[int] = (),
        processes: int = 1,
        driver: LoadDriver = LoadDriver.ENGINE,
        locustfile: Path | None = None,
    ) -> None:
        """Plain Locust runs the users of a `locustfile`, where one is given. Raises UsageError."""
        if processes < 1:
            raise UsageError(f"{processes} load processes make no load", "give 1 or more")
        driver.check(processes)
        self._load_cores = tuple(load_cores)
        self._processes = processes
        self._driver = driver
        self._locustfile = locustfile
        self.introduction: Json = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._under_way = False
        self._ready = False
        self._log: IO[bytes] | None = None

    def __enter__(self) -> "LocustSession":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The driver's process id; None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the driver, if it is not running, and wait until it can take a block. Raises LoadStartError."""
        self.begin()
        if self._ready:
            return
        with self._ends_on_error(), _as_no_start():
            self.introduction = self._await("ready", START_WITHIN_S)
        self._ready = True

    def begin(self) -> None:
        """Start the driver, if it is not running, and return at once: until it can take a block, other things can be
        done. The first block waits for it. Raises LoadStartError."""
        if self._process is not None:
            return
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed in close()
        self._process = subprocess.Popen(
            [*(DRIVER if self._driver is LoadDriver.ENGINE else PLAIN_DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._driver.environment(),
            start_new_session=True,
        )
        self._lines = queue.SimpleQueue()
        threading.Thread(
            target=_read_lines, args=(self._process.stdout, self._lines), name="driver-output", daemon=True
        ).start()
        with self._ends_on_error(), _as_no_start():
            locustfile = None if self._locustfile is None else str(self._locustfile)
            self._say({"cores": self._load_cores, "processes": self._processes, "locustfile": locustfile})

    def run(self, block: Block, on_turn: TurnListener | None = None) -> BlockReport:
        """Carry out a block. Raises LoadError when the load side failed or was lost, UsageError for a block that
        cannot be carried out."""
        _check(block, self._processes)
        self._driver.check(self._processes, block.arrival.rate_rps, block.endpoints)
        self.start()
        with self._ends_on_error():
            self._under_way = True
            self._say(wire.encode_block(block))
            told = self._await("report", SILENT_FOR_S, on_turn)
            self._under_way = False
            return wire.decode_report(_part(told, "report"))

    def stop(self) -> bool:
        """End the turn under way before its time; `run` then returns what came of it. From anywhere, a signal handler
        too. False when no block is under way."""
        if self._under_way:
            self._lines.put(STOP)
        return self._under_way

    def close(self) -> None:
        """End the load processes. May be called again, and after anything."""
        self._under_way = self._ready = False
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()  # the driver ends with its input
        if not _ended(process, GRACE_S):
            process.terminate()
            _ended(process, GRACE_S)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its workers too, wherever they hang
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _say(self, document: Json) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(wire.dump_line(document))
            self._process.stdin.flush()
        except OSError as error:
            raise self._told_failure() or self._died() from error

    def _told_failure(self) -> LoadError | None:
        """What the driver said went wrong, before it ended; None when it said nothing."""
        with contextlib.suppress(queue.Empty):
            while line := self._lines.get(timeout=GRACE_S):
                if line != STOP and (failure := _failure(wire.load_line(line))) is not None:
                    return failure
        return None

    def _await(self, event: str, silent_for_s: float, on_turn: TurnListener | None = None) -> dict[str, Any]:
        stopping = False
        while True:
            try:
                line = self._lines.get(timeout=silent_for_s)
            except queue.Empty:
                raise LoadError(f"the load driver has said nothing for {silent_for_s:g} s") from None
            if not line:
                raise self._died()
            if line == STOP:
                stopping = True
                self._say({"stop": True})
                continue
            told = wire.load_line(line)
            happened = _part(told, "event")
            if happened == event:
                return told
            if (failure := _failure(told)) is not None:
                raise failure
            if stopping:
                self._say({"stop": True})  # again: the first may have come before there was anything to stop
            if happened == "turn" and on_turn is not None:
                on_turn(wire.decode_order(_part(told, "order")))

    def _died(self) -> LoadError:
        """What is known of the driver's end: its exit status and its last words."""
        assert self._process is not None
        _ended(self._process, GRACE_S)
        status = self._process.returncode
        how = f"exit status {status}" if status is None or status >= 0 else f"signal {-status}"
        words = ""
        if self._log is not None:
            self._log.seek(0)
            words = "\n".join(self._log.read().decode("utf-8", "replace").splitlines()[-SHOWN_LINES:])
        return LoadError(f"the load driver died ({how}){': ' + words if words else ''}")

    @contextlib.contextmanager
    def _ends_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise


@contextlib.contextmanager
def _as_no_start() -> Iterator[None]:
    """What fails within is the driver's start."""
    try:
        yield
    except LoadError as error:
        raise LoadStartError(error.message, error.hint) from error


def _part(told: Json, name: str) -> Any:
    """What belongs into a document of the driver. Raises LoadError when it is not there."""
    if name not in told:
        raise LoadError(f"a message of the load driver has no {name!r}: {str(told)[:SHOWN_CHARACTERS]}")
    return told[name]


def _failure(told: Json) -> LoadError | None:
    """What the driver says went wrong, if that is what it says. Raises LoadError when it does not say what."""
    if _part(told, "event") != "failed":
        return None
    return LoadError(str(_part(told, "message")), str(told.get("hint", "")))


def _check(block: Block, processes: int) -> None:
    if block.arrival.connections < processes:
        raise UsageError(
            f"{block.arrival.connections} connections cannot be shared by {processes} load processes",
            "use more connections, or fewer load processes",
        )
    for endpoint in block.endpoints:
        _check_address(endpoint.host)
        if endpoint.method == "HEAD" and endpoint.body:
            raise UsageError(f"{endpoint.name}: a body does not go with HEAD", "leave one of them out")
    files = open_files()
    slow = sum(endpoint.slow.count for endpoint in block.endpoints if endpoint.slow is not None)
    wanted = block.arrival.connections * len(block.endpoints) + slow + SPARE_FILES * processes
    if wanted > files * processes:
        raise UsageError(
            f"{wanted} connections are more than the {files} open files that this system allows a process",
            "use fewer connections, or raise the limit (ulimit -Hn)",
        )
    if block.timeout_s <= 0 or any(order.seconds <= 0 for order in block.turns):
        raise UsageError("durations and deadlines must be above zero")


def _check_address(host: str) -> None:
    """The load side looks nothing up: that would block its event loop."""
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise UsageError(f"{host!r} is no IP address", "look the name up before") from error


def _read_lines(stream: IO[bytes] | None, lines: "queue.SimpleQueue[bytes]") -> None:
    """Hand on each line; an empty one at the end."""
    if stream is not None:
        with contextlib.suppress(ValueError, OSError):
            for line in stream:
                lines.put(line)
    lines.put(b"")


def _ended(process: subprocess.Popen[bytes], within_s: float) -> bool:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        return False
    return True
