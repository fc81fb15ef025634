"""How one turn is carried out."""

from dataclasses import dataclass

from .orders import TurnOrder


@dataclass(frozen=True, slots=True)
class Rules:
    """How a turn is carried out. `drain`: wait for the last answers. `seed` is the turn's own, `mix_seed` that of all
    turns of its round; `phase_s` is when the first of evenly spaced requests is due."""

    order: TurnOrder
    timeout_s: float
    drain: bool
    rate_rps: float = 0.0
    poisson: bool = False
    seed: int = 0
    phase_s: float = 0.0
    mix_seed: int = 0

    @property
    def window_ns(self) -> int:
        """The planned length."""
        return round(self.order.seconds * 1e9)
