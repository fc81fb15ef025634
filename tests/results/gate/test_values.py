"""An epoch's values follow from its turns, round by round, and can always be computed again."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
from scipy import stats

from sgibench.results.gate.records import BASE, HEAD, WHOLE, GateTurns, Growth, Order, Pair, Work, change
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.values import epoch_of, growth_slope, late_in, ledgers_of, limited_in, values_of
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.problems import Problem, ProblemCode, Severity
from sgibench.results.records import Level, MemoryMark, Trial

from ..builders import drifting_trials, peak, trial, turn
from .builders import limited

RATE = Level(16, 500.0)


def timed(side: str, response_us: Sequence[int], windows: int = 1, **others: object) -> Trial:
    """An open loop's trial of so many windows alike, each with those response times."""
    p50, p90 = (each / 1000 for each in Histogram.of_us(response_us).percentiles_us((50.0, 90.0)))
    turns = [replace(turn(len(response_us), at), p50_ms=p50, p90_ms=p90) for at in range(windows)]
    return trial(turns, side, level=RATE, response_us=[*response_us] * windows, **others)  # type: ignore[arg-type]


def figures(pair: Pair) -> tuple[float, float]:
    """Base and head."""
    return pair.base, pair.head


def test_throughput_and_cpu_are_compared_within_rounds_so_that_a_drifting_machine_cancels() -> None:
    trials = drifting_trials({BASE: 1000.0, HEAD: 950.0}, 1, rounds=60, spread=0.002)
    found = values_of(GateTurns(tuple(trials)))
    for metric in (GateMetric.THROUGHPUT, GateMetric.CPU):
        assert change(found["json", metric], metric) == pytest.approx(math.log(1000 / 950), abs=0.003)
    assert 700 <= found["json", GateMetric.THROUGHPUT].base <= 1400


def test_only_rounds_that_both_sides_have_are_compared() -> None:
    base = trial([turn(100, 0), turn(50, 1), turn(100, 2)], BASE)
    head = trial([turn(100, 0), turn(0, 1), turn(100, 2)], HEAD)
    found = values_of(GateTurns((base, head)))
    assert figures(found["json", GateMetric.THROUGHPUT]) == pytest.approx((2000, 2000))


@pytest.mark.parametrize("metric", [GateMetric.THROUGHPUT, GateMetric.CPU, GateMetric.P50, GateMetric.P90])
def test_how_far_an_epochs_rounds_scatter_is_kept_and_is_the_same_whoever_is_called_the_head(
    metric: GateMetric,
) -> None:
    chance = random.Random(3)
    counts, others = ([chance.randrange(90, 110) for _ in range(16)] for _ in range(2))
    ratios = [math.log(other / count) for count, other in zip(counts, others, strict=True)]
    published = float(stats.mstats.trimmed_stde(ratios, (0.25, 0.25)))

    def error(base: str, head: str) -> float | None:
        trials = []
        for side, those in ((base, counts), (head, others)):
            closed = [replace(turn(count, at), target_cpu_s=0.02) for at, count in enumerate(those)]
            opened = [replace(turn(100, at), p50_ms=1000 / n, p90_ms=2000 / n) for at, n in enumerate(those)]
            trials += [trial(closed, side), replace(timed(side, [1000] * 100, 16), turns=tuple(opened))]
        return values_of(GateTurns(tuple(trials)))["json", metric].error

    assert error(BASE, HEAD) == pytest.approx(published)
    assert error(HEAD, BASE) == pytest.approx(published)


def test_too_few_rounds_tell_nothing_of_how_far_they_scatter() -> None:
    trials = (trial([turn(100, at) for at in range(11)], side) for side in (BASE, HEAD))
    assert values_of(GateTurns(tuple(trials)))["json", GateMetric.THROUGHPUT].error is None


def test_several_blocks_of_a_scenario_are_one_value() -> None:
    blocks = [trial([turn(count)], side) for count in (100, 110) for side in (BASE, HEAD)]
    assert values_of(GateTurns(tuple(blocks)))["json", GateMetric.THROUGHPUT].head == pytest.approx(
        2000 * math.sqrt(1.1), rel=1e-6
    )


def test_what_one_side_lacks_has_no_value() -> None:
    base = trial([turn(100)], BASE, memory=[peak(50, "idle"), peak(60)])
    head = trial([turn(100, cpu_s=None)], HEAD, memory=[peak(50)])
    found = values_of(GateTurns((base, head)))
    assert set(found) == {
        ("json", GateMetric.THROUGHPUT),
        ("json", GateMetric.THROUGHPUT_TOTAL),
        (WHOLE, GateMetric.MEMORY_PEAK),
    }


def test_no_turns_have_no_values() -> None:
    assert values_of(GateTurns(())) == {}


