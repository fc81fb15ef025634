"""Each check speaks up for its own fault, and for no other; what physics allows is never called impossible."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.generator import Generator
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, ProblemCode, ScenarioInfo, ScenarioKind, Severity, TargetInfo, Trial
from sgibench.results.validity import Check, checks_of, generator_of, judge, pause_findings

from .builders import JSON, ledger, problem, target_info, trial, turn

WAIT = ScenarioInfo("wait", "a wait of 50 ms", "GET", "/wait", (Level(10),), floor_ms=50.0, waiting=True)
PACED = Level(8, 200.0)
INVALID, WARNING = Severity.INVALID, Severity.WARNING


def waits(ok: int, service_ms: float) -> Trial:
    """One second of waiting on ten connections."""
    return trial([turn(ok, elapsed_s=1.0)], level=Level(10), service_us=[int(service_ms * 1000)] * ok)


def paced(counts: Ledger, lag_ms: float = 0.1, response_ms: float = 3.0, lag_count: int = 1000) -> Trial:
    """One second of open loop."""
    lags = [int(lag_ms * 1000)] * lag_count
    those = [turn(0, elapsed_s=1.0, counts=counts)]
    response_us = [int(response_ms * 1000)] * counts.ok
    return trial(those, level=PACED, service_us=[3000] * counts.ok, lag_us=lags, response_us=response_us)


HEALTHY = {
    "closed loop": (trial([turn(100, number) for number in range(5)]), None, JSON),
    "a wait on unbounded slots": (waits(195, 51.0), None, WAIT),
    "a wait on two slots: the others queue": (waits(39, 256.0), 2, WAIT),
    "a timer a little early": (waits(200, 48.6), None, WAIT),
    "open loop": (paced(ledger(200)), None, JSON),
    "open loop, too few to tell a lag": (paced(ledger(200), lag_ms=40, lag_count=19), None, JSON),
    "open loop, answers of the drain count": (paced(ledger(100), response_ms=400), None, JSON),
    "open loop, a lag below a fifth of the response time": (paced(ledger(200), lag_ms=9, response_ms=50), None, JSON),
    "open loop, a lag below a millisecond": (paced(ledger(200), lag_ms=0.9, response_ms=1.5), None, JSON),
    "open loop, one in a hundred dropped": (paced(ledger(990, dropped=10)), None, JSON),
    "open loop, nothing known of its lag": (replace(paced(ledger(200)), schedule_lag=None), None, JSON),
    "open loop, no response time": (replace(paced(ledger(200), lag_ms=50), response_time=None), None, JSON),
    "a ceiling from a slow moment of the machine": (
        replace(trial([turn(100, number, load_cpu_s=0.04) for number in range(5)]), ceiling_rps=1500.0),
        None,
        JSON,
    ),
    "a load process that waited for its core, but not long": (
        trial([turn(100, number, load_cpu_s=0.033, load_wait_s=0.0145) for number in range(5)]),
        None,
        JSON,
    ),
    "open loop, others on its core, and nothing late": (
        replace(paced(ledger(200)), turns=(turn(200, elapsed_s=1.0, load_cpu_s=1.0, load_wait_s=0.6),)),
        None,
        JSON,
    ),
    "open loop, far below its ceiling": (replace(paced(ledger(200)), ceiling_rps=20_000.0), None, JSON),
    "open loop, the load process spinning": (
        replace(paced(ledger(200)), turns=(turn(200, elapsed_s=1.0, load_cpu_s=1.0),)),
        None,
        JSON,
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_trial_has_no_problem(name: str) -> None:
    healthy, slots, scenario = HEALTHY[name]
    assert judge(healthy, target_info(slots=slots), scenario) == ()


FAULTS = {
    "unbalanced": (
        trial([turn(100, counts=replace(ledger(100), sent=99))]),
        None,
        JSON,
        ProblemCode.LEDGER_UNBALANCED,
        INVALID,
        "100 scheduled, 99 sent, 0 dropped, 100 ok",
    ),
    "no right answer": (
        trial([turn(0, counts=ledger(0, status=1234, timeout=2))]),
        None,
        JSON,
        ProblemCode.ERRORS,
        INVALID,
        "no right answer to 1,236 requests (errors: 1,234 status, 2 timeout)",
    ),
    "no turns": (trial([]), None, JSON, ProblemCode.ERRORS, INVALID, "no right answer to 0 requests (errors: none)"),
    "errors above one in a thousand": (
        trial([turn(0, counts=ledger(9989, reset=11))]),
        None,
        JSON,
        ProblemCode.ERRORS,
        INVALID,
        "0.11% of 10,000 requests were not answered rightly (11 reset)",
    ),
    "errors up to one in a thousand": (
        trial([turn(0, counts=ledger(9990, reset=10))]),
        None,
        JSON,
        ProblemCode.ERRORS,
        WARNING,
        "0.10% of 10,000 requests",
    ),
    "few answers": (trial([turn(19)]), None, JSON, ProblemCode.FEW_SAMPLES, WARNING, "only 19 right answers"),
    "load process at its ceiling": (
        trial([turn(100, load_cpu_s=0.044)]),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "used, or waited for, 88% of its CPU",
    ),
    "others on the load process's core": (
        trial([turn(100, load_cpu_s=0.033, load_wait_s=0.0155)]),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "waited for its core for 31% of the time, while other processes used it",
    ),
    "others on its core, which is full so": (
        trial([turn(100, load_cpu_s=0.05, load_wait_s=0.03)]),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "end them, or give the load side a core of its own (--load-cores)",
    ),
    "open loop near its ceiling": (
        replace(paced(ledger(200)), ceiling_rps=230.0, turns=(turn(200, elapsed_s=1.0, load_cpu_s=1.0),)),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "at 87% of the 230 requests/s that it can do at best here",
    ),
    "dropped": (
        paced(ledger(980, dropped=20)),
        None,
        JSON,
        ProblemCode.OVERLOADED,
        WARNING,
        "2.0% of 1,000 planned requests could not be sent when due: all 8 connections were waiting for answers",
    ),
    "late": (
        paced(ledger(200), lag_ms=12, response_ms=200),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "12.0 ms (p99) after their planned instant, of 200.1 ms in all",
    ),
    "late, in fewer requests than a p99 takes": (
        paced(ledger(200), lag_ms=12, response_ms=200, lag_count=999),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "12.0 ms (p90) after their planned instant, of 200.1 ms in all",
    ),
    "late, in so few that only their median tells": (
        paced(ledger(200), lag_ms=12, response_ms=200, lag_count=20),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "12.0 ms (p50) after their planned instant, of 200.1 ms in all",
    ),
    "a little late, which is much of a short response": (
        paced(ledger(200), lag_ms=1.2, response_ms=5),
        None,
        JSON,
        ProblemCode.GENERATOR_LIMITED,
        INVALID,
        "1.2 ms (p99) after their planned instant, of 5.0 ms in all",
    ),
    "more than the slots can do": (
        waits(50, 60),
        2,
        WAIT,
        ProblemCode.IMPOSSIBLE,
        INVALID,
        "50 requests/s, but 2 at a time with a wait of 50 ms each make at most 40",
    ),
    "sooner than the wait": (
        waits(100, 48),
        None,
        WAIT,
        ProblemCode.IMPOSSIBLE,
        INVALID,
        "an answer came after 48.0 ms, sooner than the wait of 50 ms",
    ),
    "more in flight than connections": (
        waits(100, 110),
        None,
        WAIT,
        ProblemCode.IMPOSSIBLE,
        INVALID,
        "11.0 requests in flight on 10 connections",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_as_itself_and_alone(name: str) -> None:
    faulty, slots, scenario, code, severity, words = FAULTS[name]
    (found,) = judge(faulty, target_info(slots=slots), scenario)
    assert (found.code, found.severity) == (code, severity)
    assert words in found.message
    assert (found.target, found.scenario) == (faulty.target, faulty.scenario)


def test_what_was_noted_while_measuring_comes_first_and_is_kept() -> None:
    noted = problem(code="server-died", message="worker 12 died")
    found = judge(trial([turn(19)], problems=[noted]), target_info(), JSON)
    assert found[0] == noted
    assert [each.code for each in found] == [ProblemCode.SERVER_DIED, ProblemCode.FEW_SAMPLES]


def test_the_first_error_says_what_the_others_may_have_been() -> None:
    for counts in (ledger(100, status=10), ledger(0, status=10)):
        (found,) = judge(trial([turn(0, counts=counts)], first_error="status 503, not 200"), target_info(), JSON)
        assert found.code is ProblemCode.ERRORS
        assert found.message.endswith("; the first: status 503, not 200")
    (found,) = judge(trial([turn(0, counts=ledger(100, status=10))]), target_info(), JSON)
    assert "the first" not in found.message


def test_an_overloaded_target_whose_load_was_late_is_both() -> None:
    found = judge(paced(ledger(100, dropped=100), lag_ms=40, response_ms=300), target_info(), JSON)
    assert [each.code for each in found] == [ProblemCode.OVERLOADED, ProblemCode.GENERATOR_LIMITED]


def test_a_broken_ledger_is_reported_even_if_nothing_was_sent() -> None:
    broken = trial([turn(0, counts=Ledger(ok=50, errors={"timeout": 1}))], service_us=[10] * 50)
    codes = {found.code for found in judge(broken, target_info(), JSON)}
    assert codes == {ProblemCode.LEDGER_UNBALANCED, ProblemCode.ERRORS}


def test_a_wait_longer_than_a_bucket_is_fine_is_not_called_too_soon() -> None:
    """At 3 s a bucket is 2 ms wide: its lower end lies before the wait that was kept to the microsecond."""
    patient = ScenarioInfo("wait", "", "GET", "/wait", (Level(30),), floor_ms=3000.0)
    kept = trial([turn(30, elapsed_s=3.0)], level=Level(30), service_us=[3_000_000] * 30)
    assert kept.service_time.min_us < 3_000_000 - 1500
    assert judge(kept, target_info(), patient) == ()


def test_the_load_process_share_of_a_trial_without_time_is_zero() -> None:
    assert generator_of(replace(trial([]), ceiling_rps=1000.0)) == Generator(0.0)
    shown = generator_of(trial([turn(1, load_cpu_s=0.01), turn(1, load_cpu_s=0.03, load_wait_s=0.02)]))
    assert shown.cpu_share == pytest.approx(0.4)
    assert shown.wait_share == pytest.approx(0.2)
    assert (shown.ceiling_rps, shown.ceiling_share) == (None, None)


def test_the_share_of_the_ceiling_is_the_rate_over_it() -> None:
    """100 answers in each 50 ms, of which the load process used 10 ms: it may do 10,000/s at that price."""
    calm = trial([turn(100, number, load_cpu_s=0.01) for number in range(5)])
    shown = generator_of(replace(calm, ceiling_rps=40_000.0))
    assert shown.ceiling_rps == 40_000.0
    assert shown.ceiling_share == pytest.approx(0.05)
    raised = generator_of(replace(calm, ceiling_rps=4_000.0))
    assert raised.ceiling_rps == pytest.approx(10_000)
    assert raised.ceiling_share == pytest.approx(raised.cpu_share)


def test_on_a_core_that_is_shared_the_ceiling_tells_what_the_cpu_cannot() -> None:
    waiting = trial([turn(100, number, load_cpu_s=0.05, load_wait_s=0.04) for number in range(5)])
    assert judge(replace(waiting, ceiling_rps=4_000.0), target_info(), JSON, shared_core=True) == ()
    (found,) = judge(replace(waiting, ceiling_rps=2_100.0), target_info(), JSON, shared_core=True)
    assert found.code is ProblemCode.GENERATOR_LIMITED
    assert "at 95% of the 2,100 requests/s" in found.message


def test_what_was_waited_for_is_said_where_it_is_much() -> None:
    assert Generator(0.5, 1000.0, 0.25, 0.1).in_words == "50% of its CPU, 25% of its ceiling"
    assert Generator(0.5, 1000.0, 0.25, 0.4).in_words == "50% of its CPU (40% waited for), 25% of its ceiling"
    assert Generator(0.5, wait_share=0.4).in_words == "50% of its CPU (40% waited for)"


SECONDS = st.just(0.0) | st.floats(1e-6, 100)


@given(st.integers(0, 10**6), SECONDS, SECONDS, st.none() | st.floats(0, 1e9))
def test_the_share_of_a_ceiling_is_never_above_that_of_the_cpu(
    ok: int, elapsed_s: float, load_cpu_s: float, calibrated_rps: float | None
) -> None:
    shown = Generator.of(ok, elapsed_s, load_cpu_s, calibrated_rps)
    if shown.ceiling_share is not None and load_cpu_s > 0:
        assert 0 <= shown.ceiling_share <= shown.cpu_share * (1 + 1e-9)


@st.composite
def physical_trials(draw: st.DrawFn) -> tuple[Trial, TargetInfo, ScenarioInfo]:
    """A trial as a server would give it: each connection asks again when answered, `slots` are served at a time.

    Every answer takes its wait (a timer may fire up to 1 ms early) and some work; who finds no slot free queues.
    """
    connections = draw(st.integers(1, 40))
    slots = draw(st.none() | st.integers(1, 50))
    floor_us = draw(st.sampled_from([0, 1_000, 5_000, 10_000, 50_000, 3_000_000, 60_000_000]))
    early_us = draw(st.integers(0, 1000))
    work_us = draw(st.integers(0, 5_000))
    held = min(slots or connections, connections)
    waves = draw(st.integers(1, 6))
    wave_us = max(floor_us - early_us, 1) + work_us
    answers, elapsed_us = waves * held, waves * wave_us
    # Little's law at equality is the fullest that connections can be; queueing makes every answer later.
    latencies_us = [wave_us] * held + [max(wave_us, min(connections * wave_us // held, elapsed_us))] * (answers - held)
    counts = ledger(answers, in_flight=draw(st.integers(0, connections - held)))
    whole = trial(
        [turn(0, elapsed_s=elapsed_us / 1e6, counts=counts)],
        level=Level(connections),
        service_us=Histogram.of_us(latencies_us),
    )
    info = ScenarioInfo("wait", "", "GET", "/wait", (Level(connections),), floor_ms=floor_us / 1000)
    return whole, target_info(slots=slots), info


@given(physical_trials())
def test_what_physics_allows_is_never_called_impossible(made: tuple[Trial, TargetInfo, ScenarioInfo]) -> None:
    codes = {found.code for found in judge(*made)}
    assert ProblemCode.IMPOSSIBLE not in codes
    assert ProblemCode.LEDGER_UNBALANCED not in codes


@pytest.mark.parametrize(
    ("paused_s", "planned_s", "told"),
    [
        (0.4, 1.0, False),  # a machine with much else to do
        (0.6, 1.0, True),
        (0.6, 30.0, False),
        (1.6, 30.0, True),
        (2.1, 3600.0, True),
    ],
)
def test_a_load_process_that_stood_still_is_told_by_its_share_of_a_turn_and_beyond_two_seconds_in_any(
    paused_s: float, planned_s: float, told: bool
) -> None:
    found = list(pause_findings(paused_s, planned_s))
    assert [(code, severity) for code, _, severity in found] == [(ProblemCode.GENERATOR_LIMITED, INVALID)] * told
    assert all(f"did not run for {paused_s} s" in message for _, message, _ in found)


@pytest.mark.parametrize(
    ("errors", "slow_clients", "severity"),
    [
        ({"timeout": 16}, 50, WARNING),
        ({"timeout": 16}, 0, INVALID),
        ({"timeout": 15, "reset": 1}, 50, INVALID),
    ],
)
def test_whom_slow_clients_keep_waiting_is_a_finding_and_no_fault(
    errors: dict[str, int], slow_clients: int, severity: Severity
) -> None:
    scenario = replace(JSON, slow_clients=slow_clients)
    for ok in (0, 100):
        counts = Ledger(16 + ok, 16 + ok, 0, ok, 0, errors)
        (found,) = judge(trial([turn(0, elapsed_s=1.0, counts=counts)]), target_info(), scenario)
        assert (found.code, found.severity) == (ProblemCode.ERRORS, severity)


@pytest.mark.parametrize(
    ("scenario", "level", "checks"),
    [
        (JSON, Level(8), (Check.LITTLE,)),
        (WAIT, Level(8), (Check.SLOTS, Check.SOONEST, Check.LITTLE)),
        (WAIT, PACED, (Check.SOONEST,)),
        (JSON, PACED, ()),
        (replace(JSON, locustfile="users.py"), Level(8), ()),
        (replace(WAIT, floor_ms=1.0), Level(8), (Check.LITTLE,)),
        (replace(JSON, kind=ScenarioKind.COLD_START), Level(1), ()),
    ],
)
def test_which_checks_physics_allows(scenario: ScenarioInfo, level: Level, checks: tuple[Check, ...]) -> None:
    assert checks_of(scenario, level) == checks
