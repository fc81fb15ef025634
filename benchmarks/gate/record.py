"""Record pools of epochs by runs of the real gate, in turn, a few epochs at a time.

    python -m benchmarks.gate.record --plan proof [--minutes 90] [--chunk 6] [--data FOLDER] [--seed 1]
    python -m benchmarks.gate.record --app fastapi --plant cpu-2 [--neighbour quiet|steady|bursts] --epochs 30
    python -m benchmarks.gate.record --pack

A plan (proof, tiny, pilot, or a TOML file of lines ``"fastapi/none/quiet" = 40``) says how many epochs each pool is to
have. What is there already counts: the same command goes on where it was stopped. Each chunk is saved as soon as it is
over. Slowdowns need the size of a loop: where it is not known yet, pilots are recorded first.

A neighbour is started by the recorder, beside the chunk's process and not below it: for the gate it is foreign load, as
a stranger's would be (the gate takes as foreign what the machine is busy with besides its own process and all below).
It is bound to no core. Neighbour and chunk end with the recorder, however that ends.
"""

import argparse
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sgibench.results.errors import BenchError
from sgibench.runner.targets.process import GuardedProcess

from .chunk import Spec
from .plans import Plan, next_pool, pilots_for, read_plan
from .plants import CPU, PILOT, calibrated, plant_of
from .pools import APPS, DATA, Data, Neighbour, Pool, append, pack, read_data

ROOT = Path(__file__).parents[2]
CHUNK = 6
CHUNK_WITHIN_S, EPOCH_WITHIN_S = 120.0, 40.0
LOOK_EVERY_S = 0.5
NEIGHBOUR_AHEAD_S = 0.5
ENDS_WITHIN_S = 20.0
GIVEN_UP_AFTER = 3  # failures in a row of one pool


@contextlib.contextmanager
def beside(neighbour: Neighbour, seed: int, log: Path) -> Iterator[GuardedProcess | None]:
    """Within, the neighbour runs. Raises BenchError when it cannot be started."""
    if neighbour is Neighbour.QUIET:
        yield None
        return
    command = [sys.executable, "-m", "benchmarks.gate.neighbour", neighbour.value, str(seed)]
    with GuardedProcess(command, log, cwd=ROOT) as process:
        time.sleep(NEIGHBOUR_AHEAD_S)
        if not process.running:
            raise BenchError(f"the neighbour ended: {process.log_tail()}")
        yield process


