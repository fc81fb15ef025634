"""Requests that are told apart: each carries a nonce, which only its own answer can give back.

A server, cache or proxy that hands out somebody else's answer, or the one before, looks right in every other way.
"""

import itertools
import secrets
from typing import TYPE_CHECKING, Protocol

from .connection import Connection
from .head import HeadConnection
from .orders import Expectation

if TYPE_CHECKING:
    from .pool import Lane

# What people write, and what stands for it in an endpoint: as long as the nonce, so that lengths are right.
PLACEHOLDER = "{nonce}"
MARK = b"sgibench-nonce--"

_numbers = itertools.count(secrets.randbits(62))


def marked(text: str) -> str:
    """A text with the mark in place of each placeholder."""
    return text.replace(PLACEHOLDER, MARK.decode())


class Marked(Protocol):
    """A request, and what is right for it, both perhaps with the mark in them."""

    @property
    def request(self) -> bytes:
        """What is sent."""

    @property
    def expect(self) -> Expectation:
        """What is right."""


def new_nonce() -> bytes:
    """One that was never used."""
    return b"%016x" % next(_numbers)


def with_nonce(asked: Marked) -> tuple[bytes, Expectation]:
    """The next request, and what is right for it: with a new nonce wherever the mark is."""
    nonce = new_nonce()
    return asked.request.replace(MARK, nonce), expecting(asked.expect, nonce)


def expecting(expect: Expectation, nonce: bytes) -> Expectation:
    """What is right for the request with this nonce."""
    return Expectation(
        expect.status,
        expect.body and expect.body.replace(MARK, nonce),
        expect.contains and expect.contains.replace(MARK, nonce),
    )


class NonceConnection(Connection):
    """A connection each of whose requests has a nonce of its own, wherever the endpoint has the mark."""

    __slots__ = ()

    def __init__(self, lane: "Lane") -> None:
        super().__init__(lane)
        self.repeats = False  # no answer is like another
        self.want_body = None
        self.any_body = False

    def send(self, now_ns: int) -> None:
        """Send the request with a new nonce."""
        self.request, self.expect = with_nonce(self.lane.pool.endpoint)
        super().send(now_ns)


class NonceHeadConnection(NonceConnection, HeadConnection):
    """The same for HEAD, whose answers have no body to give it back in."""

    __slots__ = ()
