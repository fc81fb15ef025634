"""Whatever a WebSocket server says, in whatever pieces: the books balance, and nothing but the echo counts as right.

What is right is for wsproto to say.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol, Opcode, ParseFailed

from sgibench.results.ledger import Ledger
from sgibench.runner.load.orders import Endpoint, Expectation, WebSocketTalk

from .simulated import Door, End, Exchange, Played, PlayedServer, Reply, Wire, play
from .websocket_server import BINARY, CLOSE, PING, PONG, TEXT, granted, said

A_HUNDRED = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FIFTY = settings(A_HUNDRED, max_examples=50)
MESSAGE = "hé".encode()
ECHO = said(MESSAGE)
TORN = said(b"h\xc3", final=False) + said(b"?", PING) + said(b"", 0, final=False) + said(b"\xa9", 0)
VALID = [ECHO, TORN, said(b"", PING) + ECHO, ECHO + said(b"x", PONG), said(b"h", final=False) + said(MESSAGE[1:], 0)]
GOODBYE = said(b"\x03\xe8bye", CLOSE)
OTHER = [
    said(b"jello"),
    said(b"abc"),
    said(b""),
    said(MESSAGE, BINARY),
    said(MESSAGE[:2]),
    GOODBYE,
    said(b"\x03", CLOSE),
    ECHO + ECHO,
    ECHO + GOODBYE,
    ECHO + b"\x81",
    ECHO + b"\x8a\x05",
    said(MESSAGE, 0),
    b"\x81\x7e\x00\x03" + MESSAGE,
    b"\xc1" + ECHO[1:],
    b"HTTP/1.1 400 no\r\n\r\n",
]
SPLINTERS = [
    b"\x00",
    b"\x01",
    b"\x81",
    b"\x89\x00",
    b"\x8a",
    b"\x88",
    b"\x7e",
    b"\x7f",
    b"\xff",
    MESSAGE,
    said(b"a" * 125, PING),
]


@dataclass
class PlayedSockets(PlayedServer):
    """Upgrades, and then answers messages. What else the client says is only looked at."""

    upgrades: Sequence[bytes] = (b"",)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.numbers = iter(range(10**9))

    def take(self, wire: Wire, data: bytes) -> Reply:
        if data.startswith(b"GET "):
            return Reply((granted(data) + self.upgrades[next(self.numbers) % len(self.upgrades)],))
        if data[0] & 0x0F in (PONG, CLOSE):
            return Reply(())
        assert data[:2] == bytes((0x80 | TEXT, 0x80 | len(MESSAGE)))
        assert bytes(a ^ b for a, b in zip(data[6:], data[2:6], strict=False)) == MESSAGE
        self.requests += 1
        wire.exchanges.append(Exchange())
        return next(self.replies)


HERE = Endpoint(
    "/", "127.0.0.1", 80, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", Expectation(), websocket=WebSocketTalk(MESSAGE)
)


def rightness(line: Wire) -> Iterator[bool]:
    """Of each exchange of a connection, whether its echo and nothing else came, by another implementation."""
    reader = FrameProtocol(client=True, extensions=[])
    parts: list[str | bytes] = []
    sound = True
    for exchange in line.exchanges:
        messages: list[list[str | bytes]] = []
        reader.receive_bytes(exchange.received)
        try:
            for event in reader.received_frames():
                if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                    assert isinstance(event.payload, str | bytes | bytearray)
                    parts.append(event.payload if isinstance(event.payload, str) else bytes(event.payload))
                    if event.message_finished:
                        messages.append(parts)
                        parts = []
        except ParseFailed:
            sound = False
        whole = [part for message in messages for part in message if part]
        yield sound and len(messages) == 1 and "".join(map(str, whole)) == MESSAGE.decode()


def check_balance(played: Played) -> None:
    tally, ledger = played.turn.tally, played.ledger
    assert ledger.balanced, ledger
    assert tally.service.count == tally.service.histogram().count == ledger.ok
    assert tally.error_times.count == ledger.error_count
    if tally.scheduled is not None:
        assert tally.responses.count == ledger.ok
        assert tally.lags.count == ledger.sent
    assert tally.first_error or not ledger.error_count


def check_truth(server: PlayedServer, played: Played) -> None:
    check_balance(played)
    verdicts = [list(rightness(line)) for line in server.wires]
    assert played.ledger.ok <= sum(map(sum, verdicts))
    assert played.ledger.ok <= server.requests <= played.ledger.sent
    for verdict in verdicts:
        assert all(verdict[:-1]), "a connection went on behind a wrong answer"


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(VALID + OTHER))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 2]))
        data = data[:at] + draw(st.sampled_from([b"", *SPLINTERS, *VALID])) + data[at + cut :]
    return data


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> tuple[bytes, ...]:
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=4)))
    return tuple(piece for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if (piece := data[a:b]))


BYTES = st.one_of(st.sampled_from(VALID), damaged(), damaged(), st.binary(min_size=1, max_size=12)).filter(bool)
PAUSES_MS = st.sampled_from([0.0, 0.0, 0.2, 3.0, 30.0])


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    whole = st.lists(BYTES, min_size=1, max_size=3).map(tuple)
    pieces = draw(st.one_of(in_pieces(draw(BYTES)), whole, st.just(())))
    return Reply(pieces, draw(PAUSES_MS), draw(st.sampled_from([End.KEPT, End.KEPT, End.CLOSED, End.RESET])))


SCRIPTS = st.lists(replies(), min_size=1, max_size=5)
RATES = st.sampled_from([0.0, 4000.0])


@A_HUNDRED
@given(SCRIPTS, RATES, st.booleans())
@example([Reply((ECHO, ECHO))], 0.0, True)
@example([Reply((ECHO, ECHO), 0.2)], 1000.0, True)
@example([Reply((TORN[:5], TORN[5:] + b"\x8a"))], 0.0, True)
@example([Reply((ECHO + b"\x01",), 0.2)], 1000.0, False)
@example([Reply((ECHO + GOODBYE,))], 0.0, True)
@example([Reply((GOODBYE,))], 1000.0, True)
@example([Reply((said(b"abc") + GOODBYE,))], 0.0, True)
@example([Reply((ECHO + b"\x8a\x05",)), Reply((ECHO,))], 0.0, True)
def test_nothing_is_taken_for_an_echo_that_is_none(script: Sequence[Reply], rate_rps: float, drain: bool) -> None:
    server = PlayedSockets(script)
    (played,) = play(server, Expectation(), rate_rps=rate_rps, drain=drain, here=HERE)
    check_truth(server, played)


@pytest.mark.parametrize("rate_rps", [0.0, 4000.0])
@pytest.mark.parametrize("data", OTHER, ids=range(len(OTHER)))
def test_each_of_them_alone_is_judged_as_another_implementation_does(data: bytes, rate_rps: float) -> None:
    server = PlayedSockets([Reply((data,))])
    (played,) = play(server, Expectation(), rate_rps=rate_rps, here=HERE)
    check_truth(server, played)


@FIFTY
@given(st.data(), st.lists(st.sampled_from(VALID), min_size=1, max_size=4), RATES)
def test_echoes_count_wherever_they_are_cut(data: st.DataObject, echoes: list[bytes], rate_rps: float) -> None:
    script = [Reply(data.draw(in_pieces(echo)), data.draw(st.sampled_from([0.0, 0.2]))) for echo in echoes]
    server = PlayedSockets(script)
    (played,) = play(server, Expectation(), rate_rps=rate_rps, seconds=0.004, here=HERE)
    check_truth(server, played)
    assert played.ledger.errors == {}
    assert played.ledger.ok == played.ledger.sent == server.requests > 2


@FIFTY
@given(
    SCRIPTS,
    SCRIPTS | st.just([]),
    st.lists(st.sampled_from([Door.OPEN, Door.OPEN, Door.REFUSED, Door.SILENT]), min_size=1, max_size=5),
    st.lists(st.sampled_from([b"", b"", ECHO, said(b"", PING), GOODBYE, b"\x8a"]), min_size=1, max_size=3),
    RATES,
    st.booleans(),
)
def test_the_books_balance_whatever_becomes_of_connections_and_in_every_turn(
    script: Sequence[Reply],
    later: Sequence[Reply],
    doors: Sequence[Door],
    upgrades: Sequence[bytes],
    rate_rps: float,
    drain: bool,
) -> None:
    server = PlayedSockets(script, doors, later=later, upgrades=upgrades)
    turns = play(server, Expectation(), rate_rps=rate_rps, drain=drain, turns=3, connections=3, here=HERE)
    for played in turns:
        check_balance(played)
    ledger = Ledger.total(played.ledger for played in turns)
    assert ledger.ok <= server.requests <= ledger.sent, "a message was sent twice"


@FIFTY
@given(
    st.lists(
        st.sampled_from([b"HTTP/1.1 101 x\r\n\r\n", b"HTTP/1.1 403 no\r\n\r\n", b"SSH-2.0", b"HTTP/1", b""]),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from([End.KEPT, End.CLOSED, End.RESET]),
    RATES,
    st.booleans(),
)
def test_the_books_balance_when_nobody_upgrades(
    answers: Sequence[bytes], end: End, rate_rps: float, drain: bool
) -> None:
    @dataclass
    class Refusing(PlayedServer):
        def take(self, wire: Wire, data: bytes) -> Reply:
            assert data.startswith(b"GET ")
            return next(self.replies)

    server = Refusing([Reply((answer,) if answer else (), 0.2, end) for answer in answers])
    for played in play(server, Expectation(), rate_rps=rate_rps, drain=drain, turns=2, seconds=0.01, here=HERE):
        check_balance(played)
        assert played.ledger.ok == 0
        assert "connect" not in played.ledger.errors
