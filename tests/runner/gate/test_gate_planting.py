"""What is planted around an app happens in each of its requests, and leaves its answers as they are."""

import asyncio
import sys
import time
from collections.abc import Iterable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import setup_testing_defaults

import pytest

from sgibench.apps.catalogue import APPS, Interface
from sgibench.apps.fastapi_app import app as fastapi_app
from sgibench.apps.flask_app import app as flask_app
from sgibench.apps.planting import Kept, Plant, asgi, spin, wsgi
from sgibench.runner.gate.planted_sides import APP, write_sides
from sgibench.runner.targets.interpreters import imported
from sgibench.runner.targets.probe_app import interface_of

from ...apps.asgi_calls import Call, Message

MIB = 2**20
LONG, SHORT = 200_000, 100


async def answers(scope: MutableMapping[str, Any], receive: object, send: object) -> None:
    """An app that does nothing."""


def ask_asgi(app: Any) -> list[Message]:
    call = Call(app, "GET", "/json")
    asyncio.run(call.run())
    return call.sent


def ask_wsgi(app: Any) -> tuple[str, bytes]:
    environ: dict[str, Any] = {"PATH_INFO": "/json"}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    body = b"".join(app(environ, lambda status, headers: statuses.append(status)))
    return statuses[0], body


def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return []


def test_a_planted_app_answers_as_it_does_without() -> None:
    plant = Plant(loops=10, await_ms=1, kept_mib=0.1, leak_bytes=10)
    assert ask_asgi(asgi(fastapi_app, plant)) == ask_asgi(fastapi_app)
    status, body = ask_wsgi(wsgi(flask_app, plant))
    assert (status, body) == ask_wsgi(flask_app)
    assert status.startswith("200")


def test_servers_see_what_a_planted_app_speaks() -> None:
    assert interface_of(asgi(fastapi_app, Plant())) == "asgi"
    assert interface_of(wsgi(flask_app, Plant())) == "wsgi"


def test_work_grows_with_the_loops_and_is_the_same_each_time() -> None:
    assert [spin(loops) for loops in (0, 1, 2)] == [1, 31, 962]

    def cpu_ns(loops: int) -> int:
        began = time.thread_time_ns()
        ask_wsgi(wsgi(nothing, Plant(loops=loops)))
        return time.thread_time_ns() - began

    # 2000 times the loops: ten times is far from what any machine makes of it.
    assert cpu_ns(LONG) > 10 * cpu_ns(SHORT)


def test_an_asgi_app_waits_without_keeping_others_waiting() -> None:
    async def waited() -> tuple[bool, float]:
        began = time.monotonic()
        call = asyncio.create_task(Call(asgi(answers, Plant(await_ms=30)), "GET", "/").run())
        await asyncio.sleep(0)
        others_go_on = not call.done()
        await call
        return others_go_on, time.monotonic() - began

    others_go_on, seconds = asyncio.run(waited())
    assert others_go_on
    assert seconds >= 0.029


def test_a_wsgi_app_waits() -> None:
    began = time.monotonic()
    ask_wsgi(wsgi(nothing, Plant(await_ms=30)))
    assert time.monotonic() - began >= 0.03


def test_what_is_kept_is_written_once_and_what_leaks_with_each_request() -> None:
    plant, of_asgi, of_wsgi = Plant(kept_mib=1.5, leak_bytes=1024), Kept(), Kept()
    for _ in range(3):
        ask_asgi(asgi(answers, plant, of_asgi))
    leaking = wsgi(nothing, plant, of_wsgi)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: ask_wsgi(leaking), range(40)))
    for kept, requests in ((of_asgi, 3), (of_wsgi, 40)):
        (once,) = kept.once
        assert once == b"\x5a" * (3 * MIB // 2)
        assert len({id(piece) for piece in kept.leaked}) == len(kept.leaked) == requests
        assert all(piece == b"\x5a" * 1024 for piece in kept.leaked)


def test_what_is_no_request_gets_no_plant() -> None:
    kept, seen = Kept(), []

    async def inner(scope: MutableMapping[str, Any], receive: object, send: object) -> None:
        seen.append(scope["type"])

    app: Any = asgi(inner, Plant(kept_mib=1, leak_bytes=10), kept)
    for kind in ("lifespan", "websocket"):
        asyncio.run(app({"type": kind}, None, None))
    assert seen == ["lifespan", "websocket"]
    assert (kept.once, kept.leaked) == ([], [])


@pytest.mark.parametrize("app", ["fastapi", "flask"])
def test_sides_can_be_imported_from_their_folders_each_with_its_own_plant(
    app: Literal["fastapi", "flask"], tmp_path: Path
) -> None:
    plant = Plant(loops=7, await_ms=2.5, kept_mib=10, leak_bytes=1024)
    base, head = write_sides(tmp_path / "sides", app, Plant(), plant)
    assert (base, head) == (tmp_path / "sides" / "base", tmp_path / "sides" / "head")
    assert "Plant(loops=0, await_ms=0.0, kept_mib=0.0, leak_bytes=0)" in (base / "planted.py").read_text()
    assert "Plant(loops=7, await_ms=2.5, kept_mib=10, leak_bytes=1024)" in (head / "planted.py").read_text()
    found = imported(sys.executable, APP, head)
    assert found.interface is Interface(APPS[app].interface)
    assert found.file == str((head / "planted.py").resolve())
