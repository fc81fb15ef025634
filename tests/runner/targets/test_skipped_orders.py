"""Real servers that answer orders, and do not carry them out: what stands in their databases gives them away."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, Feature
from sgibench.apps.database.schema import PLENTY_ID
from sgibench.results.errors import TargetError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, Problem, ProblemCode, Trial
from sgibench.runner import background_work
from sgibench.runner.background_work import BackgroundWork
from sgibench.runner.load.orders import BlockReport, TurnOrder, TurnReport
from sgibench.runner.targets import bookkeeping
from sgibench.runner.targets.launch import App, LiveTarget, Target
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.services import ServiceOptions, Services
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.files import built_in_scenario

FOLDER = Path(__file__).parent
ORDER = built_in_scenario("order")
ORDERS = 12
LIARS = {
    "forgets_orders": r"(\d+) of its \d+ orders were still open 0\.5 s after the load, and \d+ items reserved",
    "invents_orders": f"({ORDERS}) right answers stand for {ORDERS} orders, and its database has 0 more",
}
HONEST = ("flask@gunicorn-gthread-1x4", "bare-asgi@uvicorn")


def a_target(name: str) -> Target:
    app, _, setup = name.partition("@")
    info = APPS[app]
    return Target(App(app, info.path, info.interface, APPS_ROOT, True, info.features), parse_setup(setup))


def a_liar(name: str) -> Target:
    app = App(name, f"lying_apps:{name}", "asgi", FOLDER, True, APPS["bare-asgi"].features)
    return Target(app, parse_setup("uvicorn-asyncio-h11"))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def lives(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, LiveTarget]]:
    """All launched side by side, and proven: no story orders what they lie about."""
    folder = tmp_path_factory.mktemp("orders")

    def log_path(name: str) -> Path:
        return folder / f"{name}.log"

    targets = [*map(a_liar, LIARS), *map(a_target, HONEST)]
    url = request.getfixturevalue("postgresql_server") if request.param == "postgresql" else None
    options = ServiceOptions(url).checked(targets)
    with Services.start({Feature.SHOP}, log_path, options) as services:
        launcher = TargetLauncher(log_path, (), (), "/", services=services)
        try:
            found = {}
            for outcome in launcher.start(targets, 1, 1):
                assert isinstance(outcome, LiveTarget), outcome
                found[outcome.target.app.name] = outcome
            for proof in launcher.prove(list(found.values()), [ORDER]):
                assert not isinstance(proof, TargetError), proof
            yield found
        finally:
            launcher.stop()


def problems(live: LiveTarget) -> list[Problem]:
    """What is found after a dozen orders, four at a time."""
    work = BackgroundWork(ORDER, [live])
    body = b'{"item_id":%d,"quantity":2}' % PLENTY_ID

    def order(_: int) -> int:
        return live.ask("/api/orders", "POST", 30, {"content-type": "application/json"}, body).status

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(order, range(ORDERS))) == {202}
    work.ended()
    ledger = Ledger(ORDERS, ORDERS, ok=ORDERS)
    turn = TurnReport(
        TurnOrder(0, 1.0, 0, 0), 0, 1.0, ledger, Histogram({}), None, None, Histogram({}), None, 0.0, 0, 0
    )
    trial = Trial(1, live.name, ORDER.name, Level(4), (), Histogram({}))
    (judged,) = work.judged([trial], BlockReport(1, (turn,), ORDERS, 0))
    # On a busy machine a server may be late with honest work.
    return [problem for problem in judged.problems if problem.code is not ProblemCode.BACKLOG]


@pytest.mark.parametrize("name", [name.partition("@")[0] for name in HONEST])
def test_who_carries_orders_out_has_nothing_to_fear(name: str, lives: dict[str, LiveTarget]) -> None:
    assert problems(lives[name]) == []
    books = lives[name].books(PLENTY_ID)
    assert books is not None
    assert (books.open, books.reserved) == (0, 0)
    assert books.taken >= 2 * ORDERS


@pytest.mark.parametrize("name", LIARS)
def test_who_answers_only_is_found_out(
    name: str, lives: dict[str, LiveTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_work, "DRAINED_WITHIN_S", 0.5)
    found = problems(lives[name])
    assert [problem.code for problem in found] == [ProblemCode.SKIPPED_WORK]
    said = re.match(LIARS[name], found[0].message)
    assert said, found[0].message
    assert int(said[1]) >= ORDERS


def test_without_a_driver_here_the_targets_interpreter_reads_the_books(
    lives: dict[str, LiveTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = lives["flask"]
    here = live.books(PLENTY_ID)
    monkeypatch.setattr(bookkeeping, "find_spec", lambda _name: None)
    assert here is not None
    assert live.books(PLENTY_ID) == here


def test_a_users_app_with_a_database_of_its_own_is_left_alone(
    lives: dict[str, LiveTarget], monkeypatch: pytest.MonkeyPatch
) -> None:
    live = lives["flask"]
    theirs = replace(live.target, app=replace(live.target.app, ours=False))
    assert LiveTarget(theirs, live.process, live.port).own_services == frozenset()
    monkeypatch.setenv("DATABASE_URL", "postgresql://theirs")
    own = LiveTarget(theirs, live.process, live.port)
    assert own.own_services == {"DATABASE_URL"}
    assert [problem.code for problem in problems(own)] == [ProblemCode.UNCHECKED]
    assert LiveTarget(live.target, live.process, live.port).own_services == frozenset(), "ours never see it"
