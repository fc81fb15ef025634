"""The signals that end a command: Ctrl-C, SIGTERM, and the end of the terminal that it runs in."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def ending() -> tuple[signal.Signals, ...]:
    """SIGINT, SIGTERM; and SIGHUP, unless it is ignored, as `nohup` wants it."""
    usual = (signal.SIGINT, signal.SIGTERM)
    return usual if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*usual, signal.SIGHUP)


@contextmanager
def handled(handler: Handler | signal.Handlers) -> Iterator[None]:
    """Within, they are handled so; afterwards as before. In the main thread only."""
    before = {number: signal.signal(number, handler) for number in ending()}
    try:
        yield
    finally:
        for number, handling in before.items():
            signal.signal(number, handling)
