"""A laboratory whose servers and sides are tables: what they would give is written down, not measured."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sgibench.results.claims import ClaimVerdict, Measured, findings, judge
from sgibench.results.estimate import Estimate, from_epochs
from sgibench.runner.claims.lab import SideRepetitions
from sgibench.runner.claims.statistics import Statistics
from sgibench.scenarios.claims.model import Claim, Lab, Side
from sgibench.scenarios.claims.serving import Asked, Quantity

Target = tuple[str, str]
JITTER = (0.99, 1.0, 1.01)  # launches differ a little

Figures = Callable[[Target, str, str, int], float | None]


@dataclass
class TableRotated:
    """What a rotation gave, by a function of target, quantity, path and connections."""

    figures: Figures
    notes: Sequence[str] = ()

    def values(self, target: Target, quantity: str, path: str = "", connections: int = 0) -> Mapping[int, float]:
        figure = self.figures(target, quantity, path, connections)
        return {} if figure is None else {launch: figure * each for launch, each in enumerate(JITTER, 1)}

    def estimate(self, target: Target, quantity: Quantity, path: str = "", connections: int = 0) -> Estimate | None:
        values = self.values(target, quantity, path, connections)
        return from_epochs(list(values.values())) if values else None

    def ratio(
        self, target: Target, over: Target, quantity: str = "requests/s", path: str = "", connections: int = 0
    ) -> Estimate | None:
        above, below = (self.figures(each, quantity, path, connections) for each in (target, over))
        return from_epochs([above / below * each for each in JITTER]) if above and below else None


@dataclass
class TableServed:
    """A server whose memory, in MiB, follows from how many requests it holds."""

    memory_of: Callable[[int], float]
    held: int = 0
    counts: bool = True
    pids: Sequence[int] = (1, 2)
    host: str = "127.0.0.1"
    port: int = 1

    def ask(self, path: str, *_: Any, **__: Any) -> Any:
        return type("Answer", (), {"body": str(self.held if self.counts else 0).encode()})()

    def memory(self) -> Mapping[str, float]:
        return {"pss_mib": self.memory_of(self.held)}

    def threads(self) -> int:
        return 1

    def log(self) -> str:
        return ""

    def stop(self) -> int:
        return 0


@dataclass(frozen=True)
class TableHeld:
    count: int
    stopped: str = ""


@dataclass
class TableLab(Statistics):
    """The laboratory. `sides` gives what a side of that name would, `served` a server for an app and setup."""

    figures: Figures = lambda target, quantity, path, connections: None
    sides: Callable[[Side], Mapping[str, Any]] = lambda side: {}
    served: Callable[[str, str], TableServed] = lambda app, setup: TableServed(lambda held: 50.0)
    quick: bool = True
    memory_mib: int = 8000
    lacks: frozenset[str] = frozenset()
    asked: list[Asked] = field(default_factory=list)
    most: int = 1_000_000

    def alternate(self, sides: Sequence[Side], times: int) -> SideRepetitions:
        return SideRepetitions(
            {
                side.name: [
                    {name: value * each for name, value in self.sides(side).items()}
                    for each in (JITTER * times)[:times]
                ]
                for side in sides
            }
        )

    def missing(self, distributions: Sequence[str] = (), setups: Sequence[str] = ()) -> str:
        absent = sorted(self.lacks & {*distributions, *setups})
        return f"python lacks {', '.join(absent)}" if absent else ""

    @contextmanager
    def serve(self, app: str, setup: str, **_: str) -> Iterator[TableServed]:
        yield self.served(app, setup)

    @contextmanager
    def serve_all(self, wanted: Sequence[Target], **_: str) -> Iterator[list[TableServed]]:
        yield [self.served(app, setup) for app, setup in wanted]

    def rotate(
        self,
        targets: Sequence[Target],
        asked: Sequence[Asked],
        connections: Sequence[int],
        launches: int,
        seconds: float,
    ) -> TableRotated:
        self.asked += asked

        def figure(target: Target, quantity: str, path: str, count: int) -> float | None:
            assert target in targets
            return self.figures(target, quantity, path, count)

        return TableRotated(figure)

    @contextmanager
    def hold(self, served: Any, path: str, count: int, release: str = "") -> Iterator[TableHeld]:
        served.held = min(count, self.most)
        yield TableHeld(served.held, "" if count <= self.most else f"{self.most} requests were held")
        served.held = 0


def put(claim: Claim, lab: TableLab) -> Measured:
    """The claim put to the test in that laboratory, which has all that claims about load ask for."""
    return claim.measure(cast(Lab, lab))


def agreements(claim: Claim, measured: Measured) -> list[str]:
    """How each reading fared, in order."""
    return [finding.agreement.value for finding in findings(claim.readings, measured)]


def verdict(claim: Claim, measured: Measured) -> ClaimVerdict:
    return judge(findings(claim.readings, measured))
