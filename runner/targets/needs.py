"""Which features the scenarios of a run need: what they say, and what the contract knows of the paths they ask for."""

import re
from collections.abc import Iterable

from ...apps.catalogue import Feature
from ...apps.contract import CONTRACT, ECHO_PATH
from ...scenarios.model import Scenario
from ..locustfile import LocustScenario


def _place(target: str) -> str:
    """A path without its query, any number in it taken for any other."""
    return re.sub(r"\d+", "1", target.partition("?")[0])


BY_PLACE = {_place(each.target): each.feature for each in CONTRACT if each.feature} | {ECHO_PATH: Feature.WEBSOCKET}


def required_by(scenario: Scenario, *, ours: bool) -> frozenset[Feature]:
    """The features without which a target cannot take part. `ours`: an app of the suite, whose paths are known."""
    places = [_place(part.request.path) for part in scenario.parts] if ours else []
    return frozenset({*map(Feature, scenario.needs), *(BY_PLACE[place] for place in places if place in BY_PLACE)})


def needs_of(scenarios: Iterable[Scenario], *, ours: bool) -> frozenset[Feature]:
    """The features that there have to be services for, and proofs. `ours`: apps of the suite take part."""
    found: set[Feature] = set()
    for scenario in scenarios:
        found |= required_by(scenario, ours=ours)
        if ours and isinstance(scenario, LocustScenario):
            found |= {Feature.SHOP, Feature.UPSTREAM}  # its users may ask for anything
    return frozenset(found)
