"""One load process against two, through Locust's master and workers: are the sums right, and do the rates add up?

    python -m benchmarks.load_processes [--launches 4] [--rounds 3] [--turn 2] [--rate 4000]

Asked for: in every turn, the load side's sums are what nginx itself counted (all answers waited for: sent = right =
served), and what Locust's own statistics counted; an open loop, planned in two halves, is scheduled whole, and nothing
of it is dropped. Every round has a closed and an open turn of each, in random order.

With four cores or more each process has a core, nginx two others, and the rate of two over one says whether it pays.
With fewer, a load process shares nginx's core: then only the sums say anything, and that is printed too.
"""

import argparse
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sgibench.results.errors import UsageError
from sgibench.runner.load.orders import Arrival, BlockReport
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import available_cores

from .common import elapsed
from .ratios import over_launches, script, shown
from .rivals import Nginx, turn_block

NEEDED_CORES = 4


@dataclass(frozen=True, slots=True)
class Counted:
    """One turn: what the load side says, and what nginx and Locust counted meanwhile."""

    processes: int
    rate_rps: float  # planned; 0 for the closed loop
    report: BlockReport
    served: int

    @property
    def seen_rps(self) -> float:
        """Right answers per second."""
        turn = self.report.turns[0]
        return turn.ledger.ok / turn.elapsed_s

    def faults(self) -> list[str]:
        """What does not add up."""
        turn = self.report.turns[0]
        ledger = turn.ledger
        found = []
        if not ledger.balanced or not ledger.ok == ledger.sent == self.served:
            found.append(f"the ledger says {ledger.sent} sent, {ledger.ok} right, nginx {self.served}")
        if self.report.locust_requests != ledger.ok + ledger.error_count or self.report.locust_failures:
            found.append(f"Locust counted {self.report.locust_requests}, the ledger {ledger.ok} right")
        if turn.service_time.count != ledger.ok:
            found.append(f"{turn.service_time.count} latencies of {ledger.ok} right answers")
        planned = round(self.rate_rps * turn.order.seconds)
        if self.rate_rps and abs(ledger.scheduled - planned) > self.processes:
            found.append(f"{ledger.scheduled} scheduled of {planned} planned")
        how = f"{self.rate_rps:g}/s" if self.rate_rps else "closed loop"
        return [f"{self.processes} process(es), {how}: {fault}" for fault in found]


def split(cores: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Cores for nginx, and for the two load processes."""
    return (tuple(cores[:2]) if len(cores) >= NEEDED_CORES else tuple(cores[:1])), tuple(cores[-2:])


def one_launch(options: argparse.Namespace, rng: random.Random, number: int) -> list[list[Counted]]:
    """For each round, its four turns; the first round, which warms up, counts for the sums like all others."""
    server, load = split(available_cores())
    arrivals = (Arrival(options.connections), Arrival(options.connections, options.rate))
    ways = [(processes, arrival) for processes in (1, 2) for arrival in arrivals]
    rounds = []
    with (
        Nginx(server, workers=len(server)) as nginx,
        LocustSession(load[-1:], 1) as alone,
        LocustSession(load, 2) as both,
    ):
        endpoint = nginx.endpoint()
        sessions = {1: alone, 2: both}
        for at in range(options.rounds + 1):
            rng.shuffle(ways)
            turns = []
            for processes, arrival in ways:
                before = nginx.served()
                block = turn_block(endpoint, arrival, options.turn, drain=True, seed=number * 1000 + at + 1)
                report = sessions[processes].run(block)
                turns.append(Counted(processes, arrival.rate_rps, report, nginx.served() - before))
            rounds.append(turns)
    return rounds


def rates(rounds: list[list[Counted]], processes: int, is_open: bool) -> list[float]:
    """Right answers per second in each round but the first, one way."""
    return [
        next(turn.seen_rps for turn in turns if turn.processes == processes and (turn.rate_rps > 0) is is_open)
        for turns in rounds[1:]
    ]


def say_results(launches: list[list[list[Counted]]], rate_rps: float) -> None:
    """Sums first, then what two processes bring."""
    turns = [turn for rounds in launches for turns in rounds for turn in turns]
    faults = [fault for turn in turns for fault in turn.faults()]
    for fault in faults:
        print(f"  {fault}")
    verdict = "DO NOT HOLD" if faults else "hold"
    print(f"sums (load side, nginx, Locust, the plan) in {len(turns)} turns: {verdict}, {len(faults)} faults")
    dropped = sum(turn.report.turns[0].ledger.dropped for turn in turns)
    halves = over_launches([[(rate, rate_rps) for rate in rates(rounds, 2, True)] for rounds in launches])
    pairs = [list(zip(rates(rounds, 2, False), rates(rounds, 1, False), strict=True)) for rounds in launches]
    verdict = f"   asked: nothing dropped: {'DOES NOT HOLD' if dropped else 'holds'}"
    if len(available_cores()) < NEEDED_CORES:
        print(f"fewer than {NEEDED_CORES} cores: a load process shares nginx's, and what follows is no measure of two")
        verdict = ""
    print(f"open loop, two processes, rate seen / planned: {shown(halves, '.4f')}, {dropped} dropped{verdict}")
    print(f"closed loop, rate of two processes / of one: {shown(over_launches(pairs))}")


def main() -> None:
    """Print a line per launch, then the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=3, help="in each launch, besides the one that warms up")
    parser.add_argument("--turn", type=float, default=2.0, help="seconds")
    parser.add_argument("--rate", type=float, default=4000.0, help="requests/s of the open loop")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.rounds < 1:
        raise UsageError("no round but the one that warms up", "give --rounds 1 or more")
    began, rng, launches = time.monotonic(), random.Random(options.seed), []
    for number in range(options.launches):
        rounds = one_launch(options, rng, number)
        launches.append(rounds)
        last = {(turn.processes, turn.rate_rps > 0): f"{turn.seen_rps:,.0f}/s" for turn in rounds[-1]}
        print(
            f"{elapsed(began)}  launch {number + 1}: closed loop {last[1, False]} by one, {last[2, False]} by two; "
            f"open loop {last[1, True]}, {last[2, True]}",
            flush=True,
        )
    say_results(launches, options.rate)


if __name__ == "__main__":
    script(main)
