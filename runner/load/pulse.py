"""Whether a load process ran all the time: one that was stopped for seconds has measured its own sleep."""

import time
from types import TracebackType

import gevent

BEAT_S = 0.25


class Pulse:
    """Beats while its block runs. `longest_s` is the longest stretch beyond a beat in which this process did not run:
    stopped by a signal, or left without a core. Seconds on the monotonic clock."""

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._last_s = 0.0

    def __enter__(self) -> "Pulse":
        self._last_s = time.monotonic()
        self._beating = gevent.spawn(self._beat)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._beating.kill()
        self._note()

    def _beat(self) -> None:
        while True:
            gevent.sleep(BEAT_S)
            self._note()

    def _note(self) -> None:
        now_s = time.monotonic()
        self.longest_s = max(self.longest_s, now_s - self._last_s - BEAT_S)
        self._last_s = now_s
