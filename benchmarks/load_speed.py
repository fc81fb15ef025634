"""How fast is the engine? Against wrk and Locust's FastHttpUser, in alternating turns on nginx with a constant answer.

    python -m benchmarks.load_speed [--launches 6] [--rounds 5] [--turn 1] [--fast-turn 2] [--connections 64]
    python -m benchmarks.load_speed --only bare --only locust --launches 12 --rounds 16

Asked for: the engine at 0.9 of wrk's rate with one thread or more, at 15 times FastHttpUser's or more, and Locust
around the engine costing less than 5 %. nginx (one worker) has a core, the generator whose turn it is the other:

- wrk: ``wrk -t1``, a new process each turn, its rate from its own exact counts; it looks at each answer's status.
- bare: the engine alone in a process; status, length and body of every answer checked, every latency recorded.
- locust: the same engine as `bench` uses it, inside Locust.
- fast: FastHttpUser in a plain Locust, a user for each connection; status and body checked.

All open their connections anew in every turn; wrk's clock starts before that (some 3 ms), the others' after it. The
first round of each launch warms up and does not count. The second figure, CPU time per answer of the load process, is
what decides where nginx is the bottleneck for both; how busy nginx was is printed too.
"""

import argparse
import random
import time
from collections.abc import Callable
from contextlib import ExitStack

from sgibench.runner.load import wire
from sgibench.runner.load.orders import Arrival, Endpoint, TurnReport
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import Cores

from .common import elapsed
from .ratios import judged, over_launches, script, shown
from .rivals import BODY, Child, Nginx, Ran, pinned_cores, proven, turn_block
from .rivals import wrk_turn as turn_of_wrk

SPARE_S = 30.0
RATIOS = (
    # over, under, what is asked of the ratio
    ("bare", "wrk", 0.9),
    ("locust", "wrk", 0.9),
    ("bare", "fast", 15.0),
    ("locust", "fast", 15.0),
    ("locust", "bare", 0.95),
)
Launch = dict[str, list[Ran]]


def generators(
    stack: ExitStack, endpoint: Endpoint, cores: Cores, options: argparse.Namespace
) -> dict[str, Callable[[], Ran]]:
    """All that is to make load, started anew."""
    engine = stack.enter_context(Child("benchmarks.bare_engine"))
    fast = stack.enter_context(Child("benchmarks.fast_http_user"))
    session = stack.enter_context(LocustSession(load_cores=cores.load))
    block = turn_block(endpoint, Arrival(options.connections), options.turn)

    def bare_turn() -> Ran:
        answer = engine.ask(wire.encode_block(block), options.turn + SPARE_S)
        return _ran(wire.decode_turn(answer["turns"][0]), answer["cpu_s"])

    def locust_turn() -> Ran:
        turn = session.run(block).turns[0]
        return _ran(turn, turn.load_cpu_s)

    def fast_turn() -> Ran:
        url = f"http://{endpoint.host}:{endpoint.port}"
        told = {"url": url, "users": options.connections, "body": BODY, "seconds": options.fast_turn}
        answer = fast.ask(told, options.fast_turn + SPARE_S)
        return Ran(answer["ok"], answer["seconds"], answer["cpu_s"], 0.0)

    turns = {
        "wrk": lambda: turn_of_wrk(endpoint, options.connections, options.turn),
        "bare": bare_turn,
        "locust": locust_turn,
        "fast": fast_turn,
    }
    return {name: turn for name, turn in turns.items() if name in (options.only or turns)}


def _ran(turn: TurnReport, cpu_s: float) -> Ran:
    proven(turn)
    return Ran(turn.ledger.ok, turn.elapsed_s, cpu_s, turn.target_cpu_s or 0.0)


def one_launch(cores: Cores, options: argparse.Namespace, rng: random.Random) -> Launch:
    """Each generator's turns, one for each round."""
    with Nginx(cores.server) as nginx, ExitStack() as stack:
        turns = generators(stack, nginx.endpoint(), cores, options)
        names = list(turns)
        seen: Launch = {name: [] for name in names}
        for number in range(options.rounds + 1):
            rng.shuffle(names)
            for name in names:
                ran = turns[name]()
                if number:
                    seen[name].append(ran)
    return seen


def say_rates(launch: Launch) -> str:
    """The rates of a launch, in short."""
    rates = {name: sum(ran.ok for ran in runs) / sum(ran.seconds for ran in runs) for name, runs in launch.items()}
    return ", ".join(f"{name} {rates[name]:,.0f}/s" for name in sorted(rates))


def say_results(launches: list[Launch]) -> None:
    """All ratios, and whether they are what was asked for."""
    measured = set(launches[0])
    for over, under, asked in RATIOS:
        if not {over, under} <= measured:
            continue
        pairs = [
            [(a.rate_rps, b.rate_rps) for a, b in zip(launch[over], launch[under], strict=True)] for launch in launches
        ]
        ratio = over_launches(pairs)
        print(f"rate, {over} / {under}: {shown(ratio)}   asked: {asked:g} or more: {judged(ratio, low=asked)}")
    for over, under in (("bare", "wrk"), ("locust", "bare"), ("fast", "bare")):
        if not {over, under} <= measured:
            continue
        pairs = [
            [(a.cpu_us, b.cpu_us) for a, b in zip(launch[over], launch[under], strict=True)] for launch in launches
        ]
        print(f"CPU time of the load process per answer, {over} / {under}: {shown(over_launches(pairs))}")
    for name in sorted(measured - {"fast"}):
        runs = [ran for launch in launches for ran in launch[name]]
        seconds = sum(ran.seconds for ran in runs)
        load, server = (sum(values) / seconds for values in zip(*_cpu(runs), strict=True))
        print(f"share of its core, under {name}: load {load:.0%}, nginx {server:.0%}")


def _cpu(runs: list[Ran]) -> list[tuple[float, float]]:
    return [(ran.load_cpu_s, ran.server_cpu_s) for ran in runs]


def main() -> None:
    """Print a line per launch, then the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5, help="in each launch, besides the one that warms up")
    parser.add_argument("--turn", type=int, default=1, help="whole seconds, as wrk takes them")
    parser.add_argument("--fast-turn", type=float, default=2.0, help="seconds for FastHttpUser, which is slow")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--only", action="append", choices=["wrk", "bare", "locust", "fast"], help="may be repeated")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    began, rng, launches = time.monotonic(), random.Random(options.seed), []
    with pinned_cores() as cores:
        for number in range(options.launches):
            launches.append(one_launch(cores, options, rng))
            print(f"{elapsed(began)}  launch {number + 1}: {say_rates(launches[-1])}", flush=True)
    say_results(launches)


if __name__ == "__main__":
    script(main)
