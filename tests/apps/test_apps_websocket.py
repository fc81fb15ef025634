"""The echo over WebSockets, behind uvicorn, as a client of somebody else's sees it."""

from collections.abc import Iterator

import pytest
import websocket

from sgibench.apps.catalogue import Feature
from sgibench.apps.contract import ECHO_PATH, MESSAGES

from .conftest import SERVED, Ask, Running

pytestmark = pytest.mark.parametrize(
    "app",
    [app for app in SERVED if Feature.WEBSOCKET in app.features],
    ids=lambda app: app.name,
    indirect=True,
    scope="session",
)


def _opened(running: Running, path: str = ECHO_PATH) -> websocket.WebSocket:
    return websocket.create_connection(f"ws://127.0.0.1:{running.port}{path}", timeout=20)


@pytest.fixture
def talk(running: Running) -> Iterator[websocket.WebSocket]:
    opened = _opened(running)
    yield opened
    opened.close()


def _send(talk: websocket.WebSocket, message: str | bytes) -> None:
    talk.send(message, websocket.ABNF.OPCODE_TEXT if isinstance(message, str) else websocket.ABNF.OPCODE_BINARY)


def test_every_message_comes_back_as_it_was_sent(talk: websocket.WebSocket) -> None:
    for message in MESSAGES:
        _send(talk, message)
        assert talk.recv() == message


def test_messages_that_are_sent_without_waiting_come_back_in_order(talk: websocket.WebSocket) -> None:
    messages = [str(number) if number % 2 else b"%d" % number for number in range(200)]
    for message in messages:
        _send(talk, message)
    assert [talk.recv() for _ in messages] == messages


def test_connections_do_not_hear_each_other(talk: websocket.WebSocket, running: Running) -> None:
    others = [_opened(running) for _ in range(20)]
    for number, other in enumerate(others):
        _send(other, f"of {number}")
    _send(talk, "of the first")
    assert talk.recv() == "of the first"
    assert [other.recv() for other in others] == [f"of {number}" for number in range(20)]
    for other in others:
        other.close()


def test_a_client_that_leaves_is_let_go_and_the_others_stay(
    talk: websocket.WebSocket, running: Running, ask: Ask
) -> None:
    polite, rude = _opened(running), _opened(running)
    polite.close()
    rude.shutdown()  # type: ignore[no-untyped-call]
    _send(talk, "still here")
    assert talk.recv() == "still here"
    assert ask("GET", "/json").status == 200


def test_elsewhere_there_is_no_websocket(running: Running, ask: Ask) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException):
        _opened(running, "/nowhere")
    assert ask("GET", "/json").status == 200
