"""Laboratories for tests: one knows answers without asking, one starts real servers, but each only once."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sgibench.results.claims import Agreement, ClaimVerdict, Measured, findings, judge
from sgibench.runner.claims import targets
from sgibench.runner.claims.lab import RealLab
from sgibench.runner.claims.serving import Serving
from sgibench.runner.claims.statistics import Statistics
from sgibench.runner.machine import choose_cores
from sgibench.runner.targets.launch import App
from sgibench.runner.targets.setups import Setup
from sgibench.scenarios.claims.model import Claim
from sgibench.scenarios.claims.proving import InterfaceName, Proof, There
from sgibench.scenarios.claims.serving import Served

MISBEHAVING = "misbehaving_apps"


class KnowingLab(Statistics):
    """Starts nothing: what there is, and what comes of pairs, was said beforehand."""

    memory_mib = 4096

    def __init__(
        self, there: Mapping[str, There], wrong: Mapping[tuple[str, str], Proof], *, quick: bool = False
    ) -> None:
        self.quick = quick
        self.seed = 1
        self._there = there
        self._wrong = wrong
        self.proved: list[tuple[str, str]] = []

    def there(self, interface: InterfaceName) -> There:
        return self._there[interface]

    def prove(self, pairs: Sequence[tuple[str, str]]) -> list[Proof]:
        self.proved += pairs
        return [self._wrong.get(pair, Proof(*pair)) for pair in pairs]


class KeepingLab(RealLab):
    """Starts real servers, each once for all repetitions: what is tested is what they do, not that they do it again."""

    def __init__(self, folder: Path) -> None:
        cores = choose_cores(None, None)
        self._real = Serving(sys.executable, cores, folder, seed=1)
        super().__init__(sys.executable, cores.server, quick=True, seed=1, serving=self._real)
        self._kept = ExitStack()
        self._started: dict[tuple[str, str], Served] = {}

    @contextmanager
    def serve_all(self, wanted: Sequence[tuple[str, str]], **env: str) -> Iterator[list[Served]]:
        new = [pair for pair in wanted if pair not in self._started]
        self._started.update(zip(new, self._kept.enter_context(self._real.serve_all(new, **env)), strict=True))
        yield [self._started[pair] for pair in wanted]

    @contextmanager
    def serve(self, app: str, setup: str, **env: str) -> Iterator[Served]:
        with self.serve_all([(app, setup)], **env) as (served,):
            yield served

    def close(self) -> None:
        self._kept.close()
        self._real.close()


def sabotage(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have apps named ``misbehaving_apps:…`` found beside this file."""
    usual = targets.app_of

    def app_of(name: str, setup: Setup) -> App:
        if name.startswith(MISBEHAVING):
            return App(name, name, setup.kind.interface, Path(__file__).parent, ours=False)
        return usual(name, setup)

    monkeypatch.setattr(targets, "app_of", app_of)


def agreements(claim: Claim, measured: Measured) -> dict[str, Agreement]:
    """How each reading stands, by the figure that decides it."""
    return {finding.reading.measure: finding.agreement for finding in findings(claim.readings, measured)}


def verdict(claim: Claim, measured: Measured) -> ClaimVerdict:
    """The verdict that follows."""
    return judge(findings(claim.readings, measured))
