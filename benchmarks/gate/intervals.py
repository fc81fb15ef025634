"""How sure a share is: Clopper and Pearson's exact interval of so many in so many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """So many of so many, with its 95 % interval."""

    count: int
    of: int

    @property
    def value(self) -> float:
        """As a fraction."""
        return self.count / self.of if self.of else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Its ends, as fractions: exact, and so a little wide."""
        tail = (1 - CONFIDENCE) / 2
        rest = self.of - self.count
        low = float(special.betaincinv(self.count, rest + 1, tail)) if self.count else 0.0
        high = float(special.betaincinv(self.count + 1, rest, 1 - tail)) if rest else 1.0
        return low, high

    @property
    def told(self) -> str:
        """``98.3 % [97.1, 99.1]``."""
        if not self.of:
            return "–"
        low, high = self.interval
        return f"{100 * self.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def middle_95(shares: Sequence[float]) -> tuple[float, float]:
    """Between which ends 95 % of them lie."""
    low, high = np.quantile(np.asarray(shares, dtype=float), [0.025, 0.975])
    return float(low), float(high)
