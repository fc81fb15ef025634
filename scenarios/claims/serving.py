"""What an experiment about servers may ask for: real targets, load on several of them in turns, requests that are held.

Standard library only, as all that a claim's file imports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from ...results.estimate import Estimate

# What is known of a target under load. Memory is that of its whole process tree.
PerLaunch = Literal["requests/s", "CPU µs", "MiB idle", "MiB peak"]
Quantity = Literal[PerLaunch, "ms p50", "ms p90", "ms p99"]
Compared = Literal["requests/s", "CPU µs"]


class Answer(Protocol):
    """An answer, read to its end. Names of headers are in lower case."""

    @property
    def status(self) -> int:
        """The status code."""

    @property
    def headers(self) -> Mapping[str, str]:
        """By name; of several, joined by a comma."""

    @property
    def body(self) -> bytes:
        """All of it, without the framing."""

    @property
    def elapsed_ms(self) -> float:
        """From the send to the answer's last byte."""


class Served(Protocol):
    """A real server that was started for an experiment. It ends with its context."""

    @property
    def host(self) -> str:
        """The address that it listens on."""

    @property
    def port(self) -> int:
        """The port that it listens on."""

    @property
    def pids(self) -> Sequence[int]:
        """All processes of its tree: a master and its workers."""

    def ask(
        self,
        path: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        timeout_s: float = 10.0,
    ) -> Answer:
        """Ask once, over a new connection that is closed after it (``Connection: close``), whatever the answer says.

        Raises ExperimentError when there is none.
        """

    def memory(self) -> Mapping[str, float]:
        """The memory of its process tree now: ``"pss_mib"``, ``"uss_mib"`` and ``"rss_mib"``, in MiB."""

    def threads(self) -> int:
        """How many threads its processes have now, all together."""

    def log(self) -> str:
        """What it has written so far, on its standard output and error."""

    def stop(self) -> int | None:
        """Ask it to end, as its kind is asked to, and wait; its exit code, negative where a signal killed it."""


class Held(Protocol):
    """Requests that are in flight now, each sent whole and not answered."""

    @property
    def count(self) -> int:
        """How many are in flight at once."""

    @property
    def stopped(self) -> str:
        """What limit left them fewer than were wanted, in words; empty when none did."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a target is asked under load, and the answer that is right: its status and its whole text.

    `text` None: any text. `wait_ms` is a wait that every answer holds. `turn_ms` sets the length of a turn, which else
    follows from how long one answer takes; `connections` come instead of those that are common to all.
    """

    path: str
    text: str | None = None
    wait_ms: float = 0.0
    status: int = 200
    timeout_s: float = 30.0
    turn_ms: float | None = None
    connections: tuple[int, ...] = ()


class Rotated(Protocol):
    """What load on several targets in turns gave, only from what was valid.

    A target is named by what it was asked for, ``("fastapi", "uvicorn-1")``; `path` says which request, `connections`
    with how many it was pressed. Where there was only one, they may be left out.
    """

    @property
    def notes(self) -> Sequence[str]:
        """What was wrong, or must be known of the figures, as whole sentences. What was invalid is told here, and is in
        no figure."""

    def values(
        self, target: tuple[str, str], quantity: PerLaunch, path: str = "", connections: int = 0
    ) -> Mapping[int, float]:
        """One figure for each launch (from 1) that gave a valid one."""

    def estimate(
        self, target: tuple[str, str], quantity: Quantity, path: str = "", connections: int = 0
    ) -> Estimate | None:
        """The same as an estimate; None where no launch gave one."""

    def ratio(
        self,
        target: tuple[str, str],
        over: tuple[str, str],
        quantity: Compared = "requests/s",
        path: str = "",
        connections: int = 0,
    ) -> Estimate | None:
        """One target over another under the same load, from turns of the same rounds; None where there are none."""
