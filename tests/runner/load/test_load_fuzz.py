"""Whatever a server sends, in whatever pieces: the books balance, nothing wrong counts as right, and turns end."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sgibench.results.errors import LoadError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import ErrorKind, Ledger
from sgibench.runner.load import wire
from sgibench.runner.load.checks import judge
from sgibench.runner.load.connection import Connection
from sgibench.runner.load.orders import (
    Arrival,
    Block,
    BlockReport,
    Endpoint,
    Expectation,
    Part,
    SlowClients,
    SlowReport,
    TurnOrder,
    TurnReport,
    WebSocketTalk,
)
from sgibench.runner.load.pool import Lane

from .simulated import Door, End, Exchange, Played, PlayedServer, Reply, play
from .strict_http import NotOneAnswerError, keeps_connection, read_answer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
VALID = [
    OK + b"content-length: 5\r\n\r\nhello",
    OK + b"Content-Length: 5\r\nServer: x\r\nConnection: keep-alive\r\n\r\nhello",
    OK + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n",
    OK + CHUNKED + b"\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nx-sum: 1\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: 5\r\n\r\nhello",
    b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello",
]
CLOSING = OK + b"content-length: 5\r\nconnection: close\r\n\r\nhello"
LONGER = OK + CHUNKED + b"\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 5\r\n\r\nhello"
JELLO = OK + b"content-length: 5\r\n\r\njello"
EMPTY = OK + b"content-length: 0\r\n\r\n"
OTHER = [
    CLOSING,
    LONGER,
    NO_CONTENT,
    BUSY,
    JELLO,
    EMPTY,
    b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    OK + b"content-length: 7\r\n\r\nhello\r\n",
    OK + b"\r\nhello",
    b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
]
# What tears framing apart when it turns up in the wrong place.
SPLINTERS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"0\r\n\r\n", b"0", b"5", b"\x00", b" ", b":", b"HTTP/1.1 200 OK\r\n",
    b"content-length: 5\r\n", b"content-length: 4\r\n", b"Content-Length: +5\r\n", b"transfer-encoding: chunked\r\n",
    b"transfer-encoding: gzip\r\n", b"connection: close\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"ffffffffffffffff\r\n",
    b"x-long: " + b"a" * 70_000 + b"\r\n", b" folded\r\n",
]  # fmt: skip

EXPECTATIONS = [
    Expectation(200, b"hello"),
    Expectation(200, contains=b"ell"),
    Expectation(200),
    Expectation(204),
    Expectation(200, b"hello\r\n"),
]
KNOWN_BODY = Expectation(200, b"hello")

A_HUNDRED = settings(max_examples=100, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer that splinters were put into, pieces were cut out of, and others were spliced onto."""
    data = draw(st.sampled_from(VALID + OTHER))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        cut = draw(st.sampled_from([0, 0, 1, 2, 7]))
        put = draw(st.sampled_from([b"", *SPLINTERS, *VALID]) | st.binary(max_size=4))
        data = data[:at] + put + data[at + cut :]
    return data


BYTES = st.one_of(st.sampled_from(VALID), damaged(), damaged(), st.binary(min_size=1, max_size=60)).filter(bool)
PAUSES_MS = st.sampled_from([0.0, 0.0, 0.2, 3.0, 30.0])
ENDS = st.sampled_from([End.KEPT, End.KEPT, End.CLOSED, End.RESET])


@st.composite
def in_pieces(draw: st.DrawFn, data: bytes) -> tuple[bytes, ...]:
    """The same bytes, cut at arbitrary places."""
    cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=4)))
    return tuple(piece for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if (piece := data[a:b]))


@st.composite
def replies(draw: st.DrawFn, of: st.SearchStrategy[bytes] = BYTES) -> Reply:
    whole = st.lists(of, min_size=1, max_size=3).map(tuple)
    pieces = draw(st.one_of(in_pieces(draw(of)), whole, st.just(())))
    return Reply(pieces, draw(PAUSES_MS), draw(ENDS))


SCRIPTS = st.lists(replies(), min_size=1, max_size=5)
RATES = st.sampled_from([0.0, 4000.0])


def is_right(exchange: Exchange, expect: Expectation) -> bool:
    try:
        status, body = read_answer(exchange.received, ended=exchange.ended)
    except NotOneAnswerError:
        return False
    return judge(expect, status, body) is None


def check_balance(played: Played) -> None:
    tally, ledger = played.turn.tally, played.ledger
    assert ledger.balanced, ledger
    assert tally.service.count == tally.service.histogram().count == ledger.ok
    assert tally.error_times.count == ledger.error_count
    if tally.scheduled is not None:
        assert tally.responses.count == ledger.ok
        assert tally.lags.count == ledger.sent
    assert tally.first_error or not ledger.error_count


