"""Do short turns bias the ratio? The same two targets in the rotation, and each alone for seconds at a time.

    python -m benchmarks.rotated_against_isolated [--epochs 8] [--seconds 4]

One pair with a fast and a slow app. In every launch both ways are measured, in random order: rotated (short turns) and
isolated (each target alone for some seconds, as other tools do it; several swaps, so that drift hits both alike).
Printed is the ratio each way gives, and the ratio of the two ratios: 1 means no bias.
"""

import argparse
import math
import random
import time

from sgibench.results.comparison import turn_values
from sgibench.results.estimate import Estimate, from_epochs, middle_mean
from sgibench.results.records import Level
from sgibench.results.summary import Metric
from sgibench.runner.load.orders import Endpoint, TurnOrder
from sgibench.runner.pieces import TURN_S, Piece
from sgibench.runner.turns import shuffled_turns, trial_of
from sgibench.scenarios.files import built_in_scenario

from .common import CONNECTIONS, Bench, a_target, elapsed

PAIRS = {
    "fast": ("bare-asgi@uvicorn", "starlette@uvicorn"),
    "slow": ("flask@gunicorn-gthread-1x16", "flask@gunicorn-sync-3"),
    "fast and slow": ("bare-asgi@uvicorn", "flask@gunicorn-gthread-1x16"),
}
PIECE = Piece(built_in_scenario("json"), Level(CONNECTIONS), 1.0)


def log_ratio(bench: Bench, endpoints: list[Endpoint], turns: list[TurnOrder], metric: Metric) -> float:
    """The middle mean over rounds of log(second / first)."""
    report = bench.drive(endpoints, turns, 1 + len(turns))
    first, second = (
        turn_values(trial_of(report, index, 1, endpoint.name, PIECE, 0.0), metric)
        for index, endpoint in enumerate(endpoints)
    )
    return middle_mean([math.log(second[number] / first[number]) for number in first.keys() & second.keys()])


def one_epoch(bench: Bench, endpoints: list[Endpoint], seconds: float, rng: random.Random) -> dict[str, float]:
    """The log ratio that each way gives, in the same launch."""
    lengths = {"rotated": TURN_S, "isolated": seconds / 2}
    found = {}
    ways = list(lengths)
    rng.shuffle(ways)
    for way in ways:
        length = lengths[way]
        piece = Piece(PIECE.scenario, PIECE.level, seconds)
        orders = list(shuffled_turns(piece, [TURN_S, TURN_S], [0.4, 0.4], rng))
        if way == "isolated":
            orders = [turn for turn in orders if turn.warmup]
            for number in range(2):  # A B, B A: drift that is steady hits both alike
                order = (0, 1) if number == 0 else (1, 0)
                orders += [TurnOrder(endpoint, length, number, at) for at, endpoint in enumerate(order)]
        found[way] = log_ratio(bench, endpoints, orders, Metric.THROUGHPUT)
    return found


def shown(estimate: Estimate) -> str:
    """A ratio with its interval."""
    return f"{estimate.value:.3f} [{estimate.low or 0:.3f}, {estimate.high or 0:.3f}]"


def main() -> None:
    """Print, for each pair, the ratio each way and how far the two are apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0, help="per target, way and launch")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began = time.monotonic()
    rng = random.Random(options.seed)
    with Bench() as bench:
        for name, pair in PAIRS.items():
            seen: dict[str, list[float]] = {"rotated": [], "isolated": []}
            for epoch in range(options.epochs):
                targets = [a_target(text) for text in pair]
                with bench.launched(targets, epoch + 1, rng.randrange(1, 2**32)) as pairs:
                    found = one_epoch(bench, [endpoint for _, endpoint in pairs], options.seconds, rng)
                for way, value in found.items():
                    seen[way].append(math.exp(value))
            bias = [rotated / isolated for rotated, isolated in zip(seen["rotated"], seen["isolated"], strict=True)]
            print(
                f"{elapsed(began)}  {name} ({pair[1]} / {pair[0]}, {options.epochs} launches): "
                f"rotated {shown(from_epochs(seen['rotated']))}, isolated {shown(from_epochs(seen['isolated']))}, "
                f"rotated / isolated {shown(from_epochs(bias))}",
                flush=True,
            )


if __name__ == "__main__":
    main()
