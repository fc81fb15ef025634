"""Turns: their order, the request they send, and what their reports say. Pure functions around the rotation."""

import random
from collections.abc import Iterator, Sequence
from statistics import fmean

from ..results.histogram import Histogram
from ..results.ledger import Ledger
from ..results.records import Problem, ProblemCode, Severity, Trial, Turn
from ..results.validity import pause_findings
from .load.orders import BlockReport, TurnOrder, TurnReport
from .locustfile import LocustScenario, idleness
from .pieces import Piece

SLOW_SHARE_MIN = 0.9  # of the slow clients


def shuffled_turns(
    piece: Piece, lengths: Sequence[float], warmups_s: Sequence[float], rng: random.Random
) -> Iterator[TurnOrder]:
    """The turns of a piece: a warm-up each, then rounds in each of which every target has one, in random order.

    `lengths` are the targets' turn lengths in seconds, `warmups_s` how long each is warmed up (0: not at all); all get
    the same number of rounds.
    """
    order = list(range(len(lengths)))
    rng.shuffle(order)
    for position, endpoint in enumerate(order):
        if warmups_s[endpoint]:
            yield TurnOrder(endpoint, warmups_s[endpoint], round=-1, position=position, warmup=True)
    for number in range(piece.rounds(fmean(lengths))):
        rng.shuffle(order)
        for position, endpoint in enumerate(order):
            yield TurnOrder(endpoint, lengths[endpoint], number, position)


def per_measured(count: int, report: BlockReport, endpoint: int) -> int | None:
    """The part of a count over the whole block that falls to its measured requests, the warm-up's taken out."""
    answered = [(turn.ledger.ok, turn.order.warmup) for turn in report.turns if turn.order.endpoint == endpoint]
    measured, all_of_them = sum(ok for ok, warmup in answered if not warmup), sum(ok for ok, _ in answered)
    return round(count * measured / all_of_them) or None if count > 0 and all_of_them else None


def disagreement(report: BlockReport, target: str, piece: Piece) -> Iterator[Problem]:
    """Locust's own statistics have to agree with the ledgers, and the load processes must have run all the time."""
    ledger = Ledger.total(turn.ledger for turn in report.turns)
    ours, locusts = ledger.ok + ledger.error_count, report.locust_requests
    if ours != locusts:
        message = f"Locust counted {locusts:,} requests, the ledgers {ours:,}"
        yield Problem(ProblemCode.LEDGER_UNBALANCED, message, target, piece.scenario.name)
    for code, message, severity in pause_findings(report.paused_s):
        yield Problem(code, message, target, piece.scenario.name, severity)


def noted(report: BlockReport, piece: Piece) -> Iterator[Problem]:
    """What else the load side has to say, as warnings: what strangers sent to it, or what a locustfile's users did."""
    own = isinstance(piece.scenario, LocustScenario)
    code = ProblemCode.LOCUSTFILE if own else ProblemCode.REJECTED_MESSAGES
    for note in report.notes:
        yield Problem(code, note, "", piece.scenario.name, Severity.WARNING)


def slow_clients_lost(report: BlockReport, endpoint: int, target: str, piece: Piece) -> Iterator[Problem]:
    """A server may end slow clients: then fewer stood beside the load than the scenario says."""
    for slow in report.slow:
        if slow.endpoint == endpoint and slow.held < SLOW_SHARE_MIN * slow.wanted:
            message = (
                f"of {slow.wanted} slow clients it held {slow.held:.0f} at a time on average; {slow.ended:,} it ended, "
                f"and {slow.refused:,} could not connect"
            )
            yield Problem(ProblemCode.SLOW_CLIENTS, message, target, piece.scenario.name, Severity.WARNING)


def idle_users(report: BlockReport, endpoint: int, target: str, piece: Piece) -> Iterator[Problem]:
    """A locustfile's users may do something else than ask."""
    if isinstance(piece.scenario, LocustScenario):
        yield from idleness(report, endpoint, piece.level.concurrency, target, piece.scenario)


def trial_of(
    report: BlockReport, endpoint: int, epoch: int, target: str, piece: Piece, started: float, processes: int = 1
) -> Trial:
    """What a block's report says of one of its endpoints, without the warm-up. `processes` drove the load."""
    turns = [turn for turn in report.turns if turn.order.endpoint == endpoint and not turn.order.warmup]
    return Trial(
        epoch=epoch,
        target=target,
        scenario=piece.scenario.name,
        level=piece.level,
        turns=tuple(_turn(turn, started, processes) for turn in turns),
        service_time=Histogram.total(turn.service_time for turn in turns),
        response_time=_total([turn.response_time for turn in turns]),
        schedule_lag=_total([turn.schedule_lag for turn in turns]),
        first_error=next((turn.first_error for turn in turns if turn.first_error), ""),
    )


def _total(histograms: Sequence[Histogram | None]) -> Histogram | None:
    present = [histogram for histogram in histograms if histogram is not None]
    return Histogram.total(present) if present else None


def _turn(report: TurnReport, started: float, processes: int) -> Turn:
    times = report.response_time
    p50_us, p90_us = times.percentiles_us((50.0, 90.0)) if times is not None and times.count else (None, None)
    return Turn(
        round=report.order.round,
        position=report.order.position,
        started_s=report.started_ns / 1e9 - started,
        planned_s=report.order.seconds,
        elapsed_s=report.elapsed_s,
        ledger=report.ledger,
        target_cpu_s=report.target_cpu_s,
        load_cpu_s=report.load_cpu_s / processes,
        reopened=report.reopened,
        load_wait_s=report.load_wait_s / processes,
        p50_ms=None if p50_us is None else p50_us / 1000,
        p90_ms=None if p90_us is None else p90_us / 1000,
    )
