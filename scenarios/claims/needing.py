"""What an experiment needs, said before anything is started."""

from __future__ import annotations

from collections.abc import Sequence

from .model import Lab, NotHereError


def need(lab: Lab, distributions: Sequence[str], *setups: str) -> None:
    """See to it that the lab's interpreter has these, and what these setups need. Raises NotHereError."""
    lacks = lab.missing(distributions, setups)
    if lacks:
        raise NotHereError(lacks)
