"""Servers that are not there, not all there, or no longer the same; and limits that are our own, not the server's."""

import asyncio
import contextlib
import errno
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sgibench.results.errors import LoadError
from sgibench.results.generator import GENERATOR_WAIT_LIMIT
from sgibench.results.ledger import ErrorKind
from sgibench.results.records import ProblemCode
from sgibench.runner.load.engine import Engine
from sgibench.runner.load.limits import OUR_OWN_LIMITS
from sgibench.runner.load.outcome import judge_load
from sgibench.runner.load.session import LocustSession

from .load_cases import (
    as_bench_load,
    block,
    check_books,
    check_nothing_measured,
    check_server_s_count,
    check_sound,
    codes,
    endpoint,
    free_port,
    only_errors,
    told_of,
)
from .lying_server import Behaviour, LyingServer, Visit, always, answer, once_then_close, once_then_reset
from .timed_server import TimedServer, working

ROOT = Path(__file__).parents[3]
BOTH = pytest.mark.parametrize("rate_rps", [0.0, 100.0], ids=["closed", "open"])


@BOTH
def test_where_nobody_listens_nothing_is_measured(rate_rps: float) -> None:
    outcome = as_bench_load(endpoint(free_port()), rate_rps=rate_rps)
    check_nothing_measured(outcome)
    assert only_errors(outcome.turn) == {ErrorKind.CONNECT}
    assert "refused" in outcome.problems[0].message


@contextlib.contextmanager
def never_accepting(backlog: int) -> Iterator[int]:
    """The port of a listener whose connections are made by the kernel alone, as far as its backlog goes."""
    with socket.create_server(("127.0.0.1", 0), backlog=backlog) as listener:
        yield listener.getsockname()[1]


@BOTH
def test_a_full_backlog_ends_at_the_deadline(rate_rps: float) -> None:
    """The kernel takes one connection or two, and lets the others knock."""
    with never_accepting(0) as port:
        begun_s = time.monotonic()
        outcome = as_bench_load(endpoint(port), seconds=0.3, connections=6, rate_rps=rate_rps, timeout_s=0.12)
        assert time.monotonic() - begun_s < 5
    check_nothing_measured(outcome)
    assert only_errors(outcome.turn) == {ErrorKind.CONNECT, ErrorKind.TIMEOUT}
    assert outcome.turn.ledger.sent < 60, "a server that is not there is not hammered"


@BOTH
def test_a_server_that_takes_fewer_connections_than_asked_has_no_plain_figure(rate_rps: float) -> None:
    """It serves two of six. The other four are in its backlog, where they look as if they stood."""

    def behave(visit: Visit) -> None:
        if visit.number > 2:
            visit.linger()
        while visit.request():
            visit.send(answer())

    with LyingServer(behave) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.35, connections=6, rate_rps=rate_rps, timeout_s=5)
    check_server_s_count(outcome, server.requests)
    assert outcome.turn.ledger.ok > 0
    assert outcome.turn.ledger.in_flight >= 4
    assert outcome.turn.waiting_s > 0.25
    assert ProblemCode.STALLED in codes(outcome)


def test_one_starved_connection_is_not_hidden_by_the_others() -> None:
    def behave(visit: Visit) -> None:
        while visit.request():
            if visit.number == 3:
                visit.linger()
                return
            visit.send(answer())

    outcome = told_of(behave, seconds=0.35, connections=8, timeout_s=5)
    assert outcome.turn.ledger.in_flight >= 1
    assert outcome.turn.waiting_s > 0.25
    (problem,) = (problem for problem in outcome.problems if problem.code is ProblemCode.STARVED)
    assert problem.message.startswith("1 of ")
    # With a deadline within the window it is an error, once for each time that it passed.
    outcome = told_of(behave, seconds=0.3, connections=8, timeout_s=0.15)
    assert outcome.turn.ledger.errors == {"timeout": 1}
    assert ProblemCode.ERRORS in {problem.code for problem in outcome.problems}


@BOTH
def test_a_port_that_another_program_takes_over_is_noticed(rate_rps: float) -> None:
    """The server dies, and something else answers at its place: fast, and with status 200."""
    heirs: list[LyingServer] = []

    def take_over() -> None:
        time.sleep(0.1)
        first.stop()
        heirs.append(LyingServer(always(answer(b"It works!")), port=first.port).__enter__())

    thread = threading.Thread(target=take_over)
    with LyingServer(always(answer())) as first:
        thread.start()
        outcome = as_bench_load(endpoint(first.port), seconds=0.35, rate_rps=rate_rps)
        thread.join()
    heirs[0].stop()
    check_server_s_count(outcome, first.requests + heirs[0].requests)
    assert outcome.turn.ledger.ok <= first.requests
    assert {ErrorKind.LENGTH} <= only_errors(outcome.turn)
    assert ProblemCode.ERRORS in codes(outcome)


