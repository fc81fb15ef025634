"""Slow clients beside the load: held all the time, never finished, opened again, and in no ledger."""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest
import uvloop

from sgibench.results.errors import LoadError, UsageError
from sgibench.runner.load.engine import Engine, Share
from sgibench.runner.load.merge import merge_slow
from sgibench.runner.load.orders import Block, Endpoint, Expectation, Slow, SlowClients, SlowReport, TurnReport
from sgibench.runner.load.session import LocustSession
from sgibench.runner.load.slow import SlowHerd

from .load_cases import block, check_books, endpoint, free_port
from .lying_server import HELLO, LyingServer, Visit, answer


class Patient:
    """Answers whole requests, and keeps what the others have said so far."""

    def __init__(self, ended: Callable[[Visit, bytes], bool] = lambda visit, data: False) -> None:
        self.lock = threading.Lock()
        self.said: dict[int, bytes] = {}
        self._ended = ended

    def __call__(self, visit: Visit) -> None:
        data = b""
        while piece := visit.connection.recv(65536):
            data += piece
            if data == b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n":
                with visit.server.lock:
                    visit.server.requests += 1
                visit.send(answer())
                data = b""
                continue
            with self.lock:
                self.said[visit.number] = data
            if self._ended(visit, data):
                return


def run(work: Block, share: Share | None = None) -> tuple[tuple[TurnReport, ...], tuple[SlowReport, ...]]:
    engine = Engine(work, share=share)
    reports = uvloop.run(engine.run())
    for report in reports:
        check_books(report)
    return reports, engine.slow


def beside(
    port: int, count: int = 5, what: Slow = Slow.HEADERS, every_ms: float = 10, request: bytes = b""
) -> Endpoint:
    return replace(endpoint(port), slow=SlowClients(count, what, every_ms, request))


def test_heads_come_byte_by_byte_and_never_end_while_the_load_goes_on() -> None:
    patient = Patient()
    with LyingServer(patient) as server:
        (report,), (slow,) = run(block(beside(server.port, 5), seconds=0.3))
    assert report.ledger.errors == {}
    assert report.ledger.ok == server.requests > 3
    assert (slow.endpoint, slow.wanted, slow.ended, slow.refused) == (0, 5, 0, 0)
    assert slow.held == pytest.approx(5, rel=0.02)
    assert server.visits == 5 + report.connects
    assert len(patient.said) == 5
    for said in patient.said.values():
        # 30 bytes in 300 ms, if the load core had time; never more than that.
        assert 5 < len(said) <= 35
        assert b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n".startswith(said[:35])
        assert b"\r\n\r\n" not in said


def test_a_head_goes_on_with_header_after_header() -> None:
    patient = Patient()
    with LyingServer(patient) as server:
        run(block(beside(server.port, 1, every_ms=0.5), seconds=0.5))
    (said,) = patient.said.values()
    head = b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    assert len(said) > len(head) + 150
    assert said.startswith(head)
    first, second, *_ = said.removeprefix(head).split(b"\r\n")
    assert first == b"x-note: " + b"a" * 90
    assert first.startswith(second)
    assert b"\r\n\r\n" not in said


@pytest.mark.parametrize("request_", [b"", b"POST /up HTTP/1.1\r\nhost: x\r\nContent-Length: 3\r\n\r\n"])
def test_bodies_come_byte_by_byte_behind_a_whole_head_that_announces_more(request_: bytes) -> None:
    patient = Patient()
    with LyingServer(patient) as server:
        (report,), (slow,) = run(block(beside(server.port, 3, Slow.BODY, request=request_), seconds=0.3))
    assert report.ledger.errors == {}
    assert slow.held == pytest.approx(3, rel=0.02)
    for said in patient.said.values():
        head, _, body = said.partition(b"\r\n\r\n")
        assert head.startswith(b"POST /up" if request_ else b"GET / ")
        assert head.lower().count(b"content-length") == 1
        assert head.endswith(b"\r\nContent-Length: 1000000")
        assert 3 < len(body) <= 35
        assert set(body) == {ord("a")}


