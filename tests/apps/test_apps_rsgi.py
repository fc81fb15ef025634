"""The bare RSGI application, behind Granian and called directly: bodies, streams, WebSockets, what comes after."""

import asyncio
import json
import socket
import sys
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import websocket

from sgibench.apps.bare_rsgi_app import app as shop
from sgibench.apps.catalogue import APPS
from sgibench.apps.contract import ECHO_PATH, MESSAGES
from sgibench.apps.database.aio import database

from ..runner.waiting import eventually
from .conftest import Running, closed_port, fresh_database, serve

MIB = 1 << 20
PATIENCE_S = 10


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def granian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, port, app = tmp_path_factory.mktemp("rsgi"), closed_port(), APPS["bare-rsgi"]
    command = (sys.executable, "-m", "granian", "--interface", "rsgi", "--port", str(port), app.path)
    with serve(app, folder, {"DATABASE_URL": fresh_database(folder)}, command) as started:
        running = started()
        # It says so a little before it does.
        assert eventually(lambda: listens(port))
        yield running
    log = (folder / "server.log").read_text()
    assert "Traceback" not in log, log
    assert "Shutting down" in log


def _highest_mib(pid: int) -> float:
    """The largest process of the tree, at its largest so far."""
    tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    statuses = [Path(f"/proc/{each}/status").read_text(encoding="utf-8") for each in tree]
    return max(int(line.split()[1]) for text in statuses for line in text.splitlines() if line[:6] == "VmHWM:") / 1024


def test_an_upload_is_never_held_as_a_whole(granian: Running) -> None:
    assert granian.ask("POST", "/upload", bytes(MIB)).status == 200
    before = _highest_mib(granian.pid)
    body = bytes(50 * MIB)
    reply = granian.ask("POST", "/upload", body)
    assert json.loads(reply.body) == {"bytes": len(body), "crc32": zlib.crc32(body)}
    assert _highest_mib(granian.pid) - before < 20


def test_bodies_are_read_where_they_are_wanted_and_only_there(granian: Running) -> None:
    item = b'{"name":"one","price":1}'
    assert granian.ask("POST", "/api/items", item).status == 201
    assert granian.ask("POST", "/nowhere", item).status == 404
    assert granian.ask("GET", "/json", item).status == 200


def test_every_message_comes_back_as_it_was_sent(granian: Running) -> None:
    talk = websocket.create_connection(f"ws://127.0.0.1:{granian.port}{ECHO_PATH}", timeout=20)
    for message in (*MESSAGES, b""):
        talk.send(message, websocket.ABNF.OPCODE_TEXT if isinstance(message, str) else websocket.ABNF.OPCODE_BINARY)
        assert talk.recv() == message
    talk.close()


def test_elsewhere_there_is_no_websocket(granian: Running) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        websocket.create_connection(f"ws://127.0.0.1:{granian.port}/nowhere", timeout=20)


def test_clients_that_leave_in_the_middle_do_no_harm(granian: Running) -> None:
    with ExitStack() as stack:
        for path in ("/stream?n=100000&ms=20", "/wait?ms=300"):
            rude = stack.enter_context(socket.create_connection(("127.0.0.1", granian.port)))
            rude.sendall(f"GET {path} HTTP/1.1\r\nHost: shop\r\n\r\n".encode())
            if path.startswith("/stream"):
                rude.recv(100)
        talk = websocket.create_connection(f"ws://127.0.0.1:{granian.port}{ECHO_PATH}", timeout=20)
        talk.shutdown()  # type: ignore[no-untyped-call]
    assert granian.ask("GET", "/wait?ms=350").status == 200


class Protocol:
    """One request, as Granian would pass it on."""

    def __init__(self, body: bytes = b"") -> None:
        self._body = body
        self.answered = asyncio.Event()
        self.streamed = asyncio.Event()
        self.gone = asyncio.Event()
        """To be set when the client is to close its connection."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._body

    async def client_disconnect(self) -> None:
        await self.gone.wait()

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.answered.set()

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> "Protocol":
        return self

    async def send_bytes(self, data: bytes) -> None:
        self.streamed.set()


async def _call(protocol: Protocol, method: str, path: str, query: str = "") -> None:
    scope = SimpleNamespace(proto="http", method=method, path=path, query_string=query)
    await shop.__rsgi__(scope, protocol)  # type: ignore[arg-type]


def test_an_order_is_answered_before_its_stock_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        protocol, taken = Protocol(b'{"item_id":1,"quantity":1}'), []

        async def order(item_id: int, quantity: int) -> int:
            return 7

        async def take_stock(order_id: int) -> None:
            taken.append((order_id, protocol.answered.is_set()))

        monkeypatch.setattr(database, "order", order)
        monkeypatch.setattr(database, "take_stock", take_stock)
        await _call(protocol, "POST", "/api/orders")
        assert taken == [(7, True)]

    asyncio.run(scene())


def test_a_stream_ends_when_nobody_reads_it_any_more() -> None:
    async def scene() -> None:
        protocol = Protocol()
        # It would last for hours.
        running = asyncio.create_task(_call(protocol, "GET", "/stream", "n=100000&ms=100"))
        await asyncio.wait_for(protocol.streamed.wait(), PATIENCE_S)
        protocol.gone.set()
        await asyncio.wait_for(running, PATIENCE_S)

    asyncio.run(scene())
