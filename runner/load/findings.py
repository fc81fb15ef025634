"""What is wrong with the one turn of ``bench load``, by its figures: books, errors, physics, silence, change."""

from collections.abc import Iterator

from ...results.generator import Generator
from ...results.records import Problem, ProblemCode, Severity
from ...results.validity import (
    ERROR_SHARE_LIMIT,
    TOLERANCE,
    describe_errors,
    generator_findings,
    open_loop_findings,
    pause_findings,
)
from .orders import Arrival, BlockReport, Interval, TurnReport
from .percentiles import NOTHING, count_above
from .trend import change_over_time

# A wait is far above what answers took when it is longer than all of them, than this, and than so many times their p99.
LONG_WAIT_US = 100_000
LONG_WAIT_P99S = 3
# A server that fell silent for more than this part of the time has no valid figures.
SILENT_SHARE_LIMIT = 0.05
STALLED_SHARE_LIMIT = 0.5
STALLED_ANSWERS = 2


def load_problems(arrival: Arrival, report: BlockReport, generator: Generator) -> tuple[Problem, ...]:
    """All that can be found in a block of one turn."""
    (turn,) = report.turns
    found = (
        *_ledger_problems(report, turn),
        *_error_problems(turn),
        *_generator_problems(arrival, turn, generator),
        *_load_side_problems(report, turn),
        *_physics_problems(arrival, turn),
        *_silence_problems(arrival, turn),
    )
    if any(problem.severity is Severity.INVALID for problem in found):
        return found
    return (*found, *_change_problems(turn))


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
    whole = (ledger.sent, ledger.ok, ledger.error_count)
    parts = [
        sum(counts) for counts in zip(*((part.sent, part.ok, part.errors) for part in turn.intervals), strict=True)
    ]
    if parts and tuple(parts) != whole:
        message = (
            f"the intervals add up to {parts[0]} requests sent, {parts[1]} right and {parts[2]} wrong answers, the "
            f"ledger to {whole[0]}, {whole[1]} and {whole[2]}"
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
        message = (
            f"{share:.2%} of {ledger.sent:,} requests were not answered rightly ({describe_errors(ledger)})"
            f"{_when_errors(turn.intervals)}{why}"
        )
        yield Problem(ProblemCode.ERRORS, message, severity=severity)


def _when_errors(intervals: tuple[Interval, ...]) -> str:
    """Where they are not spread over the whole turn: ``, from second 6 on``."""
    starts_s = [0.0, *(interval.until_s for interval in intervals)]
    wrong = [at for at, interval in enumerate(intervals) if interval.errors]
    if not wrong:
        return ""
    begin_s, end_s = starts_s[wrong[0]], intervals[wrong[-1]].until_s
    begins_late, ends_early = wrong[0] > 0, wrong[-1] < len(intervals) - 1
    if begins_late and ends_early:
        return f", between seconds {begin_s:.0f} and {end_s:.0f}"
    if begins_late:
        return f", from second {begin_s:.0f} on"
    return f", up to second {end_s:.0f}" if ends_early else ""


def _generator_problems(arrival: Arrival, turn: TurnReport, generator: Generator) -> Iterator[Problem]:
    if not turn.ledger.ok:
        return  # nothing is no lower bound of anything
    open_loop = arrival.rate_rps > 0
    found = [*generator_findings(generator, cpu_tells=not open_loop)]
    if open_loop:
        found += open_loop_findings(turn.ledger, arrival.connections, turn.schedule_lag, turn.response_time)
    for code, message, severity in found:
        yield Problem(code, message, severity=severity)


def _load_side_problems(report: BlockReport, turn: TurnReport) -> Iterator[Problem]:
    """What the load side says of itself: that it did not run for a while, and what others sent to it."""
    for code, message, severity in pause_findings(report.paused_s, turn.elapsed_s):
        yield Problem(code, message, severity=severity)
    for note in report.notes:
        yield Problem(ProblemCode.REJECTED_MESSAGES, note, severity=Severity.WARNING)


def _physics_problems(arrival: Arrival, turn: TurnReport) -> Iterator[Problem]:
    """Little's law: no more requests can have been in service than there were connections."""
    if arrival.rate_rps:
        return  # answers of the drain count, but not its time
    times = turn.service_time
    in_service = times.count * times.mean_us / 1e6 / turn.elapsed_s if turn.elapsed_s > 0 else 0.0
    if in_service > arrival.connections * (1 + TOLERANCE):
        message = f"{in_service:.1f} requests in service on average, over only {arrival.connections} connections"
        yield Problem(ProblemCode.IMPOSSIBLE, message)


def _silence_problems(arrival: Arrival, turn: TurnReport) -> Iterator[Problem]:
    """Requests that nobody answered by the end, although answers take far less: all of them, or a few."""
    times, so_far = turn.service_time, turn.service_so_far
    if arrival.rate_rps:
        times, so_far = turn.response_time or NOTHING, turn.response_so_far or NOTHING
    if not times.count or turn.elapsed_s <= 0:
        return
    long_us = max(times.max_us, LONG_WAIT_US, LONG_WAIT_P99S * times.percentile_us(99))
    waiting = count_above(so_far, long_us) if turn.waiting_s * 1e6 > long_us else 0
    # As many would wait by now if nothing had been answered for that long.
    all_of_them = min(arrival.connections, arrival.rate_rps * turn.waiting_s or arrival.connections)
    silent = waiting > all_of_them / 2
    waited = (
        f"for up to {turn.waiting_s:.2f} s, where answers took {times.mean_us / 1000:,.1f} ms on average and "
        f"{times.max_us / 1000:,.1f} ms at most"
    )
    if silent or _stalled(arrival, turn):
        long = turn.waiting_s > SILENT_SHARE_LIMIT * turn.elapsed_s
        message = (
            f"in the end {turn.ledger.in_flight:,} requests were waiting for an answer that did not come, {waited}"
        )
        yield Problem(ProblemCode.STALLED, message, severity=Severity.INVALID if long else Severity.WARNING)
    elif waiting:
        message = f"{waiting:,} of {turn.ledger.in_flight:,} requests in flight at the end had been waiting {waited}"
        yield Problem(ProblemCode.STARVED, message, severity=Severity.WARNING)


def _stalled(arrival: Arrival, turn: TurnReport) -> bool:
    """Whether a closed loop's connections spent most of the time on an answer that did not come: so it shows beside an
    answer that took very long, too, the first one, say. It is none when a window cuts off each second answer."""
    if arrival.rate_rps or not turn.ledger.in_flight:
        return False
    so_far = turn.service_so_far
    share = so_far.count * so_far.mean_us / 1e6 / (arrival.connections * turn.elapsed_s)
    return share > STALLED_SHARE_LIMIT and so_far.mean_us > STALLED_ANSWERS * turn.service_time.mean_us


def _change_problems(turn: TurnReport) -> Iterator[Problem]:
    change = change_over_time(turn.intervals)
    if change is None:
        return
    how = "rose" if change.after_rps > change.before_rps else "fell"
    before, after = f"{change.before_rps:,.0f}/s", f"{change.after_rps:,.0f}/s"
    if change.at_s is not None:
        told = f"right answers {how} at second {change.at_s:.0f}, from {before} to {after}"
    else:
        told = f"right answers {how} from {before}{_seconds(change.before_s)} to {after}{_seconds(change.after_s)}"
    message = f"{told}: the server changed, or the machine; their mean describes neither"
    yield Problem(ProblemCode.UNSTEADY, message, severity=Severity.WARNING)


def _seconds(stretch_s: tuple[float, float]) -> str:
    return f" (seconds {stretch_s[0]:.0f} to {stretch_s[1]:.0f})"
