"""What a driver process has of the CLI: lines in, lines out, and a way from native threads to greenlets."""

import contextlib
import os
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.event

from ...results.errors import BenchError
from . import wire
from .orders import Json, TurnOrder

ALIVE_EVERY_S = 1.0
SEEN_FROM_S = 0.25  # turns shorter than this are over before anybody could look


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


class Output:
    """Lines to the CLI, from any thread."""

    def __init__(self, fd: int) -> None:
        self._file = os.fdopen(fd, "wb", buffering=0)
        self._lock = threading.Lock()

    def write(self, document: Json) -> None:
        """One document."""
        with self._lock:
            self._file.write(wire.dump_line(document))

    def began(self, order: TurnOrder) -> None:
        """A turn has begun: told if it lasts long enough to be looked at."""
        if order.seconds >= SEEN_FROM_S:
            self.write({"event": "turn", "order": wire.encode_order(order)})


@contextlib.contextmanager
def last_words(out: Output) -> Iterator[None]:
    """Around all that a driver does: what goes wrong is told the CLI where a user can mend it, else shown in full; and
    that is the end of the process, whatever other threads do."""
    try:
        yield
    except BenchError as error:
        out.write({"event": "failed", "message": error.message, "hint": error.hint})
        os._exit(1)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def read_stdin(mailbox: Mailbox) -> None:
    """Hand on each line; when the CLI is gone, however it went, end at once. Workers see our sockets close."""
    for line in sys.stdin.buffer:
        mailbox.put(("line", line))
    os._exit(0)
