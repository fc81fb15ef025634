"""What an event loop brings with it: who keeps whom waiting, what comes after the answer, what ends with the client."""

import asyncio
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from sgibench.apps.catalogue import AppInfo, Feature, Interface
from sgibench.apps.database.aio import database
from sgibench.apps.database.schema import prepare
from sgibench.apps.shop import TITLE
from sgibench.runner.targets.services import Upstream
from sgibench.runner.targets.upstream import UpstreamOptions

from ..runner.waiting import eventually
from .asgi_calls import Call, load
from .conftest import SERVED, Ask, serve

# Django's tasks and streams are tested with Django.
CALLED = [app for app in SERVED if app.interface is Interface.ASGI and not app.name.startswith("django")]
CALL_MS = 100
ORDER = b'{"item_id":1,"quantity":1}'
JSON = {"Content-Type": "application/json"}
PATIENCE_S = 10
TRIES = 5
UVICORN = (sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", "0", "--no-access-log")

SCHEMAS = {"fastapi": "/openapi.json", "litestar": "/schema/openapi.json"}
READ = (
    *("/", "/items/{item_id}", "/api/items", "/api/items/{item_id}"),
    *("/json", "/wait", "/cpu", "/blocking", "/threads", "/upstream", "/fan-out", "/stream"),
)
ROUTES = {path: {"get"} for path in READ} | {
    "/api/items": {"get", "post"},
    "/api/orders": {"post"},
    "/upload": {"post"},
}

each_app = pytest.mark.parametrize("served", CALLED, ids=lambda app: app.name)


def _meanwhile(ask: Ask, slow: str) -> list[float]:
    """What other requests took, in ms, one after the other until the slow one was answered."""
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(ask, "GET", slow)
        took = []
        while not pending.done():
            took.append(ask("GET", "/json").elapsed_ms)
        assert json.loads(pending.result().body) == {"waited_ms": 200}
        return took


@pytest.mark.parametrize(
    "app",
    [app for app in SERVED if Feature.BLOCKING in app.features],
    ids=lambda app: app.name,
    indirect=True,
    scope="session",
)
def test_only_a_coroutine_that_blocks_keeps_others_waiting(ask: Ask) -> None:
    # Somebody asks right after the wait began, and is answered right after its end.
    assert max(_meanwhile(ask, "/blocking?ms=200")) > 100
    # Several tries, as this machine itself may keep everybody waiting.
    assert any(len(_meanwhile(ask, "/threads?ms=200")) > 3 for _ in range(TRIES))
    assert any(len(_meanwhile(ask, "/wait?ms=200")) > 3 for _ in range(TRIES))


@pytest.mark.parametrize(
    "app", [app for app in SERVED if app.docs_path], ids=lambda app: app.name, indirect=True, scope="session"
)
def test_the_generated_docs_describe_every_route(app: AppInfo, ask: Ask) -> None:
    schema = json.loads(ask("GET", SCHEMAS[app.name]).body)
    assert schema["info"]["title"] == TITLE
    assert {path: set(methods) for path, methods in schema["paths"].items()} == ROUTES


@each_app
def test_an_order_is_answered_before_its_stock_is_taken(served: AppInfo, monkeypatch: pytest.MonkeyPatch) -> None:
    async def order(item_id: int, quantity: int) -> int:
        return 7

    async def scene() -> None:
        call = Call(load(served), "POST", "/api/orders", ORDER)
        answered, taken = asyncio.Event(), asyncio.Event()

        async def take_stock(order_id: int) -> None:
            await answered.wait()
            assert order_id == 7
            taken.set()

        monkeypatch.setattr(database, "order", order)
        monkeypatch.setattr(database, "take_stock", take_stock)
        running = asyncio.create_task(call.run())
        await asyncio.wait_for(call.complete.wait(), PATIENCE_S)
        assert call.status == 202
        answered.set()
        await asyncio.wait_for(taken.wait(), PATIENCE_S)
        call.gone.set()
        await asyncio.wait_for(running, PATIENCE_S)

    asyncio.run(scene())


@each_app
def test_a_stream_ends_when_nobody_reads_it_any_more(served: AppInfo) -> None:
    async def scene() -> None:
        # It would last for hours.
        call = Call(load(served), "GET", "/stream?n=100000&ms=100")
        running = asyncio.create_task(call.run())
        await asyncio.wait_for(call.begun.wait(), PATIENCE_S)
        call.gone.set()
        await asyncio.wait_for(running, PATIENCE_S)
        assert not call.complete.is_set()

    asyncio.run(scene())


@each_app
def test_an_upload_that_breaks_off_is_not_answered(served: AppInfo) -> None:
    async def scene() -> None:
        call = Call(load(served), "POST", "/upload", b"beginning", more=True)
        running = asyncio.create_task(call.run())
        await asyncio.sleep(0)
        call.gone.set()
        await asyncio.wait_for(asyncio.wait([running]), PATIENCE_S)
        assert call.sent == [] or call.status >= 400

    asyncio.run(scene())


@pytest.fixture(scope="module")
def slow_upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    service = Upstream(UpstreamOptions(median_ms=CALL_MS), tmp_path_factory.mktemp("upstream") / "upstream.log")
    yield service
    service.close()


@each_app
def test_it_opens_what_it_needs_closes_it_and_tells_only_its_own_errors(
    served: AppInfo, slow_upstream: Upstream, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/shop.db"
    services = {"DATABASE_URL": url, "UPSTREAM_URL": slow_upstream.url("any")}
    commands = {lifespan: (*UVICORN, "--lifespan", lifespan, served.path) for lifespan in ("on", "off")}
    logs = {lifespan: tmp_path / lifespan / "server.log" for lifespan in commands}
    with ExitStack() as stack:
        running = {
            lifespan: stack.enter_context(serve(served, tmp_path / lifespan, services, command))
            for lifespan, command in commands.items()
        }
        _tells_only_its_own_errors(running["on"]().ask, logs["on"])
        prepare(url)
        _calls_together_where_it_can(running["off"]().ask)
        assert [running[lifespan]().ask("GET", "/api/items/1").status for lifespan in commands] == [200, 200]
    for log in logs.values():
        _, ended, end = log.read_text().partition("Shutting down")
        assert ended
        assert "Finished server process" in end
        assert "Traceback" not in end
    assert "Traceback" not in logs["off"].read_text()


def _tells_only_its_own_errors(ask: Ask, log: Path) -> None:
    refused = [ask("GET", "/nowhere"), ask("DELETE", "/json"), ask("GET", "/wait?ms=x")]
    refused += [ask("POST", "/api/items", body, JSON) for body in (b"{}", b"{", b"")]
    assert all(400 <= reply.status < 500 for reply in refused)
    assert ask("GET", "/upstream").status == 200
    assert not any(word in log.read_text() for word in ("Traceback", "HTTP Request", "WARNING"))
    assert ask("GET", "/api/items/1").status == 500
    assert eventually(lambda: "there is no database at" in log.read_text())


def _calls_together_where_it_can(ask: Ask) -> None:
    # uvloop counts timers in whole milliseconds and may wake up to one early.
    assert ask("GET", "/fan-out?how=serial").elapsed_ms > 3 * (CALL_MS - 1)
    assert any(ask("GET", "/fan-out?how=together").elapsed_ms < 2 * CALL_MS for _ in range(TRIES))
