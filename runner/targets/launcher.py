"""Launching all targets of an epoch side by side, proving them, and ending them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...results.errors import TargetError
from ...scenarios.model import Scenario
from .checking import Conformity, prove, timed
from .launch import (
    PORT_ATTEMPTS,
    READY_TIMEOUT_S,
    LiveTarget,
    Target,
    await_ready,
    free_ports,
    launch,
    port_was_taken,
    settle,
)

CONTRACT_PATH = "/api/items"


class TargetLauncher:
    """The real launcher. Targets start on all cores, since starting is work, and are pinned once they answer."""

    def __init__(
        self,
        log_path: Callable[[str], Path],
        start_cores: Sequence[int],
        server_cores: Sequence[int],
        probe_path: str,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        """`probe_path` is what a user's app is asked until it answers."""
        self._log_path = log_path
        self._start_cores = start_cores
        self._server_cores = server_cores
        self._probe_path = probe_path
        self._ready_timeout_s = ready_timeout_s
        self._started: list[LiveTarget] = []
        self._deadline = 0.0

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveTarget | TargetError]:
        """Launch all; for each, its live target (ready, quiet and pinned), or why there is none."""
        self._started = []
        self._deadline = time.monotonic() + self._ready_timeout_s
        for target, port in zip(targets, free_ports(len(targets)), strict=True):
            self._launch(target, port, epoch, hash_seed)
        outcomes = [self._ready(index, epoch, hash_seed) for index in range(len(targets))]
        ready = [outcome for outcome in outcomes if isinstance(outcome, LiveTarget)]
        settle(ready)
        for live in ready:
            live.process.pin(self._server_cores)
        return outcomes

    def prove(self, targets: Sequence[LiveTarget], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        """For each target, what it proved, or what was wrong. All are asked side by side, then timed one by one."""

        def attempt(live: LiveTarget) -> Conformity | TargetError:
            try:
                proof = prove(live, scenarios)
                live.refresh()
                return proof
            except TargetError as error:
                return error

        with ThreadPoolExecutor(max(len(targets), 1)) as pool:
            proofs = list(pool.map(attempt, targets))
        for index, (live, proof) in enumerate(zip(targets, proofs, strict=True)):
            if isinstance(proof, Conformity):
                try:
                    proofs[index] = timed(live, proof, scenarios)
                except TargetError as error:
                    proofs[index] = error
        return proofs

    def stop(self) -> None:
        """End every process tree of this epoch, also of targets that never got ready."""
        for live in self._started:
            live.process.request_stop()
        for live in self._started:
            live.process.stop()
        self._started = []

    def _launch(self, target: Target, port: int, epoch: int, hash_seed: int) -> LiveTarget:
        log = self._log_path(f"e{epoch:03d}-{target.name}")
        live = launch(target, log, port, hash_seed=hash_seed, cores=self._start_cores)
        self._started.append(live)
        return live

    def _ready(self, index: int, epoch: int, hash_seed: int) -> LiveTarget | TargetError:
        live = self._started[index]
        path = CONTRACT_PATH if live.target.app.ours else self._probe_path
        for attempt in range(PORT_ATTEMPTS):
            try:
                await_ready(live, path, self._ready_timeout_s, self._deadline)
                return live
            except TargetError as error:
                if attempt + 1 == PORT_ATTEMPTS or not port_was_taken(live):
                    return error
                live.process.stop()
                live = self._launch(live.target, free_ports(1)[0], epoch, hash_seed)
        raise AssertionError("the loop returns")
