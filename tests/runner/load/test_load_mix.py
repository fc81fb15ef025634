"""Mixed requests: drawn by weight, the same for every target, and each judged by what is right for it alone."""

import math
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sgibench.results.ledger import ErrorKind, Ledger
from sgibench.runner.load.checks import judge
from sgibench.runner.load.draws import STRATA, Draws
from sgibench.runner.load.orders import Endpoint, Expectation, Part, TurnReport

from .load_cases import block, carry_out, only_errors
from .lying_server import LyingServer, Visit, answer
from .simulated import Door, End, Exchange, Played, PlayedServer, Reply, Wire, play
from .strict_http import NotOneAnswerError, read_answer

BOTH = pytest.mark.parametrize("rate_rps", [0.0, 400.0], ids=["closed", "open"])
A_FEW = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


def part(
    path: str,
    body: bytes | None = None,
    *,
    weight: float = 1,
    method: str = "GET",
    status: int = 200,
    sends: bytes = b"",
) -> Part:
    length = f"content-length: {len(sends)}\r\n" if sends else ""
    request = f"{method} {path} HTTP/1.1\r\nhost: x\r\n{length}\r\n".encode() + sends
    return Part(weight, request, Expectation(status, body), method)


def mixed(port: int, *parts: Part, name: str = "mix") -> Endpoint:
    return Endpoint(name, "127.0.0.1", port, b"", Expectation(), mix=parts)


WEIGHTS = st.lists(st.floats(0.01, 100), min_size=1, max_size=6)


@A_FEW
@given(WEIGHTS, st.integers())
def test_parts_are_drawn_by_weight_and_evenly(weights: list[float], seed: int) -> None:
    parts = [part(f"/{number}", weight=weight) for number, weight in enumerate(weights)]
    draws = Draws(parts, seed)
    for _ in range(3):
        seen = Counter(draws.draw().request for _ in range(STRATA))
        for each in parts:
            assert abs(seen[each.request] - STRATA * each.weight / sum(weights)) < 2


@A_FEW
@given(WEIGHTS, st.integers())
def test_the_same_seed_draws_the_same_again(weights: list[float], seed: int) -> None:
    parts = [part(f"/{number}", weight=weight) for number, weight in enumerate(weights)]
    one, other = Draws(parts, seed), Draws(parts, seed)
    assert [one.draw().request for _ in range(200)] == [other.draw().request for _ in range(200)]


def test_another_seed_draws_another_sequence_and_no_order_comes_again() -> None:
    parts = [part("/a"), part("/b")]
    sequences = {
        tuple(draws.draw().request for _ in range(STRATA)) for seed in range(5) for draws in [Draws(parts, seed)] * 3
    }
    assert len(sequences) == 15


def test_a_rare_part_comes_as_rarely_as_it_should() -> None:
    """One in a thousand is less than one in a row of 64: over many rows it is right. Its spread is that of a binomial
    draw at most: 50 of 50,000 are missed by 30 once in 50,000 times."""
    draws = Draws([part("/rare", weight=1), part("/usual", weight=999)], seed=1)
    seen = sum(draws.draw().request.startswith(b"GET /rare") for _ in range(50_000))
    assert 20 < seen < 80


def test_what_was_put_back_is_drawn_next() -> None:
    draws = Draws([part(f"/{number}") for number in range(20)], seed=3)
    first, second = draws.draw(), draws.draw()
    draws.put_back(first)
    assert draws.draw() is first
    assert draws.draw() is not second


# Over sockets

SHOP = {"/a": b"alpha", "/b": b"beta!", "/missing": b"nothing"}


