"""The scenarios that come with sgibench: each asks what the contract knows, and says what it needs, and why it is."""

import zlib
from pathlib import Path

import pytest

from sgibench.apps.contract import CONTRACT, Exchange
from sgibench.results.records import ScenarioKind
from sgibench.results.validity import TIMER_SLACK_MS
from sgibench.runner.targets.needs import needs_of
from sgibench.scenarios import files
from sgibench.scenarios.files import built_in_scenario, levels_of, scenario_names
from sgibench.scenarios.model import Part, Scenario, filled

EXCHANGES = {each.name: each for each in CONTRACT}
ASKED = {
    *("blocking", "cold-start", "cpu", "create", "detail", "fan-out-serial", "fan-out-together", "held", "json"),
    *("json-paced", "list", "mixed", "new-connections", "order", "page", "slow-bodies", "slow-clients", "stream"),
    *("threads", "upload", "upstream", "wait-0ms", "wait-1ms", "wait-10ms", "wait-50ms", "wait-200ms"),
    *("websocket", "websocket-held"),
}


def test_all_that_was_promised_is_there() -> None:
    assert set(scenario_names()) == ASKED


@pytest.mark.parametrize("name", scenario_names())
def test_a_scenario_has_levels_and_says_what_it_needs_and_what_it_asks(name: str) -> None:
    scenario = built_in_scenario(name)
    assert scenario.name == name
    assert levels_of(scenario)
    slow = scenario.slow_clients
    needed = {"upload"} if slow and slow.request else set()
    assert set(scenario.needs) == needs_of([scenario], ours=True) | needed
    said = (Path(files.HERE) / f"{name}.toml").read_text()
    assert said.startswith("# "), "a comment says what it asks, and for whom"


@pytest.mark.parametrize("name", scenario_names())
def test_every_part_asks_what_the_contract_asks_or_names_what_must_come_back(name: str) -> None:
    scenario = built_in_scenario(name)
    for part in scenario.parts if scenario.kind is not ScenarioKind.WEBSOCKET else ():
        if part.expect.exchange is None:
            assert part.expect.text
        else:
            assert_like(EXCHANGES[part.expect.exchange], part, scenario)


def assert_like(exchange: Exchange, part: Part, scenario: Scenario) -> None:
    asked = (part.request.method, part.request.path, part.expect.status)
    assert asked == (exchange.method, exchange.target, exchange.status)
    assert exchange.body is not None, "held to the contract's own bytes"
    calls = scenario.upstream.calls if scenario.upstream else 0
    assert calls == exchange.upstream_calls
    # What the contract demands of one answer allows for a timer that fires a little early.
    assert 0 <= scenario.floor_ms - exchange.floor_ms <= TIMER_SLACK_MS


def test_an_uploads_answer_is_the_sum_over_what_was_sent() -> None:
    (part,) = built_in_scenario("upload").parts
    body = part.request.content
    assert len(body) == 1_000_000
    assert part.expect.text == f'"bytes":{len(body)},"crc32":{zlib.crc32(body)}'


def test_what_changes_something_is_asked_beforehand_only_where_the_file_says_so() -> None:
    asks = {name for name in scenario_names() if built_in_scenario(name).ask_first}
    assert asks == {"create", "order", "mixed", "upload"}
    assert all(built_in_scenario(name).provable for name in scenario_names())
    unsaid = built_in_scenario("create").model_copy(update={"ask_first": False})
    assert not unsaid.provable


def test_new_connections_and_slow_clients_carry_a_note_that_is_always_shown() -> None:
    noted = {name for name in scenario_names() if built_in_scenario(name).note}
    assert noted == {"new-connections", "slow-clients", "slow-bodies"}


def test_json_and_new_connections_differ_in_the_connection_alone() -> None:
    kept, new = (built_in_scenario(name).parts[0] for name in ("json", "new-connections"))
    assert new.request.headers == {"Connection": "close"}
    assert new.request.model_copy(update={"headers": {}}) == kept.request
    assert new.expect == kept.expect


def test_filling_has_the_length_that_was_asked_for() -> None:
    assert [filled(count) for count in (0, 1, 8, 11)] == [b"", b"s", b"sgibench", b"sgibenchsgi"]


def test_which_answers_are_orders() -> None:
    shares = {name: built_in_scenario(name).order_share for name in scenario_names()}
    assert {name: share for name, share in shares.items() if share} == {"order": 1, "mixed": 0.1}
    placed = [part for name in shares for part in built_in_scenario(name).parts if part.request.path == "/api/orders"]
    assert all(part.expect.order for part in placed)


@pytest.mark.parametrize("more", [{"needs": []}, {"needs": ["shop"], "kind": "cold-start"}])
def test_orders_are_in_the_shops_database(more: dict[str, object]) -> None:
    asked = {"name": "one", "title": "one", "request": {"path": "/"}, "load": {"concurrency": [1]}}
    with pytest.raises(ValueError, match=r'expect\.order takes needs = \["shop"\]'):
        Scenario.model_validate({**asked, "expect": {"order": True}, **more})
