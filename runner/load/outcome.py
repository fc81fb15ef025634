"""What ``bench load`` concludes from its one turn: figures, whether they can be believed, and the JSON."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...results.histogram import Histogram
from ...results.records import SCHEMA_VERSION, Problem, ProblemCode, Severity
from ...results.validity import (
    ERROR_SHARE_LIMIT,
    LOAD_CPU_SHARE_LIMIT,
    TOLERANCE,
    describe_errors,
    open_loop_findings,
)
from .orders import Arrival, BlockReport, TurnReport

PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p99.9": 99.9}
STALLED_SHARE_LIMIT = 0.5
STALLED_ANSWERS = 2

Table = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """One load on one URL, and what is wrong with it."""

    url: str
    arrival: Arrival
    processes: int
    planned_s: float
    turn: TurnReport
    problems: tuple[Problem, ...]

    @property
    def valid(self) -> bool:
        """Whether the figures can be believed."""
        return all(problem.severity is not Severity.INVALID for problem in self.problems)

    @property
    def at_least(self) -> bool:
        """Whether the load side was the limit, so that the target may well do more."""
        return any(problem.code is ProblemCode.GENERATOR_LIMITED for problem in self.problems)

    @property
    def throughput_rps(self) -> float:
        """Right answers per second."""
        return self.turn.ledger.ok / self.turn.elapsed_s if self.turn.elapsed_s > 0 else 0.0

    @property
    def cpu_share(self) -> float:
        """CPU time that the load processes used, or waited for, over the time they had: 1 is all of their cores."""
        return _cpu_share(self.turn, self.processes)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        turn = self.turn
        return {
            "schema_version": SCHEMA_VERSION,
            "valid": self.valid,
            "problems": [problem.to_dict() for problem in self.problems],
            "url": self.url,
            "driver": "engine",
            "connections": self.arrival.connections,
            "rate_rps": self.arrival.rate_rps or None,
            "planned_s": self.planned_s,
            "elapsed_s": turn.elapsed_s,
            "throughput_rps": self.throughput_rps,
            "at_least": self.at_least,
            "service_time_ms": table_ms(turn.service_time),
            "response_time_ms": None if turn.response_time is None else table_ms(turn.response_time),
            "schedule_lag_ms": None if turn.schedule_lag is None else table_ms(turn.schedule_lag),
            "ledger": turn.ledger.to_dict(),
            "first_error": turn.first_error or None,
            "connects": turn.connects,
            "reopened": turn.reopened,
            "generator": {"processes": self.processes, "cpu_share": self.cpu_share, "ceiling_share": None},
        }


def judge_load(url: str, arrival: Arrival, processes: int, planned_s: float, report: BlockReport) -> LoadOutcome:
    """The outcome of a block of one turn."""
    (turn,) = report.turns
    problems = (
        *_ledger_problems(report, turn),
        *_error_problems(turn),
        *_generator_problems(arrival, turn, processes),
        *_physics_problems(arrival, turn),
        *_stall_problems(arrival, turn),
    )
    return LoadOutcome(url, arrival, processes, planned_s, turn, problems)


def table_ms(times: Histogram) -> Table:
    """Percentiles in milliseconds; None where fewer than ten samples lie beyond."""
    table: Table = {
        name: times.percentile_us(percentile) / 1000 if times.supports(percentile) else None
        for name, percentile in PERCENTILES.items()
    }
    table["max"] = times.max_us / 1000 if times.counts else None
    return table


def _ledger_problems(report: BlockReport, turn: TurnReport) -> Iterator[Problem]:
    ledger = turn.ledger
    if not ledger.balanced:
        yield Problem(ProblemCode.LEDGER_UNBALANCED, f"the ledger does not balance: {ledger.to_dict()}")
    ours = (ledger.ok + ledger.error_count, ledger.error_count)
    locusts = (report.locust_requests, report.locust_failures)
    if ours != locusts:
        message = (
            f"Locust counted {locusts[0]} requests with {locusts[1]} failures, the ledger {ours[0]} with {ours[1]}"
        )
        yield Problem(ProblemCode.LEDGER_UNBALANCED, message)


def _error_problems(turn: TurnReport) -> Iterator[Problem]:
    ledger = turn.ledger
    why = f"; the first: {turn.first_error}" if turn.first_error else ""
    if ledger.ok == 0:
        message = f"not one right answer to {ledger.sent:,} requests ({ledger.in_flight:,} never answered){why}"
        yield Problem(ProblemCode.ERRORS, message)
    elif ledger.error_count:
        share = ledger.error_count / ledger.sent
        severity = Severity.INVALID if share > ERROR_SHARE_LIMIT else Severity.WARNING
        message = f"{share:.2%} of {ledger.sent:,} requests were not answered rightly ({describe_errors(ledger)}){why}"
        yield Problem(ProblemCode.ERRORS, message, severity=severity)


def _generator_problems(arrival: Arrival, turn: TurnReport, processes: int) -> Iterator[Problem]:
    if not arrival.rate_rps:
        # An open loop spins while it waits for the next instant, so there its CPU time says nothing.
        share = _cpu_share(turn, processes)
        if share > LOAD_CPU_SHARE_LIMIT:
            code = ProblemCode.GENERATOR_LIMITED
            yield Problem(code, f"the load side used or waited for {share:.0%} of its CPU: the target may do more")
        return
    found = open_loop_findings(turn.ledger, arrival.connections, turn.schedule_lag, turn.response_time)
    for found_code, message, severity in found:
        yield Problem(found_code, message, severity=severity)


def _physics_problems(arrival: Arrival, turn: TurnReport) -> Iterator[Problem]:
    """Little's law: no more requests can have been in service than there were connections."""
    if arrival.rate_rps:
        return  # answers of the drain count, but not its time
    times = turn.service_time
    in_service = times.count * times.mean_us / 1e6 / turn.elapsed_s if turn.elapsed_s > 0 else 0.0
    if in_service > arrival.connections * (1 + TOLERANCE):
        message = f"{in_service:.1f} requests in service on average, over only {arrival.connections} connections"
        yield Problem(ProblemCode.IMPOSSIBLE, message)


def _stall_problems(arrival: Arrival, turn: TurnReport) -> Iterator[Problem]:
    """Little's law from below: a closed loop's connections are busy, so time without an outcome was a wait for one.

    No more can have waited than are in flight at the end, and a wait that is short beside what answers take is none:
    a window may cut off each connection's second answer.
    """
    if arrival.rate_rps or not turn.ledger.ok or turn.elapsed_s <= 0:
        return
    accounted_s = sum(times.count * times.mean_us for times in (turn.service_time, turn.error_time)) / 1e6
    unaccounted = 1 - accounted_s / (arrival.connections * turn.elapsed_s)
    stalled = min(unaccounted, turn.ledger.in_flight / arrival.connections)
    usual_s = turn.service_time.mean_us / 1e6
    if stalled > STALLED_SHARE_LIMIT and stalled * turn.elapsed_s > STALLED_ANSWERS * usual_s:
        message = f"connections were waiting for an answer that did not come for {stalled:.0%} of the time"
        yield Problem(ProblemCode.STALLED, message)


def _cpu_share(turn: TurnReport, processes: int) -> float:
    return turn.load_cpu_s / (turn.elapsed_s * processes) if turn.elapsed_s > 0 else 0.0
