"""Messages over WebSockets: only the exact echo is right, in whatever frames it comes; all else has a name."""

import asyncio
import base64
import re
import threading
import time
from collections.abc import Callable

import pytest

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.orders import Endpoint, Expectation, TurnReport, WebSocketTalk

from .load_cases import block, carry_out, free_port, only_errors
from .lying_server import Behaviour, LyingServer, Visit
from .websocket_server import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Heard,
    Talk,
    answering,
    echo,
    granted,
    request_of,
    said,
    talking,
)

BOTH = pytest.mark.parametrize("rate_rps", [0.0, 300.0], ids=["closed", "open"])
SECONDS = 0.05
HELLO = b"hello \xe2\x82\xac"


def place(port: int, message: bytes = HELLO, *, text: bool = True, path: str = "/ws") -> Endpoint:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    return Endpoint("ws", "127.0.0.1", port, request, Expectation(), websocket=WebSocketTalk(message, text))


def turn_of(
    behaviour: Behaviour,
    rate_rps: float = 0.0,
    *,
    message: bytes = HELLO,
    text: bool = True,
    connections: int = 2,
    seconds: float = SECONDS,
    timeout_s: float = 2.0,
) -> TurnReport:
    """One turn, whose books and the server's must fit."""
    with LyingServer(behaviour) as server:
        work = block(
            place(server.port, message, text=text),
            seconds=seconds,
            connections=connections,
            rate_rps=rate_rps,
            timeout_s=timeout_s,
        )
        (report,) = carry_out(work)
    assert report.ledger.ok <= server.requests <= report.ledger.sent
    return report


