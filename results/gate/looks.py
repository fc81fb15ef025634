"""When a gate looks at its data, and how much certainty each look may use up. All is fixed before the first epoch.

Who looks often, and stops at the first look that pleases, is wrong more often than each look by itself. So the chances
of error are shared out beforehand, and their sum is what holds for the whole run, however the looks depend on each
other (the union bound). The look at the end of the budget gets what those before it left, whenever the end comes: a
run with fewer epochs than expected skips looks, one with more has no more looks. Either way no more is used than there
was. The budget is time, so that when a run ends depends on no outcome. Among metrics, only what there is against false
alarms is shared out: to pass needs every metric, so that each may use all there is against wrong passes.

With n epochs the smallest p-value there is is 2**-n. A look before that can be small enough gets nothing: to pass needs
9 epochs, to be called regressed some 14 before the end, and 9 at the end (with one scenario; 11 by what has little
weight). Most of what there is against either error is kept for the end, where there are most epochs; what is far worse
is found before, and on a quiet machine what is as good.

Of 1 % each, one scenario, nine metrics, `plan_looks` gives (epochs: against false alarms / against wrong passes):

| expected | looks | at the end |
|---|---|---|
| 15 (90 s) | 9: 0 / 0.2 %, 11: 0 / 0.2 % | 1 % / 0.6 % |
| 31 (3 min) | 9: 0 / 0.2 %, 11, 14, 18, 22, 28: 0, then 0.075 each / 0.04 % each | 0.7 % / 0.6 % |
| 53 (5 min) | 9: 0 / 0.2 %, 11, 14, 18, 22, 28, 35, 44: 0, then 0.05 each / 0.029 % each | 0.7 % / 0.6 % |
"""

import math
from collections.abc import Iterable, Sequence

from .settings import WEIGHTS, GateMetric, GateSettings, Look
from .statistics import SLACK, fewest_epochs

GROWTH = 1.25
EARLY_SHARE = 0.3
FIRST_PASS_SHARE = 0.2
LAST_PASS_SHARE = 0.6


def weight(metric: GateMetric) -> float:
    """How large a part of the certainty against false alarms a metric gets, beside others."""
    return WEIGHTS.get(metric, 1.0)


def largest_part(metrics: Iterable[GateMetric], scenarios: int) -> float:
    """The part of the certainty that the metric with the most gets, in a run of so many scenarios."""
    weights = [each for metric in metrics for each in [weight(metric)] * (1 if metric.of_launch else max(scenarios, 1))]
    return max(weights) / math.fsum(weights)


def plan_looks(expected_epochs: int, settings: GateSettings | None = None, scenarios: int = 1) -> tuple[Look, ...]:
    """The looks before the end of a run of about so many epochs. None where it can hardly have more than one."""
    settings = settings or GateSettings()
    first = fewest_epochs(FIRST_PASS_SHARE * settings.pass_alpha)
    counts = []
    count = first
    while count <= expected_epochs - 2:
        counts.append(count)
        count = max(count + 1, round(count * GROWTH))
    if not counts:
        return ()
    alphas = _early_alphas(counts, settings.alpha, largest_part(settings.gated, scenarios))
    later = (1 - FIRST_PASS_SHARE - LAST_PASS_SHARE) * settings.pass_alpha
    passes = [FIRST_PASS_SHARE * settings.pass_alpha, *[later / (len(counts) - 1 or 1)] * (len(counts) - 1)]
    return tuple(Look(*each) for each in zip(counts, alphas, passes, strict=True))


def _early_alphas(counts: Sequence[int], alpha: float, part: float) -> list[float]:
    """Equal shares for those looks that can use one; the fewer share, the sooner one is of use. Where all epochs would
    have to agree, it is not: it would cost the end more than it finds."""
    for start in range(len(counts)):
        share = EARLY_SHARE * alpha / (len(counts) - start)
        if counts[start] > fewest_epochs(share * part):
            return [0.0] * start + [share] * (len(counts) - start)
    return [0.0] * len(counts)


def last_look(settings: GateSettings, epochs: int) -> Look:
    """The look at the end, after so many epochs: with all that the looks before it did not use up."""
    before = [look for look in settings.looks if look.epochs < epochs]
    return Look(
        epochs,
        max(settings.alpha - math.fsum(look.alpha for look in before), 0.0),
        max(settings.pass_alpha - math.fsum(look.pass_alpha for look in before), 0.0),
    )


def epochs_to_decide(settings: GateSettings, scenarios: int = 1) -> int:
    """How many epochs a run needs at least to be able to call anything regressed at its end, and to let it pass."""
    regress = fewest_epochs(settings.alpha * largest_part(settings.gated, scenarios))
    return max(regress, fewest_epochs(settings.pass_alpha * (1 - SLACK)))