def run_chunk(spec: Spec, folder: Path) -> Mapping[str, Any]:
    """Carry a chunk out in a process of its own. Raises BenchError when it fails, or takes far too long."""
    asked, result, log = folder / "spec.json", folder / "result.json", folder / "chunk.log"
    asked.write_text(json.dumps(spec.to_dict()), encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.gate.chunk", str(asked), str(result)]
    deadline = time.monotonic() + CHUNK_WITHIN_S + spec.epochs * EPOCH_WITHIN_S
    with beside(Pool.parse(spec.pool).neighbour, spec.seed, folder / "neighbour.log") as neighbour:
        with GuardedProcess(command, log, cwd=ROOT, grace_s=ENDS_WITHIN_S) as process:
            while process.running and time.monotonic() < deadline:
                time.sleep(LOOK_EVERY_S)
        if neighbour is not None and not neighbour.running:
            raise BenchError(f"the neighbour ended: {neighbour.log_tail()}")
    if not result.is_file():
        raise BenchError(f"no result of {spec.pool}: {process.log_tail(5)}")
    found: Mapping[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return found


@dataclass(slots=True)
class Recorder:
    """Records what a plan lacks, into a folder. `data` is what is there."""

    folder: Path
    seed: int
    chunk: int
    deadline: float
    data: Data
    failed: dict[Pool, int] = field(default_factory=dict)
    told: bool = False

    def record(self, plan: Plan) -> bool:
        """Record until the plan is fulfilled, or time is up; whether it is."""
        while time.monotonic() < self.deadline:
            have = self.data.counts()
            open_pools = {pool: count for pool, count in plan.items() if self.failed.get(pool, 0) < GIVEN_UP_AFTER}
            pool = next_pool(open_pools, {each: have.get(each, 0) for each in plan}, self.seed)
            if pool is None:
                break
            self._one(pool, min(self.chunk, plan[pool] - have.get(pool, 0)), plan)
        return all(self.data.counts().get(pool, 0) >= count for pool, count in plan.items())

    def calibrate(self, app: str) -> None:
        """Tell how large a loop is, once and for all."""
        if app in self.data.calibrations:
            return
        calibration = calibrated(app, self.data.epochs[Pool(app, PILOT)])
        self._add([calibration.to_dict()])
        print(f"{app}: {calibration.loops} loops are {calibration.percent:+.2f} % of a request's CPU time", flush=True)

    def _one(self, pool: Pool, epochs: int, plan: Plan) -> None:
        plant = plant_of(pool.app, pool.plant, self.data.calibrations.get(pool.app))
        # Of the number of chunks there were: another for each, also when it goes on after a stop.
        seed = random.Random(f"{self.seed}/{pool.name}/{len(self.data.chunks)}").randrange(2**31)
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
            try:
                found = run_chunk(Spec(pool.name, plant, epochs, seed), Path(folder))
            except (BenchError, ValueError) as error:
                self._failed(pool, str(error))
                return
        lines = list(found["lines"])
        if not self.told:
            self.told = True
            about = {"kind": "session", "at_s": lines[-1]["at_s"]}
            lines.insert(0, {**about, "environment": found["environment"]})
        self._add(lines)
        if lines[-1]["epochs"]:
            self.failed.pop(pool, None)
        else:
            self._failed(pool, "; ".join(lines[-1]["failures"]) or "no epoch")
        done, wanted = sum(min(self.data.counts().get(each, 0), plan[each]) for each in plan), sum(plan.values())
        took = time.monotonic() - began
        have = f"{len(self.data.epochs[pool])} of {plan[pool]}"
        print(f"{time.strftime('%H:%M:%S')} {pool.name} {have} ({took:.0f} s); {done} of {wanted}", flush=True)

    def _failed(self, pool: Pool, why: str) -> None:
        self.failed[pool] = self.failed.get(pool, 0) + 1
        last = " (given up)" if self.failed[pool] >= GIVEN_UP_AFTER else ""
        line = {"kind": "chunk", "pool": pool.name, "run": "", "at_s": round(time.time(), 1), "epochs": 0}
        self._add([{**line, "status": "failed", "failures": [why]}])
        print(f"{time.strftime('%H:%M:%S')} {pool.name} failed{last}: {why}", file=sys.stderr, flush=True)

    def _add(self, lines: list[Mapping[str, Any]]) -> None:
        append(self.folder, lines)
        for line in lines:
            self.data.add(line)


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.record")
    parser.add_argument("--plan", help="proof, tiny, pilot, or a TOML file")
    parser.add_argument("--app", choices=APPS)
    parser.add_argument("--plant", default="none")
    parser.add_argument("--neighbour", choices=list(Neighbour), default=Neighbour.QUIET, type=Neighbour)
    parser.add_argument("--epochs", type=int, help="how many the pool is to have, those included that are there")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--chunk", type=int, default=CHUNK, help="epochs in a row of one pool")
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pack", action="store_true", help="compress what is recorded, and end")
    options = parser.parse_args(arguments)
    if not options.pack and bool(options.plan) == bool(options.app and options.epochs):
        parser.error("name a --plan, or an --app and its --epochs")
    if options.chunk < 1 or (options.epochs is not None and options.epochs < 1):
        parser.error("--chunk and --epochs are 1 or more")
    try:
        if not options.pack:
            single = {Pool(options.app or "", options.plant, options.neighbour): options.epochs or 0}
            options.pools = read_plan(options.plan) if options.plan else single
            for pool in options.pools:
                if pool.plant not in CPU:
                    plant_of(pool.app, pool.plant, None)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    return options


def main() -> None:
    options = options_of()
    if options.pack:
        print(pack(options.data))
        return
    deadline = time.monotonic() + 60 * options.minutes
    recorder = Recorder(options.data, options.seed, options.chunk, deadline, read_data(options.data))
    pilots = pilots_for(options.pools, recorder.data.calibrations)
    try:
        if recorder.record(pilots):
            for pool in pilots:
                recorder.calibrate(pool.app)
        elif time.monotonic() < deadline:
            sys.exit("the pilots failed: see above")
        whole = recorder.record(options.pools)
    except KeyboardInterrupt:
        sys.exit(130)
    except ValueError as error:
        sys.exit(str(error))
    sys.exit(0 if whole else "time is up before the plan is fulfilled: the same command goes on with it")


if __name__ == "__main__":
    main()