@BOTH
def test_a_server_that_dies_and_is_started_again_is_used_again_and_the_gap_shows(rate_rps: float) -> None:
    second: list[LyingServer] = []

    def restart() -> None:
        time.sleep(0.1)
        first.stop()
        time.sleep(0.1)
        second.append(LyingServer(always(answer()), port=first.port).__enter__())

    thread = threading.Thread(target=restart)
    with LyingServer(always(answer())) as first:
        thread.start()
        outcome = as_bench_load(endpoint(first.port), seconds=0.4, rate_rps=rate_rps)
        thread.join()
    second[0].stop()
    check_server_s_count(outcome, first.requests + second[0].requests)
    assert second[0].requests > 0
    assert ErrorKind.CONNECT in only_errors(outcome.turn)
    assert not outcome.valid


@BOTH
def test_a_server_that_exits_at_once_is_a_failure_and_no_rate(rate_rps: float) -> None:
    def behave(visit: Visit) -> None:
        visit.request()
        threading.Thread(target=visit.server.stop).start()

    outcome = told_of(behave, seconds=0.15, rate_rps=rate_rps)
    check_nothing_measured(outcome)
    assert only_errors(outcome.turn) <= {ErrorKind.CLOSED, ErrorKind.RESET, ErrorKind.CONNECT}


def test_a_close_of_every_connection_costs_a_connection_for_every_answer() -> None:
    outcome = told_of(once_then_close(answer(headers="connection: close\r\n")), seconds=0.15)
    assert outcome.turn.connects >= outcome.turn.ledger.ok > 5
    check_sound(outcome)


def say_it_at_once(visit: Visit) -> None:
    """An answer before anything was asked; then one to each request."""
    visit.send(answer())
    while visit.message():
        visit.send(answer())


def test_an_answer_before_anything_was_asked_is_no_answer() -> None:
    """In an open loop the connections rest before they are used, so that it is seen that nobody had asked."""
    with LyingServer(say_it_at_once) as server:
        outcome = as_bench_load(endpoint(server.port), seconds=0.3, rate_rps=20, connections=2)
    check_server_s_count(outcome, server.requests)
    assert only_errors(outcome.turn) == {ErrorKind.SURPLUS}
    assert not outcome.valid


class Exhausted(uvloop.Loop):
    """A loop of a process that has no more of something."""

    code = 0
    left = 0

    async def create_connection(self, *arguments: Any, **options: Any) -> Any:
        if self.left <= 0:
            raise OSError(self.code, os.strerror(self.code))
        self.left -= 1
        return await super().create_connection(*arguments, **options)


@pytest.mark.parametrize(
    ("code", "left", "rate_rps"),
    [
        *((code, 0, 0.0) for code in OUR_OWN_LIMITS),
        (errno.EMFILE, 3, 0.0),
        (errno.EADDRNOTAVAIL, 3, 100.0),
    ],
)
def test_limits_of_our_own_end_the_block_and_are_not_put_down_to_the_server(
    code: int, left: int, rate_rps: float
) -> None:
    """Whether they are met before the turn, or in it, with the fourth connection."""
    with LyingServer(once_then_close(answer(headers="connection: close\r\n"))) as server:
        work = block(endpoint(server.port), connections=2, rate_rps=rate_rps, drain=False, seconds=5)
        with asyncio.Runner(loop_factory=Exhausted) as runner:
            loop = runner.get_loop()
            assert isinstance(loop, Exhausted)
            loop.code, loop.left = code, left
            with pytest.raises(LoadError, match="cannot open more connections") as raised:
                runner.run(Engine(work).run())
    assert os.strerror(code) in raised.value.message


# With so few files as this process may open, in a process of its own.
FEW_FILES = """
import resource, sys
from sgibench.results.errors import LoadError
from sgibench.results.generator import GENERATOR_WAIT_LIMIT
from tests.runner.load.load_cases import block, carry_out, endpoint
resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
try:
    carry_out(block(endpoint(int(sys.argv[1])), connections=60, rate_rps=float(sys.argv[2])))
except LoadError as error:
    print(error.message)
"""


