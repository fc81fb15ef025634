"""The lab's statistics: from repetitions to estimates, and to the points of a chart."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from ...results.estimate import CONFIDENCE, Estimate, from_epochs, mean_estimate, t_quantile

Point = tuple[float, float, float | None, float | None]


class Statistics:
    """What a claim's experiment makes of its repetitions. The repetition is the unit of replication throughout."""

    def mean(self, values: Sequence[float]) -> Estimate:
        """From one value per repetition; positive ones by their geometric mean. Raises ValueError for none."""
        known = from_epochs(values) if values and min(values) > 0 else mean_estimate(values)
        return _worded(known)

    def ratio(self, over: Sequence[float], under: Sequence[float]) -> Estimate:
        """From pairs of values above zero, one pair per repetition. Raises ValueError when their numbers differ."""
        return _worded(from_epochs([above / below for above, below in zip(over, under, strict=True)]))

    def share(self, count: int, of: int) -> Estimate:
        """How often something was so: `count` of `of` times.

        The interval is Clopper and Pearson's (Biometrika 26, 1934), unless all repetitions agree: what a program does
        every time is no chance, and then the share stands without one to either side. `n` tells how often it was seen.
        """
        if not 0 <= count <= of or not of:
            raise ValueError(f"{count} of {of} is no share")
        if count in (0, of):
            share = count / of
            return Estimate(share, share, share, of, f"{count} of {of} repetitions")
        tail = (1 - CONFIDENCE) / 2
        low = float(special.betaincinv(count, of - count + 1, tail))
        high = float(special.betaincinv(count + 1, of - count, 1 - tail))
        return Estimate(count / of, low, high, of, f"{count} of {of} repetitions, 95 % Clopper-Pearson")

    def slope(self, x: Sequence[float], y: Sequence[float]) -> Estimate:
        """The slope of the least-squares line through these points, with Student's t on its residuals."""
        return self.line_at(x, y, None)

    def line_at(self, x: Sequence[float], y: Sequence[float], at: float | None) -> Estimate:
        """Where the least-squares line through these points is at `at`, with the interval of the line there; None: its
        slope. Beyond the points that is an extrapolation. Raises ValueError for fewer than three points, or one x."""
        of, on = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        spread = float(((of - of.mean()) ** 2).sum()) if len(of) else 0.0
        if len(of) != len(on) or len(of) < 3 or spread == 0:
            raise ValueError("a line needs three points or more, at two places or more")
        slope = float(((of - of.mean()) * (on - on.mean())).sum()) / spread
        residuals = on - on.mean() - slope * (of - of.mean())
        freedom = len(of) - 2
        error = math.sqrt(float((residuals**2).sum()) / freedom)
        if at is None:
            value, deviation = slope, error / math.sqrt(spread)
        else:
            away = at - float(of.mean())
            value = float(on.mean()) + slope * away
            deviation = error * math.sqrt(1 / len(of) + away**2 / spread)
        half = t_quantile(freedom) * deviation
        return Estimate(value, value - half, value + half, len(of), "least-squares line, 95 % Student t")

    def points(self, x: Sequence[float], y: Sequence[Sequence[float]]) -> list[Point]:
        """Points of a chart: for each x the mean of its repetitions, with its interval."""
        means = [self.mean(values) for values in y]
        return [(at, mean.value, mean.low, mean.high) for at, mean in zip(x, means, strict=True)]


def _worded(estimate: Estimate) -> Estimate:
    """The same, with its method in the words of an experiment: it has repetitions, not launches."""
    method = estimate.method.replace("launches", "repetitions")
    return Estimate(estimate.value, estimate.low, estimate.high, estimate.n, method)
