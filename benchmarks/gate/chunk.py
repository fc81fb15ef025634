"""One gate's run of a few epochs, with something planted in the head: a process of its own, as `bench gate` is.

    python -m benchmarks.gate.chunk SPEC RESULT

SPEC and RESULT are files of JSON; the recorder writes the one and reads the other.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast

from rich.console import Console

from sgibench.apps.planting import Plant
from sgibench.results.gate.judge import judge
from sgibench.results.gate.records import GateRun
from sgibench.results.gate.store import GateStore
from sgibench.results.gate.verdicts import GateResult, GateVerdict
from sgibench.runner.gate.carrying_out import Gate, carry_out
from sgibench.runner.gate.config import GateConfig
from sgibench.runner.gate.planted_sides import APP, write_sides

from .pools import Pool, Recorded, compact

PATH = "/json"
# Far more time than the epochs take: how many there are is what ends the run.
SPARE_S, EPOCH_S = 120, 30


@dataclass(frozen=True, slots=True)
class Spec:
    """What to record: so many epochs of a pool, by a gate's run with that seed."""

    pool: str
    plant: Plant
    epochs: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Spec":
        """The spec that `to_dict` wrote."""
        return cls(**{**data, "plant": Plant(**data["plant"])})


def until(epochs: int) -> Callable[[GateRun], GateResult]:
    """Decides nothing but that there are enough epochs: what they show has no say in it."""

    def decide(run: GateRun) -> GateResult:
        verdict = GateVerdict.PASS if len(run.epochs) >= epochs else GateVerdict.GO_ON
        return replace(judge(run, final=False), verdict=verdict)

    return decide


def sides_config(folder: Path, app: str, plant: Plant, **said: Any) -> GateConfig:
    """Both sides written below a folder, and a gate that compares them."""
    base, head = write_sides(folder, cast(Literal["fastapi", "flask"], app), Plant(), plant)
    return GateConfig(base=str(base), head=str(head), app=APP, path=[PATH], **said)


def carried_out(spec: Spec, folder: Path) -> dict[str, Any]:
    """The chunk's lines, epochs first, and the environment. Raises BenchError."""
    pool = Pool.parse(spec.pool)
    began_s = time.time()
    config = sides_config(folder / "sides", pool.app, spec.plant, budget=f"{SPARE_S + spec.epochs * EPOCH_S}s")
    gate = Gate.of(config, folder, spec.seed)
    outcome = carry_out(gate, GateStore(folder / "run"), Console(stderr=True), decide=until(spec.epochs))
    run, ended_s = outcome.run, time.time()
    run_id = f"{began_s:.0f}-{spec.seed}"
    startup_s = run.epochs[0].started_s if run.epochs else 0.0
    epochs = [
        Recorded(
            pool,
            run_id,
            ended_s - run.elapsed_s + epoch.started_s,
            startup_s,
            epoch,
            {} if epoch.turns is None else compact(epoch.turns),
        ).to_dict()
        for epoch in run.epochs
    ]
    chunk = {
        "kind": "chunk",
        "pool": pool.name,
        "run": run_id,
        "at_s": round(began_s, 1),
        "elapsed_s": round(ended_s - began_s, 1),
        "epochs": len(epochs),
        "plant": asdict(spec.plant),
        "setup": run.setup,
        "status": run.status,
        "failures": [failure.message for failure in run.failures],
        "problems": [problem.to_dict() for problem in run.problems],
    }
    return {"environment": dict(run.environment), "lines": [*epochs, chunk]}


def main() -> None:
    spec = Spec.from_dict(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
        found = carried_out(spec, Path(folder))
    result = Path(sys.argv[2])
    whole = result.with_suffix(".new")
    whole.write_text(json.dumps(found), encoding="utf-8")
    whole.replace(result)


if __name__ == "__main__":
    main()
