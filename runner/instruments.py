"""All that touches the world, as protocols: what the rotation is handed, so that it can be tested without servers."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from ..apps.database.books import Books
from ..results.errors import TargetError
from ..results.records import Problem, ProblemCode, Trial
from ..scenarios.model import Scenario
from .load.orders import Expectation, LoadSession
from .machine import CpuReading
from .pieces import Piece
from .sampler import Sampled, Sampler
from .targets.checking import Conformity
from .targets.cold_start import Start
from .targets.launch import Target


class Live(Sampled, Protocol):
    """A launched target, as the rotation sees it."""

    def upstream_hits(self) -> int:
        """How often it has called the upstream so far. Raises TargetError when the upstream is lost."""

    @property
    def ours(self) -> bool:
        """Whether it is an app of the suite."""

    @property
    def own_services(self) -> frozenset[str]:
        """The variables of the run's services that its own environment has: it leans on what those name."""

    def books(self) -> Books | None:
        """What its database says of its orders; None where it has none that is ours. Raises TargetError when that
        cannot be read."""

    def condition(self) -> list[tuple[ProblemCode, str]]:
        """What became of it since it was last looked at; empty when it is well."""


LiveT = TypeVar("LiveT", bound=Live)


class Launcher(Protocol[LiveT]):
    """Starts targets and proves them. A fake one lets the rotation be tested without servers."""

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveT | TargetError]:
        """Launch all side by side; for each its live target, ready and pinned, or why there is none."""

    def prove(self, targets: Sequence[LiveT], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        """Ask each for everything it owes: what it will be held to under load, or what was wrong."""

    def start_alone(
        self, target: Target, epoch: int, hash_seed: int, scenario: Scenario, expect: Expectation
    ) -> Start | TargetError:
        """Start one more of a target that runs already, wait for its first right answer, and end it."""

    def stop(self) -> None:
        """End every process tree of this epoch."""


class RunWatcher(Protocol):
    """Is told how a run gets on."""

    def phase(self, epoch: int, text: str) -> None:
        """What is being done now; before the first epoch, `epoch` is 0."""

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        """A piece is over and saved."""

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        """An epoch is over; by now's reckoning there will be `of`, and the rest of them will take `rest_s`."""


class Calibrator(Protocol):
    """Finds out what the load side can do at best."""

    def needs_s(self, levels: Iterable[int], /) -> float:
        """About how long that takes for these numbers of connections; nothing for what is known."""

    def ceiling_rps(self, connections: int, /) -> float:
        """The ceiling in requests/s. Raises LoadError when it cannot be found."""

    @property
    def noted(self) -> tuple[Problem, ...]:
        """What was to be said of it, as warnings."""

    def close(self) -> None:
        """End what was started for it."""


@dataclass(frozen=True, slots=True)
class Instruments(Generic[LiveT]):
    """All that touches the world.

    `started` is the run's start on `clock` (monotonic, the one that turns are dated by); `sleep` waits by it.
    Without a `calibrator` no ceiling of the load side is known.
    """

    launcher: Launcher[LiveT]
    load: LoadSession
    sampler: Sampler
    watcher: RunWatcher
    started: float
    clock: Callable[[], float] = time.monotonic
    read_cpu: Callable[[], CpuReading] = CpuReading.now
    calibrator: Calibrator | None = None
    sleep: Callable[[float], None] = time.sleep


SavePiece = Callable[[Sequence[Trial], Sequence[Mapping[str, Any]]], None]
