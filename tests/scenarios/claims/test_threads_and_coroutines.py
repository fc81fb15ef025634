import math
import os
import sys
from collections.abc import Sequence
from typing import Any

import pytest

from sgibench.results.claims import Agreement, Claimed, Measured, findings
from sgibench.runner.claims.lab import RealLab, SideRepetitions
from sgibench.runner.claims.sides import Sides
from sgibench.runner.machine import available_cores
from sgibench.scenarios.claims import (
    coroutine_safety,
    cpu_bound,
    creation_time,
    find,
    gather,
    how_many,
    preemption,
    switch_time,
    thread_memory,
)
from sgibench.scenarios.claims.measuring import memory, no_collector, spread
from sgibench.scenarios.claims.model import Claim, NotHereError, Side

from . import sabotaged

SMALL: dict[str, dict[str, Any]] = {
    "thread-memory": {"QUICK_COUNTS": (50, 400)},
    "creation-time": {"QUICK_ALIVE": (0, 5), "TIMES": 10},
    "switch-time": {"TIMES": 3},
    "how-many": {"MOST_THREADS": 40, "QUICK_TASKS": 200},
    "gather": {"QUICK_COUNTS": (2, 10), "QUICK_WAIT_S": 0.02},
    "coroutine-safety": {"TASK_ROUNDS": 5, "THREAD_ROUNDS": 5, "INCREMENTS": 100},
    "preemption": {"QUICK_BUSY_MS": (20, 60), "TIMES": 1},
    "cpu-bound": {"QUICK_LOOPS": 50_000},
}


class ShortLab(RealLab):
    """Real children, but no more than two repetitions."""

    def __init__(self) -> None:
        super().__init__(sys.executable, available_cores()[:1], quick=True, seed=1)

    def alternate(self, sides: Sequence[Side], times: int) -> SideRepetitions:
        return super().alternate(sides, min(times, 2))


def carried_out(claim: Claim, monkeypatch: pytest.MonkeyPatch, **replaced: Any) -> Measured:
    """What a claim gives with small counts, and with what is replaced in its file."""
    module = sys.modules[claim.measure.__module__]
    for name, value in {**SMALL[claim.id], **replaced}.items():
        monkeypatch.setattr(module, name, value)
    return claim.measure(ShortLab())


def side(run: Any, **arguments: Any) -> Any:
    return Sides(sys.executable, available_cores()[:1]).carry_out(Side("it", run, arguments), 2_000)


def agreement(claim: Claim, measured: Measured, measure: str) -> Agreement:
    return next(found.agreement for found in findings(claim.readings, measured) if found.reading.measure == measure)


@pytest.mark.parametrize("claim_id", SMALL)
def test_each_claim_measures_what_its_readings_ask_for_and_draws_it(
    claim_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if claim_id == "cpu-bound" and len(available_cores()) < 2:
        pytest.skip("one core")
    claim = find(claim_id)
    measured = carried_out(claim, monkeypatch)
    names = [figure.name for figure in measured.figures]
    assert len(set(names)) == len(names)
    assert all(math.isfinite(figure.estimate.value) for figure in measured.figures)
    left_out = {
        "most threads",
        "most coroutines",
        "processes / threads",
        "reserved / reserved",
    }  # known only under conditions
    assert {reading.measure for reading in claim.readings} - left_out <= set(names)
    assert measured.chart is not None
    assert all(series.points for series in measured.chart.series)
    assert all(note[0].isupper() and note.endswith(".") for note in measured.notes)


def test_a_coroutine_that_holds_a_megabyte_is_no_longer_one_of_a_few_kilobytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = thread_memory.CLAIM
    measured = carried_out(claim, monkeypatch, coroutine=sabotaged.megabyte_coroutine, QUICK_COUNTS=(20, 60))
    held = measured.of("coroutine, resident")
    assert held is not None
    assert 900 < held.value < 1200
    assert agreement(claim, measured, "coroutine, resident") is Agreement.FAILS
    ratio = measured.of("resident / resident")
    assert ratio is not None
    assert ratio.value < 0.5


def test_what_things_have_in_common_is_no_part_of_each() -> None:
    seen = SideRepetitions(
        {
            "few": [{"count": 10, "rss_kib": 1_020}, {"count": 10, "rss_kib": 5_020}],
            "many": [{"count": 30, "rss_kib": 1_060}, {"count": 20, "rss_kib": 5_040}],
        }
    )
    assert thread_memory.each_further(seen, "few", "many", "rss_kib") == [2.0, 2.0]
    assert thread_memory.each_further(seen, "few", "few", "rss_kib") == [102.0, 502.0]  # a limit stopped it


def test_a_coroutine_that_is_slow_to_make_turns_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = creation_time.CLAIM
    measured = carried_out(claim, monkeypatch, coroutine=sabotaged.slow_coroutine, QUICK_ALIVE=(0,))
    slow = measured.of("coroutine")
    assert slow is not None
    assert slow.value > 5_000
    ratio = measured.of("thread / coroutine")
    assert ratio is not None
    assert ratio.value < 1


def test_tasks_that_hand_over_slowly_turn_the_ratio(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = carried_out(switch_time.CLAIM, monkeypatch, tasks=sabotaged.slow_hand_over)
    slow = measured.of("coroutine")
    assert slow is not None
    assert slow.value > 400
    ratio = measured.of("thread / coroutine")
    assert ratio is not None
    assert ratio.value < 1


def test_where_no_process_may_be_pinned_it_is_said() -> None:
    assert side(sabotaged.pinned) == {
        "said": "",
        "cores": 1,
        "forbidden": "not pinned to one core: Operation not permitted",
    }


def test_threads_are_refused_where_the_system_has_no_more_and_that_is_their_limit() -> None:
    gave = side(sabotaged.threads_in_a_gigabyte, most=2_000, memory_mib=500, seconds=60)
    assert gave["refused"]
    assert 1 < gave["count"] < 1_000
    assert gave["answered"] == gave["count"]
    assert f"stopped at {gave['count']:,} by a refusal: " in gave["stopped"]


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ({"most": 30, "memory_mib": 500, "seconds": 60}, "stopped at 30 by the bound of 30"),
        ({"most": 10**7, "memory_mib": 1, "seconds": 60}, "by the bound of 1 MiB"),
        ({"most": 10**7, "memory_mib": 4_000, "seconds": 0}, "by the bound of 0 s"),
    ],
)
def test_a_climb_says_which_bound_ended_it(bounds: dict[str, Any], told: str) -> None:
    gave = side(how_many.coroutines, **bounds)
    assert told in gave["stopped"]
    assert not gave["refused"]
    assert gave["answered"] == gave["count"]
    assert len(gave["steps"]) == len(gave["steps_us"])


