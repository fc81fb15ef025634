"""The upstream that the apps call over the network: small, fast, slow only by as much as it is told to be.

    python -P -m sgibench.runner.targets.upstream MEDIAN_MS SIGMA SEED

``GET [/NAME]/price/N`` answers ``{"item_id":N,"price":P}`` after its latency, for N from 1 to 3; each is counted by its
path when it comes in. ``GET /hits`` answers at once with the counts, ``{path: count}``: a target that is given a NAME
of its own cannot hide whether it called as often as it answered. Its first line of output is its port, on loopback. It
has no end of its own: whoever starts it ends it.
"""

import asyncio
import gc
import json
import math
import os
import random
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self, cast

import httptools

from ...results.errors import UsageError
from ..load.processor import allow_many_files

PRICES: Final = {1: 5999.0, 2: 299.0, 3: 99.0}
LATENCY_LIMIT_MS = 60_000.0
SIGMA_LIMIT = 3.0
TIMER_S = 0.001  # uvloop's timers count whole milliseconds


@dataclass(frozen=True, slots=True)
class UpstreamOptions:
    """How long the upstream takes: always `median_ms`, or with a `sigma`, lognormal around it, drawn from `seed`."""

    median_ms: float = 10.0
    sigma: float = 0.0
    seed: int = 1

    @classmethod
    def parse(cls, text: str, seed: int = 1) -> Self:
        """What a user writes: ``10`` for a constant, ``10:0.5`` for median and sigma. Raises UsageError."""
        median, colon, sigma = text.partition(":")
        try:
            found = cls(float(median), float(sigma) if colon else 0.0, seed)
        except ValueError:
            found = cls(math.nan)
        if not (0 <= found.median_ms <= LATENCY_LIMIT_MS and 0 <= found.sigma <= SIGMA_LIMIT):
            raise UsageError(
                f"the upstream's latency {text!r} is not MILLISECONDS or MEDIAN:SIGMA, with at most "
                f"{LATENCY_LIMIT_MS:g} ms and a sigma of at most {SIGMA_LIMIT:g}",
                "for example --upstream-ms 20, or --upstream-ms 20:0.5 for a lognormal spread",
            )
        return found

    @property
    def floor_ms(self) -> float:
        """No call takes less: the latency where it is constant, else 0."""
        return 0.0 if self.sigma else self.median_ms

    @property
    def told(self) -> str:
        """In words, for the record of a run."""
        spread = f", lognormal with a sigma of {self.sigma:g}" if self.sigma else ""
        return f"{self.median_ms:g} ms{spread}"

    @property
    def arguments(self) -> tuple[str, ...]:
        """For the command line of the server."""
        return str(self.median_ms), str(self.sigma), str(self.seed)

    def draws_s(self) -> Callable[[], float]:
        """A function that gives the latency of one call after the other, in seconds; the seed decides them all."""
        if not self.sigma or not self.median_ms:
            seconds = self.median_ms / 1000
            return lambda: seconds
        chance, mu = random.Random(self.seed), math.log(self.median_ms / 1000)
        return lambda: min(chance.lognormvariate(mu, self.sigma), LATENCY_LIMIT_MS / 1000)


def answer_of(status: str, content: object, keep: bool = True) -> bytes:
    """A whole answer in JSON. `keep`: the connection stays open."""
    body = json.dumps(content, separators=(",", ":")).encode()
    closing = "" if keep else "Connection: close\r\n"
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{closing}\r\n"
    return head.encode() + body


ANSWERS: Final = {
    f"{item_id}".encode(): answer_of("200 OK", {"item_id": item_id, "price": price})
    for item_id, price in PRICES.items()
}


class Caller(asyncio.Protocol):
    """One connection. Answers leave in the order of their requests, none before its time."""

    _parser: httptools.HttpRequestParser
    _stream: asyncio.Transport

    def __init__(self, hits: Counter[bytes], draw_s: Callable[[], float]) -> None:
        """`hits` is everybody's."""
        self._hits = hits
        self._draw_s = draw_s
        self._loop = asyncio.get_running_loop()
        self._due: deque[tuple[float, bytes]] = deque()
        self._keep = True
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write at once, not at the end of the loop's iteration."""
        self._stream = cast(asyncio.Transport, transport)
        self._stream.set_write_buffer_limits(0)
        self._parser = httptools.HttpRequestParser(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Whom to answer is gone."""
        self._due.clear()
        del self._parser  # it holds us, and nothing here collects circles

    def data_received(self, data: bytes) -> None:
        """Read on; what is no HTTP is told so, once."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._stream.write(answer_of("400 Bad Request", {"detail": repr(error)}, keep=False))
            self._stream.close()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""

    def on_url(self, url: bytes) -> None:
        """It, or a piece of it."""
        self._url += url

    def on_message_complete(self) -> None:
        """A whole request is there: count it, and answer when it is time."""
        self._keep = self._parser.should_keep_alive()
        path = self._url.partition(b"?")[0]
        name, price, item = path.rpartition(b"/price/")
        if self._parser.get_method() != b"GET":
            self._answer(answer_of("405 Method Not Allowed", {"detail": "only GET"}, self._keep))
        elif price and item in ANSWERS and name.count(b"/") <= 1:
            self._hits[path] += 1
            self._answer(ANSWERS[item], self._draw_s())
        elif path == b"/hits":
            counts = {path.decode("latin-1"): count for path, count in self._hits.items()}
            self._answer(answer_of("200 OK", counts, self._keep))
        else:
            self._answer(answer_of("404 Not Found", {"detail": "no such path"}, self._keep))

    def _answer(self, answer: bytes, delay_s: float = 0.0) -> None:
        self._due.append((time.monotonic() + delay_s, answer))
        if len(self._due) == 1:
            self._write_due()

    def _write_due(self) -> None:
        """Write what is due, and come again for the rest: a timer may go off a little early, an answer must not."""
        while self._due and self._due[0][0] <= time.monotonic():
            self._stream.write(self._due.popleft()[1])
        if self._due:
            self._loop.call_later(max(self._due[0][0] - time.monotonic(), TIMER_S), self._write_due)
        elif not self._keep:
            self._stream.close()


async def serve(listener: socket.socket, options: UpstreamOptions) -> None:
    """Answer on that socket for ever."""
    hits: Counter[bytes] = Counter()
    draw_s = options.draws_s()
    await asyncio.get_running_loop().create_server(lambda: Caller(hits, draw_s), sock=listener)
    os.write(1, f"{listener.getsockname()[1]}\n".encode())
    await asyncio.Event().wait()


def main() -> None:
    """Serve until killed."""
    # uvloop is slow to import, and whoever only wants the options does without.
    import uvloop

    from ..load.null_server import listening_sockets

    median_ms, sigma, seed = sys.argv[1:]
    allow_many_files()
    gc.disable()
    (listener,) = listening_sockets(1)
    uvloop.run(serve(listener, UpstreamOptions(float(median_ms), float(sigma), int(seed))))


if __name__ == "__main__":
    main()
