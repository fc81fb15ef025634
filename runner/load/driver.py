"""The driver process: takes blocks from the CLI on stdin, has Locust carry them out, and reports on stdout.

With one load process Locust's LocalRunner runs the engine here; with several this is Locust's master on a random
loopback port, and the workers are its children. It lives exactly as long as its stdin.
"""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import gc
import secrets
import signal
import sys
import threading
import traceback
from typing import Any

from ...results.errors import BenchError, LoadError
from . import wire
from .engine import Share
from .fleet import Fleet, block_deadline_s
from .locust_side import BLOCK_MESSAGE, REPORT_MESSAGE, LoadProcess, Mailbox
from .merge import merge_turns
from .orders import Block, BlockReport, Json, TurnOrder
from .processor import allow_many_files, pin

SEEN_FROM_S = 0.25  # turns shorter than this are over before anybody could look
ALIVE_EVERY_S = 1.0


class Driver:
    """Carries out blocks with one load process here, or with a fleet of workers."""

    def __init__(self, mailbox: Mailbox, out: "Output", cores: list[int], processes: int) -> None:
        self._mailbox = mailbox
        self._out = out
        self._token = secrets.token_hex(16)
        self._processes = processes
        self._block: Block | None = None
        self._sequence = 0
        self._seen = (0, 0)
        process = LoadProcess(self._token, Share(), began=self._began)
        environment = process.environment()
        self._stats = environment.stats
        self._fleet: Fleet | None = None
        if processes == 1:
            runner: Any = environment.create_local_runner()
            process.listen(runner)
            runner.start(1, 1)
            runner.spawning_greenlet.join()
            self._runner = runner
        else:
            self._fleet = Fleet(environment, self._token, cores, processes, mailbox, self._turn_starts)
            self._runner = self._fleet.runner
        self._runner.register_message(REPORT_MESSAGE, self._reported)

    def carry_out(self, block: Block) -> BlockReport:
        """A block, from order to the last load process's report. Raises LoadError when one is lost, late or unknown."""
        self._block = block
        self._sequence += 1
        message = {"token": self._token, "block": wire.encode_block(block)}
        if self._fleet is None:
            self._runner.send_message(BLOCK_MESSAGE, message)
        else:
            self._fleet.send(BLOCK_MESSAGE, message)
        reports: dict[int, Json] = {}
        deadline_s = block_deadline_s(block)
        waited_s = 0.0
        while len(reports) < self._processes:
            item = self._mailbox.get(ALIVE_EVERY_S)
            if item is None:
                waited_s += ALIVE_EVERY_S
                self._out.write({"event": "alive"})
                if self._fleet is not None:
                    self._fleet.check()
                if waited_s > deadline_s:
                    raise LoadError(f"{self._processes - len(reports)} load process(es) did not report in time")
                continue
            self._take(item, reports)
        return self._total(block, reports)

    def _take(self, item: tuple[str, Any], reports: dict[int, Json]) -> None:
        what, data = item
        if what == "lost":
            raise LoadError(f"load process {data} died")
        if what == "line":
            raise LoadError("a block was ordered while another was under way")
        if data["token"] != self._token or not 0 <= data["worker"] < self._processes:
            raise LoadError("a report came from an unknown load process")
        assert self._block is not None
        if data["sequence"] != self._sequence or data["block"] != self._block.id or data["worker"] in reports:
            raise LoadError(f"load process {data['worker']} reported out of order")
        if "error" in data:
            raise LoadError(data["error"])
        reports[data["worker"]] = data

    def _total(self, block: Block, reports: dict[int, Json]) -> BlockReport:
        parts = [
            [wire.decode_turn(turn) for turn in wire.load_line(reports[index]["turns"])["turns"]]
            for index in range(self._processes)
        ]
        if any(len(part) != len(block.turns) for part in parts):
            raise LoadError("a load process did not report all turns")
        seen = (self._stats.num_requests, self._stats.num_failures)
        before, self._seen = self._seen, seen
        return BlockReport(
            id=block.id,
            turns=tuple(merge_turns(turn_parts) for turn_parts in zip(*parts, strict=True)),
            locust_requests=seen[0] - before[0],
            locust_failures=seen[1] - before[1],
        )

    def _reported(self, environment: Any, msg: Any, **_: Any) -> None:
        known = self._fleet is None or self._fleet.knows(msg.node_id)
        self._mailbox.put(("report", {**msg.data, "token": msg.data["token"] if known else ""}))

    def _began(self, order: TurnOrder) -> None:
        if order.seconds >= SEEN_FROM_S:
            self._out.write({"event": "turn", "order": wire.encode_order(order)})

    def _turn_starts(self, turn: int) -> None:
        assert self._block is not None
        self._began(self._block.turns[turn])


class Output:
    """Lines to the CLI, from any thread."""

    def __init__(self, fd: int) -> None:
        self._file = os.fdopen(fd, "wb", buffering=0)
        self._lock = threading.Lock()

    def write(self, document: Json) -> None:
        """One document."""
        with self._lock:
            self._file.write(wire.dump_line(document))


def _read_stdin(mailbox: Mailbox) -> None:
    """Hand on each line; when the CLI is gone, however it went, end at once. Workers see our sockets close."""
    for line in sys.stdin.buffer:
        mailbox.put(("line", line))
    os._exit(0)


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the CLI's to handle
    out = Output(os.dup(1))
    os.dup2(2, 1)  # what any library prints must not get between our lines
    mailbox = Mailbox()
    threading.Thread(target=_read_stdin, args=(mailbox,), name="stdin", daemon=True).start()
    try:
        told = wire.load_line(mailbox.get()[1])
        pin(told["cores"])
        allow_many_files()
        driver = Driver(mailbox, out, told["cores"], told["processes"])
        gc.collect()
        gc.freeze()
        out.write({"event": "ready"})
        while True:
            what, line = mailbox.get()
            if what == "lost":
                raise LoadError(f"load process {line} died")
            block = wire.decode_block(wire.load_line(line))
            out.write({"event": "report", "report": wire.encode_report(driver.carry_out(block))})
    except BenchError as error:
        out.write({"event": "failed", "message": error.message})
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    main()