def test_every_endpoint_has_its_own_for_the_whole_block_whoever_s_turn_it_is() -> None:
    one, other = Patient(), Patient()
    with LyingServer(one) as here, LyingServer(other) as there:
        work = block(beside(here.port, 4), beside(there.port, 2), endpoint(here.port), seconds=0.1, turns=3)
        reports, slow = run(work)
    assert all(report.ledger.errors == {} for report in reports)
    assert [(each.endpoint, each.wanted) for each in slow] == [(0, 4), (1, 2)]
    assert [each.held for each in slow] == pytest.approx([4, 2], rel=0.02)
    assert [len(one.said), len(other.said)] == [4, 2]
    assert min(map(len, other.said.values())) > 10, "it said nothing while it was the others' turn"


def test_those_that_the_server_ends_come_again_but_not_at_once() -> None:
    """A second after they came: in 1.3 s each comes twice, and is held for some 0.4 s of it. At once, it would come
    more than six times."""
    patient = Patient(lambda visit, data: len(data) >= 10)
    with LyingServer(patient) as server:
        (report,), (slow,) = run(block(beside(server.port, 4, every_ms=20), seconds=1.3))
    assert report.ledger.errors == {}
    assert 4 < server.visits - report.connects < 16
    assert 4 <= slow.ended < 16
    assert slow.refused == 0
    assert 0.4 < slow.held < 3


def test_one_that_is_answered_has_nothing_left_to_say() -> None:
    class Hasty(Patient):
        def __call__(self, visit: Visit) -> None:
            if visit.number <= 3:
                visit.send(answer(b"", "408 Request Timeout"))
                visit.linger()
            else:
                super().__call__(visit)

    with LyingServer(Hasty()) as server:
        (report,), (slow,) = run(block(beside(server.port, 3), seconds=0.2))
    assert report.ledger.errors == {}
    assert slow.ended == 3
    assert slow.held < 0.5


def test_those_that_cannot_connect_are_told() -> None:
    (report,), (slow,) = run(block(beside(free_port(), 3), seconds=0.1))
    assert report.ledger.ok == 0
    assert slow == SlowReport(0, 3, 0.0, 0, 3)


def test_a_server_that_serves_one_at_a_time_is_held_up_by_them() -> None:
    """What it is for: a sync worker waits for the slow client that it has taken, and the load waits too."""
    alone = threading.Lock()

    def one_at_a_time(visit: Visit) -> None:
        with alone:
            while visit.request():
                visit.send(answer(HELLO, headers="connection: close\r\n"))
                return

    with LyingServer(one_at_a_time) as server:
        (report,), (slow,) = run(block(beside(server.port, 1), seconds=0.15, timeout_s=0.1))
        assert report.ledger.ok == 0
        assert set(report.ledger.errors) == {"timeout"}
    assert slow.held == pytest.approx(1, rel=0.02)


def test_load_processes_share_them_and_their_reports_add_up() -> None:
    shares = [Share(index, 3) for index in range(3)]
    assert [share.part(7) for share in shares] == [3, 2, 2]
    parts = [SlowReport(1, 3, 2.5, 1, 0), SlowReport(0, 2, 2.0, 0, 0), SlowReport(1, 2, 2.0, 3, 4)]
    assert merge_slow(parts) == (SlowReport(0, 2, 2.0, 0, 0), SlowReport(1, 5, 4.5, 4, 4))


def test_what_became_of_them_comes_back_from_the_load_process() -> None:
    with LyingServer(Patient()) as server, LocustSession() as session:
        report = session.run(block(beside(server.port, 5), seconds=0.2))
    (slow,) = report.slow
    assert (slow.endpoint, slow.wanted, slow.ended, slow.refused) == (0, 5, 0, 0)
    assert slow.held == pytest.approx(5, rel=0.02)
    assert report.notes == ()


def test_more_than_the_system_s_open_files_are_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgibench.runner.load.session.open_files", lambda: 1000)
    with LocustSession() as session, pytest.raises(UsageError, match="more than the 1000 open files"):
        session.run(block(beside(free_port(), 1000)))


def test_a_limit_of_our_own_system_is_a_failure_of_the_load_side(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_more_files(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    async def work() -> list[object]:
        loop = asyncio.get_running_loop()
        failures: list[object] = []
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        monkeypatch.setattr(loop, "create_connection", no_more_files)
        herd = SlowHerd(0, Endpoint("/", "127.0.0.1", 1, b"GET / HTTP/1.1\r\n\r\n", Expectation()), SlowClients(1), 1)
        await herd.start()
        herd.close()
        return failures

    (failure,) = asyncio.run(work())
    assert isinstance(failure, LoadError)
