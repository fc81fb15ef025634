"""What crosses between processes arrives as it was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgibench.results.errors import LoadError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import ErrorKind, Ledger
from sgibench.runner.load import wire
from sgibench.runner.load.merge import merge_turns
from sgibench.runner.load.orders import (
    Arrival,
    Block,
    BlockReport,
    Endpoint,
    Expectation,
    Interval,
    Part,
    Slow,
    SlowClients,
    SlowReport,
    TurnOrder,
    TurnReport,
    WebSocketTalk,
)

A_FEW = settings(max_examples=40, deadline=None)
COUNTS = st.integers(0, 2**40)
SECONDS = st.floats(0, 1e6)
ERRORS = st.dictionaries(st.sampled_from([kind.value for kind in ErrorKind]), st.integers(1, 1000))
HISTOGRAMS = st.builds(Histogram, st.dictionaries(st.integers(0, 30_000), st.integers(1, 2**40), max_size=20))
ORDERS = st.builds(TurnOrder, st.integers(0, 9), SECONDS, COUNTS, COUNTS, st.booleans())
EXPECTATIONS = st.builds(Expectation, st.integers(100, 599), st.none() | st.binary(), st.none() | st.binary())
PARTS = st.builds(Part, SECONDS, st.binary(), EXPECTATIONS, st.sampled_from(["GET", "HEAD"]))
ENDPOINTS = st.builds(
    Endpoint,
    name=st.text(),
    host=st.ip_addresses().map(str),
    port=st.integers(1, 65535),
    request=st.binary(),
    expect=EXPECTATIONS,
    pids=st.lists(st.integers(1, 2**22)).map(tuple),
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    body=st.binary() | st.just(b"sgibench" * 8192),
    mix=st.lists(PARTS, max_size=3).map(tuple),
    websocket=st.none() | st.builds(WebSocketTalk, st.binary(), st.booleans()),
    slow=st.none() | st.builds(SlowClients, st.integers(1, 999), st.sampled_from(Slow), SECONDS, st.binary()),
)
BLOCKS = st.builds(
    Block,
    id=COUNTS,
    endpoints=st.lists(ENDPOINTS, max_size=3).map(tuple),
    arrival=st.builds(Arrival, st.integers(1, 10_000), SECONDS, st.booleans()),
    turns=st.lists(ORDERS, max_size=5).map(tuple),
    timeout_s=SECONDS,
    seed=st.integers(),
    drain=st.booleans(),
)
TURNS = st.builds(
    TurnReport,
    order=ORDERS,
    started_ns=COUNTS,
    elapsed_s=SECONDS,
    ledger=st.builds(Ledger, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, ERRORS),
    service_time=HISTOGRAMS,
    response_time=st.none() | HISTOGRAMS,
    schedule_lag=st.none() | HISTOGRAMS,
    error_time=HISTOGRAMS,
    target_cpu_s=st.none() | SECONDS,
    load_cpu_s=SECONDS,
    connects=COUNTS,
    reopened=COUNTS,
    first_error=st.text(),
    waiting_s=SECONDS,
    service_so_far=HISTOGRAMS,
    response_so_far=st.none() | HISTOGRAMS,
    intervals=st.lists(st.builds(Interval, SECONDS, COUNTS, COUNTS, COUNTS), max_size=3).map(tuple),
    load_wait_s=SECONDS,
)


def through_a_pipe(document: dict[str, Any]) -> dict[str, Any]:
    line = wire.dump_line(document)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    return wire.load_line(line)


@A_FEW
@given(BLOCKS)
def test_a_block_arrives_as_it_was(block: Block) -> None:
    assert wire.decode_block(through_a_pipe(wire.encode_block(block))) == block


@A_FEW
@given(
    st.builds(
        BlockReport,
        COUNTS,
        st.lists(TURNS, max_size=3).map(tuple),
        COUNTS,
        COUNTS,
        st.lists(st.text()).map(tuple),
        SECONDS,
        st.lists(st.builds(SlowReport, COUNTS, COUNTS, SECONDS, COUNTS, COUNTS), max_size=3).map(tuple),
    )
)
def test_a_report_arrives_as_it_was(report: BlockReport) -> None:
    assert wire.decode_report(through_a_pipe(wire.encode_report(report))) == report


def test_a_large_body_travels_small_and_is_one_for_all_endpoints_that_share_it() -> None:
    body = b"sgibench" * 2**20
    endpoints = [Endpoint(name, "127.0.0.1", 1, name.encode(), Expectation(), body=body) for name in ("a", "b", "c")]
    work = Block(1, tuple(endpoints), Arrival(1), (), 1.0, seed=1)
    line = wire.dump_line(wire.encode_block(work))
    assert len(line) < 500_000
    arrived = wire.decode_block(wire.load_line(line))
    assert arrived == work
    assert len({id(each.body) for each in arrived.endpoints}) == 1
    assert wire.encode_block(work)["endpoints"][0]["body"] == wire.encode_block(work)["endpoints"][2]["body"]


def test_long_bytes_that_arrive_damaged_are_a_load_error() -> None:
    document = wire.encode_block(
        Block(1, (Endpoint("a", "::1", 1, b"x" * 99_999, Expectation()),), Arrival(1), (), 1.0, 1)
    )
    document["endpoints"][0]["request"] = {"packed": "AAAA"}
    with pytest.raises(LoadError, match="damaged"):
        wire.decode_block(document)


@pytest.mark.parametrize("line", [b"", b"{", b"[1]", b"Traceback (most recent call last):\n"])
def test_a_line_that_is_no_document_is_a_load_error(line: bytes) -> None:
    with pytest.raises(LoadError):
        wire.load_line(line)


@A_FEW
@given(st.lists(TURNS, min_size=1, max_size=4))
def test_parts_of_a_turn_add_up(parts: list[TurnReport]) -> None:
    whole = merge_turns(parts)
    assert whole.ledger.sent == sum(part.ledger.sent for part in parts)
    assert whole.ledger.error_count == sum(part.ledger.error_count for part in parts)
    assert whole.service_time.count == sum(part.service_time.count for part in parts)
    assert whole.service_so_far.count == sum(part.service_so_far.count for part in parts)
    assert whole.started_ns == min(part.started_ns for part in parts)
    assert (whole.target_cpu_s is None) == any(part.target_cpu_s is None for part in parts)


def part_of(seconds: float, started_ns: int, elapsed_s: float) -> TurnReport:
    empty = Histogram({})
    order = TurnOrder(0, seconds, 0, 0)
    return TurnReport(order, started_ns, elapsed_s, Ledger(), empty, None, None, empty, None, 0.0, 0, 0)


def test_a_turn_lasts_from_the_first_start_to_the_last_end_of_its_parts() -> None:
    early_and_long, late_and_short = part_of(1, 10**9, 1.4), part_of(1, 10**9 + 3 * 10**8, 1.2)
    assert merge_turns([early_and_long, late_and_short]).elapsed_s == pytest.approx(1.5)
    assert merge_turns([late_and_short, early_and_long]).elapsed_s == pytest.approx(1.5)
    assert merge_turns([early_and_long]).elapsed_s == pytest.approx(1.4)


def test_a_turn_whose_parts_took_the_planned_window_took_the_planned_window() -> None:
    assert merge_turns([part_of(0.3, 0, 0.3), part_of(0.3, 2_000_000, 0.3)]).elapsed_s == 0.3


@pytest.mark.parametrize("field", ["response_time", "schedule_lag", "response_so_far"])
@A_FEW
@given(st.lists(TURNS, min_size=1, max_size=4))
def test_histograms_of_the_open_loop_add_up_where_there_are_any(field: str, parts: list[TurnReport]) -> None:
    known = [value for part in parts if (value := getattr(part, field)) is not None]
    count: Callable[[Histogram], int] = lambda histogram: histogram.count  # noqa: E731
    whole = getattr(merge_turns(parts), field)
    assert (None if whole is None else count(whole)) == (sum(map(count, known)) if known else None)


def test_of_several_load_processes_the_busiest_one_s_core_is_what_counts() -> None:
    figures = [(0.15, 0.1), (0.95, 0.02)]
    parts = [replace(part_of(1, 0, 1.0), load_cpu_s=cpu_s, load_wait_s=wait_s) for cpu_s, wait_s in figures]
    assert merge_turns(parts).load_cpu_s / len(parts) == 0.95
    assert merge_turns(parts).load_wait_s / len(parts) == 0.1
    assert merge_turns(parts[:1]).load_cpu_s == 0.15
    assert merge_turns(parts[:1]).load_wait_s == 0.1
