"""Locust's part in a load process: a User that carries out orders with the engine, and the messages around it."""

import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # before the import: nothing of ours is monkey-patched

import gevent
import gevent.event
import gevent.queue
import locust
import uvloop
from locust.env import Environment
from locust.runners import Runner

from ...results.errors import BenchError
from . import wire
from .engine import Engine, Gate, Share
from .locust_stats import add_turns
from .orders import Block, TurnOrder, TurnReport

BLOCK_MESSAGE = "bench:block"
REPORT_MESSAGE = "bench:report"


class Mailbox:
    """Things from native threads to the greenlet that waits for them. Waiting costs nothing."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._filled = gevent.event.Event()
        self._watcher = gevent.get_hub().loop.async_()
        self._watcher.start(self._filled.set)

    def put(self, item: Any) -> None:
        """Leave something; from any thread."""
        self._items.append(item)
        self._watcher.send()

    def get(self, timeout_s: float | None = None) -> Any:
        """The next thing; None when nothing came in time. From greenlets only."""
        while not self._items:
            self._filled.clear()
            if not self._items and not self._filled.wait(timeout_s):
                return None
        return self._items.popleft()

    def close(self) -> None:
        """Stop listening."""
        self._watcher.stop()
        self._watcher.close()


class LoadProcess:
    """What one load process is: its share of the load, and whom it tells when a turn begins."""

    def __init__(
        self,
        token: str,
        share: Share,
        gate: Gate | None = None,
        began: Callable[[TurnOrder], None] | None = None,
    ) -> None:
        self.token = token
        self.share = share
        self.gate = gate
        self.began = began
        self.orders: Any = gevent.queue.Queue()
        self.sequence = 0

    def environment(self) -> Environment:
        """A Locust environment whose one user class carries out this process's orders."""
        user_class = type("EngineUser", (EngineUser,), {"load_process": self, "abstract": False})
        return Environment(user_classes=[user_class], events=locust.events, catch_exceptions=False)

    def listen(self, runner: Runner) -> None:
        """Take orders from the runner's messages."""
        runner.register_message(BLOCK_MESSAGE, self._ordered)

    def _ordered(self, environment: Environment, msg: Any, **_: Any) -> None:
        if msg.data["token"] == self.token:
            self.orders.put(msg.data["block"])

    def carry_out(self, block: Block) -> tuple[TurnReport, ...]:
        """Run a block in a native thread with an event loop of its own, and wait for it. Raises what it raised."""
        mailbox = Mailbox()

        def work() -> None:
            try:
                mailbox.put(uvloop.run(Engine(block, self.began, self.share, self.gate).run()))
            except BaseException as error:
                mailbox.put(error)

        thread = threading.Thread(target=work, name="engine", daemon=True)
        thread.start()
        outcome = mailbox.get()
        mailbox.close()
        thread.join()
        if isinstance(outcome, BaseException):
            raise outcome
        turns: tuple[TurnReport, ...] = outcome
        return turns


class EngineUser(locust.User):  # type: ignore[misc, unused-ignore]
    """The user Locust spawns, one in each load process: it carries out one order after another."""

    abstract = True
    load_process: LoadProcess

    @locust.task
    def carry_out(self) -> None:
        """Take the next block, carry it out, and report."""
        here = self.load_process
        order = here.orders.get()
        here.sequence += 1
        message: dict[str, Any] = {
            "token": here.token,
            "worker": here.share.index,
            "sequence": here.sequence,
            "block": order["id"],
        }
        try:
            block = wire.decode_block(order)
            turns = here.carry_out(block)
            add_turns(self.environment.stats, block, turns)
            message["turns"] = wire.dump_line({"turns": [wire.encode_turn(turn) for turn in turns]})
            self._hand_over_statistics()
        except BenchError as error:
            message["error"] = error.message
        except Exception as error:  # told to the driver, which gives up: nobody else would hear of it
            message["error"] = f"the load process failed: {error!r}"
        self.environment.runner.send_message(REPORT_MESSAGE, message)

    def _hand_over_statistics(self) -> None:
        """From a worker, send Locust's statistics ahead of the report: messages keep their order, so that the master
        has merged them when the report is in."""
        runner = self.environment.runner
        if isinstance(runner, locust.runners.WorkerRunner):
            data: dict[str, Any] = {}
            self.environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
            runner.send_message("stats", data)
