"""A target proves its answers before it is measured, and one that lies in a single point is found out."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, Feature
from sgibench.apps.contract import CONTRACT
from sgibench.results.errors import TargetError
from sgibench.runner.load.orders import Expectation
from sgibench.runner.locustfile import LocustScenario
from sgibench.runner.targets.checking import Conformity
from sgibench.runner.targets.launch import App, LiveTarget, Target
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.needs import needs_of, required_by
from sgibench.runner.targets.services import ServiceOptions, Services
from sgibench.runner.targets.setups import parse_setup
from sgibench.runner.targets.upstream import UpstreamOptions
from sgibench.scenarios.files import built_in_scenario, scenario_names
from sgibench.scenarios.model import Expect, Load, Part, Request, Scenario

FOLDER = Path(__file__).parent
LIES = {
    "never_calls": "upstream: it called the upstream 0 times, not 1",
    "calls_once": "fan-out-serial: it called the upstream 0 times, not 3",
    "oversells": "order-too-many (POST /api/orders): the status is 202, not 400",
    "leaves_orders_open": "order-then-stock-falls: of its item the database has 0 in stock, 0 reserved, 2 orders open",
    "streams_at_the_end": "the first piece of the body came after",
    "echoes_bytes": "WebSocket /ws: message 1 came back as b'sgibench', not 'sgibench'",
    "rounds": "json (GET /json): the body",
}
EVERYTHING = Scenario(
    name="everything",
    title="everything",
    needs=[feature.value for feature in (Feature.SHOP, Feature.UPSTREAM, Feature.STREAM, Feature.WEBSOCKET)],
    request=Request(path="/wait?ms=0"),
    load=Load(concurrency=[1]),
)


OF_USERS = {"locustfile": "x.py", "held": False, "paced": False}


def asked(path: str, **more: object) -> Scenario:
    return Scenario.model_validate(
        {"name": "one", "title": "one", "request": {"path": path}, "load": {"concurrency": [1]}, **more}
    )


def a_liar(name: str) -> Target:
    app = App(name, f"lying_apps:{name}", "asgi", FOLDER, True, APPS["bare-asgi"].features)
    return Target(app, parse_setup("uvicorn-asyncio-h11"))


def honest(setup: str = "uvicorn") -> Target:
    info = APPS["bare-asgi"]
    return Target(App(info.name, info.path, info.interface, APPS_ROOT, True, info.features), parse_setup(setup))


@pytest.fixture(scope="module")
def launcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TargetLauncher]:
    folder = tmp_path_factory.mktemp("checking")

    def log_path(name: str) -> Path:
        return folder / f"{name}.log"

    with Services.start(frozenset(Feature), log_path, ServiceOptions(upstream=UpstreamOptions(1))) as services:
        made = TargetLauncher(log_path, (), (), "/", services=services)
        yield made
        made.stop()


@pytest.fixture(scope="module")
def lives(launcher: TargetLauncher) -> dict[str, LiveTarget]:
    found = {}
    for outcome in launcher.start([*map(a_liar, (*LIES, "remembers")), honest()], 1, 1):
        assert isinstance(outcome, LiveTarget), outcome
        found[outcome.target.app.name] = outcome
    return found


@pytest.fixture(scope="module")
def outcomes(launcher: TargetLauncher, lives: dict[str, LiveTarget]) -> dict[str, Conformity | TargetError]:
    return dict(zip(lives, launcher.prove(list(lives.values()), [EVERYTHING]), strict=True))


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found_out(name: str, outcomes: dict[str, Conformity | TargetError]) -> None:
    outcome = outcomes[name]
    assert isinstance(outcome, TargetError)
    assert f"{name}@uvicorn-asyncio-h11 answers wrongly: " in outcome.message
    assert LIES[name] in outcome.message


def test_an_honest_app_is_held_to_its_own_bodies(outcomes: dict[str, Conformity | TargetError]) -> None:
    outcome = outcomes["bare-asgi"]
    assert isinstance(outcome, Conformity)
    assert outcome.expectations == {"everything": (Expectation(200),)}


def proven(launcher: TargetLauncher, live: LiveTarget, *scenarios: Scenario) -> Conformity:
    (outcome,) = launcher.prove([live], scenarios)
    assert isinstance(outcome, Conformity), outcome
    return outcome


def test_a_mix_has_an_expectation_for_each_part(launcher: TargetLauncher, lives: dict[str, LiveTarget]) -> None:
    proof = proven(launcher, lives["bare-asgi"], built_in_scenario("mixed"))
    expectations = proof.expectations["mixed"]
    assert len(expectations) == len(built_in_scenario("mixed").mix)
    bodies = [expect.body for expect in expectations if expect.body is not None]
    assert any(body.startswith(b"<!") for body in bodies)
    assert {expect.status for expect in expectations} == {200, 201, 202}
    assert 0 < proof.service_s["mixed"] < 5


@pytest.mark.parametrize("name", ["json", "order", "upload", "stream", "websocket", "upstream"])
def test_every_kind_of_scenario_is_asked_and_timed(
    name: str, launcher: TargetLauncher, lives: dict[str, LiveTarget]
) -> None:
    proof = proven(launcher, lives["bare-asgi"], built_in_scenario(name))
    assert len(proof.expectations[name]) == 1
    assert 0 < proof.service_s[name] < 5


def talking(**request: object) -> Scenario:
    return asked("", kind="websocket", message={"text": "hello {nonce}"}, request=request)


def test_a_websocket_is_proven_with_the_scenarios_own_headers_and_nonces(
    launcher: TargetLauncher, lives: dict[str, LiveTarget]
) -> None:
    own = {"path": "/say", "headers": {"X-Token": "secret", "X-Nonce": "{nonce}"}}
    proof = proven(launcher, lives["remembers"], talking(**own))
    assert 0 < proof.service_s["one"] < 5
    (outcome,) = launcher.prove([lives["remembers"]], [talking(path="/say")])
    assert isinstance(outcome, TargetError)
    assert "broke off its WebSocket at /say" in outcome.message


def test_what_a_target_cannot_do_is_not_asked_of_it(launcher: TargetLauncher, lives: dict[str, LiveTarget]) -> None:
    live = lives["bare-asgi"]
    without = frozenset({Feature.SHOP})
    mute = LiveTarget(replace(live.target, app=replace(live.target.app, features=without)), live.process, live.port)
    proof = proven(launcher, mute, built_in_scenario("json"), built_in_scenario("websocket"))
    assert set(proof.expectations) == {"json"}


def test_a_wrong_answer_to_a_part_of_a_mix_is_found_out(launcher: TargetLauncher, lives: dict[str, LiveTarget]) -> None:
    parts = [Part(request=Request(path="/json")), Part(request=Request(path="/json"), expect=Expect(text="absent"))]
    mix = Scenario(name="mix", title="mix", mix=parts, load=Load(concurrency=[1]))
    (outcome,) = launcher.prove([lives["bare-asgi"]], [mix])
    assert isinstance(outcome, TargetError)
    assert "the expected text 'absent' is not in the body: " in outcome.message
    assert not lives["bare-asgi"].process.running  # so this comes last of what asks it


def test_the_default_suites_scenarios_need_no_services() -> None:
    scenarios = [built_in_scenario("json"), built_in_scenario("wait-50ms"), built_in_scenario("cpu")]
    assert needs_of(scenarios, ours=True) == frozenset()


@pytest.mark.parametrize(
    ("path", "feature"),
    [
        ("/api/items", Feature.SHOP),
        ("/api/items/17", Feature.SHOP),
        ("/items/2?x=1", Feature.SHOP),
        ("/", Feature.SHOP),
        ("/upstream", Feature.UPSTREAM),
        ("/fan-out?how=serial", Feature.UPSTREAM),
        ("/ws", Feature.WEBSOCKET),
    ],
)
def test_paths_of_our_apps_tell_what_they_need(path: str, feature: Feature) -> None:
    assert required_by(asked(path), ours=True) == {feature}
    assert required_by(asked(path), ours=False) == frozenset()


def test_the_users_of_a_locustfile_may_ask_our_apps_for_anything() -> None:
    scenario = LocustScenario.model_validate({**asked("/json").model_dump(), **OF_USERS})
    assert needs_of([scenario], ours=True) == {Feature.SHOP, Feature.UPSTREAM}
    assert needs_of([scenario], ours=False) == frozenset()


def test_the_built_in_scenarios_say_what_they_need() -> None:
    for name in scenario_names():
        scenario = built_in_scenario(name)
        assert required_by(scenario, ours=True) == set(map(Feature, scenario.needs)), name


def test_every_exchange_that_a_scenario_names_is_in_the_contract() -> None:
    known = {exchange.name for exchange in CONTRACT}
    parts = [(name, part) for name in scenario_names() for part in built_in_scenario(name).parts]
    assert [(name, part.expect.exchange) for name, part in parts if part.expect.exchange not in {None, *known}] == []
