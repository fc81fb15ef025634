"""A load that is ended before its time counts what it had, over the time that it had; and what its end leaves."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest
import uvloop

from sgibench.results.records import ProblemCode
from sgibench.runner.load.connection import Connection
from sgibench.runner.load.engine import Engine
from sgibench.runner.load.open_loop import OpenTurn
from sgibench.runner.load.orders import Block, BlockReport, TurnOrder, TurnReport
from sgibench.runner.load.pool import Pool
from sgibench.runner.load.rules import Rules
from sgibench.runner.load.session import LocustSession

from .load_cases import as_bench_load, block, carry_out, check_books, codes, endpoint
from .lying_server import LyingServer, Visit, always, answer, hang, late
from .test_load_intervals import check_sums


def stopped_after(work: Block, after_s: float, *, at_s: float | None = None) -> TurnReport:
    """Run with the engine, and stop it from another thread so long after its start, or with `at_s` by then."""
    timers: list[threading.Timer] = []

    def begun(order: TurnOrder) -> None:
        end_ns = 0 if at_s is None else time.monotonic_ns() + round(at_s * 1e9)
        timers.append(threading.Timer(after_s, engine.stop, (end_ns,)))
        timers[0].start()

    engine = Engine(work, begun)
    (report,) = uvloop.run(engine.run())
    check_books(report)
    return report


@pytest.mark.parametrize("rate_rps", [0.0, 200.0])
def test_a_turn_that_is_stopped_lasts_as_long_as_it_was_let(rate_rps: float) -> None:
    with LyingServer(late(answer(), 0.01)) as server:
        work = block(endpoint(server.port), seconds=60, connections=4, rate_rps=rate_rps, drain=False)
        begun_s = time.monotonic()
        report = stopped_after(work, 0.3)
        took_s = time.monotonic() - begun_s
        assert report.ledger.ok <= server.requests <= report.ledger.sent
    assert 0.1 < report.elapsed_s < took_s < 10
    assert report.ledger.ok > 0
    if rate_rps:
        assert report.ledger.scheduled <= rate_rps * report.elapsed_s + 1


def test_a_turn_ends_at_the_instant_that_was_given() -> None:
    with LyingServer(late(answer(), 0.01)) as server:
        report = stopped_after(block(endpoint(server.port), seconds=60, drain=False), 0.05, at_s=0.35)
    # The instant is counted from just before the turn's start.
    assert 0.25 < report.elapsed_s <= 0.35


def test_with_drain_the_last_answers_are_waited_for_all_the_same() -> None:
    with LyingServer(late(answer(), 0.2)) as server:
        report = stopped_after(block(endpoint(server.port), seconds=60, connections=3), 0.1)
    assert report.ledger.ok == report.ledger.sent == 3
    assert report.elapsed_s >= 0.2


def test_a_stop_when_all_is_over_changes_nothing() -> None:
    with LyingServer(always(answer())) as server:
        engine = Engine(block(endpoint(server.port), seconds=0.05, drain=False))
        (report,) = uvloop.run(engine.run())
        engine.stop(0)
    assert report.elapsed_s == 0.05


def test_what_was_due_behind_the_stop_is_not_sent_any_more() -> None:
    class Slow(OpenTurn):
        """Comes round to its plan once more, and late, when it has ended."""

        def _end(self) -> None:
            super()._end()
            time.sleep(0.02)
            self._tick()

    async def stopped(port: int) -> OpenTurn:
        pool = Pool(endpoint(port), 30, asyncio.get_running_loop())
        turn = Slow(Rules(TurnOrder(0, 60, 0, 0), 2.0, drain=False, rate_rps=500.0), pool)
        await turn.prepare()
        asyncio.get_running_loop().call_later(0.1, turn.stop)
        await turn.run()
        pool.close()
        return turn

    with LyingServer(always(answer())) as server:
        turn = uvloop.run(stopped(server.port))
    ledger = turn.ledger()
    assert ledger.balanced
    assert 0 < ledger.scheduled <= 500 * turn.elapsed_s + 1


def test_a_turn_that_was_stopped_before_it_began_sends_nothing() -> None:
    with LyingServer(always(answer())) as server:
        engine = Engine(block(endpoint(server.port), seconds=60, drain=False))
        engine.stop(0)
        (report,) = uvloop.run(engine.run())
        assert server.requests == 0
    assert (report.ledger.sent, report.elapsed_s, report.intervals) == (0, 0.0, ())


@pytest.fixture(params=[1, 2])
def session(request: pytest.FixtureRequest) -> Iterator[LocustSession]:
    with LocustSession(processes=request.param) as session:
        session.start()
        yield session


def test_a_session_that_is_stopped_reports_and_takes_the_next_block(session: LocustSession) -> None:
    assert session.stop() is False, "nothing is under way"
    with LyingServer(late(answer(), 0.005)) as server:
        work = block(endpoint(server.port), seconds=60, connections=4, drain=False)
        begun_s = time.monotonic()
        report = session.run(work, lambda order: threading.Timer(1.7, session.stop).start())
        (turn,) = report.turns
        assert 1.5 < turn.elapsed_s < time.monotonic() - begun_s < 20
        assert len(turn.intervals) > 1
        assert turn.intervals[-1].until_s == pytest.approx(turn.elapsed_s, abs=0.1)
        check_sums(turn)
        check_agreement(report, server)
        came = server.requests
        short = session.run(block(endpoint(server.port), seconds=0.2, connections=4, drain=False, number=2))
        assert short.turns[0].elapsed_s == 0.2
        assert came + short.turns[0].ledger.ok <= server.requests


def check_agreement(report: BlockReport, server: LyingServer) -> None:
    (turn,) = report.turns
    check_books(turn)
    assert turn.ledger.ok <= server.requests <= turn.ledger.sent
    assert report.locust_requests == turn.ledger.ok > 0


# What is in flight at the end


def test_an_answer_that_is_here_at_the_end_is_no_wait_for_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The load side could not look for a while when the time was up: what it then finds was answered in time enough."""
    held_up = threading.Event()

    def hold_up(connection: Connection, data: bytes) -> None:
        if time.monotonic() - begun_s > 0.2 and not held_up.is_set():
            held_up.set()
            time.sleep(0.4)  # across the end
        original(connection, data)

    original = Connection.data_received
    monkeypatch.setattr(Connection, "data_received", hold_up)
    with LyingServer(late(answer(), 0.005)) as server:
        begun_s = time.monotonic()
        (report,) = carry_out(block(endpoint(server.port), seconds=0.4, connections=4, drain=False))
    assert held_up.is_set()
    assert report.ledger.in_flight == 4
    assert report.service_so_far.max_us > 200_000
    assert report.waiting_s == 0


