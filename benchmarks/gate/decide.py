"""Draw decisions from the recorded pools, and count what they say.

    python -m benchmarks.gate.decide [--decisions 300] [--equal 500] [--replicates 20] [--seed 1] [--data FOLDER]

Each pool gives so many decisions at each budget (`--equal`: where both sides are the same, once as recorded and once
with a coin that swaps the sides of each epoch). Pools with a planted slowdown are drawn from once as recorded, and once
moved to be just as slow as was meant. Writes ``decisions.json`` into the data's folder, and prints a table.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sgibench.results.gate.verdicts import GateVerdict

from .decisions import BUDGETS, Budget, Drawer, bootstrapped, exactly, summary
from .plants import CPU, PILOT
from .pools import DATA, Pool, Recorded, read_data
from .result_tables import decision_table

DECISIONS = "decisions.json"
FEWEST_EPOCHS = 8  # below that there is nothing to decide
PER_REPLICATE = 20
AGAIN = (GateVerdict.REGRESSED, GateVerdict.PASS, GateVerdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class Task:
    """A cell of the table: decisions from one pool at one budget."""

    pool: Pool
    epochs: tuple[Recorded, ...]
    budget: Budget
    swap: bool
    exact: bool
    decisions: int
    replicates: int
    seed: int


def carried_out(task: Task) -> dict[str, Any]:
    """The cell's figures."""
    name = f"{task.pool.name}/{task.budget.name}/{task.swap}" + ("/exact" if task.exact else "")
    rng = np.random.default_rng([task.seed, *name.encode()])
    drawer = Drawer(task.epochs, task.swap)
    cell = summary([drawer.decide(task.budget, rng) for _ in range(task.decisions)])
    again = {}
    if task.replicates and not task.swap:
        again = bootstrapped(task.epochs, task.budget, AGAIN, task.replicates, PER_REPLICATE, rng)
    return {
        "pool": task.pool.name,
        "budget": asdict(task.budget),
        "swapped": task.swap,
        "exact": task.exact,
        "epochs": len(task.epochs),
        "seed": task.seed,
        **cell,
        "bootstrap": again,
    }


def tasks_of(pools: dict[Pool, list[Recorded]], options: argparse.Namespace) -> list[Task]:
    found = []
    for pool, epochs in sorted(pools.items()):
        if pool.plant == PILOT or len(epochs) < FEWEST_EPOCHS:
            continue
        lean = tuple(replace(each, turns={}) for each in epochs)
        ways = [(lean, False, False)]
        if pool.equal:
            ways.append((lean, True, False))
        elif pool.plant in CPU:
            ways.append((tuple(exactly(lean, CPU[pool.plant])), False, True))
        many = options.equal if pool.equal else options.decisions
        found += [
            Task(pool, drawn, budget, swap, exact, many, options.replicates, options.seed)
            for budget in BUDGETS
            for drawn, swap, exact in ways
        ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.decide")
    parser.add_argument("--decisions", type=int, default=300)
    parser.add_argument("--equal", type=int, default=500)
    parser.add_argument("--replicates", type=int, default=20, help="pools drawn anew; 0: none")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    tasks = tasks_of(read_data(options.data).epochs, options)
    if not tasks:
        sys.exit(f"{options.data} holds no pool of {FEWEST_EPOCHS} epochs: record some (benchmarks.gate.record)")
    cells = []
    with ProcessPoolExecutor(options.workers) as workers:
        for cell in workers.map(carried_out, tasks):
            cells.append(cell)
            print(f"{cell['pool']}, {cell['budget']['name']}: {cell['verdicts']}", file=sys.stderr, flush=True)
    (options.data / DECISIONS).write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
    print(decision_table(cells))


if __name__ == "__main__":
    main()
