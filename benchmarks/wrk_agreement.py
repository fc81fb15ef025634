"""Does the engine see what wrk sees? Throughput and service time of real targets, by both in alternating turns.

    python -m benchmarks.wrk_agreement [--launches 6] [--rounds 4] [--turn 2] [--target T]... [--markdown FILE]

Asked for: the ratio's interval holds 1, for throughput and for p50, p90 and p99 of service time, on uvicorn with
FastAPI and a bare ASGI app, on gunicorn sync (which closes every connection) and on gunicorn gthread, with Flask. In
every round of a launch both have a turn on the same live target, in random order: ``wrk -t1``, and the engine inside
Locust, with the same headers and as many connections. Each launch gives one value of each figure; its first round does
not count.

Both count what was answered in the time, and date a request before its write: connecting is in no latency, also where
every answer closes its connection. wrk's percentiles are those of what it recorded. What it prints has latencies in it
that it adds (benchmarks/wrk.py); the ratio to that is the table's last column.
"""

import argparse
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sgibench.results.errors import LoadError, UsageError
from sgibench.results.estimate import from_epochs
from sgibench.results.histogram import Histogram
from sgibench.runner.load.orders import Arrival, Endpoint

from .common import Bench, a_target, elapsed
from .ratios import over_launches, script, shown
from .rivals import proven, turn_block
from .wrk import need, run_wrk

TARGETS = ("fastapi@uvicorn", "bare-asgi@uvicorn", "flask@gunicorn-sync-3", "flask@gunicorn-gthread-1x64")
PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0}
THROUGHPUT = "throughput"
HEADER = (
    "| target | figure | engine | wrk | engine / wrk | holds 1 | engine / what wrk prints |\n"
    "|---|---|---|---|---|---|---|"
)
Figures = Mapping[str, float]  # throughput in requests/s, percentiles in microseconds


@dataclass(frozen=True, slots=True)
class Round:
    """What each of the two saw in one round; `printed` has wrk's percentiles as it prints them."""

    engine: Figures
    wrk: Figures
    printed: Figures


Launches = Sequence[Sequence[Round]]


def percentiles(times: Histogram) -> dict[str, float]:
    """The percentiles that so many answers can give; never 0."""
    known = {name: value for name, value in PERCENTILES.items() if times.supports(value)}
    return {name: float(max(times.percentile_us(value), 1)) for name, value in known.items()}


def engine_turn(bench: Bench, endpoint: Endpoint, options: argparse.Namespace) -> Figures:
    """The engine's figures of one turn."""
    turn = proven(bench.load.run(turn_block(endpoint, Arrival(options.connections), options.turn)).turns[0])
    return {THROUGHPUT: turn.ledger.ok / turn.elapsed_s, **percentiles(turn.service_time)}


def wrk_turn(endpoint: Endpoint, options: argparse.Namespace) -> tuple[Figures, Figures]:
    """wrk's figures of one turn, as recorded and as printed. Raises LoadError when it met errors."""
    run = run_wrk(endpoint, options.connections, options.turn)
    if run.errors:
        raise LoadError(f"wrk met errors on {endpoint.name}: {dict(run.errors)}")
    rate = {THROUGHPUT: run.requests / run.elapsed_s}
    return {**rate, **percentiles(run.times)}, {**rate, **percentiles(run.printed)}


def one_launch(bench: Bench, target: str, options: argparse.Namespace, number: int, rng: random.Random) -> list[Round]:
    """The rounds of one launch, without the first."""
    with bench.launched([a_target(target)], number + 1, rng.randrange(1, 2**32)) as pairs:
        endpoint = pairs[0][1]
        rounds = []
        for _ in range(options.rounds + 1):
            first = rng.random() < 0.5
            engine = engine_turn(bench, endpoint, options) if first else {}
            recorded, printed = wrk_turn(endpoint, options)
            rounds.append(Round(engine or engine_turn(bench, endpoint, options), recorded, printed))
    return rounds[1:]


def rows(target: str, launches: Launches) -> list[str]:
    """The target's part of the table."""
    return [_row(target, figure, launches) for figure in (THROUGHPUT, *PERCENTILES)]


def _row(target: str, figure: str, launches: Launches) -> str:
    every = [seen for rounds in launches for seen in rounds]
    if any(figure not in seen.engine or figure not in seen.wrk for seen in every):
        return f"| {target} | {figure} | – | – | too few answers in a turn | – | – |"
    ratio = over_launches([[(seen.engine[figure], seen.wrk[figure]) for seen in rounds] for rounds in launches])
    printed = over_launches([[(seen.engine[figure], seen.printed[figure]) for seen in rounds] for rounds in launches])
    # A percentile that only the added latencies make visible is wrk's own; throughput is printed as it was.
    against = "–" if figure == THROUGHPUT else shown(printed)
    holds = "–" if ratio.low is None or ratio.high is None else "yes" if ratio.low <= 1 <= ratio.high else "no"
    ours = _absolute(figure, [seen.engine[figure] for seen in every])
    theirs = _absolute(figure, [seen.wrk[figure] for seen in every])
    return f"| {target} | {figure} | {ours} | {theirs} | {shown(ratio)} | {holds} | {against} |"


def _absolute(figure: str, values: Sequence[float]) -> str:
    value = from_epochs(values).value
    return f"{value:,.0f}/s" if figure == THROUGHPUT else f"{value / 1000:.2f} ms"


def main() -> None:
    """Print the table; progress is told meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launches", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=4, help="in each launch, besides the one that warms up")
    parser.add_argument("--turn", type=int, default=2, help="whole seconds, as wrk takes them")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--target", action="append", help="APP@SETUP; repeatable, instead of the four")
    parser.add_argument("--markdown", type=Path, help="write the table there too")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    need("wrk", "wrk")
    if options.markdown is not None and not options.markdown.resolve().parent.is_dir():
        raise UsageError(f"there is no folder for {options.markdown}", "make it first")
    began, rng, table = time.monotonic(), random.Random(options.seed), [HEADER]
    with Bench() as bench:
        for target in options.target or TARGETS:
            launches = []
            for number in range(options.launches):
                launches.append(one_launch(bench, target, options, number, rng))
                last = launches[-1][-1]
                seen = f"engine {last.engine[THROUGHPUT]:,.0f}/s, wrk {last.wrk[THROUGHPUT]:,.0f}/s"
                print(f"{elapsed(began)}  {target}, launch {number + 1}: {seen}", flush=True)
            table += rows(target, launches)
    text = "\n".join(table)
    print(f"\n{text}")
    if options.markdown is not None:
        options.markdown.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    script(main)
