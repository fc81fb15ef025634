"""Tests and intervals from one change per epoch. Nothing is assumed of their noise but that it is as likely up as down.

Between two equal versions that holds by itself: which of the two launches of an epoch is called the head is arbitrary,
so every change could as well have had the other sign. All p-values here count exactly, among the 2**n ways to give the
changes their signs, those that look at least as bad. They need no normal noise and no equal noise in all epochs. Nor do
they mind that some epochs count for more than others, as long as it is not the signs that say which.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..estimate import CONFIDENCE, Estimate

# Beyond so many times the middle size, a change counts no more than if it were that large.
CLIP = 1.5
# Steps into which that is divided; what is counted is counted exactly, with whatever number of steps.
STEPS = 200
SLACK = 1e-9

Values = NDArray[np.float64]
Changes = Sequence[float] | Values


@dataclass(frozen=True, slots=True)
class Interval:
    """A location with its interval; the ends are None where there are too few values for any."""

    value: float
    low: float | None
    high: float | None


def hodges_lehmann(changes: Changes) -> float:
    """The median of all means of two (each value with itself too): nearly as sharp as the mean, and nearly as hard to
    move as the median. Raises ValueError for no values."""
    if not len(changes):
        raise ValueError("a location needs at least one value")
    return float(np.median(walsh_averages(changes)))


def walsh_averages(changes: Changes) -> Values:
    """The n (n + 1) / 2 means of two values, each with itself too, in ascending order."""
    values = np.asarray(changes, dtype=float)
    first, second = np.triu_indices(len(values))
    averages: Values = np.sort((values[first] + values[second]) / 2)
    return averages


def location(changes: Changes, confidence: float = CONFIDENCE) -> Interval:
    """Hodges-Lehmann's estimate with the exact interval that inverts the two-sided signed-rank test.

    Its ends are Walsh averages, counted inwards as far as the test allows. With ties (figures of memory are equal to
    the page) it covers at least as often as it says. Five values or fewer have no interval of 95 %.
    """
    averages = walsh_averages(changes)
    value = hodges_lehmann(changes)
    below = np.cumsum(sign_distribution(np.arange(1, len(changes) + 1)))
    inwards = int(np.searchsorted(below, (1 - confidence) / 2 * (1 + SLACK), side="right"))
    if inwards == 0:
        return Interval(value, None, None)
    return Interval(value, float(averages[inwards - 1]), float(averages[-inwards]))


def percent_estimate(changes: Changes) -> Estimate:
    """The location of log ratios, in percent."""
    found = location(changes)
    low, high = (None if end is None else 100 * math.expm1(end) for end in (found.low, found.high))
    return Estimate(100 * math.expm1(found.value), low, high, len(changes), METHOD)


def plain_estimate(changes: Changes) -> Estimate:
    """The location of differences, in their own unit."""
    found = location(changes)
    return Estimate(found.value, found.low, found.high, len(changes), METHOD)


METHOD = "Hodges-Lehmann over launches, 95 % by exact signed ranks"


def sign_distribution(scores: Sequence[int] | NDArray[np.int64]) -> Values:
    """The chance of each possible sum of those `scores` (whole, 0 or more) that get a plus, when every sign is tossed.

    Returns an array of sum(scores) + 1 chances, by the sum.
    """
    whole = np.asarray(scores, dtype=np.int64)
    chances = np.zeros(int(whole.sum()) + 1)
    chances[0] = 1.0
    top = 1
    for score in whole.tolist():
        half = chances[:top] / 2
        chances[:top] = half
        chances[score : score + top] += half
        top += score
    return chances


def signed_rank_p(changes: Changes) -> float:
    """Wilcoxon's signed-rank test, exact and one-sided: the chance of ranks as high as these if changes were not above
    zero. Equal sizes share their ranks, and are counted so; zeros are left out."""
    values = np.asarray(changes, dtype=float)
    values = values[values != 0]
    sizes = np.abs(values)
    # Twice the mean rank of equal sizes is whole.
    doubled = np.array([np.sum(sizes < size) + np.sum(sizes <= size) + 1 for size in sizes], dtype=np.int64)
    return _as_high(doubled, values > 0)


def sign_flip_p(changes: Changes) -> float:
    """The exact, one-sided test that decides: the chance of a sum as high as this one if changes were not above zero.

    The sum is that of the changes themselves, each clipped at `CLIP` times the middle size. Simulated beside it
    (benchmarks/README.md), ranks decide a little later, as few epochs give them too few different sums; and Student's t
    far later where some epochs are wild: here a single one cannot hide what all others say. Zeros speak for neither
    side. 1 for no values.
    """
    values = np.asarray(changes, dtype=float)
    sizes = np.abs(values)
    largest = float(sizes.max(initial=0.0))
    if largest == 0.0:
        return 1.0
    clip = min(CLIP * float(np.median(sizes)) or largest, largest)
    scores = np.rint(np.minimum(sizes / clip, 1.0) * STEPS).astype(np.int64)
    return _as_high(scores, values > 0)


def _as_high(scores: NDArray[np.int64], plus: NDArray[np.bool_]) -> float:
    """The chance that the scores with a plus add up to what they do here, or more."""
    reached = int(scores[plus].sum())
    return min(float(sign_distribution(scores)[reached:].sum()), 1.0)


def surely_above(changes: Changes, limit: float) -> float:
    """p-value against "the change is `limit` at most": small when it is surely above.

    The middle size moves with the limit, and with it where sizes are clipped: so a limit could make a change surer.
    What is said of two equal versions must not hang on that, so the exact test of no change at all must agree.
    """
    values = np.asarray(changes, dtype=float)
    above = sign_flip_p(values - limit)
    return max(above, sign_flip_p(values)) if limit > 0 else above


def surely_below(changes: Changes, limit: float) -> float:
    """p-value against "the change is `limit` at least": small when it is surely below."""
    return sign_flip_p(limit - np.asarray(changes, dtype=float))


def fewest_epochs(alpha: float) -> int:
    """With how many epochs a p-value can be as small as `alpha` at all: one in 2**n is the smallest."""
    return max(1, math.ceil(-math.log2(alpha) - SLACK))


def holm(p_values: Sequence[float], weights: Sequence[float], alpha: float) -> tuple[bool, ...]:
    """Which hypotheses are rejected, so that with a chance of at most `alpha` any true one is among them.

    Holm's step-down procedure with weights (above zero): each gets its part of `alpha` by weight; what a rejected one
    had goes to the others. Raises ValueError for unequal lengths.
    """
    if len(p_values) != len(weights):
        raise ValueError("every p-value needs a weight")
    rejected = [False] * len(p_values)
    left = math.fsum(weights)
    for at in sorted(range(len(p_values)), key=lambda index: p_values[index] / weights[index]):
        if p_values[at] > alpha * weights[at] / left * (1 + SLACK):
            break
        rejected[at] = True
        left -= weights[at]
    return tuple(rejected)