def check_truth(server: PlayedServer, expect: Expectation, played: Played) -> None:
    check_balance(played)
    right = sum(is_right(exchange, expect) for wire in server.wires for exchange in wire.exchanges)
    assert played.ledger.ok <= right
    assert played.ledger.ok <= server.requests <= played.ledger.sent
    for line in server.wires:
        for exchange in line.exchanges[:-1]:
            assert is_right(exchange, expect), "a connection went on behind a wrong answer"
            assert keeps_connection(exchange.received), "a connection went on that was to be closed"


@A_HUNDRED
@given(SCRIPTS, st.sampled_from(EXPECTATIONS), RATES, st.booleans())
@example([Reply((b"\r\n" + VALID[0],))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[0], b"\r\n"))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[0], b"\r\n"), 0.2)], KNOWN_BODY, 1000.0, True)
@example([Reply((VALID[0] + b"\r",))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[2] + b"\n",))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[2][:30], VALID[2][30:] + b"\n"))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[0].replace(b"/1.1", b"/2.0"),))], KNOWN_BODY, 0.0, True)
@example([Reply((NO_CONTENT + b"\n",))], Expectation(204), 0.0, True)
@example([Reply((VALID[0] + NO_CONTENT,))], KNOWN_BODY, 0.0, True)
@example([Reply((VALID[0] + b"HTTP/1.1 2",))], KNOWN_BODY, 0.0, True)
@example([Reply((LONGER,))], KNOWN_BODY, 0.0, True)
@example([Reply((CLOSING,))], KNOWN_BODY, 0.0, True)
@example([Reply((CLOSING,))], Expectation(200, contains=b"ell"), 0.0, True)
def test_no_bytes_are_taken_for_a_right_answer_that_are_none(
    script: Sequence[Reply], expect: Expectation, rate_rps: float, drain: bool
) -> None:
    server = PlayedServer(script)
    (played,) = play(server, expect, rate_rps=rate_rps, drain=drain)
    check_truth(server, expect, played)


@A_HUNDRED
@given(st.data(), st.lists(st.sampled_from(VALID), min_size=1, max_size=4), RATES)
def test_right_answers_count_wherever_they_are_cut(data: st.DataObject, answers: list[bytes], rate_rps: float) -> None:
    script = [Reply(data.draw(in_pieces(answer)), data.draw(st.sampled_from([0.0, 0.2]))) for answer in answers]
    server = PlayedServer(script)
    (played,) = play(server, KNOWN_BODY, rate_rps=rate_rps, seconds=0.004)
    check_truth(server, KNOWN_BODY, played)
    assert played.ledger.errors == {}
    assert played.ledger.ok == played.ledger.sent == server.requests > 2


class Unrepeated(Connection):
    """A connection that parses and checks every single answer."""

    __slots__ = ()

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane)
        self.repeats = False
        self.want_body = None
        self.any_body = False


@A_HUNDRED
@given(SCRIPTS, st.sampled_from(EXPECTATIONS), RATES)
@example([Reply((VALID[0],)), Reply((VALID[0][:20], VALID[0][20:])), Reply((VALID[0] + VALID[0],))], KNOWN_BODY, 0.0)
def test_answers_that_are_recognised_are_judged_as_if_they_had_been_parsed(
    script: Sequence[Reply], expect: Expectation, rate_rps: float
) -> None:
    fast, slow = PlayedServer(script), PlayedServer(script)
    (one,) = play(fast, expect, rate_rps=rate_rps)
    (other,) = play(slow, expect, rate_rps=rate_rps, connection_class=Unrepeated)
    assert fast.seen == slow.seen
    assert one.ledger == other.ledger
    assert one.turn.tally.service.histogram() == other.turn.tally.service.histogram()
    assert one.turn.tally.error_times.histogram() == other.turn.tally.error_times.histogram()


@A_HUNDRED
@given(
    SCRIPTS,
    SCRIPTS | st.just([]),
    st.lists(st.sampled_from([Door.OPEN, Door.OPEN, Door.REFUSED, Door.SILENT]), min_size=1, max_size=5),
    st.sampled_from([b"", b"", VALID[0], b"\r\n"]),
    st.sampled_from(["GET", "HEAD", "POST"]),
    RATES,
    st.booleans(),
)
@example([Reply((VALID[0],))], [Reply((), 0.0, End.CLOSED)], [Door.OPEN], b"", "POST", 0.0, True)
@example([Reply((VALID[0],))], [Reply((), 0.2, End.RESET)], [Door.OPEN], b"", "GET", 1000.0, True)
def test_the_books_balance_whatever_becomes_of_connections_and_in_every_turn(
    script: Sequence[Reply],
    later: Sequence[Reply],
    doors: Sequence[Door],
    early: bytes,
    method: str,
    rate_rps: float,
    drain: bool,
) -> None:
    server = PlayedServer(script, doors, early, later)
    turns = play(server, KNOWN_BODY, rate_rps=rate_rps, drain=drain, method=method, turns=3, connections=3)
    for played in turns:
        check_balance(played)
    ledger = Ledger.total(played.ledger for played in turns)
    again = sum(played.turn.tally.reopened for played in turns)
    assert ledger.ok <= server.requests <= ledger.sent + again
    if method == "POST":
        assert server.requests <= ledger.sent, "a POST was sent twice"


