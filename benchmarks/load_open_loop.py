"""Does the open loop keep its schedule? At a fixed rate, and at half of the engine's ceiling, against nginx.

    python -m benchmarks.load_open_loop [--launches 5] [--rate 10000] [--seconds 10] [--connections 512]

Asked for: at 10,000/s, 99 % of requests sent less than 100 us after the instant they were planned for, with a core for
the load alone; and at half the engine's ceiling (its closed loop with 64 connections, the same launch) nothing dropped.
nginx (one worker) has one core, the engine inside Locust the other. Each launch gives one value of each figure. The
longest lags are those of the machine: a hypervisor that takes the core away for 2 ms makes 20 requests late. So before
and after, a loop that does nothing but read the clock keeps the same plan on the same core (`benchmarks.still`).
"""

import argparse
import statistics
import time
from dataclasses import dataclass

from sgibench.results.estimate import from_epochs
from sgibench.runner.load.orders import Arrival, Endpoint, TurnReport
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import Cores

from .common import elapsed
from .ratios import judged, script, shown
from .rivals import Nginx, pinned_cores, proven, turn_block
from .still import still

CLOSED_CONNECTIONS = 64
CEILING_TURNS = 5
WARMUP_S = 1.0
LAG_ASKED_US = 100.0
PERCENTILES = (50.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Launch:
    """What one launch gave: the machine's own lags, the open loop at the rate asked for, the ceiling, and the open loop
    at half of it."""

    still_us: list[int]
    fixed: TurnReport
    ceiling_rps: float
    half: TurnReport


def open_turn(session: LocustSession, endpoint: Endpoint, rate_rps: float, options: argparse.Namespace) -> TurnReport:
    """An open loop, after a second of it that does not count."""
    arrival = Arrival(options.connections, rate_rps)
    session.run(turn_block(endpoint, arrival, WARMUP_S, drain=True))
    return proven(session.run(turn_block(endpoint, arrival, options.seconds, drain=True)).turns[0])


def one_launch(cores: Cores, options: argparse.Namespace) -> Launch:
    """The three measurements on a new nginx, with a new load process."""
    with Nginx(cores.server) as nginx, LocustSession(load_cores=cores.load) as session:
        endpoint = nginx.endpoint()
        core = cores.load[-1]
        before = still(core, options.rate, options.seconds / 2)
        fixed = open_turn(session, endpoint, options.rate, options)
        after = still(core, options.rate, options.seconds / 2)
        rates = []
        for _ in range(CEILING_TURNS):
            turn = proven(session.run(turn_block(endpoint, Arrival(CLOSED_CONNECTIONS), 1.0)).turns[0])
            rates.append(turn.ledger.ok / turn.elapsed_s)
        ceiling_rps = statistics.median(rates)
        still_us = [max(pair) for pair in zip(before, after, strict=True)]
        return Launch(still_us, fixed, ceiling_rps, open_turn(session, endpoint, ceiling_rps / 2, options))


def lags_us(turn: TurnReport) -> list[int]:
    """The schedule lag's percentiles and its longest, in microseconds."""
    assert turn.schedule_lag is not None
    return [*turn.schedule_lag.percentiles_us(PERCENTILES), turn.schedule_lag.max_us]


def said(turn: TurnReport) -> str:
    """An open loop's turn in a line."""
    assert turn.response_time is not None
    p50, p99, p999, longest = lags_us(turn)
    response = "/".join(str(value) for value in turn.response_time.percentiles_us([50.0, 99.0]))
    ledger = turn.ledger
    return (
        f"{ledger.scheduled / turn.order.seconds:,.0f}/s planned, {ledger.ok:,} right, {ledger.dropped:,} dropped; "
        f"lag p50 {p50}, p99 {p99}, p99.9 {p999}, max {longest} us; response p50/p99 {response} us"
    )


def main() -> None:
    """Print two lines per launch, then what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", type=int, default=5)
    parser.add_argument("--rate", type=float, default=10_000.0, help="requests/s of the fixed open loop")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each open loop")
    parser.add_argument("--connections", type=int, default=512, help="the most requests in flight")
    options = parser.parse_args()
    began, launches = time.monotonic(), []
    with pinned_cores() as cores:
        for number in range(options.launches):
            launch = one_launch(cores, options)
            launches.append(launch)
            print(f"{elapsed(began)}  launch {number + 1}: {said(launch.fixed)}", flush=True)
            p50, p99, p999, longest = launch.still_us
            print(f"          the clock alone: lag p50 {p50}, p99 {p99}, p99.9 {p999}, max {longest} us", flush=True)
            print(f"          ceiling {launch.ceiling_rps:,.0f}/s, half of it: {said(launch.half)}", flush=True)
    kinds = {"the fixed rate": [seen.fixed for seen in launches], "half the ceiling": [seen.half for seen in launches]}
    for name, turns in kinds.items():
        for at, label in enumerate(("p50", "p99", "p99.9", "max")):
            lag = from_epochs([max(lags_us(turn)[at], 1) for turn in turns])
            asked = name == "the fixed rate" and label == "p99"
            verdict = f"   asked: below {LAG_ASKED_US:g}: {judged(lag, high=LAG_ASKED_US)}" if asked else ""
            print(f"schedule lag at {name}, {label}: {shown(lag, '.1f')} us{verdict}")
    for at, label in enumerate(("p50", "p99", "p99.9", "max")):
        lag = from_epochs([max(seen.still_us[at], 1) for seen in launches])
        print(f"lag of the clock alone, {label}: {shown(lag, '.1f')} us")
    dropped = sum(launch.half.ledger.dropped for launch in launches)
    scheduled = sum(launch.half.ledger.scheduled for launch in launches)
    verdict = "holds" if dropped == 0 else "DOES NOT HOLD"
    print(f"dropped at half the ceiling: {dropped} of {scheduled:,}   asked: none: {verdict}")


if __name__ == "__main__":
    script(main)
