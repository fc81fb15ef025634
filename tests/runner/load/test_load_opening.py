"""How connections are opened: for a request within its turn's clock, and many at a pace that servers can follow."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvloop

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.closed_loop import ClosedTurn
from sgibench.runner.load.open_loop import OpenTurn
from sgibench.runner.load.orders import Endpoint, Part, TurnOrder
from sgibench.runner.load.pool import Pool
from sgibench.runner.load.rules import Rules
from sgibench.runner.load.turn import Turn
from sgibench.runner.machine import many_files

from ..waiting import eventually
from .load_cases import HELLO_RIGHT, Before, block, carry_out, endpoint, only_errors
from .lying_server import LyingServer, always, answer

CLOSING = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
KEEPING = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CONNECTIONS = 3
MANY = 500


def of_requests(port: int, *requests: bytes) -> Endpoint:
    mix = tuple(Part(1, request, HELLO_RIGHT) for request in requests) if len(requests) > 1 else ()
    return Endpoint("x", "127.0.0.1", port, requests[0], HELLO_RIGHT, mix=mix)


def one_turn(place: Endpoint, rate_rps: float = 0.0) -> tuple[int, Turn]:
    """A turn of 0.2 s, and how many of its connections stood when its clock started."""

    async def carried_out() -> tuple[int, Turn]:
        pool = Pool(place, CONNECTIONS, asyncio.get_running_loop())
        rules = Rules(TurnOrder(0, 0.2, 0, 0), 10.0, drain=True, rate_rps=rate_rps)
        turn = OpenTurn(rules, pool) if rate_rps else ClosedTurn(rules, pool)
        await turn.prepare()
        before = turn.tally.connects
        await turn.run()
        pool.close()
        return before, turn

    return uvloop.run(carried_out())


@pytest.mark.parametrize("rate_rps", [0.0, 100.0], ids=["closed", "open"])
@pytest.mark.parametrize(
    ("requests", "before"),
    [((CLOSING,), 0), ((CLOSING, CLOSING), 0), ((KEEPING,), CONNECTIONS), ((CLOSING, KEEPING), CONNECTIONS)],
    ids=["closing", "all of a mix closing", "keeping", "some of a mix closing"],
)
def test_only_connections_that_may_be_kept_are_opened_before_the_clock_starts(
    requests: tuple[bytes, ...], before: int, rate_rps: float
) -> None:
    with LyingServer(always(answer())) as server:
        stood, turn = one_turn(of_requests(server.port, *requests), rate_rps)
        assert stood == before
        ledger = turn.ledger()
        assert ledger.errors == {}
        assert ledger.ok == ledger.sent == server.requests > 0
        if before == 0:
            # In the closed loop one may be made for a request for which the time is up then.
            assert ledger.sent <= turn.tally.connects <= ledger.sent + (0 if rate_rps else CONNECTIONS)
            assert eventually(lambda: server.visits >= ledger.sent)


@contextlib.contextmanager
def full_until_told() -> Iterator[tuple[int, Callable[[], None]]]:
    """The port of a server whose queue is full, so that the system does not answer, until it is told to serve."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        with contextlib.suppress(TimeoutError):
            while True:
                stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=0.2))
        served = stack.enter_context(contextlib.closing(listener.dup()))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = served.accept()
                    threading.Thread(target=answer_once, args=(connection,), daemon=True).start()

        yield port, lambda: threading.Timer(0.2, serve).start()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def answer_once(connection: socket.socket) -> None:
    with connection, contextlib.suppress(OSError):
        if connection.recv(65536):
            connection.sendall(answer())


def test_a_server_that_is_slow_to_take_the_first_connection_is_slow_within_the_clock() -> None:
    """The system asks a full queue again after a second: that long the first request waits, and the turn with it."""
    with full_until_told() as (port, serve):
        work = block(of_requests(port, CLOSING), seconds=0.05, connections=1, timeout_s=20)
        (report,) = carry_out(work, Before(0, serve))
    assert report.ledger.errors == {}
    assert report.ledger.ok >= 1
    assert report.elapsed_s > 0.5


@contextlib.contextmanager
def slow_to_accept(count: int, each_s: float) -> Iterator[int]:
    """The port of a server with a queue of 128, which takes so many connections, one after the other, then answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener, contextlib.ExitStack() as stack:

        def serve() -> None:
            taken: list[socket.socket] = []
            with contextlib.suppress(OSError):
                while len(taken) < count:
                    taken.append(stack.enter_context(listener.accept()[0]))
                    time.sleep(each_s)
                for connection in taken:
                    connection.recv(65536)
                    connection.sendall(answer())

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_more_connections_than_a_server_s_queue_holds_are_all_opened_though_it_is_slow_to_take_them() -> None:
    """If all came at once, those who find no room would be there again at 1 s and at 2 s. It takes 143 in a second, and
    has room for 129 more: within the deadline, for fewer than there are."""
    with many_files(), slow_to_accept(MANY, 0.007) as port:
        work = block(endpoint(port), seconds=0.001, connections=MANY, timeout_s=2.5)
        (report,) = carry_out(work)
    assert ErrorKind.CONNECT not in only_errors(report)
    assert report.connects >= MANY
    assert report.ledger.ok > 0


def test_a_right_answer_over_a_connection_of_its_own_is_looked_at_like_any_other() -> None:
    with LyingServer(always(answer(b"other"))) as server:
        (report,) = carry_out(block(of_requests(server.port, CLOSING), seconds=0.05))
    assert report.ledger.ok == 0
    assert set(report.ledger.errors) <= {"length", "body"}