class Shop:
    """Answers by path, and remembers what it was asked on each connection."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._lock = threading.Lock()

    def __call__(self, visit: Visit) -> None:
        while message := visit.message():
            with self._lock:
                self.asked.append(message)
            method, path, _ = message.split(b" ", 2)
            if method == b"POST":
                visit.send(answer(message.partition(b"\r\n\r\n")[2], status="201 Created"))
            elif path.startswith(b"/nonce"):
                visit.send(answer(b"n=" + path[7:] + b"."))
            else:
                status = "404 Not Found" if path == b"/missing" else "200 OK"
                whole = answer(SHOP[path.decode()], status=status)
                visit.send(whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else whole)


WHOLE_SHOP = (
    part("/a", b"alpha", weight=4),
    part("/b", b"beta!", weight=2),
    part("/missing", b"nothing", status=404),
    part("/a", method="HEAD"),
    part("/new", b"item", status=201, method="POST", sends=b"item"),
    Part(
        1, b"GET /nonce/sgibench-nonce-- HTTP/1.1\r\nhost: x\r\n\r\n", Expectation(200, contains=b"n=sgibench-nonce--.")
    ),
)


@BOTH
def test_every_part_is_asked_as_often_as_it_should_be_and_its_answers_are_right(rate_rps: float) -> None:
    shop = Shop()
    with LyingServer(shop) as server:
        (report,) = carry_out(block(mixed(server.port, *WHOLE_SHOP), seconds=0.4, connections=3, rate_rps=rate_rps))
    assert report.ledger.errors == {}, report.first_error
    assert report.ledger.ok == len(shop.asked) > 100
    total = sum(each.weight for each in WHOLE_SHOP)
    names = Counter(b" ".join(re.sub(rb"/nonce/.*?(?= )", b"/nonce", each).split(b" ", 2)[:2]) for each in shop.asked)
    wanted = {b"GET /a": 4, b"GET /b": 2, b"GET /missing": 1, b"HEAD /a": 1, b"POST /new": 1, b"GET /nonce": 1}
    assert names.keys() == wanted.keys()
    for name, weight in wanted.items():
        rows = len(shop.asked) / STRATA  # each off by less than two, independently of the others
        assert abs(names[name] - len(shop.asked) * weight / total) < 5 * (1 + math.sqrt(rows))
    assert len({each for each in shop.asked if b"/nonce" in each}) == names[b"GET /nonce"]


def test_every_target_gets_the_same_sequence_and_every_round_another() -> None:
    one, other = Shop(), Shop()
    parts = (part("/a", b"alpha"), part("/b", b"beta!"))
    with LyingServer(one) as here, LyingServer(other) as there:
        endpoints = (mixed(here.port, *parts), mixed(there.port, *parts))
        reports = carry_out(block(*endpoints, seconds=0.05, connections=1, turns=4))
    assert all(report.ledger.errors == {} for report in reports)
    first_a, first_b, second_a, second_b = (report.ledger.sent for report in reports)
    assert min(first_a, first_b, second_a, second_b) > 10
    first, second = min(first_a, first_b), min(second_a, second_b)
    assert one.asked[:first] == other.asked[:first]
    assert one.asked[first_a : first_a + second] == other.asked[first_b : first_b + second]
    both = min(first, second)
    assert one.asked[:both] != one.asked[first_a : first_a + both]


WRONG = {
    "another status": (part("/a", b"alpha", status=201), ErrorKind.STATUS, "GET /a: status 200, expected 201"),
    "the other part's body": (part("/b", b"alpha"), ErrorKind.BODY, "GET /b: another body"),
    "another length": (part("/missing", b"none", status=404), ErrorKind.LENGTH, "GET /missing: a body of 7 bytes"),
    "a HEAD with another status": (part("/missing", method="HEAD"), ErrorKind.STATUS, "HEAD /missing: status 404"),
    "an echo of something else": (
        part("/new", b"item", status=201, method="POST", sends=b"tiem"),
        ErrorKind.BODY,
        "POST /new: another body",
    ),
}


@BOTH
@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_part_is_found_and_named_and_the_rest_is_right(name: str, rate_rps: float) -> None:
    wrong, kind, reason = WRONG[name]
    shop = Shop()
    with LyingServer(shop) as server:
        here = mixed(server.port, part("/a", b"alpha", weight=2), part("/b", b"beta!", weight=2), wrong)
        (report,) = carry_out(block(here, seconds=0.3, connections=2, rate_rps=rate_rps))
    assert only_errors(report) == {kind}
    assert report.first_error.startswith(reason)
    asked = shop.asked.count(wrong.request)
    same_as_another = wrong.request in (part("/a").request, part("/b").request)
    if not same_as_another:
        assert report.ledger.error_count == asked
        assert report.ledger.ok == len(shop.asked) - asked
    assert 0.1 < report.ledger.error_count / report.ledger.sent < 0.3


def test_a_head_s_answer_that_has_a_body_is_wrong_in_a_mix_too() -> None:
    def behave(visit: Visit) -> None:
        while visit.message():
            visit.send(answer(b"alpha"))

    with LyingServer(behave) as server:
        (report,) = carry_out(block(mixed(server.port, part("/a", b"alpha"), part("/a", method="HEAD")), seconds=0.1))
    assert only_errors(report) == {ErrorKind.SURPLUS}
    assert report.ledger.ok > 2


def test_large_parts_go_out_whole_and_small_ones_between_them() -> None:
    large = bytes(range(256)) * 4000
    shop = Shop()
    with LyingServer(shop) as server:
        parts = (part("/new", large, status=201, method="POST", sends=large), part("/a", b"alpha"))
        (report,) = carry_out(block(mixed(server.port, *parts), seconds=0.3, connections=2, timeout_s=5))
    assert report.ledger.errors == {}
    assert report.ledger.ok > 3
    assert {message[:4] for message in shop.asked} == {b"POST", b"GET "}


# Played

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
ALPHA, BETA = OK + b"alpha", OK + b"beta!"
PARTS = (part("/a", b"alpha", weight=2), part("/b", b"beta!"), part("/p", b"beta!", method="POST", sends=b"x"))
PIECES = st.sampled_from(
    [
        (ALPHA,),
        (BETA,),
        (ALPHA,),
        (BETA,),
        (ALPHA[:30], ALPHA[30:]),
        (BETA + b"\r\n",),
        (ALPHA, BETA),
        (ALPHA + BETA,),
        (),
    ]
)


@dataclass
class PlayedMix(PlayedServer):
    """Replies in order, whatever is asked; `right` says of each exchange what would have been right."""

    parts: Sequence[Part] = PARTS
    right: list[tuple[Exchange, Expectation]] = field(default_factory=list)
    asked: list[bytes] = field(default_factory=list)

    def take(self, wire: Wire, data: bytes) -> Reply:
        (asked,) = (each for each in self.parts if each.request == data)
        self.requests += 1
        self.asked.append(data)
        wire.exchanges.append(exchange := Exchange())
        self.right.append((exchange, asked.expect))
        return next(self.replies)


def is_right(exchange: Exchange, expect: Expectation) -> bool:
    try:
        return judge(expect, *read_answer(exchange.received, ended=exchange.ended)) is None
    except NotOneAnswerError:
        return False


SCRIPTS = st.lists(
    st.builds(
        Reply, PIECES, st.sampled_from([0.0, 0.2, 30.0]), st.sampled_from([End.KEPT, End.KEPT, End.CLOSED, End.RESET])
    ),
    min_size=1,
    max_size=6,
)


@A_FEW
@given(SCRIPTS, st.sampled_from([0.0, 4000.0]), st.booleans())
@example([Reply((ALPHA,)), Reply((BETA,))], 0.0, True)
@example([Reply((ALPHA,), 0.2), Reply((BETA,), 0.2)], 4000.0, False)
def test_no_part_s_answer_is_taken_for_another_s(script: Sequence[Reply], rate_rps: float, drain: bool) -> None:
    server = PlayedMix(script)
    (played,) = play(server, Expectation(), rate_rps=rate_rps, drain=drain, here=mixed(80, *PARTS))
    check_books(played)
    assert played.ledger.ok <= sum(is_right(exchange, expect) for exchange, expect in server.right)
    assert played.ledger.ok <= server.requests <= played.ledger.sent


@A_FEW
@given(SCRIPTS, SCRIPTS, st.sampled_from([0.0, 4000.0]), st.booleans())
def test_books_balance_over_turns_and_only_what_may_be_repeated_is(
    script: Sequence[Reply], later: Sequence[Reply], rate_rps: float, drain: bool
) -> None:
    doors = (Door.OPEN, Door.OPEN, Door.REFUSED)
    server = PlayedMix(script, doors, later=later)
    turns = play(server, Expectation(), rate_rps=rate_rps, drain=drain, turns=3, connections=3, here=mixed(80, *PARTS))
    for played in turns:
        check_books(played)
    ledger = Ledger.total(played.ledger for played in turns)
    again = sum(played.turn.tally.reopened for played in turns)
    assert ledger.ok <= server.requests <= ledger.sent + again


def test_a_request_that_crossed_with_the_server_s_closing_is_drawn_again() -> None:
    """The second turn's sequence is what it would have been, although its first request went out twice."""
    right = {PARTS[0].request: ALPHA, PARTS[1].request: BETA}
    crossed: list[bytes] = []

    @dataclass
    class Closing(PlayedMix):
        def take(self, wire: Wire, data: bytes) -> Reply:
            super().take(wire, data)
            if self.turn is not None and self.turn.rules.order.round == 1 and not crossed:
                crossed.append(data)
                return Reply((), 0.0, End.CLOSED)
            return Reply((right[data],), 0.1)

    server = Closing([Reply(())])
    first, second = play(server, Expectation(), turns=2, connections=1, here=mixed(80, *PARTS[:2]))
    assert first.ledger.errors == second.ledger.errors == {}
    assert second.turn.tally.reopened == 1
    expected = Draws(PARTS[:2], 1)
    sequence = [expected.draw().request for _ in range(second.ledger.sent)]
    assert server.asked[first.ledger.sent :] == [crossed[0], *sequence]


def check_books(played: Played) -> None:
    assert played.ledger.balanced
    assert played.turn.tally.service.count == played.ledger.ok
    assert played.turn.tally.first_error or not played.ledger.error_count


def test_a_mix_of_one_is_as_good_as_the_request_alone() -> None:
    def told(here: Endpoint) -> TurnReport:
        (report,) = carry_out(block(here, seconds=0.1))
        return report

    with LyingServer(Shop()) as server:
        alone = Endpoint("/", "127.0.0.1", server.port, PARTS[0].request, PARTS[0].expect)
        for report in (told(alone), told(mixed(server.port, PARTS[0]))):
            assert report.ledger.errors == {}
            assert report.ledger.ok > 10
