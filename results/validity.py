"""Whether a trial can be believed. Each check is physics or bookkeeping, and says its figures."""

import math
from collections.abc import Iterator
from enum import StrEnum

from .generator import GENERATOR_SHARE_LIMIT, GENERATOR_WAIT_LIMIT, Generator
from .histogram import RESOLUTION, Histogram
from .ledger import ErrorKind, Ledger
from .records import Level, Problem, ProblemCode, ScenarioInfo, ScenarioKind, Severity, TargetInfo, Trial

ERROR_SHARE_LIMIT = 0.001
DROPPED_SHARE_LIMIT = 0.01
LAG_P99_LIMIT_MS = 10.0
# Of few requests, what more than a few of them show: a load side that is late by then is later still in the rest.
LAG_PERCENTILES = (99, 90, 50)
# A smaller lag matters where it is a good part of the response time.
LAG_SHARE_LIMIT = 0.2
LAG_FLOOR_MS = 1.0
TOLERANCE = 0.03
# Timers may fire a little early: an event loop counts in whole milliseconds.
TIMER_SLACK_MS = 1.5
FEW_ANSWERS = 20
TIMEOUT = ErrorKind.TIMEOUT.value
# A load process that did not run for so long, or for such a share of its only turn, has measured its own absence.
PAUSE_LIMIT_S = 2.0
PAUSE_SHARE_LIMIT = 0.05
PAUSE_FLOOR_S = 0.5


class Check(StrEnum):
    """What physics allows, of a target that is pressed."""

    SLOTS = "slots over wait"
    SOONEST = "no answer before its wait"
    LITTLE = "Little's law"


def checks_of(scenario: ScenarioInfo, level: Level) -> tuple[Check, ...]:
    """The physical checks that can be made of a scenario at a level.

    In the open loop answers of the drain count too, so that only the soonest answer can be judged. Without a known wait
    there is no bound by slots. A user of a locustfile may have several requests in flight. Nothing presses on a start.
    """
    if scenario.kind is ScenarioKind.COLD_START:
        return ()
    closed = not level.rate_rps
    waits = soonest_ms(scenario) > 0
    wanted = {Check.SLOTS: closed and waits, Check.SOONEST: waits, Check.LITTLE: closed and not scenario.locustfile}
    return tuple(check for check, holds in wanted.items() if holds)


def soonest_ms(scenario: ScenarioInfo) -> float:
    """No answer can come before this: latencies are known to within their bucket, and timers may fire early."""
    return scenario.floor_ms * (1 - RESOLUTION) - TIMER_SLACK_MS


def judge(
    trial: Trial, target: TargetInfo, scenario: ScenarioInfo, *, shared_core: bool = False
) -> tuple[Problem, ...]:
    """All that is wrong with a trial: what was noted while it ran, and what its figures give away.

    With `shared_core` the load side always waits for the target's core: that is told once, as a warning of its own.
    """
    cold = scenario.kind is ScenarioKind.COLD_START
    found = [*_ledger_problems(trial.ledger, trial.first_error, scenario)]
    if not cold:  # nothing is pressed in a start
        found += [*_load_problems(trial, shared_core), *_impossible(trial, target, scenario)]
    named = (Problem(code, text, trial.target, trial.scenario, severity) for code, text, severity in found)
    return (*trial.problems, *named)


Finding = tuple[ProblemCode, str, Severity]


def describe_errors(ledger: Ledger) -> str:
    """The errors in words: ``3 timeout, 1 reset``."""
    return ", ".join(f"{count:,} {kind}" for kind, count in sorted(ledger.errors.items()) if count) or "none"


def _ledger_problems(ledger: Ledger, first_error: str, scenario: ScenarioInfo) -> Iterator[Finding]:
    few = 0 if scenario.kind is ScenarioKind.COLD_START else FEW_ANSWERS
    # Whom slow clients keep from being answered is what such a scenario is to find out.
    held_off = bool(scenario.slow_clients) and ledger.error_count == ledger.errors.get(TIMEOUT, 0) > 0
    why = f"; the first: {first_error}" if first_error else ""
    if not ledger.balanced:
        yield (
            ProblemCode.LEDGER_UNBALANCED,
            f"requests are unaccounted for: {ledger.scheduled:,} scheduled, {ledger.sent:,} sent, "
            f"{ledger.dropped:,} dropped, {ledger.ok:,} ok, {ledger.error_count:,} errors, "
            f"{ledger.in_flight:,} in flight",
            Severity.INVALID,
        )
    if ledger.ok == 0:
        yield (
            ProblemCode.ERRORS,
            f"no right answer to {ledger.sent:,} requests (errors: {describe_errors(ledger)}){why}",
            Severity.WARNING if held_off else Severity.INVALID,
        )
    elif ledger.error_count:
        share = ledger.error_count / max(ledger.sent, 1)
        severity = Severity.INVALID if share > ERROR_SHARE_LIMIT and not held_off else Severity.WARNING
        yield (
            ProblemCode.ERRORS,
            f"{share:.2%} of {ledger.sent:,} requests were not answered rightly ({describe_errors(ledger)}){why}",
            severity,
        )
    if 0 < ledger.ok < few:
        yield ProblemCode.FEW_SAMPLES, f"only {ledger.ok} right answers", Severity.WARNING


def generator_of(trial: Trial) -> Generator:
    """How near the load side came to what it can do."""
    load_cpu_s = sum(turn.load_cpu_s for turn in trial.turns)
    load_wait_s = sum(turn.load_wait_s for turn in trial.turns)
    return Generator.of(trial.ledger.ok, trial.elapsed_s, load_cpu_s, trial.ceiling_rps, load_wait_s)


