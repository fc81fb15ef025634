"""What the tests of the load path share: making blocks, and running them in this process."""

import socket
from collections.abc import Callable
from dataclasses import replace

import uvloop

from sgibench.results.ledger import ErrorKind
from sgibench.results.records import ProblemCode, Severity
from sgibench.runner.load.engine import Engine, Gate
from sgibench.runner.load.orders import Arrival, Block, BlockReport, Endpoint, Expectation, TurnOrder, TurnReport
from sgibench.runner.load.outcome import LoadOutcome, judge_load

from .lying_server import HELLO, Behaviour, LyingServer

HELLO_RIGHT = Expectation(status=200, body=HELLO)


def endpoint(
    port: int, expect: Expectation = HELLO_RIGHT, method: str = "GET", name: str = "/", host: str = "127.0.0.1"
) -> Endpoint:
    request = f"{method} / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n".encode()
    return Endpoint(name, host, port, request, expect, method=method)


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


# What `bench load` would say


def as_bench_load(
    here: Endpoint,
    *,
    seconds: float = 0.1,
    connections: int = 2,
    rate_rps: float = 0.0,
    timeout_s: float = 2.0,
) -> LoadOutcome:
    """What `bench load` concludes from this endpoint, with the engine in this process."""
    work = block(here, seconds=seconds, connections=connections, rate_rps=rate_rps, timeout_s=timeout_s, drain=False)
    (report,) = carry_out(work)
    ledger = report.ledger
    # The server is a thread of this process: neither CPU time nor waiting is a measure of the load side's.
    seen = replace(report, load_cpu_s=0.0, load_wait_s=0.0)
    whole = BlockReport(work.id, (seen,), ledger.ok + ledger.error_count, ledger.error_count)
    return judge_load(f"http://{here.host}:{here.port}/", work.arrival, 1, seconds, whole)


def check_server_s_count(outcome: LoadOutcome, came: int) -> None:
    """What the server got must lie between the right answers and what was sent."""
    ledger = outcome.turn.ledger
    assert ledger.ok <= came <= ledger.sent, f"the server counted {came} requests: {ledger}"


def told_of(
    behaviour: Behaviour,
    expect: Expectation = HELLO_RIGHT,
    *,
    method: str = "GET",
    seconds: float = 0.1,
    connections: int = 2,
    rate_rps: float = 0.0,
    timeout_s: float = 2.0,
) -> LoadOutcome:
    """What `bench load` would say of a server with this behaviour; its books and the server's must fit."""
    with LyingServer(behaviour) as server:
        outcome = as_bench_load(
            endpoint(server.port, expect, method),
            seconds=seconds,
            connections=connections,
            rate_rps=rate_rps,
            timeout_s=timeout_s,
        )
    check_server_s_count(outcome, server.requests)
    return outcome


def codes(outcome: LoadOutcome, severity: Severity = Severity.INVALID) -> set[ProblemCode]:
    """The codes of what makes an outcome invalid, or of its warnings."""
    return {problem.code for problem in outcome.problems if problem.severity is severity}


def check_sound(outcome: LoadOutcome) -> None:
    """Nothing is wrong, unless this machine had so much else to do that the server, or the engine, stood still."""
    assert codes(outcome) <= {ProblemCode.STALLED, ProblemCode.GENERATOR_LIMITED}, outcome.problems
    assert outcome.turn.ledger.errors == {}
    assert outcome.turn.ledger.ok > 2


def check_nothing_measured(outcome: LoadOutcome) -> None:
    """Not one right answer: that is a failure, and there is no figure of speed to be had from it."""
    said = outcome.to_dict()
    assert said["ledger"]["ok"] == 0
    assert said["throughput_rps"] == 0
    assert set(said["service_time_ms"].values()) == {None}
    assert said["response_time_ms"] is None or set(said["response_time_ms"].values()) == {None}
    assert not outcome.valid
    assert codes(outcome) == {ProblemCode.ERRORS}
