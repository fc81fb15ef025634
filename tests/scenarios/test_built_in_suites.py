"""The suites that come with sgibench: whatever they name exists, and the full one leaves nothing out."""

import pytest

from sgibench.apps.catalogue import APPS
from sgibench.runner.selection import setup_for
from sgibench.runner.targets.servers import KINDS
from sgibench.scenarios.files import built_in_scenario, built_in_suite, levels_of, scenario_names, suite_names
from sgibench.scenarios.suite import Group, Suite

FULL = built_in_suite("full")


@pytest.mark.parametrize("name", suite_names())
def test_a_suite_names_apps_setups_and_scenarios_that_exist(name: str) -> None:
    suite = built_in_suite(name)
    assert suite.name == name
    for target in suite.all_targets:
        app, _, written = target.partition("@")
        setup = setup_for(written, 1)
        assert written.endswith("-*") or setup.name == written
        assert setup.kind.interface is APPS[app].interface
    for place in suite.scenario:
        assert levels_of(built_in_scenario(place.name), place.model_dump())


def test_the_published_suites_measure_what_they_measured() -> None:
    default, smoke = built_in_suite("default"), built_in_suite("smoke")
    assert [(place.name, place.concurrency) for place in default.scenario] == [
        ("json", []),
        ("wait-50ms", [16, 64, 256]),
    ]
    assert (len(default.all_targets), default.baseline) == (8, "flask@gunicorn-sync-3")
    assert [place.name for place in smoke.scenario] == ["json", "wait-50ms"]


def test_the_full_suite_has_every_scenario() -> None:
    assert sorted(place.name for place in FULL.scenario) == scenario_names()


@pytest.mark.parametrize("group", FULL.group, ids=lambda group: group.name)
def test_each_group_has_every_app_and_every_server(group: Group) -> None:
    targets = [target.partition("@") for target in group.targets]
    assert {app for app, _, _ in targets} == set(APPS)
    assert {setup_for(setup, 1).kind.server for _, _, setup in targets} == {kind.server for kind in KINDS.values()}


def test_at_equal_slots_only_slots_decide_how_many_requests_are_in_service() -> None:
    (equal,) = [group for group in FULL.group if group.slots is not None]
    for place in FULL.scenario:
        scenario = built_in_scenario(place.name)
        if scenario.slow_clients or "blocking" in scenario.needs or place.name == "cpu":
            assert place.name in equal.without
    assert all(group.without == [] for group in FULL.group if group is not equal)


def test_a_group_goes_without_scenarios_of_its_suite_only() -> None:
    data = FULL.model_dump()
    data["group"][0]["without"] = ["jsn"]
    with pytest.raises(ValueError, match="group 'equal-slots' is without 'jsn', which is no scenario of the suite"):
        Suite.model_validate(data)


def test_at_equal_slots_nobody_holds_more_or_less_than_the_others_when_pressed() -> None:
    (equal,) = [group for group in FULL.group if group.slots is not None]
    assert equal.slots == 16
    for target in equal.targets:
        slots = setup_for(target.partition("@")[2], 1).slots
        assert slots in (None, 16, 1000), "its own, coroutines, or greenlets"
