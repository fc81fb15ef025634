"""Is the latency the engine reports the true one? Its median with one connection, against wrk's, in alternating turns.

    python -m benchmarks.load_latency [--launches 6] [--rounds 5] [--turn 1]

Asked for: the engine's median within 20 us of wrk's. nginx (one worker, a constant answer) has one core; the other has
``wrk -t1 -c1``, or the engine inside Locust, in random order within each round. Both date a request before its write
and an answer when they have parsed it, in whole microseconds. wrk's medians are of what it recorded, without what it
adds (benchmarks/wrk.py); those of what it prints are given beside them. The first round of each launch does not count.
"""

import argparse
import random
import time

from sgibench.runner.load.orders import Arrival
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import Cores

from .common import elapsed
from .ratios import difference_over_launches, judged, script, shown
from .rivals import Nginx, pinned_cores, proven, turn_block
from .wrk import run_wrk

WITHIN_US = 20.0
PERCENTILES = (50.0, 90.0, 99.0)
Round = dict[str, list[int]]  # who: its percentiles in microseconds


def one_launch(cores: Cores, options: argparse.Namespace, rng: random.Random) -> list[Round]:
    """Each round's percentiles, of the engine, of what wrk recorded, and of what it prints."""
    with Nginx(cores.server) as nginx, LocustSession(load_cores=cores.load) as session:
        endpoint = nginx.endpoint()
        block = turn_block(endpoint, Arrival(1), options.turn)

        def engine_turn() -> Round:
            turn = proven(session.run(block).turns[0])
            return {"engine": turn.service_time.percentiles_us(PERCENTILES)}

        def wrk_turn() -> Round:
            run = run_wrk(endpoint, 1, options.turn)
            return {"wrk": run.times.percentiles_us(PERCENTILES), "printed": run.printed.percentiles_us(PERCENTILES)}

        turns, rounds = [engine_turn, wrk_turn], []
        for _ in range(options.rounds + 1):
            rng.shuffle(turns)
            rounds.append(turns[0]() | turns[1]())
    return rounds[1:]


def main() -> None:
    """Print a line per launch, then the differences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5, help="in each launch, besides the one that warms up")
    parser.add_argument("--turn", type=int, default=1, help="whole seconds, as wrk takes them")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, rng, launches = time.monotonic(), random.Random(options.seed), []
    with pinned_cores() as cores:
        for number in range(options.launches):
            launches.append(one_launch(cores, options, rng))
            medians = ", ".join(f"{seen['engine'][0]}/{seen['wrk'][0]}" for seen in launches[-1])
            print(f"{elapsed(began)}  launch {number + 1}: medians engine/wrk {medians} us", flush=True)
    for at, percentile in enumerate(PERCENTILES):
        for other in ("wrk", "printed"):
            pairs = [[(float(seen["engine"][at]), float(seen[other][at])) for seen in rounds] for rounds in launches]
            apart = difference_over_launches(pairs)
            asked = other == "wrk" and percentile == 50
            verdict = f"   asked: within {WITHIN_US:g}: {judged(apart, -WITHIN_US, WITHIN_US)}" if asked else ""
            against = "what wrk recorded" if other == "wrk" else "what wrk prints"
            print(f"p{percentile:g}, engine minus {against}: {shown(apart, '+.1f')} us{verdict}")


if __name__ == "__main__":
    script(main)