def test_response_times_are_percentiles_in_milliseconds_where_enough_were_seen() -> None:
    fast, slow = list(range(1000, 2000, 5)), list(range(2000, 4000, 10))  # 200 each: enough for p90, not for p99
    found = values_of(GateTurns((timed(BASE, fast), timed(HEAD, slow))))
    assert figures(found["json", GateMetric.P50]) == pytest.approx((1.495, 2.99), rel=0.002)
    assert found["json", GateMetric.P90].head == pytest.approx(3.79, rel=0.002)
    assert ("json", GateMetric.P99) not in found
    assert ("json", GateMetric.THROUGHPUT) not in found  # the rate was set


def test_a_pile_up_in_one_window_is_the_machines_and_moves_no_response_time() -> None:
    usual, piled = list(range(1000, 2000, 10)), list(range(40_000, 60_000, 200))
    base = timed(BASE, usual, 12)
    bad = replace(turn(100, 3), p50_ms=50.0, p90_ms=58.0)
    head = replace(base, target=HEAD, turns=(*base.turns[:3], bad, *base.turns[4:]))
    head = replace(head, response_time=Histogram.of_us([*usual * 12, *piled]))
    found = values_of(GateTurns((base, head)))
    assert found["json", GateMetric.P50].head == pytest.approx(found["json", GateMetric.P50].base)
    assert found["json", GateMetric.P90].head == pytest.approx(found["json", GateMetric.P90].base)
    assert found["json", GateMetric.P99].head > 20 * found["json", GateMetric.P99].base  # is told, and decides nothing


def test_what_costs_much_now_and_then_shows_in_the_totals_alone() -> None:
    """As a long garbage collection in every tenth turn does."""
    base = trial([turn(100, at) for at in range(20)], BASE)
    head = trial([turn(100, at, elapsed_s=0.2 if at % 10 == 5 else 0.05) for at in range(20)], HEAD)
    work = (Work(BASE, 1000, 0.4), Work(BASE, 1000, 0.4), Work(HEAD, 2000, 1.04))
    found = values_of(GateTurns((base, head), (), work))
    assert change(found["json", GateMetric.THROUGHPUT], GateMetric.THROUGHPUT) == pytest.approx(0)
    assert figures(found["json", GateMetric.THROUGHPUT_TOTAL]) == pytest.approx((2000, 2000 / 1.3))
    assert figures(found[WHOLE, GateMetric.CPU_TOTAL]) == pytest.approx((400, 520))


def test_response_times_that_are_the_load_sides_own_are_none() -> None:
    kept = Problem(ProblemCode.OVERLOADED, "could not be sent", HEAD, "json", Severity.WARNING)
    times = list(range(1000, 1200))
    late = GateTurns((timed(BASE, times), timed(HEAD, times, problems=[limited(HEAD)])))
    assert values_of(late) == {}
    assert (late_in(late), limited_in(late)) == (("json",), ())
    found = GateTurns((timed(BASE, times), timed(HEAD, times, problems=[kept])))
    assert ("json", GateMetric.P50) in values_of(found)
    assert late_in(found) == ()


