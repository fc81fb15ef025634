"""What a claim is, and what an experiment may ask of the laboratory that carries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ...results.errors import BenchError
from .proving import ProvingLab

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ...results.claims import ClaimVerdict, Measured, Reading
    from ...results.estimate import Estimate
    from .serving import Asked, Held, Rotated, Served


class NotHereError(BenchError):
    """This machine, or interpreter, cannot show what an experiment asks for: which is no fault of the experiment."""


# The articles, as the sources are named in reports.
ARTICLE_A = "A, “FastAPI 系统性学习记录”"
ARTICLE_B = "B, “FastAPI Deconstructed: Anatomy of a Modern ASGI Framework”, https://rafiqul.dev/blog/fastapi-deconstructed-anatomy-of-modern-asgi-framework"


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a function of a claim's module, carried out in a fresh interpreter each time.

    `run` is called with `arguments` (JSON) and returns what it measured: figures by name, or lists of figures. Where a
    limit stops it, it returns what it reached and says what stopped it under ``"stopped"``. It runs on the core that
    is measured on, or `everywhere`.
    """

    name: str
    run: Callable[..., Mapping[str, Any]]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    everywhere: bool = False


class Repetitions(Protocol):
    """What the sides of an experiment gave, repetition by repetition."""

    def values(self, side: str, figure: str) -> list[float]:
        """One value per repetition. Raises KeyError for a figure that a repetition did not give."""

    def lists(self, side: str, figure: str) -> list[list[float]]:
        """A list of values per repetition, where the side gives several."""

    def stopped(self, side: str) -> str:
        """What stopped this side before it was done, in words; empty when nothing did."""


class Lab(ProvingLab, Protocol):
    """What an experiment may ask for. It runs in sgibench's own process; what is measured does not."""

    @property
    def quick(self) -> bool:
        """Whether the answer is wanted in seconds: fewer repetitions and smaller counts."""

    @property
    def memory_mib(self) -> int:
        """How much memory an experiment may take on this machine, in MiB."""

    def alternate(self, sides: Sequence[Side], times: int) -> Repetitions:
        """Carry out each side `times` times, each time in a fresh interpreter, in turns whose order is shuffled.

        Raises ExperimentError when a side fails.
        """

    def mean(self, values: Sequence[float]) -> Estimate:
        """Estimate of a quantity from one value per repetition; positive ones by their geometric mean."""

    def ratio(self, over: Sequence[float], under: Sequence[float]) -> Estimate:
        """Estimate of a ratio from pairs of values, one pair per repetition."""

    def share(self, count: int, of: int) -> Estimate:
        """How often something was so, of so many times: a share from 0 to 1, and 1 to 1 where it always was."""

    def points(
        self, x: Sequence[float], y: Sequence[Sequence[float]]
    ) -> Sequence[tuple[float, float, float | None, float | None]]:
        """Points of a chart: for each x the mean of its repetitions, with its interval."""

    def slope(self, x: Sequence[float], y: Sequence[float]) -> Estimate:
        """The slope of the least-squares line through three points or more."""

    def line_at(self, x: Sequence[float], y: Sequence[float], at: float | None) -> Estimate:
        """Where that line is at `at`: beyond the points, an extrapolation."""

    def missing(self, distributions: Sequence[str] = (), setups: Sequence[str] = ()) -> str:
        """What the interpreter lacks of these distributions, and of what these setups need, with what to install; empty
        when it has all. `serve` and `rotate` look for themselves, and raise NotHereError with these words."""

    def serve(self, app: str, setup: str, **env: str) -> AbstractContextManager[Served]:
        """Within: a real server, started as `bench run` starts it, ready, and pinned to the servers' cores.

        `app` is one of the suite's (``"fastapi"``), or ``"module:attr"`` for a module of `apps/claims/`, which is asked
        for ``/`` until it answers at all (404 will do). `setup` is written as for `bench run --setup`, and may go on
        with further arguments of the server: ``"gunicorn-sync-4 --preload"``. `env` are variables for it. Several may
        be served at once. Raises ExperimentError where it does not start, with its own words.
        """

    def serve_all(self, wanted: Sequence[tuple[str, str]], **env: str) -> AbstractContextManager[Sequence[Served]]:
        """Within: a server for each of these apps and setups, no two alike, in their order; started side by side, which
        is quicker than one by one. Raises ExperimentError where one does not start."""

    def rotate(
        self,
        targets: Sequence[tuple[str, str]],
        asked: Sequence[Asked],
        connections: Sequence[int],
        launches: int,
        seconds: float,
    ) -> Rotated:
        """Load on all these targets (app and setup, as for `serve`) in turns, as `bench run` does it: all alive at
        once, proved, the load side calibrated, every answer checked, results judged.

        Each request at each number of `connections` gets `seconds` of each target in each launch. The raw data are kept
        in the run's folder. Raises ExperimentError when nothing could be measured, or an app or server is missing.
        """

    def hold(self, served: Served, path: str, count: int, release: str = "") -> AbstractContextManager[Held]:
        """Within: `count` GET requests for `path` in flight on that server, each on a connection of its own.

        They come from a process of their own, on the load side's cores. The block begins once the server has accepted
        all of them and read all that they sent. After it, `release` is asked for (the server should then answer all
        that it holds; without it they end by themselves), and all answers are awaited.

        Raises ExperimentError when a status is not 200, one is answered too early, or the server has not taken them all
        within a minute; NotHereError where it could get no more threads. Where the system's limits allow the client
        fewer, it holds those, and says so.
        """


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of an article and how it is put to the test.

    `title` is the claim in one sentence, `claimed` its figures in short, `source` the article and section. The verdict
    follows from `readings` and what `measure` gives; `why` names the mechanism, one sentence for any verdict, or one
    for each.
    """

    id: str
    title: str
    source: str
    claimed: str
    unit: str
    readings: tuple[Reading, ...]
    measure: Callable[[Lab], Measured]
    why: str | Mapping[ClaimVerdict, str]
    quick_s: float = 0.0  # how long it took on two cores, for the time that is left; 0: not known
    full_s: float = 0.0
