"""Load on a claim's targets in turns: the pipeline of `bench run`, its load side living as long as the laboratory."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ...results.errors import LoadError, TargetError, UsageError
from ...results.records import Trial
from ...results.store import RunStore
from ...scenarios.claims.serving import Asked
from ...scenarios.model import Expect, Load, Request, Scenario
from ..instruments import Instruments
from ..load.calibration import Calibration
from ..load.session import LocustSession
from ..machine import Cores
from ..manifest import manifest_of
from ..measure import Interrupted, Measurement
from ..pieces import Piece, check_names, pieces_of
from ..plan import Plan
from ..sampler import ProcessSampler
from ..targets.launch import Target
from ..targets.launcher import TargetLauncher
from ..targets.services import Services
from .rotated import RealRotated
from .sides import ExperimentError

NO_BUDGET_S = 24 * 3600.0  # the number of launches is what bounds it
PROBE_PATH = "/"


class LoadSide:
    """The load processes and their ceilings. They start with the first rotation, and end with `close`."""

    def __init__(self, cores: Cores) -> None:
        """Nothing runs yet."""
        self._cores = cores
        self._processes = 0
        self._session: LocustSession | None = None

    def session(self, processes: int) -> LocustSession:
        """So many load processes, ready. Raises LoadError."""
        if self._session is None or self._processes != processes:
            self.close()
            self._session, self._processes = LocustSession(self._cores.load, processes), processes
        self._session.start()
        return self._session

    def close(self) -> None:
        """End them. May be called again."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


class Watcher:
    """Says what a rotation does now."""

    def __init__(self, say: Callable[[str], None]) -> None:
        """`say` is given words."""
        self._say = say

    def phase(self, epoch: int, text: str) -> None:
        """What is being done now."""
        self._say(f"launch {epoch}: {text}" if epoch else text)

    def finished(self, epoch: int, piece: Piece, trials: Sequence[Trial]) -> None:
        """A piece is over."""

    def epoch_over(self, number: int, of: int, rest_s: float) -> None:
        """An epoch is over."""


def plan_of(
    targets: Mapping[tuple[str, str], Target],
    asked: Sequence[Asked],
    connections: Sequence[int],
    launches: int,
    seconds: float,
    cores: Cores,
    seed: int,
) -> Plan:
    """What such a rotation is going to do. Raises UsageError for what cannot be asked."""
    found = tuple(targets.values())
    pieces = [
        piece
        for each in asked
        for piece in pieces_of(scenario_of(each, each.connections or connections), None, seconds)
    ]
    check_names(pieces)
    return Plan(
        suite="claims",
        title=f"{', '.join(target.name for target in found)}: {', '.join(each.path for each in asked)}",
        targets=found,
        baseline=found[0].name,
        pieces=tuple(pieces),
        epochs_min=launches,
        epochs_max=launches,
        exact_epochs=True,
        budget_s=NO_BUDGET_S,
        seed=seed,
        cores=cores,
    )


def scenario_of(asked: Asked, connections: Sequence[int]) -> Scenario:
    """A claim's request as a scenario, named for its path."""
    name = re.sub(r"[^a-z0-9]+", "-", asked.path.lower()).strip("-") or "root"
    return Scenario(
        name=name,
        title=f"GET {asked.path}",
        request=Request(path=asked.path),
        expect=Expect(status=asked.status, text=asked.text),
        load=Load(concurrency=list(connections), timeout_s=asked.timeout_s),
        floor_ms=asked.wait_ms,
        turn_ms=asked.turn_ms,
    )


def rotate(
    plan: Plan,
    names: Mapping[tuple[str, str], Target],
    folder: Path,
    load_side: LoadSide,
    start_cores: Sequence[int],
    say: Callable[[str], None],
) -> RealRotated:
    """Carry such a plan out; the raw data are in `folder` afterwards. Raises ExperimentError, or Interrupted."""
    started = time.monotonic()
    store = RunStore(folder)
    sampler = ProcessSampler(started)
    try:
        with Services.start(plan.features, store.log_path, plan.services, plan.cores.load) as services:
            launcher = TargetLauncher(store.log_path, start_cores, plan.cores.server, PROBE_PATH, services=services)
            try:
                load = load_side.session(plan.load_processes)
                with Calibration(load, plan.cores, plan.load_processes) as calibration:
                    instruments = Instruments(launcher, load, sampler, Watcher(say), started, calibrator=calibration)
                    manifest = manifest_of(plan, folder.name)
                    outcome = Measurement(plan, manifest, store, instruments).run()
            finally:
                launcher.stop()
    except (TargetError, LoadError, UsageError) as error:
        raise ExperimentError(error.message, error.hint) from error
    finally:
        sampler.close()
    if outcome.interrupted:
        raise Interrupted
    return RealRotated(outcome.run, {key: target.name for key, target in names.items()})
