"""The laboratory: carries out what a claim's experiment asks for."""

import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from ...scenarios.claims.model import Side
from ...scenarios.claims.proving import InterfaceName, Proof, There
from ...scenarios.claims.serving import Asked, Held, Rotated, Served
from ..machine import available_cores, free_memory_mib
from . import proving
from .serving import Serving
from .sides import ExperimentError, Sides
from .statistics import Statistics

MEMORY_SHARE = 0.5  # of what is free: the rest is for who else lives on this machine


@dataclass(slots=True)
class SideRepetitions:
    """What the sides of an experiment gave, by side, repetition by repetition."""

    rows: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    def values(self, side: str, figure: str) -> list[float]:
        """One value per repetition. Raises KeyError for a figure that a repetition did not give."""
        return [float(row[figure]) for row in self.rows[side]]

    def lists(self, side: str, figure: str) -> list[list[float]]:
        """A list of values per repetition, where the side gives several."""
        return [[float(value) for value in row[figure]] for row in self.rows[side]]

    def stopped(self, side: str) -> str:
        """What stopped this side before it was done, in words; empty when nothing did."""
        return next((str(row["stopped"]) for row in self.rows[side] if row.get("stopped")), "")


class RealLab(Statistics):
    """The real laboratory. `python` is the interpreter of all that is measured, `cores` are where sides run.

    `serving` carries out what is about servers, in the same interpreter; whoever made it closes it.
    """

    def __init__(
        self,
        python: str,
        cores: Sequence[int],
        *,
        quick: bool,
        seed: int,
        sides: Sides | None = None,
        serving: Serving | None = None,
    ) -> None:
        """Nothing is started yet."""
        self.quick = quick
        self.python = python
        self.cores = tuple(cores)
        self.seed = seed
        self._random = random.Random(seed)
        self._sides = sides or Sides(python, cores)
        self._serving = serving

    @property
    def memory_mib(self) -> int:
        """How much memory an experiment may take: half of what is free now."""
        return memory_for_experiments_mib()

    def alternate(self, sides: Sequence[Side], times: int) -> SideRepetitions:
        """Each side `times` times, each in a fresh interpreter, in shuffled rounds. Raises ExperimentError."""
        seen = SideRepetitions({side.name: [] for side in sides})
        for _ in range(times):
            for side in self._random.sample(sides, len(sides)):
                cores = () if side.everywhere else None
                seen.rows[side.name].append(self._sides.carry_out(side, self.memory_mib, cores))
        return seen

    def missing(self, distributions: Sequence[str] = (), setups: Sequence[str] = ()) -> str:
        """What the interpreter lacks, with what to install; empty when it has all."""
        return self._servers.missing(distributions, setups)

    def serve(self, app: str, setup: str, **env: str) -> AbstractContextManager[Served]:
        """Within: a real server, ready and pinned. Raises ExperimentError."""
        return self._servers.serve(app, setup, **env)

    def serve_all(self, wanted: Sequence[tuple[str, str]], **env: str) -> AbstractContextManager[Sequence[Served]]:
        """Within: several real servers, started side by side. Raises ExperimentError."""
        return self._servers.serve_all(wanted, **env)

    def rotate(
        self,
        targets: Sequence[tuple[str, str]],
        asked: Sequence[Asked],
        connections: Sequence[int],
        launches: int,
        seconds: float,
    ) -> Rotated:
        """Load on all these targets in turns. Raises ExperimentError."""
        return self._servers.rotate(targets, asked, connections, launches, seconds)

    def hold(self, served: Served, path: str, count: int, release: str = "") -> AbstractContextManager[Held]:
        """Within: so many requests in flight on that server. Raises ExperimentError."""
        return self._servers.hold(served, path, count, release)

    def there(self, interface: InterfaceName) -> There:
        """The apps and servers of an interface in this interpreter."""
        return proving.there(self.python, interface)

    def prove(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Proof]:
        """What came of each pair of an app and a kind of server. Raises TargetError."""
        return proving.prove(self.python, available_cores(), pairs)

    def echo(self, port: int, path: str, messages: Sequence[str | bytes]) -> str:
        """What went wrong when messages were to be echoed over a WebSocket; empty when nothing did."""
        return proving.echo_fault(port, path, messages)

    def page(self, url: str, wait_ms: int = 3000) -> str | None:
        """What a headless browser makes of a page; None where there is none, or it does not end."""
        return proving.page(url, wait_ms)

    @property
    def _servers(self) -> Serving:
        if self._serving is None:
            raise ExperimentError("this laboratory has no servers")
        return self._serving


def memory_for_experiments_mib() -> int:
    """Half of the memory that is free now, in MiB."""
    return int(free_memory_mib() * MEMORY_SHARE)