@pytest.mark.parametrize(
    ("lag_us", "kept"),
    [
        ([2] * 500, {GateMetric.P50, GateMetric.P90}),
        ([2] * 491 + [9000] * 9, {GateMetric.P50, GateMetric.P90}),
        ([2] * 476 + [9000] * 24, {GateMetric.P50, GateMetric.P90}),
        ([2] * 474 + [9000] * 26, {GateMetric.P50}),  # of the 50 slowest answers, 26 may be slow for that alone
        ([2] * 370 + [9000] * 130, set()),
        ([80] * 500, {GateMetric.P50, GateMetric.P90}),
        ([150] * 500, set()),
    ],
)
def test_a_percentile_stands_where_a_load_side_that_was_late_can_hardly_have_moved_it(
    lag_us: list[int], kept: set[GateMetric]
) -> None:
    times = [1000 + at // 2 for at in range(500)]
    trials = [timed(side, times, lag_us=lag_us, problems=[limited(side)]) for side in (BASE, HEAD)]
    assert {metric for _, metric in values_of(GateTurns(tuple(trials)))} == kept
    assert late_in(GateTurns(tuple(trials))) == (() if len(kept) == 2 else ("json",))
    for percentile in (50.0, 90.0):
        late = [time + lag for time, lag in zip(times, reversed(lag_us), strict=True)]
        apart = Histogram.of_us(late).percentile_us(percentile) / Histogram.of_us(times).percentile_us(percentile)
        assert apart <= 1.12 or {50.0: GateMetric.P50, 90.0: GateMetric.P90}[percentile] not in kept


def test_the_load_side_is_a_limit_in_the_closed_loop_alone() -> None:
    slow = Problem(ProblemCode.GENERATOR_LIMITED, "waited a little", BASE, "json", Severity.WARNING)
    closed = trial([turn(100)], BASE, problems=[limited()])
    assert limited_in(GateTurns((closed, trial([turn(100)], HEAD)))) == ("json",)
    assert limited_in(GateTurns((trial([turn(100)], BASE, problems=[slow]),))) == ()
    assert late_in(GateTurns((closed,))) == ()


def test_memory_belongs_to_the_launch_and_its_peak_is_the_highest_of_all_scenarios() -> None:
    trials = [
        trial([turn(10)], side, scenario=name, memory=[peak(50, "idle"), peak(60 + more), peak(58)])
        for name, more in (("json", 0), ("page", 12))
        for side in (BASE, HEAD)
    ]
    found = values_of(GateTurns(tuple(trials)))
    assert found[WHOLE, GateMetric.MEMORY_IDLE] == Pair(50, 50)
    assert found[WHOLE, GateMetric.MEMORY_PEAK] == Pair(72, 72)
    assert ("json", GateMetric.THROUGHPUT) in found
    assert ("page", GateMetric.THROUGHPUT) in found


def test_memory_of_two_kinds_is_not_compared() -> None:
    base = trial([turn(10)], BASE, memory=[peak(50)])
    head = trial([turn(10)], HEAD, memory=[MemoryMark("peak", 1.0, 90.0, None, 1, "rss")])
    assert (WHOLE, GateMetric.MEMORY_PEAK) not in values_of(GateTurns((base, head)))


def test_a_leak_is_the_slope_of_memory_over_requests() -> None:
    draw = random.Random(1)
    marks = [
        Growth(side, requests, 50 + requests * per_request / 2**20 + draw.uniform(-0.02, 0.02))
        for side, per_request in ((BASE, 0), (HEAD, 1024))
        for requests in (1000, 3000, 5000, 7000)
    ]
    found = values_of(GateTurns((), tuple(marks)))
    assert change(found[WHOLE, GateMetric.LEAK], GateMetric.LEAK) == pytest.approx(1024, abs=20)


def test_what_is_taken_once_is_no_leak_where_few_requests_would_divide_it() -> None:
    """A fifth of a MiB that the head alone takes, after its warm-up."""
    few = [
        Growth(side, *mark) for side, taken in ((BASE, 0), (HEAD, 0.2)) for mark in ((100, 50.0), (599, 50.0 + taken))
    ]
    assert (WHOLE, GateMetric.LEAK) not in values_of(GateTurns((), tuple(few)))
    enough = [Growth(HEAD, 2000, 60.0, 2), Growth(HEAD, 3024, 60.0, 2)]
    assert growth_slope([*few[2:], *enough]) == 0
    only_the_head = [*few, Growth(HEAD, 600, 50.2)]
    assert (WHOLE, GateMetric.LEAK) not in values_of(GateTurns((), tuple(only_the_head)))


@pytest.mark.parametrize("requests", [[], [500], [500, 500]])
def test_a_slope_needs_two_different_marks(requests: list[int]) -> None:
    assert growth_slope([Growth(BASE, count, 50.0) for count in requests]) is None


def test_ledgers_are_by_scenario_and_side() -> None:
    trials = (trial([turn(100), turn(50)], BASE), timed(BASE, [1000] * 20), trial([turn(99)], HEAD))
    found = ledgers_of(GateTurns(trials))
    assert found["json", BASE] == Ledger(170, 170, ok=170)
    assert found["json", HEAD].ok == 99


def test_an_epoch_carries_its_turns_and_says_each_problem_once() -> None:
    noted = Problem(ProblemCode.SHARED_CORE, "one core", "", "json", Severity.WARNING)
    turns = GateTurns((trial([turn(100)], BASE, problems=[noted]), trial([turn(100)], HEAD, problems=[noted])))
    made = epoch_of(3, Order.HEAD_FIRST, 99, 12.5, 6.0, turns)
    assert made.values == values_of(turns)
    assert made.problems == (noted,)
    assert (made.limited, made.late) == ((), ())
    assert made.turns is turns


@pytest.mark.parametrize("bad", [Pair(0, 1), Pair(1, -2), Pair(math.nan, 1), Pair(1, math.inf)])
def test_a_figure_without_a_logarithm_gives_no_change(bad: Pair) -> None:
    with pytest.raises(ValueError, match="must be"):
        change(bad, GateMetric.CPU)


def test_a_change_is_positive_where_the_head_is_worse() -> None:
    assert change(Pair(100, 90), GateMetric.THROUGHPUT) > 0
    assert change(Pair(100, 90), GateMetric.CPU) < 0
    assert change(Pair(5, -20), GateMetric.LEAK) == -25


def test_what_is_taken_between_stretches_is_no_leak() -> None:
    """As more connections take it, however few requests then follow."""
    marks = [
        Growth(BASE, 100, 20.0, 1),
        Growth(BASE, 1100, 20.0, 1),
        Growth(BASE, 1200, 30.0, 2),
        Growth(BASE, 2200, 30.0, 2),
    ]
    assert growth_slope(marks) == 0
    leaking = [
        Growth(BASE, 100, 20.0, 1),
        Growth(BASE, 1124, 21.0, 1),
        Growth(BASE, 1200, 30.0, 2),
        Growth(BASE, 2224, 31.0, 2),
    ]
    assert growth_slope(leaking) == 1024
