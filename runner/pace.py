"""How long epochs take: by estimate until one was seen, then by what was seen."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import Plan


class Pace:
    """How long epochs take: by estimate until one was seen, then by the longest that was seen of each part."""

    def __init__(self, plan: "Plan") -> None:
        """Nothing was seen yet."""
        self._plan = plan
        self._launch_s: float | None = None
        self._piece_s: dict[str, float] = {}

    def saw(self, epoch_s: float, piece_s: Mapping[str, float]) -> None:
        """An epoch took so long, and each of its pieces (by label) so long of that."""
        self._launch_s = max(self._launch_s or 0.0, epoch_s - sum(piece_s.values()))
        for label, seconds in piece_s.items():
            self._piece_s[label] = max(self._piece_s.get(label, 0.0), seconds)

    def epoch_s(self, number: int) -> float:
        """How long an epoch will take."""
        launch_s = self._plan.launch_estimate_s(number) if self._launch_s is None else self._launch_s
        return launch_s + sum(
            self._piece_s.get(piece.label) or self._plan.piece_estimate_s(piece)
            for piece in self._plan.pieces_in(number)
        )

    def epochs(self, done: int, left_s: float) -> tuple[int, float]:
        """How many epochs there will be in all, with `done` over and `left_s` of the budget left; and what the rest
        of them will take, in seconds."""
        number, rest_s = done, 0.0
        while number < self._plan.epochs_max:
            next_s = self.epoch_s(number + 1)
            must = number < self._plan.epochs_min or self._plan.exact_epochs
            if not must and rest_s + next_s > left_s:
                break
            number, rest_s = number + 1, rest_s + next_s
        return number, rest_s