def test_too_few_open_files_are_told_as_what_they_are() -> None:
    with LyingServer(always(answer())) as server:
        done = subprocess.run(
            [sys.executable, "-c", FEW_FILES, str(server.port), "0"],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=ROOT,
        )
    assert done.stderr == ""
    assert "cannot open more connections" in done.stdout
    assert os.strerror(errno.EMFILE) in done.stdout


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback: nothing was shown about IPv6")
def test_a_server_on_ipv6_is_loaded_as_any_other() -> None:
    with LyingServer(always(answer()), host="::1") as server:
        outcome = as_bench_load(endpoint(server.port, host="::1"))
    check_server_s_count(outcome, server.requests)
    check_sound(outcome)


# Spins on one core until its parent has gone, so many times at once: a session each, as fairness is between sessions.
THIEVES = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
for _ in range(int(sys.argv[2])):
    if os.fork() == 0:
        parent = os.getppid()
        os.setsid()
        while os.getppid() == parent:
            for _ in range(100_000):
                pass
        os._exit(0)
print(flush=True)
time.sleep(60)
"""


@contextlib.contextmanager
def core_stolen(core: int, thieves: int) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-c", THIEVES, str(core), str(thieves)], stdout=subprocess.PIPE) as thief:
        assert thief.stdout is not None
        thief.stdout.readline()
        try:
            yield
        finally:
            thief.kill()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin processes to cores")
@pytest.mark.parametrize("connections", [8, 64])
def test_three_others_on_the_load_side_s_core_are_enough_to_say_that_they_were_the_limit(connections: int) -> None:
    """They leave it a fourth of its core; it seems to have time left, as it gets some whenever it wakes up."""
    core = max(os.sched_getaffinity(0))
    with LocustSession(load_cores=(core,)) as session, TimedServer(working, 0.0) as server:
        session.start()
        server.pin(set(os.sched_getaffinity(0)) - {core} or {core})
        with core_stolen(core, 3):
            work = block(endpoint(server.port), seconds=1.0, connections=connections, drain=False)
            report = session.run(work)
    outcome = judge_load("http://x/", work.arrival, 1, 1.0, report)
    check_books(outcome.turn)
    check_server_s_count(outcome, server.requests)
    assert ProblemCode.GENERATOR_LIMITED in codes(outcome)
    assert outcome.generator.wait_share > GENERATOR_WAIT_LIMIT
    assert any("waited for its core" in problem.message for problem in outcome.problems)


@pytest.fixture(scope="module")
def robbed() -> Iterator[tuple[LocustSession, int]]:
    """A session, and the core that was its own."""
    core = max(os.sched_getaffinity(0))
    with LocustSession(load_cores=(core,)) as session:
        session.start()
        with core_stolen(core, 40):
            yield session, core


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot pin processes to cores")
@pytest.mark.parametrize(("rate_rps", "seconds"), [(0.0, 0.5), (500.0, 0.5)], ids=["closed", "open"])
def test_a_load_side_whose_core_was_taken_says_that_it_was_the_limit(
    robbed: tuple[LocustSession, int], rate_rps: float, seconds: float
) -> None:
    session, core = robbed
    with TimedServer(working, 0.0) as server:
        server.pin(set(os.sched_getaffinity(0)) - {core} or {core})
        work = block(endpoint(server.port), seconds=seconds, connections=64, rate_rps=rate_rps, drain=False)
        report = session.run(work)
    outcome = judge_load("http://x/", work.arrival, 1, seconds, report)
    check_books(outcome.turn)
    check_server_s_count(outcome, server.requests)
    assert ProblemCode.GENERATOR_LIMITED in codes(outcome)
    assert outcome.at_least
    assert not outcome.valid


def test_every_kind_of_connection_error_leaves_the_books_balanced() -> None:
    """Each connection fails in another way, over and over."""
    ways: list[Behaviour] = [
        lambda visit: visit.reset(),
        lambda visit: None,
        once_then_close(b""),
        once_then_reset(b""),
        once_then_close(answer()[:7]),
        once_then_close(answer()),
        say_it_at_once,
    ]

    def behave(visit: Visit) -> None:
        ways[visit.number % len(ways)](visit)

    for rate_rps in (0.0, 300.0):
        with LyingServer(behave) as server:
            outcome = as_bench_load(endpoint(server.port), seconds=0.2, connections=5, rate_rps=rate_rps, timeout_s=0.1)
        assert server.requests <= outcome.turn.ledger.sent
        assert not outcome.valid
