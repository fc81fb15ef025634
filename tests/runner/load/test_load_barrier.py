"""The final barrier: a block is over when every load process has told all of it, and its counts add up."""

from dataclasses import replace
from typing import Any

import pytest

from sgibench.results.errors import LoadError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.runner.load import barrier as barrier_module
from sgibench.runner.load.barrier import Barrier, Statement
from sgibench.runner.load.orders import Block, TurnOrder, TurnReport

from .load_cases import block, endpoint

TURNS = 4


def work(number: int) -> Block:
    return block(endpoint(9), turns=TURNS, number=number)


def turn(order: TurnOrder, ok: int) -> TurnReport:
    ledger = Ledger(scheduled=ok + 1, sent=ok + 1, ok=ok, errors={"reset": 1})
    times = Histogram.of_us([100] * ok)
    return TurnReport(order, 0, 0.1, ledger, times, None, None, Histogram.of_us([7]), None, 0.0, 0, 0)


def said(statement: Statement, of: Block, ok: int = 10, paused_s: float = 0.0) -> list[dict[str, Any]]:
    """What a load process sends of a block."""
    statement.begin(of.id)
    turns = [turn(order, ok + at) for at, order in enumerate(of.turns)]
    return [dict(message) for message in statement.messages(turns, paused_s, {"forged": 1})]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barrier_module, "PART_BYTES", 1)


def test_reports_in_parts_of_two_load_processes_make_a_block_and_so_does_the_next() -> None:
    barrier, statements = Barrier(2), [Statement(), Statement()]
    for number in (7, 7):
        barrier.begin(work(number))
        for worker, statement in enumerate(statements):
            messages = said(statement, work(number), ok=10 * (worker + 1), paused_s=worker / 10)
            assert len(messages) == TURNS + 1
            for message in messages:
                assert worker in barrier.waiting_for()
                barrier.take(worker, message)
        assert barrier.waiting_for() == []
        assert [[part.ledger.ok for part in parts] for parts in barrier.turns()] == [
            [10 + at, 20 + at] for at in range(TURNS)
        ]
        assert [parts[0].order for parts in barrier.turns()] == list(work(number).turns)
        assert barrier.paused_s == 0.1
        assert barrier.rejected == [{"forged": 1}] * 2


def test_small_turns_travel_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(barrier_module, "PART_BYTES", 2**18)
    assert len(said(Statement(), work(1))) == 2


def test_without_the_last_message_a_block_is_not_over() -> None:
    barrier = Barrier(1)
    barrier.begin(work(1))
    for message in said(Statement(), work(1))[:-1]:
        barrier.take(0, message)
    assert barrier.waiting_for() == [0]


@pytest.mark.parametrize(
    ("order", "complaint"),
    [
        ([0, 1, 3], "out of order"),  # a part is lost
        ([0, 1, 2, 4], "did not report all turns"),  # the last part is
        ([0, 1, 1], "out of order"),  # one comes twice
        ([1], "out of order"),
        ([0, 1, 2, 3, 4, 4], "out of order"),
        ([0, 1, 2, 3, 4, 0], "out of order"),
    ],
)
def test_parts_that_are_lost_repeated_or_out_of_order_are_no_report(order: list[int], complaint: str) -> None:
    barrier = Barrier(1)
    barrier.begin(work(1))
    messages = said(Statement(), work(1))
    for at in order[:-1]:
        barrier.take(0, messages[at])
    with pytest.raises(LoadError, match=f"load process 0 .*{complaint}"):
        barrier.take(0, messages[order[-1]])


def test_a_report_of_another_block_is_out_of_order() -> None:
    statement = Statement()
    first, second = said(statement, work(5)), said(statement, work(5))
    barrier = Barrier(1)
    barrier.begin(work(5))
    with pytest.raises(LoadError, match="out of order"):
        barrier.take(0, second[0])
    barrier.begin(work(5))
    with pytest.raises(LoadError, match="out of order"):
        barrier.take(0, first[0])
    with pytest.raises(LoadError, match="out of order"):
        barrier.take(0, {**second[0], "block": 6})


@pytest.mark.parametrize("count", ["sent", "ok", "scheduled"])
def test_counts_that_do_not_add_up_over_all_blocks_are_no_report(count: str) -> None:
    barrier, statement = Barrier(1), Statement()
    for number in (1, 2):
        barrier.begin(work(number))
        messages = said(statement, work(number))
        if number == 2:
            messages[-1]["counted"] = {**messages[-1]["counted"], count: 1}
            for message in messages[:-1]:
                barrier.take(0, message)
            with pytest.raises(LoadError, match=r"load process 0 counted [\d,]+ requests so far, and reported 100"):
                barrier.take(0, messages[-1])
        else:
            for message in messages:
                barrier.take(0, message)


def test_a_load_process_that_counted_other_turns_than_it_reported_is_found_out() -> None:
    barrier, statement = Barrier(1), Statement()
    barrier.begin(work(1))
    messages = said(statement, work(1))
    statement.begin(1)
    *_, last = statement.messages([turn(order, 99) for order in work(1).turns], 0.0, {})
    for message in messages[:-1]:
        barrier.take(0, message)
    with pytest.raises(LoadError, match="requests so far"):
        barrier.take(0, {**messages[-1], "counted": last["counted"]})


def test_turns_that_are_missing_at_the_load_process_are_missing_in_the_report() -> None:
    barrier, statement = Barrier(1), Statement()
    barrier.begin(work(1))
    short = replace(work(1), turns=work(1).turns[:-1])
    *parts, last = said(statement, short)
    for message in parts:
        barrier.take(0, message)
    with pytest.raises(LoadError, match="did not report all turns"):
        barrier.take(0, last)


def test_a_failure_is_told_in_the_load_process_s_own_words() -> None:
    barrier, statement = Barrier(2), Statement()
    barrier.begin(work(1))
    statement.begin(1)
    with pytest.raises(LoadError, match="the engine broke"):
        barrier.take(1, statement.failure("the engine broke"))
