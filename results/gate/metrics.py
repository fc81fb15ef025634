"""What each metric says of some epochs: its change, two p-values, and after Holm its verdict."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .looks import weight
from .records import GateEpoch, Key, Pair, change
from .settings import GateMetric, GateSettings
from .statistics import (
    SLACK,
    holm,
    percent_estimate,
    plain_estimate,
    surely_above,
    surely_below,
)
from .verdicts import MetricResult, MetricVerdict

# What is to be let pass must have room above what is tolerated.
FLOOR_ROOM = 1.5
OF_MEMORY = (GateMetric.MEMORY_IDLE, GateMetric.MEMORY_PEAK)
# How sure one can be that there is no leak depends on how many requests there were, so a pass does not wait for that;
# but it does while the figures look like one.
NOT_NEEDED = (GateMetric.LEAK,)
SUSPICION = 0.05


def measured(epochs: Sequence[GateEpoch]) -> list[Key]:
    """What has a value in any of the epochs, in the order of the metrics, scenario by scenario."""
    keys = dict.fromkeys(key for epoch in epochs for key in epoch.values)
    scenarios = list(dict.fromkeys(scenario for scenario, _ in keys))
    order = list(GateMetric)
    return sorted(keys, key=lambda key: (key[1].of_launch, scenarios.index(key[0]), order.index(key[1])))


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is caught and what is tolerated, in percent (of a leak: bytes per request)."""

    threshold: float
    margin: float

    @classmethod
    def of(cls, metric: GateMetric, settings: GateSettings, base: float) -> "Bounds":
        """Those of a metric whose base is `base`: memory has a floor in MiB besides."""
        threshold, margin = settings.threshold_of(metric), settings.margin_of(metric)
        if metric in OF_MEMORY:
            floor = 100 * settings.memory_floor_mib / base
            threshold, margin = max(threshold, FLOOR_ROOM * floor), max(margin, floor)
        return cls(threshold, margin)

    def as_changes(self, metric: GateMetric) -> tuple[float, float]:
        """Threshold and margin on the scale of the changes."""
        if not metric.in_percent:
            return self.threshold, self.margin
        return math.log1p(self.threshold / 100), math.log1p(self.margin / 100)


def evaluate(
    epochs: Sequence[GateEpoch], settings: GateSettings, alpha: float, pass_alpha: float
) -> tuple[MetricResult, ...]:
    """Every metric of those epochs. With at most a chance of `alpha` any gating one is wrongly called regressed.

    Each may use up all of `pass_alpha`: a version passes by all metrics or not at all, so that one as bad as its
    threshold must pass by that one too, and the chance of it is no larger than by that one alone.
    """
    found = [_evaluated(epochs, key, settings) for key in measured(epochs)]
    gating = [each for each in found if each.gating]
    weights = [weight(each.metric) for each in gating]
    rejected = holm([each.p_regressed for each in gating], weights, alpha) if alpha > 0 else (False,) * len(gating)
    worse = {(each.scenario, each.metric) for each, bad in zip(gating, rejected, strict=True) if bad}
    return tuple(_judged(each, (each.scenario, each.metric) in worse, alpha, pass_alpha) for each in found)


def _evaluated(epochs: Sequence[GateEpoch], key: Key, settings: GateSettings) -> MetricResult:
    scenario, metric = key
    pairs = [epoch.values[key] for epoch in epochs if key in epoch.values]
    changes = [change(pair, metric) for pair in pairs]
    base = float(np.median([pair.base for pair in pairs]))
    bounds = Bounds.of(metric, settings, base)
    threshold, margin = bounds.as_changes(metric)
    estimate = percent_estimate(changes) if metric.in_percent else plain_estimate(changes)
    return MetricResult(
        scenario=scenario,
        metric=metric,
        change=estimate,
        verdict=MetricVerdict.UNDECIDED,
        threshold=bounds.threshold,
        margin=bounds.margin,
        gating=metric in settings.gated,
        typical=Pair(base, float(np.median([pair.head for pair in pairs]))),
        p_regressed=surely_above(changes, margin),
        p_pass=surely_below(changes, threshold),
    )


def _judged(result: MetricResult, regressed: bool, alpha: float, pass_alpha: float) -> MetricResult:
    if not result.gating:
        regressed = result.p_regressed <= alpha  # is shown, and decides nothing
    verdict = MetricVerdict.UNDECIDED
    if regressed:
        verdict = MetricVerdict.REGRESSED
    elif result.p_pass <= pass_alpha * (1 + SLACK):
        verdict = MetricVerdict.PASS
    return MetricResult(
        **{name: getattr(result, name) for name in MetricResult.__dataclass_fields__} | {"verdict": verdict}
    )
