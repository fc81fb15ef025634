"""How much equal sides differ from launch to launch, by how they are pressed: length of turns and windows, load.

    python -m benchmarks.gate.noise [--app fastapi|flask] [--epochs 12] [--chunk 4] [--seed 1]

Each way of pressing is a real gate's run on two equal sides, a few epochs at a time, all ways in turn, so that what the
machine does meets them alike. Prints, for each way, the standard deviation of the epochs' changes in percent (from the
median distance, so that one wild epoch is not all of it), and how long an epoch takes.
"""

import argparse
import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from unittest import mock

import numpy as np
from rich.console import Console

from sgibench.apps.planting import Plant
from sgibench.results.gate.records import GateEpoch, change
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.store import GateStore
from sgibench.results.gate.trust import NORMAL_SPREAD
from sgibench.runner.gate import asked
from sgibench.runner.gate.carrying_out import Gate, carry_out

from .chunk import EPOCH_S, SPARE_S, sides_config, until
from .pools import APPS

# What `runner/gate/asked.py` says, and what else it could say.
WAYS: Mapping[str, Mapping[str, float]] = {
    "as it is": {"TURN_S": asked.TURN_S},
    "turns of 20 ms": {"TURN_S": 0.020},
    "16 connections": {"CONNECTIONS": 16, "THREADS_PER_WORKER": 16},
    "windows of 100 ms": {"WINDOW_S": 0.100},
    "at 55 % load": {"LOAD_SHARE": 0.55},
    "100 ms at 55 %": {"WINDOW_S": 0.100, "LOAD_SHARE": 0.55},
}
SHOWN = (GateMetric.THROUGHPUT, GateMetric.CPU, GateMetric.P50, GateMetric.P90)


def pressed(app: str, way: Mapping[str, float], epochs: int, seed: int) -> Sequence[GateEpoch]:
    """The epochs of one run."""
    with tempfile.TemporaryDirectory(prefix="sgibench-") as name, contextlib.ExitStack() as stack:
        for constant, value in way.items():
            stack.enter_context(mock.patch.object(asked, constant, value))
        folder = Path(name)
        config = sides_config(folder / "sides", app, Plant(), budget=f"{SPARE_S + epochs * EPOCH_S}s")
        gate = Gate.of(config, folder, seed)
        outcome = carry_out(gate, GateStore(folder / "run"), Console(stderr=True, quiet=True), decide=until(epochs))
        return outcome.run.epochs


def spread_percent(epochs: Sequence[GateEpoch], metric: GateMetric) -> float:
    """The standard deviation of the changes, as the median distance from their median tells it."""
    changes = np.array(
        [change(pair, key[1]) for each in epochs for key, pair in each.values.items() if key[1] is metric]
    )
    if not len(changes):
        return float("nan")
    return 100 * NORMAL_SPREAD * float(np.median(np.abs(changes - np.median(changes))))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.noise")
    parser.add_argument("--app", choices=APPS, default="fastapi")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--chunk", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found: dict[str, list[GateEpoch]] = {name: [] for name in WAYS}
    for turn in range(-(-options.epochs // options.chunk)):
        for name, way in WAYS.items():
            found[name] += pressed(options.app, way, options.chunk, options.seed + turn)
    print("| way | epochs | of | " + " | ".join(metric.value for metric in SHOWN) + " |")
    print("|---|---|---" + "|---" * len(SHOWN) + "|")
    for name, epochs in found.items():
        shown = " | ".join(f"{spread_percent(epochs, metric):.1f} %" for metric in SHOWN)
        took_s = np.median([each.elapsed_s for each in epochs])
        print(f"| {name} | {len(epochs)} | {took_s:.1f} s | {shown} |")


if __name__ == "__main__":
    main()
