"""How long should a turn be? Pairs of equal targets in one launch, in turns of several lengths, A against A.

    python -m benchmarks.turn_length [--seconds 8] [--repeats 2]

Printed is the standard error of the ratio (bootstrap over rounds of the middle mean of log ratios), and the same times
the square root of the seconds spent, so that lengths can be compared: lower is better. First two targets alone, then
six that take turns, so that the two turns of a pair lie further apart.
"""

import argparse
import math
import random
import statistics
import time

from sgibench.results.comparison import turn_values
from sgibench.results.estimate import middle_mean
from sgibench.results.records import Level
from sgibench.results.summary import Metric
from sgibench.runner.load.orders import Endpoint
from sgibench.runner.pieces import Piece
from sgibench.runner.turns import shuffled_turns, trial_of

from .common import CONNECTIONS, Bench, a_target

PAIRS = ("fastapi@uvicorn", "starlette@uvicorn", "flask@gunicorn-gthread-1x16")
LENGTHS_S = (0.1, 0.05, 0.025, 0.015)
RESAMPLES = 300


def standard_error(first: dict[int, float], second: dict[int, float], rng: random.Random) -> float:
    """The bootstrap's standard error of the log ratio, from the rounds that both have."""
    logs = [math.log(second[number] / first[number]) for number in first.keys() & second.keys()]
    return statistics.stdev(middle_mean(rng.choices(logs, k=len(logs))) for _ in range(RESAMPLES))


def errors(bench: Bench, endpoints: list[Endpoint], turn_s: float, seconds: float, rng: random.Random) -> list[float]:
    """For each pair, the standard error times the square root of the seconds spent."""
    piece = Piece(bench.scenario, Level(CONNECTIONS), seconds / len(endpoints))
    turns = list(shuffled_turns(piece, [turn_s] * len(endpoints), [0.3] * len(endpoints), rng))
    began = time.monotonic()
    report = bench.drive(endpoints, turns, rng.randrange(1, 2**31))
    spent_s = time.monotonic() - began
    values = [
        turn_values(trial_of(report, index, 1, endpoint.name, piece, 0.0), Metric.THROUGHPUT)
        for index, endpoint in enumerate(endpoints)
    ]
    return [
        standard_error(values[index], values[index + 1], rng) * math.sqrt(spent_s)
        for index in range(0, len(endpoints), 2)
    ]


def main() -> None:
    """Print a line per number of targets and length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0, help="of turns, for each line and repeat")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with Bench() as bench:
        for names in (PAIRS[:1], PAIRS):
            targets = [a_target(name, label) for name in names for label in ("#1", "#2")]
            with bench.launched(targets, 1, rng.randrange(1, 2**32)) as pairs:
                endpoints = [endpoint for _, endpoint in pairs]
                seen: dict[float, list[list[float]]] = {length: [] for length in LENGTHS_S}
                for _ in range(options.repeats):
                    for length in rng.sample(LENGTHS_S, len(LENGTHS_S)):
                        seen[length].append(errors(bench, endpoints, length, options.seconds, rng))
            for length, found in seen.items():
                means = [statistics.mean(values) for values in zip(*found, strict=True)]
                shown = ", ".join(f"{name} {value:.1%}" for name, value in zip(names, means, strict=True))
                print(f"{len(targets)} targets, turns of {length * 1000:g} ms: {shown}  (x sqrt(s))", flush=True)


if __name__ == "__main__":
    main()
