"""What ``bench load`` concludes from its one turn: figures, whether they can be believed, and the JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ...results.generator import Generator
from ...results.records import SCHEMA_VERSION, Problem, ProblemCode, Severity
from .findings import load_problems
from .orders import Arrival, BlockReport, Interval, TurnReport
from .percentiles import NOTHING, Percentiles, percentiles_of


@dataclass(frozen=True, slots=True)
class Second:
    """What an interval gave: `ok` right answers in the stretch of `length_s` that ended `until_s` after the start."""

    until_s: float
    length_s: float
    sent: int
    ok: int
    errors: int

    @property
    def throughput_rps(self) -> float:
        """Right answers per second."""
        return self.ok / self.length_s if self.length_s > 0 else 0.0

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "until_s": self.until_s,
            "sent": self.sent,
            "ok": self.ok,
            "errors": self.errors,
            "throughput_rps": self.throughput_rps,
        }


@dataclass(frozen=True, slots=True)
class LoadOutcome:
    """One load on one URL, and what is wrong with it. `interrupted`: it was ended before its time, and its figures are
    those of the time that it had."""

    url: str
    arrival: Arrival
    processes: int
    planned_s: float
    turn: TurnReport
    problems: tuple[Problem, ...]
    generator: Generator
    interrupted: bool = False
    driver: str = "engine"

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
        return self.generator.cpu_share

    @property
    def service_time(self) -> Percentiles:
        """From the actual send."""
        return percentiles_of(self.turn.service_time, self.turn.service_so_far)

    @property
    def response_time(self) -> Percentiles | None:
        """From the planned instant; None in a closed loop."""
        times = self.turn.response_time
        return None if times is None else percentiles_of(times, self.turn.response_so_far or NOTHING)

    @property
    def schedule_lag(self) -> Percentiles | None:
        """From plan to send; None in a closed loop."""
        return None if self.turn.schedule_lag is None else percentiles_of(self.turn.schedule_lag)

    @property
    def seconds(self) -> tuple[Second, ...]:
        """The course of it, about second by second; empty for less than two."""
        parts = (Interval(0.0, 0, 0, 0), *self.turn.intervals)
        return tuple(
            Second(part.until_s, part.until_s - before.until_s, part.sent, part.ok, part.errors)
            for before, part in pairwise(parts)
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        turn = self.turn
        service, response, lag = self.service_time, self.response_time, self.schedule_lag
        return {
            "schema_version": SCHEMA_VERSION,
            "valid": self.valid,
            "interrupted": self.interrupted,
            "problems": [problem.to_dict() for problem in self.problems],
            "url": self.url,
            "driver": self.driver,
            "connections": self.arrival.connections,
            "rate_rps": self.arrival.rate_rps or None,
            "planned_s": self.planned_s,
            "elapsed_s": turn.elapsed_s,
            "throughput_rps": self.throughput_rps,
            "at_least": self.at_least,
            "service_time_ms": service.known_ms,
            "service_time_at_least_ms": service.at_least_ms,
            "response_time_ms": None if response is None else response.known_ms,
            "response_time_at_least_ms": None if response is None else response.at_least_ms,
            "schedule_lag_ms": None if lag is None else lag.known_ms,
            "ledger": turn.ledger.to_dict(),
            "waiting_s": turn.waiting_s,
            "first_error": turn.first_error if turn.ledger.error_count else None,
            "intervals": [second.to_dict() for second in self.seconds],
            "connects": turn.connects,
            "reopened": turn.reopened,
            "generator": {"processes": self.processes, **self.generator.to_dict()},
        }


def judge_load(
    url: str,
    arrival: Arrival,
    processes: int,
    planned_s: float,
    report: BlockReport,
    ceiling_rps: float | None = None,
    noted: Iterable[Problem] = (),
    *,
    interrupted: bool = False,
    driver: str = "engine",
) -> LoadOutcome:
    """The outcome of a block of one turn, with the load side's ceiling if it is known, and what was `noted` before."""
    (turn,) = report.turns
    generator = Generator.of(
        turn.ledger.ok, turn.elapsed_s, turn.load_cpu_s / processes, ceiling_rps, turn.load_wait_s / processes
    )
    problems = (*noted, *load_problems(arrival, report, generator))
    return LoadOutcome(url, arrival, processes, planned_s, turn, problems, generator, interrupted, driver)
