"""``bench load ws://…``: what it asks, what it says, and with which code it ends."""

import pytest

from sgibench.results.errors import UsageError
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.load.orders import WebSocketTalk
from sgibench.runner.load.request import RequestSpec, endpoint_of

from .lying_server import LyingServer, always, answer
from .test_load_command import bench_load, document
from .websocket_server import Heard, answering, echo


def test_the_document_is_as_for_http() -> None:
    heard: set[bytes] = set()

    def slow_echo(message: Heard) -> bytes:
        heard.add(message.payload)
        return echo(message)

    with LyingServer(answering(slow_echo)) as server:
        url = f"ws://127.0.0.1:{server.port}/ws?room=1"
        shape = ("--duration", "400ms", "--rate", "50", "--connections", "3", "--no-calibrate")
        seen = document(url, "--message", "héllo", *shape)
        assert seen["ledger"]["ok"] <= server.requests <= seen["ledger"]["sent"]
    assert heard == {"héllo".encode()}
    assert seen["url"] == url
    assert seen["connects"] == 3
    assert seen["ledger"]["scheduled"] == 20
    assert seen["response_time_ms"]["p50"] > 0


def test_a_server_that_does_not_upgrade_is_a_clear_finding() -> None:
    with LyingServer(always(answer())) as server:
        url = f"ws://127.0.0.1:{server.port}/"
        done = bench_load(url, "--duration", "200ms", "--connections", "2", "--no-calibrate")
    assert done.returncode == 3
    assert done.stderr == ""
    assert "INVALID" in done.stdout
    assert "no WebSocket here: the request to upgrade got status 200, expected 101; body: 'hello'" in done.stdout


def test_what_is_said_and_asked_is_what_was_meant() -> None:
    made = endpoint_of(RequestSpec("ws://127.0.0.1:8123/a b", headers=("Origin: http://shop",)))
    assert made.websocket == WebSocketTalk(b"sgibench", text=True)
    assert made.request == b"GET /a%20b HTTP/1.1\r\nHost: 127.0.0.1:8123\r\nOrigin: http://shop\r\n\r\n"
    said = endpoint_of(RequestSpec("ws://127.0.0.1/", message="{nonce}!")).websocket
    assert said == WebSocketTalk(b"sgibench-nonce--!", text=True)
    assert endpoint_of(RequestSpec("ws://127.0.0.1/", message="")).websocket == WebSocketTalk(b"", text=True)
    assert endpoint_of(RequestSpec("http://127.0.0.1/")).websocket is None


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (RequestSpec("wss://127.0.0.1/"), "wss is not supported"),
        (RequestSpec("http://127.0.0.1/", message="x"), "--message is for WebSockets"),
        (RequestSpec("ws://127.0.0.1/", method="POST"), "--method does not go with a ws:// URL"),
        (RequestSpec("ws://127.0.0.1/", body="x"), "--body does not go"),
        (RequestSpec("ws://127.0.0.1/", expect_status=101), "--expect-status does not go"),
        (RequestSpec("ws://127.0.0.1/", expect_text="x"), "--expect-text does not go"),
        (RequestSpec("ws://127.0.0.1/", headers=("Sec-WebSocket-Extensions: x",)), "belongs to the handshake"),
        (RequestSpec("ws://127.0.0.1/", headers=("connection: close",)), "belongs to the handshake"),
        (RequestSpec("ftp://127.0.0.1/"), "no http:// or ws:// URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_fit_together_is_refused(spec: RequestSpec, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        endpoint_of(spec)


def test_plain_locust_has_no_websocket_and_says_so() -> None:
    endpoint = endpoint_of(RequestSpec("ws://127.0.0.1/"))
    with pytest.raises(UsageError, match="Locust has no WebSocket"):
        LoadDriver.LOCUST.check(1, 0.0, (endpoint,))
    LoadDriver.ENGINE.check(1, 0.0, (endpoint,))
    done = bench_load("ws://127.0.0.1:1/", "--driver", "locust")
    assert done.returncode == 2
    assert "Locust has no WebSocket" in done.stderr
