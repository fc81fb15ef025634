"""Where a result stands: whether its figure may be ranked, and in the open loop whether its target keeps up."""

import math
from enum import StrEnum

from ..results.records import ProblemCode
from ..results.summary import Result
from .measures import figure_of

KEEPING_UP = 0.98


class Standing(StrEnum):
    """Whether a result takes part in the ranking. `silent`: it was asked, and let every request wait in vain."""

    RANKED = "ranked"
    AT_LEAST = "at least"
    SILENT = "answers nobody"
    INVALID = "invalid"


def standing_of(result: Result) -> Standing:
    """Where a result stands."""
    estimate = figure_of(result)
    if estimate is None or not math.isfinite(estimate.value):
        return Standing.SILENT if result.valid and not result.ledger.ok else Standing.INVALID
    if result.at_least:
        return Standing.AT_LEAST
    # Invalid, but from fewer launches than there were: the figures are those of the valid ones.
    return Standing.RANKED if result.valid or estimate.n < result.launches else Standing.INVALID


def overloaded(result: Result) -> bool:
    """Whether a target could not take what was due."""
    return any(problem.code is ProblemCode.OVERLOADED for problem in result.problems)


def falls_behind(result: Result) -> bool:
    """Whether a target answers less than what is due."""
    return overloaded(result) or answered(result) < KEEPING_UP


def answered(result: Result) -> float:
    """What share of the requests that were due was answered rightly."""
    return result.ledger.ok / result.ledger.scheduled if result.ledger.scheduled else 0.0
