"""Launching all targets of an epoch side by side, proving them, and ending them."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ...results.errors import TargetError
from ...scenarios.model import Scenario
from ..load.orders import Expectation
from .checking import Conformity, prove, timed
from .cold_start import Start, first_answer
from .launch import (
    PORT_ATTEMPTS,
    READY_TIMEOUT_S,
    LiveTarget,
    Target,
    Witnesses,
    await_ready,
    free_ports,
    launch,
    port_was_taken,
    settle,
)
from .services import Services

CONTRACT_PATH = "/json"


class TargetLauncher:
    """The real launcher. Targets start on all cores, since starting is work, and are pinned once they answer."""

    def __init__(
        self,
        log_path: Callable[[str], Path],
        start_cores: Sequence[int],
        server_cores: Sequence[int],
        probe_path: str,
        ready_timeout_s: float = READY_TIMEOUT_S,
        services: Services | None = None,
    ) -> None:
        """`probe_path` is what a user's app is asked until it answers; whoever started `services` closes them."""
        self._log_path = log_path
        self._start_cores = start_cores
        self._server_cores = server_cores
        self._probe_path = probe_path
        self._ready_timeout_s = ready_timeout_s
        self._services = services or Services()
        self._started: list[LiveTarget] = []
        self._deadline = 0.0

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveTarget | TargetError]:
        """Launch all; for each, its live target (ready, quiet and pinned), or why there is none."""
        self._started = []
        try:
            self._services.prepare(targets, epoch)
        except TargetError as error:
            return [error] * len(targets)
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

        proofs = _side_by_side(attempt, targets)
        for index, (live, proof) in enumerate(zip(targets, proofs, strict=True)):
            if isinstance(proof, Conformity):
                try:
                    proofs[index] = timed(live, proof, scenarios)
                except TargetError as error:
                    proofs[index] = error
        for live, proof in zip(targets, proofs, strict=True):
            if isinstance(proof, TargetError):
                live.process.stop()
        return proofs

    def start_alone(
        self, target: Target, epoch: int, hash_seed: int, scenario: Scenario, expect: Expectation
    ) -> Start | TargetError:
        """Start one more of a target that runs already, on the servers' cores alone, until its first right answer; and
        end it. It has the database of the one that runs, and a log of its own, which holds the last of such starts."""
        log = self._log_path(f"e{epoch:03d}-{target.name}-alone")
        for attempt in range(PORT_ATTEMPTS):
            log.unlink(missing_ok=True)
            live = self._launch(target, free_ports(1)[0], epoch, hash_seed, self._server_cores, log)
            try:
                return first_answer(live, scenario.parts[0].request, expect, scenario.load.timeout_s)
            except TargetError as error:
                if attempt + 1 == PORT_ATTEMPTS or not port_was_taken(live):
                    return error
            finally:
                live.process.stop()
                self._started.remove(live)
        raise AssertionError("the loop returns")

    def stop(self) -> None:
        """End every process tree of this epoch, also of targets that never got ready."""
        for live in self._started:
            live.process.request_stop()
        for live in self._started:
            live.process.stop()
        self._started = []
        self._services.release()

    def _launch(
        self,
        target: Target,
        port: int,
        epoch: int,
        hash_seed: int,
        cores: Sequence[int] | None = None,
        log: Path | None = None,
    ) -> LiveTarget:
        live = launch(
            target,
            log or self._log_path(f"e{epoch:03d}-{target.name}"),
            port,
            hash_seed=hash_seed,
            cores=self._start_cores if cores is None else cores,
            given=self._services.environment(target, epoch),
            witnesses=Witnesses(
                lambda: self._services.hits(target, epoch),
                lambda item_id: self._services.books(target, epoch, item_id),
            ),
        )
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
                # It would go on beside those that are measured, on their cores and the load's.
                live.process.stop()
                if attempt + 1 == PORT_ATTEMPTS or not port_was_taken(live):
                    return error
                live = self._launch(live.target, free_ports(1)[0], epoch, hash_seed)
        raise AssertionError("the loop returns")


def _side_by_side(
    attempt: Callable[[LiveTarget], Conformity | TargetError], targets: Sequence[LiveTarget]
) -> list[Conformity | TargetError]:
    """What comes of the attempt at each target, in threads. Whoever interrupts does not wait for a silent target: all
    are told to end, and with their sockets the threads that ask them."""
    pool = ThreadPoolExecutor(max(len(targets), 1), thread_name_prefix="prove")
    try:
        return list(pool.map(attempt, targets))
    except BaseException:
        for live in targets:
            live.process.request_stop()
        raise
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
