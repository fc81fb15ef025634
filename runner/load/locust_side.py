"""Locust's part in a load process: a User that carries out orders with the engine, and the messages around it."""

import os
import threading
from collections.abc import Callable
from typing import Any

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # before the import: nothing of ours is monkey-patched

import gevent.queue
import locust
import uvloop
from locust.env import Environment
from locust.runners import Runner

from ...results.errors import BenchError
from . import wire
from .barrier import Statement
from .channel import Mailbox
from .engine import Engine, Gate, Share
from .locust_stats import add_turns
from .orders import Block, Json, SlowReport, TurnOrder, TurnReport
from .pulse import Pulse
from .seal import Rejections

BLOCK_MESSAGE = "bench:block"
REPORT_MESSAGE = "bench:report"


class LoadProcess:
    """What one load process is: its share of the load, whom it tells when a turn begins, and what it has counted."""

    def __init__(
        self,
        share: Share,
        gate: Gate | None = None,
        began: Callable[[TurnOrder], None] | None = None,
    ) -> None:
        self.share = share
        self.gate = gate
        self.began = began
        self.orders: Any = gevent.queue.Queue()
        self._engine: Engine | None = None
        self.statement = Statement()
        self.slow: tuple[SlowReport, ...] = ()  # of the last block
        self.rejections = Rejections()

    def environment(self) -> Environment:
        """A Locust environment whose one user class carries out this process's orders."""
        user_class = type("EngineUser", (EngineUser,), {"load_process": self, "abstract": False})
        return Environment(user_classes=[user_class], events=locust.events, catch_exceptions=False)

    def listen(self, runner: Runner) -> None:
        """Take orders from the runner's messages."""
        runner.register_message(BLOCK_MESSAGE, self._ordered)

    def _ordered(self, environment: Environment, msg: Any, **_: Any) -> None:
        self.orders.put(msg.data["block"])

    def stop(self, end_ns: int = 0) -> None:
        """End the turn under way at an instant, or at once; from any thread."""
        engine = self._engine
        if engine is not None:
            engine.stop(end_ns)

    def carry_out(self, block: Block) -> tuple[TurnReport, ...]:
        """Run a block in a native thread with an event loop of its own, and wait for it. Raises what it raised."""
        mailbox = Mailbox()
        engine = self._engine = Engine(block, self.began, self.share, self.gate)

        def work() -> None:
            try:
                mailbox.put(uvloop.run(engine.run()))
            except BaseException as error:
                mailbox.put(error)

        thread = threading.Thread(target=work, name="engine", daemon=True)
        thread.start()
        outcome = mailbox.get()
        mailbox.close()
        thread.join()
        self._engine = None
        if isinstance(outcome, BaseException):
            raise outcome
        turns: tuple[TurnReport, ...] = outcome
        self.slow = engine.slow
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
        here.statement.begin(order["id"])
        try:
            block = wire.decode_block(order)
            with Pulse() as pulse:
                turns = here.carry_out(block)
            add_turns(self.environment.stats, block, turns)
            self._hand_over_statistics()
            for message in here.statement.messages(turns, pulse.longest_s, here.rejections.take(), here.slow):
                self._report(message)
        except BenchError as error:
            self._report(here.statement.failure(error.message))
        except Exception as error:  # told to the driver, which gives up: nobody else would hear of it
            self._report(here.statement.failure(f"the load process failed: {error!r}"))

    def _report(self, message: Json) -> None:
        self.environment.runner.send_message(REPORT_MESSAGE, dict(message))

    def _hand_over_statistics(self) -> None:
        """From a worker, send Locust's statistics ahead of the report: messages keep their order, so that the master
        has merged them when the report is in."""
        runner = self.environment.runner
        if isinstance(runner, locust.runners.WorkerRunner):
            data: dict[str, Any] = {}
            self.environment.events.report_to_master.fire(client_id=runner.client_id, data=data)
            runner.send_message("stats", data)
