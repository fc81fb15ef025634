"""What sampling costs the target: its throughput with the sampler at work over that without, in alternating turns.

    python -m benchmarks.sampling_cost [--epochs 6] [--rounds 60]

Asked for: under 1 % of the target's throughput. Blocks of a quarter second with the sampler watching (ten readings a
second of its whole process tree, and PSS read once) alternate in random order with blocks without it.
"""

import argparse
import math
import random
import time

from sgibench.results.estimate import from_epochs, middle_mean
from sgibench.runner.load.orders import Endpoint, TurnOrder
from sgibench.runner.sampler import ProcessSampler
from sgibench.runner.targets.launch import LiveTarget

from .common import Bench, a_target, elapsed

TURN_S = 0.25


def rate(bench: Bench, endpoint: Endpoint, live: LiveTarget, sampler: ProcessSampler, sampled: bool) -> float:
    """Requests/s of one turn, with or without sampling."""
    if sampled:
        sampler.watch([live])
        sampler.mark_later(live, "peak", TURN_S / 2)
    report = bench.drive([endpoint], [TurnOrder(0, TURN_S, 0, 0)])
    sampler.watch(())
    sampler.take()
    (turn,) = report.turns
    return turn.ledger.ok / turn.elapsed_s


def main() -> None:
    """Print the ratio for a one-process and for a many-process target."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, rng = time.monotonic(), random.Random(options.seed)
    sampler = ProcessSampler(began)
    with Bench() as bench:
        for name in ("fastapi@uvicorn", "bare-asgi@uvicorn", "flask@gunicorn-sync-3"):
            values = []
            for epoch in range(options.epochs):
                with bench.launched([a_target(name)], epoch + 1, rng.randrange(1, 2**32)) as pairs:
                    live, endpoint = pairs[0]
                    bench.drive([endpoint], [TurnOrder(0, 0.5, 0, 0, warmup=True)])
                    logs = []
                    for _ in range(options.rounds):
                        order = [True, False]
                        rng.shuffle(order)
                        rates = {sampled: rate(bench, endpoint, live, sampler, sampled) for sampled in order}
                        logs.append(math.log(rates[True] / rates[False]))
                    values.append(math.exp(middle_mean(logs)))
            found = from_epochs(values)
            print(
                f"{elapsed(began)}  {name}: sampled / not sampled {found.value - 1:+.2%} "
                f"[{(found.low or 0) - 1:+.2%}, {(found.high or 0) - 1:+.2%}] from {found.n} launches",
                flush=True,
            )
    sampler.close()


if __name__ == "__main__":
    main()