def test_the_second_opinion_knows_right_from_wrong() -> None:
    for data in VALID:
        assert read_answer(data) == (200, b"hello")
        for cut in range(len(data)):
            with pytest.raises(NotOneAnswerError):
                read_answer(data[:cut])
        for surplus in (b"\r", b"\n", b"x", data):
            with pytest.raises(NotOneAnswerError):
                read_answer(data + surplus)
    assert read_answer(OK + b"\r\nhello", ended=True) == (200, b"hello")


# Lines between processes

NO_TIMES = Histogram({})
ORDER = TurnOrder(0, 1.0, 0, 0)
COUNTS = Ledger(3, 3, 0, 2, 0, {"reset": 1})
TURN = TurnReport(ORDER, 1, 1.0, COUNTS, NO_TIMES, NO_TIMES, None, NO_TIMES, None, 0.1, 1, 0)
PLACE = Endpoint("/", "127.0.0.1", 1, b"GET", KNOWN_BODY)
RICH = replace(
    PLACE, body=b"x" * 40_000, mix=(Part(1, b"GET", KNOWN_BODY),), websocket=WebSocketTalk(b"x"), slow=SlowClients(1)
)
BLOCK = Block(1, (PLACE, RICH), Arrival(2), (ORDER,), 1.0, seed=1)
LINES = [
    wire.dump_line(wire.encode_block(BLOCK)),
    wire.dump_line(wire.encode_report(BlockReport(1, (TURN,), 3, 1, slow=(SlowReport(0, 1, 1.0, 0, 0),)))),
    wire.dump_line(wire.encode_turn(TURN)),
    wire.dump_line(wire.encode_order(ORDER)),
]
JSON_SPLINTERS = [b"null", b"{}", b"[]", b'"x"', b"-1", b"1e999", b"NaN", b"\xff", b'"', b",", b"}", b"[" * 20_000]


@st.composite
def damaged_lines(draw: st.DrawFn) -> bytes:
    line = draw(st.sampled_from(LINES))
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(line)))
        cut = draw(st.sampled_from([0, 1, 4, 20]))
        line = line[:at] + draw(st.sampled_from([b"", *JSON_SPLINTERS])) + line[at + cut :]
    return line


@settings(A_HUNDRED, max_examples=300)
@given(damaged_lines() | st.binary(max_size=30) | st.sampled_from(LINES))
@example(b"[" * 20_000)
@example(b'{"id":1}')
def test_a_damaged_line_is_a_load_error_and_nothing_else(line: bytes) -> None:
    for decode in (wire.decode_block, wire.decode_report, wire.decode_turn, wire.decode_order):
        with contextlib.suppress(LoadError):
            decode(wire.load_line(line))


def test_all_kinds_of_errors_are_reached_by_the_played_server() -> None:
    """What is played here is what there is: no kind of error was forgotten."""
    script = [
        Reply((VALID[0],)),
        Reply((BUSY,)),  # status
        Reply((EMPTY,)),  # length
        Reply((JELLO,)),  # body
        Reply((VALID[0] * 2,)),  # surplus
        Reply((b"SSH-2.0",)),  # malformed
        Reply((VALID[0][:9],), 0.0, End.CLOSED),  # truncated
        Reply((), 0.0, End.CLOSED),
        Reply((), 0.0, End.RESET),
        Reply(()),  # timeout
    ]
    server = PlayedServer(script, (Door.OPEN, Door.OPEN, Door.REFUSED))
    (played,) = play(server, KNOWN_BODY, seconds=0.1, timeout_s=0.01)
    check_balance(played)
    # The one that is left is for what a user's own checks say.
    assert set(played.ledger.errors) == set(ErrorKind) - {ErrorKind.OTHER}


def test_a_response_takes_what_its_service_took_and_what_it_left_late() -> None:
    """Exactly: the clock is played, and every look at it makes the next request late."""
    (played,) = play(PlayedServer([Reply((VALID[0],), 0.1)]), KNOWN_BODY, seconds=0.01, rate_rps=4000, connections=3)
    tally = played.turn.tally
    assert played.ledger.ok == len(tally.lags.waiting) > 20
    late_ns = sum(tally.lags.waiting)
    assert late_ns > 0
    assert sum(tally.responses.waiting) == sum(tally.service.waiting) + late_ns
