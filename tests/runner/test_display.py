"""The live view of a run, and the plain lines where there is no terminal."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from sgibench.results.records import Level
from sgibench.runner.display import OTHER_LINES, Display
from sgibench.runner.epoch import Epoch, EpochResult
from sgibench.runner.instruments import Instruments
from sgibench.runner.manifest import manifest_of
from sgibench.runner.pieces import Piece
from sgibench.runner.plan import Plan
from sgibench.scenarios.files import built_in_scenario

from .fakes import JSON, WAIT, FakeClock, FakeLauncher, FakeLoad, FakeSampler, a_plan, a_quiet_machine

RATES = {"fast": 2000.0, "slow": 500.0}
OTHER = JSON.model_copy(update={"name": "other"})
STARTS = Piece(built_in_scenario("cold-start"), Level(1), 1.0)
PIECES = (
    Piece(JSON, Level(8), 0.1),
    Piece(JSON, Level(16), 0.1),
    Piece(OTHER, Level(8), 0.1),
    STARTS,
    Piece(WAIT, Level(4), 0.5),
)


@contextmanager
def shown(plan: Plan, *, terminal: bool = True, height: int = 40) -> Iterator[tuple[Display, io.StringIO]]:
    """A display after one epoch of the plan."""
    clock, said = FakeClock(), io.StringIO()
    console = Console(file=said, force_terminal=terminal, width=120, height=height)
    with Display(plan, manifest_of(plan, "run"), console, clock) as display:
        load, launcher = FakeLoad(RATES, clock), FakeLauncher(clock)
        instruments = Instruments(launcher, load, FakeSampler(), display, 0.0, clock, a_quiet_machine)
        Epoch(1, plan, instruments, lambda _trials, _rows: None, EpochResult()).run()
        yield display, said


def test_each_scenario_is_shown_at_its_highest_level_the_latest_last() -> None:
    with shown(a_plan(pieces=PIECES)) as (display, _):
        rows = display.state().rows
    assert [row.scenario for row in rows][::2] == ["json c16", "other c8", "cold-start c1", "wait c4"]
    assert [row.target for row in rows][:2] == ["fast@uvicorn", "slow@uvicorn"], "the fastest first"


def test_a_start_is_told_in_milliseconds() -> None:
    with shown(a_plan(pieces=(STARTS,))) as (display, _):
        assert [row.note for row in display.state().rows] == ["1,000 ms", "1,000 ms"]


def test_what_does_not_fit_into_the_terminal_gives_way_to_what_was_measured_last() -> None:
    with shown(a_plan(pieces=PIECES), height=OTHER_LINES + 4) as (display, _):
        assert [row.scenario for row in display.state().rows][::2] == ["cold-start c1", "wait c4"]
    with shown(a_plan(pieces=PIECES), height=3) as (display, _):
        assert [row.scenario for row in display.state().rows][::2] == ["wait c4"]


def test_without_a_terminal_there_are_plain_lines() -> None:
    plan = replace(a_plan(pieces=PIECES), title="a test of lines")
    with shown(plan, terminal=False) as (_, said):
        lines = [line.strip() for line in said.getvalue().splitlines()]
    assert lines[0].startswith("0.0 s  a test of lines: 2 targets")
    assert any(line.endswith("launch 1 of 2 · cold-start") for line in lines)
    assert "\x1b" not in said.getvalue()
