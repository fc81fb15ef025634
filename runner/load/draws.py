"""Which request of a mix is the next: drawn by weight, from a sequence that the same seed gives again."""

import random
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate

from .framing import asks_to_close
from .nonce import MARK
from .orders import Part

STRATA = 64


class Asked:
    """A part of a mix in one turn. `known` is a right answer to it, whole in one piece; empty while there is none."""

    __slots__ = ("closes", "expect", "known", "method", "request", "varies")

    def __init__(self, part: Part) -> None:
        self.request = part.request
        self.expect = part.expect
        self.method = part.method
        self.varies = MARK in part.request
        self.closes = asks_to_close(part.request)
        self.known = b""

    @property
    def name(self) -> str:
        """Method and target, for people."""
        return b" ".join(self.request.split(b" ", 2)[:2]).decode("latin-1")


class Draws:
    """The requests of one turn, in the order in which they are sent: it is the same for every target, however fast it
    answers.

    Of each 64 in a row every part comes as often as its weight says, to less than two: so that short turns are alike,
    too, and a ratio of two of them is one of servers, not of luck.
    """

    def __init__(self, parts: Sequence[Part], seed: int) -> None:
        self._again: list[Asked] = []
        self._drawn = _drawn([(part.weight, Asked(part)) for part in parts], seed)

    def draw(self) -> Asked:
        """The next request. There has to be a mix."""
        return self._again.pop() if self._again else next(self._drawn)

    def put_back(self, asked: Asked) -> None:
        """A request was not taken: let it be drawn again."""
        self._again.append(asked)


def _drawn(parts: Sequence[tuple[float, Asked]], seed: int) -> Iterator[Asked]:
    draw = random.Random(seed)
    bounds = list(accumulate(weight for weight, _ in parts))
    last = len(parts) - 1
    strata = list(range(STRATA))
    while True:
        draw.shuffle(strata)
        for stratum in strata:
            at = (stratum + draw.random()) / STRATA * bounds[-1]
            yield parts[bisect(bounds, at, hi=last)][1]
