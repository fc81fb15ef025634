"""What the benchmarks share: targets, and a measurement with the real launcher, load side and sampler."""

import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sgibench.results.errors import TargetError
from sgibench.runner.endpoints import endpoint_for
from sgibench.runner.load.orders import Arrival, Block, BlockReport, Endpoint, TurnOrder
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import Cores, available_cores, choose_cores
from sgibench.runner.selection import Wish, find_app
from sgibench.runner.targets.launch import LiveTarget, Target
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.files import built_in_scenario

CONNECTIONS = 8


def a_target(text: str, label: str = "") -> Target:
    """The target written ``flask@gunicorn-sync-3``; `label` tells equal ones apart."""
    name, _, setup = text.partition("@")
    return Target(find_app(name, Wish(), sys.executable, Path.cwd()), parse_setup(setup), label=label)


class Bench:
    """Launches targets and drives turns among them, outside of a whole run."""

    def __init__(self, cores: Cores | None = None) -> None:
        self.cores = cores or choose_cores(None, None)
        self.scenario = built_in_scenario("json")
        self._folder = tempfile.TemporaryDirectory(prefix="sgibench-")
        folder = Path(self._folder.name)
        self._start_cores = available_cores()
        self._launcher = TargetLauncher(
            lambda name: folder / f"{name}.log",
            self._start_cores,
            self.cores.server,
            self.scenario.parts[0].request.path,
        )
        self.load = LocustSession(load_cores=self.cores.load)

    def __enter__(self) -> "Bench":
        self.load.start()
        os.sched_setaffinity(0, set(self.cores.load))
        return self

    def __exit__(self, *_: object) -> None:
        self._launcher.stop()
        self.load.close()
        os.sched_setaffinity(0, set(self._start_cores))
        self._folder.cleanup()

    @contextmanager
    def launched(
        self, targets: Sequence[Target], epoch: int, hash_seed: int
    ) -> Iterator[list[tuple[LiveTarget, Endpoint]]]:
        """The targets, alive and proven, each with its endpoint. Raises TargetError."""
        try:
            pairs = []
            for outcome in self._launcher.start(targets, epoch, hash_seed):
                if isinstance(outcome, TargetError):
                    raise outcome
                pairs.append(outcome)
            found = []
            for live, proof in zip(pairs, self._launcher.prove(pairs, [self.scenario]), strict=True):
                if isinstance(proof, TargetError):
                    raise proof
                found.append((live, endpoint_for(self.scenario, live, proof.expectations["json"])))
            yield found
        finally:
            self._launcher.stop()

    def drive(self, endpoints: Sequence[Endpoint], turns: Iterable[TurnOrder], seed: int = 1) -> BlockReport:
        """One block of turns."""
        block = Block(seed, tuple(endpoints), Arrival(CONNECTIONS), tuple(turns), timeout_s=10.0, seed=seed)
        return self.load.run(block)


def elapsed(since: float) -> str:
    """How long ago, for progress lines."""
    return f"{time.monotonic() - since:6.1f} s"