def test_each_request_in_flight_has_its_age() -> None:
    with LyingServer(hang) as server:
        work = block(endpoint(server.port), seconds=0.3, connections=20, rate_rps=50, drain=False)
        (report,) = carry_out(work)
    assert report.ledger.in_flight == report.service_so_far.count == 15
    assert report.response_so_far is not None
    assert report.response_so_far.count == 15
    assert report.waiting_s == pytest.approx(0.3, abs=0.1)
    # The plan is even: half of them were due in the first half.
    assert report.response_so_far.percentile_us(50) == pytest.approx(160_000, abs=60_000)
    assert report.response_so_far.max_us >= report.service_so_far.max_us


def test_in_a_closed_loop_there_is_no_plan_to_wait_from() -> None:
    with LyingServer(hang) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.2, connections=3, drain=False))
    assert report.response_so_far is None
    assert report.service_so_far.count == 3
    assert report.service_so_far.min_us >= 150_000


def test_with_drain_nothing_is_left_in_flight() -> None:
    with LyingServer(late(answer(), 0.1)) as server:
        (report,) = carry_out(block(endpoint(server.port), seconds=0.05))
    assert report.waiting_s == 0
    assert report.service_so_far.count == 0


def test_one_connection_that_is_never_served_is_told_beside_the_others_figures() -> None:
    def behave(visit: Visit) -> None:
        if visit.number == 2:
            visit.linger()
        while visit.request():
            time.sleep(0.001)
            visit.send(answer())

    with LyingServer(behave) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.6, connections=4, timeout_s=5)
    assert outcome.valid
    assert ProblemCode.STARVED in {problem.code for problem in outcome.problems}
    assert codes(outcome) == set()
    said = outcome.to_dict()
    assert said["service_time_ms"]["p50"] is not None
    assert said["service_time_ms"]["max"] is None
    assert said["service_time_at_least_ms"]["max"] > 500
    assert said["waiting_s"] > 0.5
