"""The part of the laboratory that is about servers: real targets, load on them in turns, requests held open."""

import contextlib
import itertools
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from ...apps.catalogue import Feature
from ...results.errors import TargetError
from ...scenarios.claims.serving import Asked, Served
from ..machine import Cores, available_cores, can_pin, many_files
from ..targets.interpreters import interpreter
from ..targets.launch import Target
from ..targets.launcher import TargetLauncher
from ..targets.services import Services
from .holding import RealHeld, hold
from .rotated import RealRotated
from .rotation import PROBE_PATH, LoadSide, plan_of, rotate
from .served import RealServed
from .sides import ExperimentError
from .targets import lacked_by, target_of, told


class WithVariables(Services):
    """Services that tell a launch further variables, those that an experiment chose."""

    variables: Mapping[str, str] = {}

    def environment(self, target: Target, epoch: int) -> dict[str, str]:
        """The variables of a launch that was prepared."""
        return {**super().environment(target, epoch), **self.variables}


class Serving:
    """Servers for experiments. `folder` gets logs and raw data; `close` ends the load side, all else ends by itself."""

    def __init__(
        self, python: str, cores: Cores, folder: Path, seed: int, say: Callable[[str], None] = lambda text: None
    ) -> None:
        """Nothing is started yet. `say` is told what is being done."""
        self._python = python
        self._cores = cores
        self._folder = folder
        self._random = random.Random(seed)
        self._say = say
        self._start_cores = available_cores()
        self._load_side = LoadSide(cores)
        self._numbers = itertools.count(1)

    def missing(self, distributions: Sequence[str] = (), setups: Sequence[str] = ()) -> str:
        """What the interpreter lacks, with what to install; empty when it has all."""
        installed = interpreter(self._python).installed
        lacks = [name for name in distributions if name not in installed] + lacked_by(setups, self._python)
        return "{} ({})".format(*told(lacks, self._python)) if lacks else ""

    @contextlib.contextmanager
    def serve(self, app: str, setup: str, **env: str) -> Iterator[RealServed]:
        """Within: a real server, ready and pinned. Raises ExperimentError."""
        with self.serve_all([(app, setup)], **env) as (served,):
            yield served

    @contextlib.contextmanager
    def serve_all(self, wanted: Sequence[tuple[str, str]], **env: str) -> Iterator[list[RealServed]]:
        """Within: several real servers, started side by side, each ready and pinned. Raises ExperimentError."""
        targets = [target_of(app, setup, self._python) for app, setup in wanted]
        number, features = next(self._numbers), frozenset[Feature]().union(*map(_features, targets))
        with self._aside(), WithVariables.start(features, self._log_path, cores=self._cores.load) as services:
            services.variables = env
            launcher = TargetLauncher(
                self._log_path, self._start_cores, self._cores.server, PROBE_PATH, services=services
            )
            try:
                self._say(f"starting {', '.join(target.name for target in targets)}")
                outcomes = launcher.start(targets, number, self._random.getrandbits(32))
                started = []
                for outcome in outcomes:
                    if isinstance(outcome, TargetError):
                        raise ExperimentError(outcome.message, outcome.hint)
                    started.append(RealServed(outcome))
                yield started
            finally:
                launcher.stop()

    def rotate(
        self,
        targets: Sequence[tuple[str, str]],
        asked: Sequence[Asked],
        connections: Sequence[int],
        launches: int,
        seconds: float,
    ) -> RealRotated:
        """Load on all these targets in turns. Raises ExperimentError."""
        found = {(app, setup): target_of(app, setup, self._python) for app, setup in targets}
        seed = self._random.getrandbits(31)
        plan = plan_of(found, asked, connections, launches, seconds, self._cores, seed)
        folder = self._folder / "runs" / f"{next(self._numbers):03d}-{_slug(plan.title)}"
        with self._aside():
            return rotate(plan, found, folder, self._load_side, self._start_cores, self._say)

    def hold(self, served: Served, path: str, count: int, release: str = "") -> AbstractContextManager[RealHeld]:
        """Within: so many requests in flight on that server. Raises ExperimentError."""
        assert isinstance(served, RealServed)
        self._say(f"holding {count:,} requests on {served.name}")
        return hold(served, path, count, release, self._cores.load, self._log_path(f"held-{next(self._numbers):03d}"))

    def close(self) -> None:
        """End the load side. May be called again."""
        self._load_side.close()

    def _log_path(self, name: str) -> Path:
        folder = self._folder / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{re.sub(r'[^A-Za-z0-9@+._-]+', '_', name)}.log"

    @contextlib.contextmanager
    def _aside(self) -> Iterator[None]:
        """Within: this process keeps off the servers' cores, and what it starts may open as many files as there are."""
        before = available_cores()
        with many_files():
            if can_pin():
                os.sched_setaffinity(0, self._cores.load)
            try:
                yield
            finally:
                if can_pin():
                    os.sched_setaffinity(0, before)


def _features(target: Target) -> frozenset[Feature]:
    """What a single server leans on: one of the suite's has its shop."""
    return frozenset({Feature.SHOP}) if target.app.ours else frozenset()


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:60]
