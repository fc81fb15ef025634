"""How near the load side came to what it can do: told with every result, for beyond it nothing is known of a target."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

# Of its CPU, or of its ceiling. At 85 % an answer that comes in waits for nearly three others on average (a queue with
# even service: share / 2 / (1 - share)), some 20 µs that are the load side's and not the target's; and that soon rises.
GENERATOR_SHARE_LIMIT = 0.85
# Of the time, while it was ready and others had its core. On two cores: up to 6 % in `bench run` on a quiet machine and
# with a server on the other core, up to 15 % with a server on both; 14 to 23 % with one spinning process on the load's
# core, 40 to 43 % with two, 50 to 66 % with three, which mostly left the CPU share below its limit.
GENERATOR_WAIT_LIMIT = 0.3
WAIT_SHOWN_FROM = GENERATOR_WAIT_LIMIT / 2


@dataclass(frozen=True, slots=True)
class Generator:
    """The load side under one result.

    `cpu_share` is the CPU time that its processes used, or waited for, over the time they had; `wait_share` is the part
    of that time for which they waited, while others had their core. `ceiling_rps` is what it can do at best at this
    number of connections, and `ceiling_share` the result's part of that; both are None where it was not calibrated.
    """

    cpu_share: float
    ceiling_rps: float | None = None
    ceiling_share: float | None = None
    wait_share: float = 0.0

    @classmethod
    def of(
        cls, ok: int, elapsed_s: float, load_cpu_s: float, calibrated_rps: float | None, load_wait_s: float = 0.0
    ) -> "Generator":
        """From right answers, elapsed time, the load CPU time of one process, the ceiling that was measured, and what
        of the CPU time was waited for.

        A result that shows, by what its requests cost, that the load side can do more than when it was calibrated
        raises the ceiling: so a machine that was slow then condemns nothing now, and the share of the ceiling is never
        above that of the CPU.
        """
        if elapsed_s <= 0:
            return cls(0.0)
        cpu_share, wait_share = load_cpu_s / elapsed_s, load_wait_s / elapsed_s
        if calibrated_rps is None or calibrated_rps <= 0:
            return cls(cpu_share, wait_share=wait_share)
        ceiling_rps = max(calibrated_rps, ok / load_cpu_s if load_cpu_s > 0 else 0.0)
        return cls(cpu_share, ceiling_rps, ok / elapsed_s / ceiling_rps, wait_share)

    @classmethod
    def nearest(cls, those: Iterable["Generator"]) -> "Generator":
        """Of several launches, the highest shares: what one of them showed is what is judged. Needs one or more."""
        every = list(those)
        known = [each for each in every if each.ceiling_share is not None]
        return cls(
            max(each.cpu_share for each in every),
            max((each.ceiling_rps or 0.0 for each in known), default=None),
            max((each.ceiling_share or 0.0 for each in known), default=None),
            max(each.wait_share for each in every),
        )

    @property
    def near_ceiling(self) -> bool:
        """Whether it came so near its ceiling that the target may well do more."""
        return self.ceiling_share is not None and self.ceiling_share > GENERATOR_SHARE_LIMIT

    @property
    def in_words(self) -> str:
        """``93% of its CPU, 91% of its ceiling``; with ``(22% waited for)`` where that is much."""
        waited = f" ({self.wait_share:.0%} waited for)" if self.wait_share >= WAIT_SHOWN_FROM else ""
        ceiling = "" if self.ceiling_share is None else f", {self.ceiling_share:.0%} of its ceiling"
        return f"{self.cpu_share:.0%} of its CPU{waited}{ceiling}"

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "cpu_share": self.cpu_share,
            "wait_share": self.wait_share,
            "ceiling_rps": self.ceiling_rps,
            "ceiling_share": self.ceiling_share,
        }