@BOTH
@pytest.mark.parametrize(
    ("message", "text"),
    [
        (HELLO, True),
        (b"", True),
        (b"\x00\xff\x80", False),
        (b"a" * 125, True),
        (b"b" * 126, True),
        (b"c" * 65_535, False),
        (b"d" * 65_536, True),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else "text" if value else "binary",
)
def test_echoes_are_right(message: bytes, text: bool, rate_rps: float) -> None:
    opcodes: set[int] = set()

    def answer(heard: Heard) -> bytes:
        opcodes.add(heard.opcode)
        assert heard.payload == message
        return echo(heard)

    report = turn_of(answering(answer), rate_rps, message=message, text=text)
    assert report.ledger.errors == {}
    assert report.ledger.ok  # a busy machine drops most of what is due in so short a turn
    assert opcodes == {TEXT if text else BINARY}
    assert (report.response_time is not None) == bool(rate_rps)


def test_the_handshake_is_a_proper_one_with_a_key_and_a_mask_of_each_connection_s_own() -> None:
    requests: list[bytes] = []
    masks: list[set[bytes]] = []

    def talk(here: Talk) -> None:
        requests.append(here.request)
        masks.append(own := set())
        while (heard := here.message()) is not None:
            own.add(heard.mask)
            here.send(echo(heard))

    report = turn_of(talking(talk), connections=8)
    assert report.connects == len(requests) == 8
    assert report.ledger.errors == {}
    keys = [found[1] for request in requests if (found := re.search(rb"Sec-WebSocket-Key: (.*?)\r\n", request))]
    assert len(set(keys)) == 8
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}
    for request in requests:
        lines = request.split(b"\r\n")
        assert lines[0] == b"GET /ws HTTP/1.1"
        assert {b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13"} <= set(lines)
        assert not any(line.lower().startswith(b"sec-websocket-extensions") for line in lines)
    assert {len(own) for own in masks} == {1}, "one mask for each connection"
    assert len(set.union(*masks)) == 8


def test_an_echo_is_right_wherever_it_is_cut_and_in_whatever_fragments() -> None:
    """Every byte boundary of a fragmented echo with a ping in its middle, and of one with a long head."""
    message = "你好, ".encode() * 20
    whole = said(message)
    torn = said(message[:7], final=False) + said(b"?", PING) + said(b"", 0, final=False) + said(message[7:], 0)
    shapes = [(data, at) for data in (whole, torn) for at in range(1, len(data))]
    pongs: list[bytes] = []
    left = iter(shapes)

    def talk(here: Talk) -> None:
        while (heard := here.hear()) is not None and heard.opcode != CLOSE:
            if heard.opcode == PONG:
                pongs.append(heard.payload)
                continue
            here.visit.server.requests += 1
            data, at = next(left, (whole, 0))
            here.send(data[:at])
            time.sleep(0.0005 if at else 0)
            here.send(data[at:])

    report = turn_of(talking(talk), message=message, connections=1, seconds=0.9)
    assert report.ledger.errors == {}, report.first_error
    assert report.ledger.ok >= len(shapes), "not all shapes had their turn"
    assert pongs == [b"?"] * (len(torn) - 1)


def test_a_long_echo_comes_in_many_pieces() -> None:
    message = bytes(range(256)) * 4096
    report = turn_of(answering(echo), message=message, text=False, connections=1, seconds=0.2)
    assert report.ledger.errors == {}
    assert report.ledger.ok >= 1


def once(data: bytes) -> Behaviour:
    """Answer the first message of each connection with these bytes, and wait."""

    def talk(here: Talk) -> None:
        if here.message() is not None:
            here.send(data)
            here.visit.linger()

    return talking(talk)


def then(action: Callable[[Talk], object], data: bytes = b"") -> Behaviour:
    """Take one message of each connection, send these bytes, and do something."""

    def talk(here: Talk) -> None:
        if here.message() is not None:
            if data:
                here.send(data)
                time.sleep(0.002)
            action(here)

    return talking(talk)


ECHO = said(HELLO)
WRONG: dict[str, tuple[Behaviour, ErrorKind, str]] = {
    "another text": (once(said(b"jello")), ErrorKind.BODY, "another message than the echo: 'jello'"),
    "a longer one": (once(said(HELLO + b"!")), ErrorKind.BODY, "a message of 10 bytes or more, expected 9"),
    "one that only announces to be long": (once(said(b"x" * 70_000)[:10]), ErrorKind.BODY, "70,000 bytes or more"),
    "an empty one": (once(said(b"")), ErrorKind.BODY, "another message"),
    "the same as binary": (once(said(HELLO, BINARY)), ErrorKind.BODY, "a binary message, expected text"),
    "no UTF-8": (once(said(HELLO[:-1])), ErrorKind.MALFORMED, "not UTF-8"),
    "a mask": (once(b"\x81\x81\x00\x00\x00\x00h"), ErrorKind.MALFORMED, "masks"),
    "reserved bits": (once(b"\xc1" + ECHO[1:]), ErrorKind.MALFORMED, "reserved bits"),
    "an unknown kind": (once(b"\x83" + ECHO[1:]), ErrorKind.MALFORMED, "unknown kind 3"),
    "a length in long": (once(b"\x81\x7e\x00\x09" + HELLO), ErrorKind.MALFORMED, "the shortest"),
    "an end without a beginning": (once(said(HELLO, 0)), ErrorKind.MALFORMED, "no beginning"),
    "a message in a message": (once(said(b"h", final=False) + ECHO), ErrorKind.MALFORMED, "in the middle of another"),
    "a long ping": (once(said(b"x" * 126, PING)), ErrorKind.MALFORMED, "more than 125"),
    "plain HTTP": (once(b"HTTP/1.1 200 OK\r\n\r\n"), ErrorKind.MALFORMED, "reserved bits"),
    "twice at once": (once(ECHO * 2), ErrorKind.SURPLUS, "no echo of any"),
    "and the start of another": (once(ECHO + b"\x81"), ErrorKind.SURPLUS, "no echo of any"),
    "a goodbye": (once(said(b"\x03\xf3too bad", CLOSE)), ErrorKind.CLOSED, "with code 1011 ('too bad')"),
    "a silent goodbye": (once(said(b"", CLOSE)), ErrorKind.CLOSED, "with code none"),
    "a goodbye that nobody may say": (once(said(b"\x03\xed", CLOSE)), ErrorKind.MALFORMED, "code 1005"),
    "no answer": (once(b""), ErrorKind.TIMEOUT, "deadline"),
    "pings alone": (once(said(b"", PING)), ErrorKind.TIMEOUT, "deadline"),
    "a part": (once(ECHO[:-1]), ErrorKind.TIMEOUT, "deadline"),
    "a part and the end": (then(lambda here: None, ECHO[:-1]), ErrorKind.TRUNCATED, "in the middle"),
    "a fragment and the end": (then(lambda here: None, b"\x01" + ECHO[1:]), ErrorKind.TRUNCATED, "in the middle"),
    "the end": (then(lambda here: None), ErrorKind.CLOSED, "without a word"),
    "a reset": (then(lambda here: here.visit.reset()), ErrorKind.RESET, "reset"),
}
OPEN = ("another text", "a mask", "twice at once", "and the start of another", "a goodbye", "no answer", "a reset")


@pytest.mark.parametrize(("name", "rate_rps"), [*((name, 0.0) for name in WRONG), *((name, 300.0) for name in OPEN)])
def test_what_is_no_echo_has_a_kind_and_a_reason(name: str, rate_rps: float) -> None:
    behaviour, kind, reason = WRONG[name]
    report = turn_of(behaviour, rate_rps, timeout_s=0.05 if kind is ErrorKind.TIMEOUT else 5.0)
    assert report.ledger.ok == 0
    assert only_errors(report) == {kind}
    assert reason in report.first_error


def refusing(answer: Callable[[bytes], bytes], action: Callable[[Visit], object] = Visit.linger) -> Behaviour:
    """Answer the request to upgrade like this, and do something."""

    def behave(visit: Visit) -> None:
        if request := request_of(visit):
            visit.send(answer(request))
            action(visit)

    return behave


def without(pattern: bytes, instead: bytes = b"") -> Callable[[bytes], bytes]:
    return lambda request: re.sub(pattern, instead, granted(request))


FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno"
REFUSED: dict[str, tuple[Behaviour, ErrorKind, str]] = {
    "403": (refusing(lambda _: FORBIDDEN), ErrorKind.STATUS, "status 403, expected 101; body: 'no'"),
    "an ordinary page": (refusing(lambda _: b"HTTP/1.0 200 OK\r\n\r\nhi"), ErrorKind.STATUS, "status 200"),
    "another accept": (refusing(without(rb"Accept: ..", b"Accept: AA")), ErrorKind.MALFORMED, "Sec-WebSocket-Accept"),
    "no accept": (refusing(without(rb"Sec-WebSocket-Accept.*?\r\n")), ErrorKind.MALFORMED, "Sec-WebSocket-Accept"),
    "no upgrade": (refusing(without(rb"upgrade: WebSocket\r\n")), ErrorKind.MALFORMED, "something else"),
    "another protocol": (refusing(without(rb"upgrade: WebSocket", b"upgrade: h2c")), ErrorKind.MALFORMED, "else"),
    "a connection that stays": (refusing(without(rb"keep-alive, Upgrade", b"keep-alive")), ErrorKind.MALFORMED, "else"),
    "an extension": (
        refusing(lambda request: granted(request, b"Sec-WebSocket-Extensions: permessage-deflate\r\n")),
        ErrorKind.MALFORMED,
        "extension",
    ),
    "a subprotocol": (
        refusing(lambda request: granted(request, b"Sec-WebSocket-Protocol: chat\r\n")),
        ErrorKind.MALFORMED,
        "subprotocol",
    ),
    "a header that is none": (refusing(lambda request: granted(request, b"what\r\n")), ErrorKind.MALFORMED, "'what'"),
    "no HTTP": (refusing(lambda _: b"SSH-2.0-x\r\n"), ErrorKind.MALFORMED, "not HTTP/1"),
    "a head without end": (
        refusing(lambda _: b"HTTP/1.1 101 x\r\na: " + b"a" * 70_000),
        ErrorKind.MALFORMED,
        "not HTTP/1",
    ),
    "the end": (refusing(lambda _: b"", lambda visit: None), ErrorKind.CLOSED, "ended in the handshake"),
    "a part and the end": (refusing(lambda _: b"HTTP/1.1 1", lambda visit: None), ErrorKind.TRUNCATED, "handshake"),
    "a reset": (refusing(lambda _: b"", Visit.reset), ErrorKind.RESET, "ended in the handshake"),
    "silence": (refusing(lambda _: b""), ErrorKind.TIMEOUT, "no WebSocket to 127.0.0.1"),
}


@pytest.mark.parametrize(("name", "rate_rps"), [*((name, 0.0) for name in REFUSED), ("403", 300.0), ("silence", 300.0)])
def test_a_server_that_does_not_upgrade_is_told_by_how_it_refused(name: str, rate_rps: float) -> None:
    behaviour, kind, reason = REFUSED[name]
    report = turn_of(behaviour, rate_rps, timeout_s=0.05 if kind is ErrorKind.TIMEOUT else 5.0)
    assert report.ledger.ok == 0
    assert report.connects == 0
    assert only_errors(report) == {kind}
    assert reason in report.first_error


@BOTH
def test_nobody_there_is_a_connection_error(rate_rps: float) -> None:
    (report,) = carry_out(block(place(free_port()), seconds=SECONDS, rate_rps=rate_rps))
    assert only_errors(report) == {ErrorKind.CONNECT}


def test_an_interim_answer_and_frames_right_behind_the_upgrade_are_taken() -> None:
    pongs: list[bytes] = []

    def behave(visit: Visit) -> None:
        request = request_of(visit)
        visit.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
        for byte in granted(request) + said(b"hi", PING):
            visit.send(bytes((byte,)))
        here = Talk(visit, request)
        while (heard := here.hear()) is not None and heard.opcode != CLOSE:
            if heard.opcode == PONG:
                pongs.append(heard.payload)
            else:
                visit.server.requests += 1
                here.send(echo(heard))

    report = turn_of(behave, connections=1)
    assert report.ledger.errors == {}
    assert report.ledger.ok > 3
    assert pongs == [b"hi"]


def test_a_subprotocol_that_was_offered_may_be_chosen() -> None:
    with LyingServer(talking(lambda here: _echo_all(here), b"Sec-WebSocket-Protocol: chat\r\n")) as server:
        request = f"GET / HTTP/1.1\r\nHost: x:{server.port}\r\nSec-WebSocket-Protocol: news, chat\r\n\r\n".encode()
        here = Endpoint("ws", "127.0.0.1", server.port, request, Expectation(), websocket=WebSocketTalk(HELLO))
        (report,) = carry_out(block(here, seconds=SECONDS))
    assert report.ledger.errors == {}
    assert report.ledger.ok > 3


def _echo_all(here: Talk) -> None:
    while (heard := here.message()) is not None:
        here.send(echo(heard))


def test_held_connections_stay_open_and_take_turns() -> None:
    """A low rate over many connections: all stand all the time, and each gets its share, one after the other."""
    heard_by: list[int] = []

    def talk(here: Talk) -> None:
        while (heard := here.message()) is not None:
            heard_by.append(here.visit.number)
            here.send(echo(heard))

    with LyingServer(talking(talk)) as server:
        first, second = carry_out(
            block(place(server.port), seconds=0.2, connections=60, rate_rps=200, turns=2, timeout_s=5)
        )
        visits = server.visits
    assert visits == first.connects == 60
    assert second.connects == second.reopened == 0
    for report in (first, second):
        assert report.ledger.errors == {}
        assert report.ledger.dropped == 0
        assert report.ledger.ok == report.ledger.sent == 40
    assert len(set(heard_by[:40])) == 40, "a connection was asked again before all others were"


def test_goodbye_is_said_at_the_end() -> None:
    goodbyes: list[bytes] = []
    gone = threading.Event()

    def talk(here: Talk) -> None:
        while (heard := here.hear()) is not None:
            if heard.opcode == CLOSE:
                goodbyes.append(heard.payload)
                gone.set()
            else:
                here.send(echo(heard))

    with LyingServer(talking(talk)) as server:
        carry_out(block(place(server.port), seconds=SECONDS, connections=1))
        assert gone.wait(5)
    assert goodbyes == [b"\x03\xe8"]


def test_pings_between_turns_are_answered_and_a_goodbye_there_is_no_error() -> None:
    """As with HTTP: what the server closes while it is idle is opened again, and counted."""
    pongs: list[bytes] = []
    ponged = threading.Event()

    def talk(here: Talk) -> None:
        while (heard := here.hear()) is not None and heard.opcode != CLOSE:
            if heard.opcode == PONG:
                pongs.append(heard.payload)
                ponged.set()
            else:
                here.visit.server.requests += 1
                here.send(echo(heard))

    with LyingServer(talking(talk)) as server:

        class Pause:
            async def pass_turn(self, turn: int) -> int:
                if turn == 1:
                    server.say(said(b"idle?", PING))
                    server.say(said(b"\x03\xe9", CLOSE))
                    while not ponged.is_set():  # noqa: ASYNC110 - an event of another thread
                        await asyncio.sleep(0.001)
                    await asyncio.sleep(0.02)
                return 0

        work = block(place(server.port), seconds=SECONDS, connections=1, turns=2)
        first, second = carry_out(work, Pause())
    assert first.ledger.errors == second.ledger.errors == {}
    assert second.ledger.ok > 3
    assert pongs == [b"idle?"]
    assert first.connects + second.connects == 2
    assert second.reopened == 1


@BOTH
def test_a_goodbye_right_behind_an_echo_takes_nothing_from_it(rate_rps: float) -> None:
    report = turn_of(once(ECHO + said(b"\x03\xe8", CLOSE)), rate_rps)
    assert report.ledger.errors == {}
    assert report.ledger.ok > 3
    assert report.connects >= report.ledger.ok


def test_a_message_that_nobody_asked_for_is_surplus() -> None:
    def talk(here: Talk) -> None:
        while (heard := here.message()) is not None:
            here.send(echo(heard))
            time.sleep(0.005)
            here.send(said(b"news"))

    report = turn_of(talking(talk), 30.0, connections=1, seconds=0.2)
    assert only_errors(report) == {ErrorKind.SURPLUS}
    assert report.ledger.ok <= 1


@BOTH
def test_a_server_that_greets_first_does_not_echo(rate_rps: float) -> None:
    report = turn_of(talking(_echo_all, behind=said(b"welcome")), rate_rps, connections=1)
    assert report.ledger.ok == 0
    assert only_errors(report) <= {ErrorKind.BODY, ErrorKind.SURPLUS, ErrorKind.CONNECT}
    assert report.ledger.error_count > 0


@BOTH
def test_a_message_with_a_nonce_is_another_each_time(rate_rps: float) -> None:
    seen: list[bytes] = []

    def answer(heard: Heard) -> bytes:
        seen.append(heard.payload)
        return echo(heard)

    report = turn_of(answering(answer), rate_rps, message=b"<sgibench-nonce-->")
    assert report.ledger.errors == {}
    assert len(set(seen)) == len(seen) > 3
    assert all(re.fullmatch(rb"<[0-9a-f]{16}>", message) for message in seen)
    stale = turn_of(answering(lambda heard: said(b"<%016x>" % 1)), rate_rps, message=b"<sgibench-nonce-->")
    assert stale.ledger.ok == 0
    assert only_errors(stale) == {ErrorKind.BODY}


def test_the_rate_is_of_echoes_and_the_latency_of_each_message() -> None:
    def answer(heard: Heard) -> bytes:
        time.sleep(0.02)
        return echo(heard)

    report = turn_of(answering(answer), connections=3, seconds=0.3)
    assert report.ledger.errors == {}
    assert report.service_time.min_us >= 19_000
    assert report.ledger.ok <= 3 * (0.3 / 0.02 + 1)
