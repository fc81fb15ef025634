"""The shortest budget in which a gate can decide anything, as far as that can be told beforehand."""

import math

from ...results.errors import UsageError
from ...results.gate.looks import epochs_to_decide
from ...results.gate.settings import GateSettings
from .asked import CLOSED_S, OPEN_S

# Before anything was seen: the load side's start, and launching and ending both sides.
START_S = 2.0
LAUNCH_S = 2.5


def least_s(scenarios: int, settings: GateSettings, share: float = 1.0) -> float:
    """The shortest budget in which a gate can decide anything, if all goes well."""
    epoch_s = LAUNCH_S + scenarios * 2 * (CLOSED_S + OPEN_S) * share
    return START_S + LAUNCH_S + scenarios + epochs_to_decide(settings, scenarios) * epoch_s


def check_budget(scenarios: int, settings: GateSettings, share: float = 1.0) -> None:
    """Raise UsageError for a budget in which nothing could be decided."""
    least = least_s(scenarios, settings, share)
    if settings.budget_s < least:
        raise UsageError(
            f"a budget of {settings.budget_s:g} s is too small: a verdict needs "
            f"{epochs_to_decide(settings, scenarios)} epochs (launches of both sides), which take about "
            f"{math.ceil(least)} s",
            f"--budget {math.ceil(least / 10) * 10}s, or fewer paths",
        )
