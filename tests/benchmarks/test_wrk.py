"""What is read from wrk's output: its counts, and the latencies that it recorded before it added others."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.wrk import read_output, without_correction
from sgibench.results.errors import LoadError
from sgibench.results.histogram import Histogram

SECOND_US = 1_000_000


def corrected(recorded: Counter[int], step: int) -> Counter[int]:
    """What wrk makes of latencies: to one that is longer than two steps it adds each that is whole steps shorter, down
    to more than a step, as if a request had been due in every step of the wait."""
    made = Counter(recorded)
    for latency, count in recorded.items():
        for shorter in range(latency - step, step, -step):
            made[shorter] += count
    return made


@pytest.mark.parametrize(
    ("printed", "requests", "connections", "recorded"),
    [
        ({}, 0, 4, {}),
        # Ten answers in a second on one connection: a step of 100 ms.
        ({90_000: 10}, 10, 1, {90_000: 10}),
        ({200_000: 3, 50_000: 7}, 10, 1, {200_000: 3, 50_000: 7}),
        ({350_000: 1, 250_000: 1, 150_000: 1, 50_000: 9}, 10, 1, {350_000: 1, 250_000: 0, 150_000: 0, 50_000: 9}),
        ({350_000: 2, 250_000: 3, 150_000: 3, 50_000: 7}, 10, 1, {350_000: 2, 250_000: 1, 150_000: 0, 50_000: 7}),
        # 25 answers on four connections: six each, and what is over does not count.
        ({400_000: 1, 233_334: 1, 40_000: 24}, 25, 4, {400_000: 1, 233_334: 0, 40_000: 24}),
        # Fewer answers than connections: there is no step.
        ({900_000: 2, 450_000: 1}, 3, 4, {900_000: 2, 450_000: 1}),
    ],
)
def test_what_was_added_is_taken_out(
    printed: dict[int, int], requests: int, connections: int, recorded: dict[int, int]
) -> None:
    assert without_correction(printed, SECOND_US, requests, connections) == recorded


@given(
    st.dictionaries(st.integers(1, 400), st.integers(1, 50), min_size=1, max_size=40),
    st.integers(1, 60),
    st.integers(1, 8),
)
def test_the_correction_is_undone_exactly(latencies: dict[int, int], step: int, connections: int) -> None:
    recorded = Counter(latencies)
    each = -(-recorded.total() // connections)
    requests = each * connections
    # Any duration of so many steps, and less than one step more for each answer, is divided into this step.
    for duration_us in (step * each, step * each + each - 1):
        found = without_correction(corrected(recorded, step), duration_us, requests, connections)
        assert {latency: count for latency, count in found.items() if count} == latencies


def output(summary: str, errors: str, *latencies: str) -> str:
    """What wrk prints, and among it what the script does."""
    lines = ["Running 1s test @ http://127.0.0.1:80/", "  1 threads and 1 connections", f"wrk-summary {summary}"]
    return "\n".join([*lines, f"wrk-errors {errors}", *(f"wrk-latency {each}" for each in latencies), ""])


def test_counts_times_and_latencies_are_read_as_they_were_printed() -> None:
    text = output("1000000 10 0.250000", "0 0 0 2 0", "50 9", "350000 1", "250000 1", "150000 1")
    run = read_output(text, 1)
    assert (run.requests, run.elapsed_s, run.cpu_s) == (10, 1.0, 0.25)
    assert run.errors == {"status": 2}
    assert run.times == Histogram.of_us([50] * 9 + [350_000])
    assert run.printed == Histogram.of_us([50] * 9 + [350_000, 250_000, 150_000])


def test_a_request_that_timed_out_has_no_latency() -> None:
    run = read_output(output("1000000 10 0.1", "1 2 3 4 5", "50 5"), 1)
    assert run.errors == {"connect": 1, "read": 2, "write": 3, "status": 4, "timeout": 5}
    assert run.times.count == 5


def test_a_run_without_any_answer_has_no_latencies() -> None:
    run = read_output(output("1000000 0 0.001", "8 0 0 0 0"), 8)
    assert (run.requests, run.times.count, run.printed.count) == (0, 0, 0)
    assert run.errors == {"connect": 8}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "did not say what it saw: ''"),
        ("unable to connect to 127.0.0.1:80 Connection refused\n", "Connection refused"),
        ("wrk-summary 1000000 1 0.1\nwrk-latency 50 1\n", "did not say what it saw"),
        ("wrk-errors 0 0 0 0 0\nwrk-latency 50 1\n", "did not say what it saw"),
        (output("1000000 10 0.1", "0 0 0 0 0", "50 9"), "do not add up to its requests"),
        (output("1000000 10 0.1", "0 0 0 0 0", "50 11"), "do not add up to its requests"),
        (output("1000000 10 0.1", "0 0 0 0 1", "50 10"), "do not add up to its requests"),
        # More whole steps up than here: another correction than the one that is undone.
        (output("1000000 10 0.1", "0 0 0 0 0", "50 8", "350000 2", "250000 1"), "do not add up to its requests"),
    ],
)
def test_what_is_missing_or_does_not_add_up_is_refused(text: str, words: str) -> None:
    with pytest.raises(LoadError) as caught:
        read_output(text, 1)
    assert words in caught.value.message
