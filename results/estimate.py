"""Estimates: no figure travels without its interval, its number of repetitions and its method."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

CONFIDENCE = 0.95
FEWEST_FOR_ERROR = 12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % confidence interval. `low` and `high` are None where one repetition gives no interval."""

    value: float
    low: float | None
    high: float | None
    n: int
    method: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "method": self.method}


def from_epochs(values: Sequence[float]) -> Estimate:
    """Estimate of a positive quantity from one value per epoch: the geometric mean, and Student's t on the logs.

    The launch is the unit of replication, so `n` is the number of epochs, never of requests. Raises ValueError for no
    values, or for one that is not above zero.
    """
    if not values or min(values) <= 0:
        raise ValueError("an estimate needs at least one value, all above zero")
    low, value, high = _t_interval(np.log(np.asarray(values, dtype=float)))
    return Estimate(
        value=math.exp(value),
        low=None if low is None else math.exp(low),
        high=None if high is None else math.exp(high),
        n=len(values),
        method="geometric mean over launches, 95 % Student t on logs",
    )


def mean_estimate(slopes: Sequence[float]) -> Estimate:
    """Estimate of a quantity that may be zero or negative (a slope): arithmetic mean and Student's t."""
    if not slopes:
        raise ValueError("an estimate needs at least one value")
    low, value, high = _t_interval(np.asarray(slopes, dtype=float))
    return Estimate(value, low, high, len(slopes), "mean over launches, 95 % Student t")


def middle_mean(values: Sequence[float]) -> float:
    """Mean of the middle half (the interquartile mean): one disturbed turn cannot move it. Needs one value or more."""
    ordered = np.sort(np.asarray(values, dtype=float))
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean())


def middle_mean_error(values: Sequence[float]) -> float | None:
    """Standard error of the middle mean: that of a trimmed mean, by the winsorized deviation (Tukey and McLaughlin,
    Sankhya A 25, 1963). None for fewer than a dozen values, which tell too little of it."""
    count = len(values)
    if count < FEWEST_FOR_ERROR:
        return None
    ordered = np.sort(np.asarray(values, dtype=float))
    cut = count // 4
    winsorized = np.clip(ordered, ordered[cut], ordered[count - cut - 1])
    return float(winsorized.std(ddof=1)) / (1 - 2 * cut / count) / math.sqrt(count)


def t_quantile(freedom: float) -> float:
    """Student's t that cuts off both tails of a 95 % interval at so many degrees of freedom."""
    # scipy.special's, since importing scipy.stats takes longer than all of the CLI.
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def _t_interval(values: np.ndarray) -> tuple[float | None, float, float | None]:
    mean = float(values.mean())
    n = len(values)
    if n < 2:
        return None, mean, None
    half = t_quantile(n - 1) * float(values.std(ddof=1)) / math.sqrt(n)
    return mean - half, mean, mean + half
