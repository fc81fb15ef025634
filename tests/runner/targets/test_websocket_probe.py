"""The WebSocket client of the proof: it gives back what came, and says what went wrong."""

import socket
import time

import pytest

from sgibench.runner.targets.websocket_probe import echo

from ..load.lying_server import Behaviour, LyingServer, Visit
from ..load.websocket_server import CLOSE, PING, PONG, TEXT, Heard, Talk, answering, granted, request_of, said, talking
from ..load.websocket_server import echo as echoed

MESSAGES: list[str | bytes] = ["sgibench", "", b"", bytes(range(256)), "商品不存在", "0123456789" * 7000, b"x" * 65_536]


def ask(behaviour: Behaviour, messages: list[str | bytes], timeout_s: float = 5.0) -> list[str | bytes]:
    with LyingServer(behaviour) as server:
        return echo(("127.0.0.1", server.port), b"GET /ws?x=1 HTTP/1.1\r\nX-Own: 1\r\n\r\n", messages, timeout_s)


def test_every_message_comes_back_in_order_and_of_its_own_type() -> None:
    assert ask(answering(echoed), MESSAGES) == MESSAGES


def test_what_comes_back_wrong_is_given_as_it_came() -> None:
    assert ask(answering(lambda heard: said(b"other", TEXT)), [b"one"]) == ["other"]


def test_fragments_pings_and_any_cut_are_taken() -> None:
    pongs: list[Heard] = []

    def behave(visit: Visit) -> None:
        request = request_of(visit)
        assert request.startswith(b"GET /ws?x=1 HTTP/1.1\r\nX-Own: 1\r\n")
        torn = said(b"he", final=False) + said(b"p", PING) + said(b"llo", 0)
        for byte in granted(request):
            visit.send(bytes((byte,)))
        here = Talk(visit, request)
        while (heard := here.hear()) is not None and heard.opcode != CLOSE:
            if heard.opcode == PONG:
                pongs.append(heard)
                continue
            for byte in torn:
                visit.send(bytes((byte,)))

    assert ask(behave, ["hello", "hello"]) == ["hello", "hello"]
    assert [heard.payload for heard in pongs] == [b"p", b"p"]


def test_goodbye_is_said() -> None:
    last: list[Heard] = []

    def talk(here: Talk) -> None:
        while (heard := here.hear()) is not None:
            last[:] = [heard]
            if heard.opcode != CLOSE:
                here.send(echoed(heard))

    ask(talking(talk), ["x"])
    assert (last[0].opcode, last[0].payload) == (CLOSE, b"\x03\xe8")


def no(data: bytes) -> Behaviour:
    def behave(visit: Visit) -> None:
        request_of(visit)
        visit.send(data)
        visit.linger()

    return behave


@pytest.mark.parametrize(
    ("behaviour", "error", "words"),
    [
        (no(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"), ValueError, "status 404, expected 101"),
        (no(b"HTTP/1.1 101 OK\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"), ValueError, "Accept"),
        (answering(lambda _: b"\xff"), ValueError, "reserved bits"),
        (answering(lambda _: said(b"\x03\xf3", CLOSE)), ConnectionError, "code 1011"),
        (talking(lambda here: None), ConnectionError, "closed the connection|reset"),
        (answering(lambda _: b""), TimeoutError, "timed out|too long"),
        (answering(lambda _: said(b"", PING)), TimeoutError, "timed out|too long"),
    ],
    ids=["no upgrade", "no accept", "no frame", "goodbye", "the end", "silence", "pings alone"],
)
def test_what_goes_wrong_is_an_error_that_says_what(behaviour: Behaviour, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask(behaviour, ["hello"], timeout_s=0.3)


def test_each_message_has_the_deadline_for_itself() -> None:
    def slow(here: Talk) -> None:
        while (heard := here.hear()) is not None and heard.opcode != CLOSE:
            time.sleep(0.4)
            here.send(echoed(heard))

    began = time.monotonic()
    assert ask(talking(slow), ["a", "b", "c", "d"], timeout_s=1.5) == ["a", "b", "c", "d"]
    assert time.monotonic() - began > 1.5, "together they take longer than one may"


def test_the_deadline_is_for_all_of_a_message_however_often_something_comes() -> None:
    def drip(here: Talk) -> None:
        here.message()
        for byte in said(b"hello" * 20):
            here.send(bytes((byte,)))
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(TimeoutError):
        ask(talking(drip), ["hello"], timeout_s=0.3)
    assert time.monotonic() - began < 4


def test_nobody_there_is_an_os_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(OSError, match="refused"):
        echo(("127.0.0.1", port), b"GET / HTTP/1.1\r\n\r\n", ["x"], 1.0)
