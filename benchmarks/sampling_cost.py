"""What sampling costs the target: its throughput in turns with a reading over turns without, in alternating turns.

    python -m benchmarks.sampling_cost [--epochs 6] [--seconds 8]

Asked for: under 1 % of the target's throughput. In one launch, turns of 25 ms alternate in random order: in one half
the sampler, here a process of its own on the load's core, reads the target's whole process tree once, as it does ten
times a second in a run, with context switches and connections as often as there. One reading in 25 ms is four times
as often, so what is measured is divided by four. PSS is read at marks only, once or twice in a piece; `--pss` adds it
to each reading.
"""

import argparse
import asyncio
import math
import multiprocessing
import os
import random
import time
from multiprocessing.connection import Connection

import uvloop

from sgibench.results.estimate import Estimate, from_epochs, middle_mean
from sgibench.runner.load.engine import Engine
from sgibench.runner.load.orders import Arrival, Block, Endpoint, TurnOrder, TurnReport
from sgibench.runner.priority import give_way
from sgibench.runner.sampler import MORE_EVERY, ProcessSampler, memory_of
from sgibench.runner.targets.launch import LiveTarget

from .common import CONNECTIONS, Bench, a_target, elapsed

PER_SECOND_IN_A_RUN = 10
TURN_S = 0.025
TARGETS = ("fastapi@uvicorn", "bare-asgi@uvicorn", "flask@gunicorn-sync-3")


class Watched:
    """What the sampler is told of the target."""

    def __init__(self, live: LiveTarget) -> None:
        self.name, self.port, self.pids = live.name, live.port, live.pids


def read_when_told(orders: Connection, watched: Watched, cores: tuple[int, ...], pss: bool) -> None:
    """The sampler's process: one reading for each message, until None."""
    os.sched_setaffinity(0, set(cores))
    give_way()
    sampler = ProcessSampler(time.monotonic())
    count = 0
    while orders.recv() is not None:
        sampler._read([watched], count % MORE_EVERY == 0)
        count += 1
        if pss:
            memory_of(watched.pids, "peak", 0.0)
    sampler.close()


def turns_of(rounds: int, rng: random.Random) -> list[TurnOrder]:
    """Each round has a turn with a reading (endpoint 1) and one without (endpoint 0), in random order."""
    orders = [TurnOrder(0, 0.5, -1, 0, warmup=True)]
    for number in range(rounds):
        pair = [0, 1]
        rng.shuffle(pair)
        orders += [TurnOrder(endpoint, TURN_S, number, at) for at, endpoint in enumerate(pair)]
    return orders


def one_launch(endpoint: Endpoint, watched: Watched, bench: Bench, rounds: int, rng: random.Random, pss: bool) -> float:
    """The ratio of throughput with a reading to without."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=read_when_told, args=(theirs, watched, bench.cores.load, pss)
    )
    process.start()
    block = Block(1, (endpoint, endpoint), Arrival(CONNECTIONS), tuple(turns_of(rounds, rng)), 10.0, 1)

    def began(order: TurnOrder) -> None:
        if order.endpoint == 1:
            ours.send("read")

    async def drive() -> tuple[TurnReport, ...]:
        return await Engine(block, began).run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        reports = runner.run(drive())
    ours.send(None)
    process.join()
    rates: dict[int, dict[int, float]] = {0: {}, 1: {}}
    for report in reports:
        if not report.order.warmup:
            rates[report.order.endpoint][report.order.round] = report.ledger.ok / report.elapsed_s
    return math.exp(middle_mean([math.log(rates[1][number] / rates[0][number]) for number in rates[0]]))


def at_the_runs_rate(ratio: Estimate) -> str:
    """The cost at ten readings a second, of one reading in each turn."""
    share = PER_SECOND_IN_A_RUN * TURN_S
    figures = [(value - 1) * share for value in (ratio.value, ratio.low or 0.0, ratio.high or 9.0)]
    return f"{figures[0]:+.2%} [{figures[1]:+.2%}, {figures[2]:+.2%}]"


def main() -> None:
    """Print the cost for a fast and a slow target of one process, and for one of several."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=8.0, help="of turns, per launch")
    parser.add_argument("--pss", action="store_true", help="read PSS with every reading, too")
    parser.add_argument("--target", action="append", help="one target, instead of three")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, rng = time.monotonic(), random.Random(options.seed)
    rounds = round(options.seconds / TURN_S / 2)
    with Bench() as bench:
        for name in options.target or TARGETS:
            values = []
            for epoch in range(options.epochs):
                with bench.launched([a_target(name)], epoch + 1, rng.randrange(1, 2**32)) as pairs:
                    live, endpoint = pairs[0]
                    values.append(one_launch(endpoint, Watched(live), bench, rounds, rng, options.pss))
            found = from_epochs(values)
            print(
                f"{elapsed(began)}  {name}: throughput {at_the_runs_rate(found)} at ten readings a second "
                f"(turns with a reading over turns without: {found.value - 1:+.2%} "
                f"[{(found.low or 0) - 1:+.2%}, {(found.high or 0) - 1:+.2%}], {found.n} launches)",
                flush=True,
            )


if __name__ == "__main__":
    main()
