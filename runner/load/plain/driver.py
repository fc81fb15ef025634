"""The driver process of plain Locust: takes blocks from the CLI on stdin, and reports on stdout, as the engine's does.

Importing Locust here patches the standard library for gevent, which is what plain Locust is; so this is a process of
its own. It lives exactly as long as its stdin.
"""

import gc
import logging
import os
import signal
from pathlib import Path
from typing import Any

import gevent
import locust
from gevent import monkey

from ....results.errors import LoadError
from .. import wire
from ..channel import ALIVE_EVERY_S, Mailbox, Output, last_words, read_stdin
from ..orders import Block
from ..processor import allow_many_files, pin
from .endpoint_turn import EndpointPress
from .own_users import OwnPress
from .turn import Press


def _say_alive(out: Output) -> None:
    """That the CLI hears nothing any more then means that greenlets do not run any more."""
    while True:
        gevent.sleep(ALIVE_EVERY_S)
        out.write({"event": "alive"})


class Driver:
    """Carries out one block at a time, in a greenlet of its own; what comes of it goes into the mailbox."""

    def __init__(self, mailbox: Mailbox, out: Output, press: Press) -> None:
        self._mailbox = mailbox
        self._out = out
        self._press = press
        self._under_way = False

    def serve(self) -> None:
        """Until stdin ends. Raises LoadError, or whatever went wrong in a block."""
        while True:
            what, data = self._mailbox.get()
            if what == "line":
                self._order(wire.load_line(data))
            elif what == "report":
                self._under_way = False
                self._out.write({"event": "report", "report": wire.encode_report(data)})
            else:
                raise data

    def _order(self, told: dict[str, Any]) -> None:
        if "stop" in told:
            self._press.stop()
        elif self._under_way:
            raise LoadError("a block was ordered while another was under way")
        else:
            self._under_way = True
            gevent.spawn(self._carry_out, wire.decode_block(told))

    def _carry_out(self, block: Block) -> None:
        try:
            self._mailbox.put(("report", self._press.carry_out(block, self._out.began)))
        except BaseException as error:
            self._mailbox.put(("error", error))


def main() -> None:
    """Serve until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the CLI's to handle
    out = Output(os.dup(1))
    logging.getLogger("locust").setLevel(logging.CRITICAL)  # what users raise is counted, and told once
    os.dup2(2, 1)  # what any library, or a locustfile, prints must not get between our lines
    mailbox = Mailbox()
    # A thread of the system's, not one of gevent's: code that never yields must not outlive the CLI.
    monkey.get_original("_thread", "start_new_thread")(read_stdin, (mailbox,))
    with last_words(out):
        told = wire.load_line(mailbox.get()[1])
        pin(told["cores"])
        allow_many_files()
        gevent.spawn(_say_alive, out)
        press: Press = OwnPress(Path(told["locustfile"])) if told.get("locustfile") else EndpointPress()
        gc.collect()
        gc.freeze()
        out.write({"event": "ready", "locust": locust.__version__, **press.introduction()})
        Driver(mailbox, out, press).serve()


if __name__ == "__main__":
    main()