def _load_problems(trial: Trial, shared_core: bool) -> Iterator[Finding]:
    open_loop = trial.level.rate_rps > 0
    yield from generator_findings(generator_of(trial), cpu_tells=not (open_loop or shared_core))
    if open_loop:
        yield from open_loop_findings(trial.ledger, trial.level.concurrency, trial.schedule_lag, trial.response_time)


def generator_findings(generator: Generator, *, cpu_tells: bool) -> Iterator[Finding]:
    """Whether the load side was the limit, told once: first where others took its core from it, as that can be mended.

    Its CPU does not tell (`cpu_tells`) in an open loop, which spins while it waits for the next instant, and on a core
    that it shares with the target, for which it always waits. There its ceiling does.
    """
    if cpu_tells and generator.wait_share > GENERATOR_WAIT_LIMIT:
        yield (
            ProblemCode.GENERATOR_LIMITED,
            f"the load side waited for its core for {generator.wait_share:.0%} of the time, while other processes used "
            "it: the target may be faster than it could press; end them, or give the load side a core of its own "
            "(--load-cores)",
            Severity.INVALID,
        )
    elif cpu_tells and generator.cpu_share > GENERATOR_SHARE_LIMIT:
        yield (
            ProblemCode.GENERATOR_LIMITED,
            f"the load side used, or waited for, {generator.cpu_share:.0%} of its CPU: the target may be faster than "
            "it could press",
            Severity.INVALID,
        )
    elif generator.near_ceiling:
        yield (
            ProblemCode.GENERATOR_LIMITED,
            f"the load side was at {generator.ceiling_share:.0%} of the {generator.ceiling_rps:,.0f} requests/s that "
            "it can do at best here: the target may be faster than it could press",
            Severity.INVALID,
        )


def pause_findings(paused_s: float, planned_s: float = math.inf) -> Iterator[Finding]:
    """Whether a load process stood still for too long, in one turn of `planned_s`; or in many short
    ones, which bear more."""
    if paused_s > min(PAUSE_LIMIT_S, max(PAUSE_FLOOR_S, PAUSE_SHARE_LIMIT * planned_s)):
        yield (
            ProblemCode.GENERATOR_LIMITED,
            f"a load process did not run for {paused_s:.1f} s, stopped or left without a core: what the target could "
            "have done meanwhile is unknown",
            Severity.INVALID,
        )


def open_loop_findings(
    ledger: Ledger, connections: int, lag: Histogram | None, response: Histogram | None
) -> Iterator[Finding]:
    """Whether the target took what was due, and whether the load side sent it when it was due."""
    dropped = ledger.dropped / ledger.scheduled if ledger.scheduled else 0.0
    if dropped > DROPPED_SHARE_LIMIT:
        yield (
            ProblemCode.OVERLOADED,
            f"{dropped:.1%} of {ledger.scheduled:,} planned requests could not be sent when due: all {connections} "
            "connections were waiting for answers; response times are those of the requests that were sent",
            Severity.WARNING,
        )
    if lag is None or response is None or not response.count:
        return
    at = next((percentile for percentile in LAG_PERCENTILES if lag.supports(percentile)), None)
    if at is None:
        return
    lag_ms, response_ms = lag.percentile_us(at) / 1000, response.percentile_us(at) / 1000
    if lag_ms > LAG_P99_LIMIT_MS or lag_ms > max(LAG_FLOOR_MS, LAG_SHARE_LIMIT * response_ms):
        yield (
            ProblemCode.GENERATOR_LIMITED,
            f"requests left up to {lag_ms:.1f} ms (p{at}) after their planned instant, of {response_ms:.1f} ms in all",
            Severity.INVALID,
        )


def _impossible(trial: Trial, target: TargetInfo, scenario: ScenarioInfo) -> Iterator[Finding]:
    ok, elapsed_s = trial.ledger.ok, trial.elapsed_s
    if not ok or elapsed_s <= 0:
        return
    rate = ok / elapsed_s
    held = min(target.slots or trial.level.concurrency, trial.level.concurrency)
    checks, bound_ms = checks_of(scenario, trial.level), soonest_ms(scenario)
    if Check.SLOTS in checks and rate > held / bound_ms * 1000 * (1 + TOLERANCE):
        yield (
            ProblemCode.IMPOSSIBLE,
            f"{rate:,.0f} requests/s, but {held} at a time with a wait of {scenario.floor_ms:g} ms each make at most "
            f"{held / scenario.floor_ms * 1000:,.0f}",
            Severity.INVALID,
        )
    if not trial.service_time.count:
        return
    fastest_ms = trial.service_time.min_us / 1000
    if Check.SOONEST in checks and fastest_ms < bound_ms:
        yield (
            ProblemCode.IMPOSSIBLE,
            f"an answer came after {fastest_ms:.1f} ms, sooner than the wait of {scenario.floor_ms:g} ms it must hold",
            Severity.INVALID,
        )
    # Little's law: requests in flight = rate x time in flight; there cannot be more than connections.
    in_flight = rate * trial.service_time.mean_us / 1e6
    if Check.LITTLE in checks and in_flight > trial.level.concurrency * (1 + TOLERANCE):
        yield (
            ProblemCode.IMPOSSIBLE,
            f"rate times latency makes {in_flight:.1f} requests in flight on {trial.level.concurrency} connections",
            Severity.INVALID,
        )
