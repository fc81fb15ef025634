"""How near the load side came to what it can do: told with every result, for beyond it nothing is known of a target."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Of its CPU, or of its ceiling. At 85 % an answer that comes in waits for nearly three others on average (a queue with
# even service: share / 2 / (1 - share)), some 20 µs that are the load side's and not the target's; and that soon rises.
GENERATOR_SHARE_LIMIT = 0.85


@dataclass(frozen=True, slots=True)
class Generator:
    """The load side under one result.

    `cpu_share` is the CPU time that its processes used, or waited for, over the time they had. `ceiling_rps` is what it
    can do at best at this number of connections, and `ceiling_share` the result's part of that; both are None where it
    was not calibrated.
    """

    cpu_share: float
    ceiling_rps: float | None = None
    ceiling_share: float | None = None

    @classmethod
    def of(cls, ok: int, elapsed_s: float, load_cpu_s: float, calibrated_rps: float | None) -> "Generator":
        """From right answers, elapsed time, the load CPU time of one process, and the ceiling that was measured.

        A result that shows, by what its requests cost, that the load side can do more than when it was calibrated
        raises the ceiling: so a machine that was slow then condemns nothing now, and the share of the ceiling is never
        above that of the CPU.
        """
        if elapsed_s <= 0:
            return cls(0.0)
        cpu_share = load_cpu_s / elapsed_s
        if calibrated_rps is None or calibrated_rps <= 0:
            return cls(cpu_share)
        ceiling_rps = max(calibrated_rps, ok / load_cpu_s if load_cpu_s > 0 else 0.0)
        return cls(cpu_share, ceiling_rps, ok / elapsed_s / ceiling_rps)

    @classmethod
    def nearest(cls, those: Iterable["Generator"]) -> "Generator":
        """Of several launches, the highest shares: what one of them showed is what is judged. Needs one or more."""
        every = list(those)
        known = [each for each in every if each.ceiling_share is not None]
        return cls(
            max(each.cpu_share for each in every),
            max((each.ceiling_rps or 0.0 for each in known), default=None),
            max((each.ceiling_share or 0.0 for each in known), default=None),
        )

    @property
    def near_ceiling(self) -> bool:
        """Whether it came so near its ceiling that the target may well do more."""
        return self.ceiling_share is not None and self.ceiling_share > GENERATOR_SHARE_LIMIT

    @property
    def in_words(self) -> str:
        """``93% of its CPU, 91% of its ceiling``."""
        ceiling = "" if self.ceiling_share is None else f", {self.ceiling_share:.0%} of its ceiling"
        return f"{self.cpu_share:.0%} of its CPU{ceiling}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"cpu_share": self.cpu_share, "ceiling_rps": self.ceiling_rps, "ceiling_share": self.ceiling_share}