@pytest.mark.parametrize(
    ("count", "refused", "known"),
    [(500, False, False), (500, True, True), (9_999, False, False), (10_000, False, True), (20_000, True, True)],
)
def test_a_bound_of_ours_is_no_limit_of_the_system(count: int, refused: bool, known: bool) -> None:
    rows: dict[str, list[Any]] = {"threads": [{"count": count, "refused": refused}] * 3}
    found = how_many.limit(ShortLab(), SideRepetitions(rows), "threads", how_many.THREADS)
    assert (found is not None) is known
    if found is not None:
        wanted = Agreement.FAILS if count > 9_999 else Agreement.HOLDS
        assert Claimed(None, how_many.THREADS.high, rounding=1).agreement(found) is wanted


def test_a_gather_that_awaits_one_by_one_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = gather.CLAIM
    measured = carried_out(claim, monkeypatch, waits=sabotaged.gather_that_is_serial)
    serial = measured.of("gather")
    assert serial is not None
    assert serial.value > 5
    assert agreement(claim, measured, "gather makes tasks") is Agreement.FAILS
    together = measured.of("tasks made first")
    assert together is not None
    assert together.value < 5


def test_updates_are_lost_where_tasks_give_way_and_only_there(monkeypatch: pytest.MonkeyPatch) -> None:
    gave = side(coroutine_safety.tasks, rounds=20)
    assert gave["across"] == pytest.approx(0.9)  # ten tasks read the same, and all but one are overwritten
    assert gave["within"] == gave["locked"] == 0
    claim = coroutine_safety.CLAIM
    held = carried_out(claim, monkeypatch, tasks=sabotaged.tasks_that_never_give_way)
    assert agreement(claim, held, "nothing lost: tasks, an await in between") is Agreement.HOLDS


def test_locals_that_are_not_kept_are_noticed() -> None:
    assert side(coroutine_safety.tasks, rounds=3)["locals_kept"] is True
    assert side(sabotaged.tasks_that_share_their_locals, rounds=3)["locals_kept"] is False


def test_a_thread_that_is_never_asked_to_give_way_is_not_pre_empted(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = preemption.CLAIM
    measured = carried_out(claim, monkeypatch, ready_thread=sabotaged.threads_that_are_not_interrupted)
    assert agreement(claim, measured, "thread runs meanwhile") is Agreement.FAILS
    assert agreement(claim, measured, "task runs only then") is Agreement.HOLDS


def test_a_call_into_c_is_not_interrupted_and_an_await_of_what_is_done_gives_nobody_a_turn() -> None:
    gave = side(preemption.awaits, times=20)
    assert gave == {"at_done": 0, "at_coroutine": 0, "at_sleep": 20, "of": 20}


@pytest.mark.skipif(len(available_cores()) < 2, reason="one core")
def test_processes_that_share_an_interpreter_are_no_faster_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    claim = cpu_bound.CLAIM
    measured = carried_out(claim, monkeypatch, faster=sabotaged.processes_that_are_threads, QUICK_LOOPS=300_000)
    assert agreement(claim, measured, "processes / threads") is not Agreement.HOLDS


def test_processes_that_hardly_ran_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"threads": 1.0, "coroutines": 1.0, "processes": 0.7, "ran": 0.5, "lock": True}

    class Busy(ShortLab):
        def alternate(self, sides: Sequence[Side], times: int) -> SideRepetitions:
            return SideRepetitions({each.name: [row] * times for each in sides})

    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})
    measured = cpu_bound.CLAIM.measure(Busy())
    assert measured.of("processes / threads") is None
    assert any("ran in only 50% of the time" in note for note in measured.notes)


def test_one_core_cannot_show_what_several_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    with pytest.raises(NotHereError, match="there is one core here"):
        cpu_bound.CLAIM.measure(ShortLab())


def test_memory_grows_by_what_is_held() -> None:
    with no_collector():
        before = memory()
        held = b"x" * (64 << 20)
        added = memory().since(before)
    assert len(held) == 64 << 20
    for name in ("virtual_kib", "rss_kib", "pss_kib", "uss_kib"):
        assert 60 << 10 < added[name] < 80 << 10


def test_a_spread_has_its_places() -> None:
    assert spread([7.0]) == {"median": 7.0, "p10": 7.0, "p90": 7.0, "p99": 7.0}
    assert spread(range(100, 0, -1)) == {"median": 51, "p10": 11, "p90": 91, "p99": 100}
