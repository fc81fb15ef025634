"""The driver process: takes blocks from the CLI on stdin, has Locust carry them out, and reports on stdout.

With one load process Locust's LocalRunner runs the engine here; with several this is Locust's master on a random
loopback port, and the workers are its children. It lives exactly as long as its stdin.
"""

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"

import gc
import signal
import threading
import time
from typing import Any

from ...results.errors import LoadError
from . import wire
from .barrier import Barrier
from .channel import ALIVE_EVERY_S, Mailbox, Output, last_words, read_stdin
from .engine import Share
from .fleet import Fleet
from .locust_side import BLOCK_MESSAGE, REPORT_MESSAGE, LoadProcess
from .merge import merge_slow, merge_turns
from .orders import Block, BlockReport, TurnOrder
from .processor import allow_many_files, pin
from .seal import Rejections, rejection_notes

SLACK_S = 15.0


class Driver:
    """Carries out blocks with one load process here, or with a fleet of workers."""

    def __init__(self, mailbox: Mailbox, out: Output, cores: list[int], processes: int) -> None:
        self._mailbox = mailbox
        self._out = out
        self._barrier = Barrier(processes)
        self._block: Block | None = None
        self._heard_s = time.monotonic()
        self._seen = (0, 0)
        process = self._process = LoadProcess(Share(), began=self._began)
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
            self._fleet = Fleet(environment, cores, processes, mailbox, self._turn_starts)
            self._runner = self._fleet.runner
        self._runner.register_message(REPORT_MESSAGE, self._reported)

    def carry_out(self, block: Block) -> BlockReport:
        """A block, from order to the last load process's report. Raises LoadError when one is lost, late or unknown."""
        self._block = block
        self._barrier.begin(block)
        self._heard_s = time.monotonic()
        message = {"block": wire.encode_block(block)}
        if self._fleet is None:
            self._runner.send_message(BLOCK_MESSAGE, message)
        else:
            self._fleet.send(BLOCK_MESSAGE, message)
        while self._barrier.waiting_for():
            item = self._mailbox.get(ALIVE_EVERY_S)
            if item is None:
                self._out.write({"event": "alive"})
                self._check(block)
            else:
                self._take(item)
        return self._total(block)

    def _check(self, block: Block) -> None:
        """Raise LoadError when a load process is missing, or late. All begin each turn together, and are heard then."""
        if self._fleet is not None:
            self._fleet.check()
        if time.monotonic() - self._heard_s > patience_s(block):
            late = ", ".join(map(str, self._barrier.waiting_for()))
            raise LoadError(f"load process {late} did not report in time")

    def _take(self, item: tuple[str, Any]) -> None:
        what, data = item
        if what == "line" and is_stop(data):
            self._stop()
            return
        if what != "report":
            raise trouble(what, data)
        self._heard_s = time.monotonic()
        self._barrier.take(*data)

    def _stop(self) -> None:
        if self._fleet is None:
            self._process.stop()
        else:
            self._fleet.stop()

    def _total(self, block: Block) -> BlockReport:
        seen = (self._stats.num_requests, self._stats.num_failures)
        before, self._seen = self._seen, seen
        rejections = Rejections()
        for counts in self._barrier.rejected:
            rejections.add(counts)
        if self._fleet is not None:
            rejections.add(self._fleet.rejections.take())
        return BlockReport(
            id=block.id,
            turns=tuple(merge_turns(parts) for parts in self._barrier.turns()),
            locust_requests=seen[0] - before[0],
            locust_failures=seen[1] - before[1],
            notes=rejection_notes(rejections.take()),
            paused_s=self._barrier.paused_s,
            slow=merge_slow(self._barrier.slow),
        )

    def _reported(self, environment: Any, msg: Any, **_: Any) -> None:
        worker = 0 if self._fleet is None else self._fleet.index_of(msg.node_id)
        self._mailbox.put(("report", (worker, msg.data)))

    def _began(self, order: TurnOrder) -> None:
        self._heard_s = time.monotonic()
        self._out.began(order)

    def _turn_starts(self, turn: int) -> None:
        assert self._block is not None
        self._began(self._block.turns[turn])


def patience_s(block: Block) -> float:
    """How long nothing may be heard of a block: a turn may open connections, and drain, for a whole deadline each."""
    return max(order.seconds for order in block.turns) + 2 * block.timeout_s + SLACK_S


def is_stop(line: bytes) -> bool:
    """Whether a line from the CLI asks to end the turn under way."""
    return "stop" in wire.load_line(line)


def trouble(what: str, data: Any) -> LoadError:
    """What went wrong when something else than a report came."""
    if what == "lost":
        return LoadError(f"load process {data} died")
    if what == "missed":
        return LoadError(f"messages of load process {data} were lost on the way")
    return LoadError("a block was ordered while another was under way")


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the CLI's to handle
    out = Output(os.dup(1))
    os.dup2(2, 1)  # what any library prints must not get between our lines
    mailbox = Mailbox()
    threading.Thread(target=read_stdin, args=(mailbox,), name="stdin", daemon=True).start()
    with last_words(out):
        told = wire.load_line(mailbox.get()[1])
        pin(told["cores"])
        allow_many_files()
        driver = Driver(mailbox, out, told["cores"], told["processes"])
        gc.collect()
        gc.freeze()
        out.write({"event": "ready"})
        while True:
            what, line = mailbox.get()
            if what != "line":
                raise trouble(what, line)
            if is_stop(line):
                continue  # it has crossed with the report
            block = wire.decode_block(wire.load_line(line))
            out.write({"event": "report", "report": wire.encode_report(driver.carry_out(block))})


if __name__ == "__main__":
    main()
