"""What the tests of the load path share: making blocks, and running them in this process."""

import socket
from collections.abc import Callable

import uvloop

from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.engine import Engine, Gate
from sgibench.runner.load.orders import Arrival, Block, Endpoint, Expectation, TurnOrder, TurnReport

from .lying_server import HELLO

HELLO_RIGHT = Expectation(status=200, body=HELLO)


def endpoint(port: int, expect: Expectation = HELLO_RIGHT, method: str = "GET", name: str = "/") -> Endpoint:
    request = f"{method} / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
    return Endpoint(name, "127.0.0.1", port, request, expect, method=method)


def block(
    *endpoints: Endpoint,
    seconds: float = 0.1,
    connections: int = 2,
    rate_rps: float = 0.0,
    poisson: bool = False,
    turns: int = 1,
    timeout_s: float = 2.0,
    drain: bool = True,
    number: int = 1,
) -> Block:
    orders = [TurnOrder(at % len(endpoints), seconds, at // len(endpoints), at) for at in range(turns)]
    return Block(
        number, endpoints, Arrival(connections, rate_rps, poisson), tuple(orders), timeout_s, seed=7, drain=drain
    )


class Before:
    """Does something just before a turn begins, when its connections stand already."""

    def __init__(self, turn: int, action: Callable[[], object]) -> None:
        self._turn = turn
        self._action = action

    async def pass_turn(self, turn: int) -> int:
        if turn == self._turn:
            self._action()
        return 0


def carry_out(work: Block, gate: Gate | None = None) -> tuple[TurnReport, ...]:
    """Run a block's turns with the engine, without Locust. Every ledger must balance, every count must agree."""
    reports = uvloop.run(Engine(work, gate=gate).run())
    for report in reports:
        check_books(report)
    return reports


def check_books(report: TurnReport) -> None:
    ledger = report.ledger
    assert ledger.balanced, ledger
    assert report.service_time.count == ledger.ok
    assert report.error_time.count == ledger.error_count
    if report.response_time is not None:
        assert report.response_time.count == ledger.ok


def only_errors(report: TurnReport) -> set[ErrorKind]:
    return {ErrorKind(kind) for kind, count in report.ledger.errors.items() if count}


def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port
