"""A against A: after 60 s of rotation, how wide is the interval of two equal targets' ratio, and does it hold 1?

    python -m benchmarks.a_against_a [--repeats 20] [--seconds 60] [--launches 24] [--target fastapi@uvicorn]

Asked for: within +-1.5 % and containing 1 in 19 of 20 repeats. Each repeat is what `bench run` does: fresh launches of
both targets, shuffled rounds of short turns, the estimate from the launches' means of log ratios. The 60 s are those of
the turns; launching and proving come on top, some 2.3 s each time.
"""

import argparse
import random
import time
from dataclasses import dataclass

from sgibench.results.comparison import compare_trials
from sgibench.results.records import Level, Trial
from sgibench.results.summary import Metric
from sgibench.runner.pieces import TURN_S, Piece
from sgibench.runner.turns import shuffled_turns, trial_of
from sgibench.scenarios.files import built_in_scenario

from .common import CONNECTIONS, Bench, a_target, elapsed

WARMUP_S = 0.3
WANTED = 0.015


def repeat(bench: Bench, target: str, launches: int, turns_s: float, seed: int) -> tuple[list[Trial], list[Trial]]:
    """The trials of both sides, from so many launches with so many seconds of turns each."""
    rng = random.Random(seed)
    targets = [a_target(target, "#1"), a_target(target, "#2")]
    piece = Piece(built_in_scenario("json"), Level(CONNECTIONS), turns_s / 2)
    sides: tuple[list[Trial], list[Trial]] = ([], [])
    for number in range(1, launches + 1):
        with bench.launched(targets, number, rng.randrange(1, 2**32)) as pairs:
            turns = list(shuffled_turns(piece, [TURN_S, TURN_S], [WARMUP_S, WARMUP_S], rng))
            report = bench.drive([endpoint for _, endpoint in pairs], turns, rng.randrange(1, 2**31))
        for index, side in enumerate(sides):
            side.append(trial_of(report, index, number, targets[index].name, piece, 0.0))
    return sides


@dataclass(frozen=True)
class Ratio:
    """A ratio with an interval, and the launches behind it."""

    value: float
    low: float
    high: float
    launches: int

    def __str__(self) -> str:
        return f"{self.value - 1:+.2%} [{self.low - 1:+.2%}, {self.high - 1:+.2%}]"


def ratio_of(first: list[Trial], second: list[Trial], metric: Metric) -> Ratio:
    """The second side over the first. Raises ValueError with fewer than two launches."""
    estimate = compare_trials(first, second, metric)
    if estimate is None or estimate.low is None or estimate.high is None:
        raise ValueError("too few launches for an interval: give more --seconds")
    return Ratio(estimate.value, estimate.low, estimate.high, estimate.n)


def main() -> None:
    """Print one line per repeat, and the count of those that hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0, help="of rotation, both sides together")
    parser.add_argument("--launches", type=int, default=24, help="among which these are spread")
    parser.add_argument("--target", default="fastapi@uvicorn")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, held, narrow, both = time.monotonic(), 0, 0, 0
    with Bench() as bench:
        for number in range(options.repeats):
            turns_s = options.seconds / options.launches
            seed = options.seed * 1000 + number
            first, second = repeat(bench, options.target, options.launches, turns_s, seed)
            rate, cpu = (ratio_of(first, second, metric) for metric in (Metric.THROUGHPUT, Metric.CPU))
            contains = rate.low <= 1 <= rate.high
            within = max(rate.high - 1, 1 - rate.low) <= WANTED
            held, narrow, both = held + contains, narrow + within, both + (contains and within)
            remarks = ("" if contains else "  1 IS OUTSIDE") + ("" if within else "  WIDER than 1.5 %")
            print(
                f"{elapsed(began)}  repeat {number + 1:2}: {rate} from {rate.launches} launches{remarks}"
                f"   CPU/request {cpu}",
                flush=True,
            )
    print(f"contains 1: {held} of {options.repeats}; within ±1.5 %: {narrow}; both: {both}")


if __name__ == "__main__":
    main()
