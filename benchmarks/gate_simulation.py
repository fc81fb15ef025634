"""How often would the gate be right? Made-up epochs, judged by the gate's own tests, looks and corrections.

    python -m benchmarks.gate_simulation [--runs 1500] [--margin-share 0.0625] [--test sums|ranks|t] [--seed 1]

Each run has six metrics: throughput and CPU per request (standard deviation of an epoch's change 1.1 %, correlated by
0.9), response times p50 (1.8 %) and p90 (3.5 %), memory at rest and at its peak (0.3 %). A slowdown moves the first
four by as much. Noise of those four comes in three kinds: `normal`; `heavy`, where in 12 % of the epochs it is five
times as large; and `lottery`, where most of it is the launch's luck: three in ten launches of either side are slower by
a fixed amount. `--test` puts Wilcoxon's ranks, or Student's t, in the place of the sums that decide. Real figures come
from real servers; this only says what the rule can do, and what it costs.
"""

import argparse
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sgibench.results.gate.looks import last_look, plan_looks, weight
from sgibench.results.gate.settings import MARGIN_SHARE, GateMetric, GateSettings
from sgibench.results.gate.statistics import holm, sign_flip_p, signed_rank_p

METRICS = (
    GateMetric.THROUGHPUT,
    GateMetric.CPU,
    GateMetric.P50,
    GateMetric.P90,
    GateMetric.MEMORY_IDLE,
    GateMetric.MEMORY_PEAK,
)
SPREADS = np.array([1.1, 1.1, 1.8, 3.5, 0.3, 0.3]) / 100
ALIKE = 0.9  # throughput and CPU
TIMED = 4  # of the metrics have noise of the kind at hand, and a slowdown shows in them
HEAVY_SHARE, HEAVY_FACTOR = 0.12, 5.0
UNLUCKY = 0.3
# Not simulated, but they have their part.
OTHERS = [metric for metric in GateMetric if metric.gating and metric not in METRICS]
WEIGHTS = [weight(metric) for metric in (*METRICS, *OTHERS)]
# Threshold in percent, epochs that fit the budget, true slowdowns in percent.
CELLS = ((2.0, 13, (2.0,)), (2.0, 15, (0.0, 1.0, 2.0, 3.0, 5.0)), (2.0, 31, (0.0, 2.0)), (1.0, 53, (0.0, 1.0)))

Floats = NDArray[np.float64]


def epochs(kind: str, count: int, slowdown: float, rng: np.random.Generator) -> Floats:
    """Changes of shape (count, metrics), positive is worse."""
    noise = rng.standard_normal((count, len(METRICS)))
    noise[:, 1] = ALIKE * noise[:, 0] + math.sqrt(1 - ALIKE**2) * noise[:, 1]
    if kind == "heavy":
        noise[:, :TIMED] *= np.where(rng.random((count, 1)) < HEAVY_SHARE, HEAVY_FACTOR, 1.0)
    elif kind == "lottery":
        luck = (rng.random((count, 2)) < UNLUCKY).astype(float)
        luck_spread = math.sqrt(2 * UNLUCKY * (1 - UNLUCKY))
        noise[:, :TIMED] = 0.45 * noise[:, :TIMED] + 0.9 * ((luck[:, 0] - luck[:, 1]) / luck_spread)[:, None]
    changes: Floats = noise * SPREADS
    changes[:, :TIMED] += math.log1p(slowdown / 100)
    return changes


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and after how many epochs."""

    verdict: str
    epochs: int


def student_p(values: Floats) -> float:
    """Student's t, one-sided: p-value against "the mean is zero at most"."""
    spread = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(special.stdtr(len(values) - 1, -float(values.mean()) / spread))


Test = Callable[[Floats], float]
TESTS: dict[str, Test] = {"sums": sign_flip_p, "ranks": signed_rank_p, "t": student_p}


def decided(changes: Floats, settings: GateSettings, bounds: Sequence[tuple[float, float]], test: Test) -> Outcome:
    """The verdict of a run with those changes, of shape (epochs, metrics)."""
    count = len(changes)
    looks = [look for look in settings.looks if look.epochs < count]
    for look in [*looks, last_look(settings, count)]:
        seen = [changes[: look.epochs, column] for column in range(len(METRICS))]
        if look.alpha:
            worse = [
                test(each - margin) if float(np.median(each)) > margin else 1.0  # saves time, decides nothing
                for each, (_, margin) in zip(seen, bounds, strict=True)
            ]
            if any(holm([*worse, *[1.0] * len(OTHERS)], WEIGHTS, look.alpha)):
                return Outcome("regressed", look.epochs)
        if all(test(limit - each) <= look.pass_alpha for each, (limit, _) in zip(seen, bounds, strict=True)):
            return Outcome("pass", look.epochs)
    return Outcome("inconclusive", count)


def simulated(
    kind: str, count: int, slowdown: float, settings: GateSettings, options: argparse.Namespace
) -> list[Outcome]:
    """So many runs of `count` epochs."""
    rng = np.random.default_rng([options.seed, count, round(100 * slowdown), len(kind)])
    bounds = []
    for metric in METRICS:
        memory = metric in (GateMetric.MEMORY_IDLE, GateMetric.MEMORY_PEAK)
        percents = (12.0, 8.0) if memory else (settings.threshold_of(metric), settings.margin_of(metric))
        bounds.append((math.log1p(percents[0] / 100), math.log1p(percents[1] / 100)))
    test = TESTS[options.test]
    return [decided(epochs(kind, count, slowdown, rng), settings, bounds, test) for _ in range(options.runs)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1500)
    parser.add_argument("--margin-share", type=float, default=MARGIN_SHARE)
    parser.add_argument("--test", choices=TESTS, default="sums")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print("| noise | threshold | epochs | true | regressed | pass | inconclusive | mean epochs |")
    print("|---|---|---|---|---|---|---|---|")
    for kind in ("normal", "heavy", "lottery"):
        for threshold, count, slowdowns in CELLS:
            settings = GateSettings(threshold_percent=threshold, margin_share=options.margin_share)
            settings = settings.looking(plan_looks(count, settings))
            for slowdown in slowdowns:
                outcomes = simulated(kind, count, slowdown, settings, options)
                counts = Counter(outcome.verdict for outcome in outcomes)
                shares = " | ".join(
                    f"{counts[name] / options.runs:.1%}" for name in ("regressed", "pass", "inconclusive")
                )
                mean = sum(outcome.epochs for outcome in outcomes) / options.runs
                print(f"| {kind} | {threshold:g} % | {count} | +{slowdown:g} % | {shares} | {mean:.1f} |", flush=True)


if __name__ == "__main__":
    main()
