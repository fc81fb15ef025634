"""The same pools, judged by the rules of other tools.

    python -m benchmarks.gate.rivals [--decisions 400] [--launches 2] [--seed 1] [--data FOLDER]

A pool's epochs hold launches of both sides, which were driven in turn. Other tools do not alternate: they measure the
one version, later the other. So the pool is cut anew, three ways, each with `--launches` launches per side (two: as
many processes as asv's default):

- **in a row**: of one recorded run, the base's turns of some epochs, and the head's turns of the epochs right after
  them; what the other side did in those epochs is left out. So it is in one CI job: first the one, then the other.
- **stored**: the base's turns of some epochs of one recorded run, and the head's of some epochs of a later run: minutes
  to hours lie between them, as with a baseline that was kept. The machine is still the same; in CI it rarely is.
- **side by side**: both sides' turns of the same epochs: what the rotation alone would give those rules.

All cuts that a pool allows are listed, and so many of them drawn, none twice; different cuts share epochs. In a pool of
equal versions a coin says which side gives the base's figures. Writes ``rivals.json`` into the data's folder.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from sgibench.results.gate.records import BASE, HEAD

from .intervals import Share
from .plants import CPU, OTHERS
from .pools import DATA, Pool, Recorded, read_data
from .rival_rules import RULES, Launched

RIVALS = "rivals.json"
LAUNCHES = 2
# Tools that look at the time per request have nothing to say of memory.
JUDGED = (*(name for name, plant in OTHERS.items() if not (plant.kept_mib or plant.leak_bytes)), *CPU)


class Way(StrEnum):
    """How a pool is cut."""

    IN_A_ROW = "in a row"
    STORED = "stored"
    SIDE_BY_SIDE = "side by side"


@dataclass(frozen=True, slots=True)
class Cut:
    """Which epochs give the base's figures, and which the head's."""

    base: tuple[Recorded, ...]
    head: tuple[Recorded, ...]


def runs_of(pool: Sequence[Recorded]) -> list[list[Recorded]]:
    """The pool's epochs by the run that they were recorded in, all in the order of time."""
    ordered = sorted(pool, key=lambda each: each.at_s)
    return [[each for each in ordered if each.run == run] for run in dict.fromkeys(each.run for each in ordered)]


def windows(run: Sequence[Recorded], count: int) -> list[tuple[Recorded, ...]]:
    """All stretches of so many epochs that follow each other."""
    return [tuple(run[at : at + count]) for at in range(len(run) - count + 1)]


def cuts(pool: Sequence[Recorded], way: Way, launches: int) -> Iterator[Cut]:
    """All there are."""
    runs = runs_of(pool)
    if way is Way.STORED:
        for before, after in itertools.combinations(runs, 2):
            for base, head in itertools.product(windows(before, launches), windows(after, launches)):
                yield Cut(base, head)
        return
    for run in runs:
        if way is Way.SIDE_BY_SIDE:
            yield from (Cut(window, window) for window in windows(run, launches))
        else:
            yield from (Cut(window[:launches], window[launches:]) for window in windows(run, 2 * launches))


def turns_of(epochs: Sequence[Recorded], side: str) -> Launched:
    """Microseconds per request of a side, by launch and turn."""
    return [[1e6 / rps for rps in each.turns[side]["rps"] if rps] for each in epochs]


def judged(pool: Pool, epochs: Sequence[Recorded], way: Way, options: argparse.Namespace) -> list[dict[str, Any]]:
    """How often each rule says "regressed"."""
    rng = np.random.default_rng([options.seed, *f"{pool.name}/{way}".encode()])
    whole = [each for each in epochs if all(any(each.turns.get(side, {}).get("rps", ())) for side in (BASE, HEAD))]
    found = list(cuts(whole, way, options.launches))
    drawn = [found[int(at)] for at in rng.permutation(len(found))[: options.decisions]]
    said = dict.fromkeys(RULES, 0)
    for cut in drawn:
        sides = (HEAD, BASE) if pool.equal and rng.random() < 0.5 else (BASE, HEAD)
        base, head = turns_of(cut.base, sides[0]), turns_of(cut.head, sides[1])
        for name, rule in RULES.items():
            said[name] += rule(base, head)
    about = {"pool": pool.name, "way": way.value, "cuts": len(found), "decisions": len(drawn), "seed": options.seed}
    return [{**about, "rule": name, "regressed": count} for name, count in said.items()]


def table(cells: Sequence[dict[str, Any]]) -> str:
    """The cells as Markdown."""
    lines = ["| pool | cut | rule | cuts | regressed |", "|---|---|---|---|---|"]
    for cell in cells:
        share = Share(cell["regressed"], cell["decisions"]).told
        lines.append(f"| {cell['pool']} | {cell['way']} | {cell['rule']} | {cell['decisions']} | {share} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.rivals")
    parser.add_argument("--decisions", type=int, default=400)
    parser.add_argument("--launches", type=int, default=LAUNCHES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    pools = {pool: epochs for pool, epochs in read_data(options.data).epochs.items() if pool.plant in JUDGED}
    cells = [
        cell
        for pool, epochs in sorted(pools.items())
        for way in Way
        for cell in judged(pool, epochs, way, options)
        if cell["decisions"]
    ]
    if not cells:
        sys.exit(f"{options.data} holds no runs of {2 * options.launches} epochs: record some (benchmarks.gate.record)")
    (options.data / RIVALS).write_text(json.dumps(cells, indent=1) + "\n", encoding="utf-8")
    print(table(cells))


if __name__ == "__main__":
    main()
