import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from sgibench.runner.claims.sides import ExperimentError, Sides
from sgibench.runner.machine import available_cores
from sgibench.scenarios.claims.model import Side

from . import misbehaving

MEMORY_MIB = 500


def carried_out(side: Side, timeout_s: float = 60.0, memory_mib: int = MEMORY_MIB, **how: Any) -> Any:
    return Sides(sys.executable, available_cores()[:1], timeout_s=timeout_s, **how).carry_out(side, memory_mib)


def test_each_repetition_is_a_process_of_its_own_on_the_core_that_it_was_given() -> None:
    rows = [carried_out(Side("a", misbehaving.says, {"word": "é"})) for _ in range(2)]
    assert {row["word"] for row in rows} == {"é"}
    assert len({row["pid"] for row in rows} | {os.getpid()}) == 3
    assert all(row["cores"] == [available_cores()[0]] for row in rows)


def test_every_repetition_is_kept_with_what_was_asked() -> None:
    kept: list[Any] = []
    carried_out(Side("one side", misbehaving.says, {"word": "x"}), keep=kept.append)
    assert [(row["claim"], row["side"], row["asked"]) for row in kept] == [("misbehaving", "one side", {"word": "x"})]
    assert kept[0]["gave"]["word"] == "x"


def test_what_python_says_when_it_clears_away_is_no_answer() -> None:
    assert carried_out(Side("the side", misbehaving.complains_at_its_end))["word"] == "x"


@pytest.mark.parametrize(
    ("side", "told"),
    [
        (misbehaving.fails, "failed: ValueError: seventeen is no prime here"),
        (misbehaving.exits, "ended with code 7"),
        (misbehaving.gives_no_figures, "not JSON serializable"),
    ],
)
def test_a_side_that_gives_nothing_says_why(side: Any, told: str) -> None:
    with pytest.raises(ExperimentError) as raised:
        carried_out(Side("the side", side))
    assert told in raised.value.message
    assert "the side" in raised.value.message


def test_a_side_that_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with pytest.raises(ExperimentError, match="did not end within 3 s"):
        carried_out(Side("sleeper", misbehaving.sleeps, {"pid_file": str(pids)}), timeout_s=3)
    assert not any(psutil.pid_exists(int(pid)) for pid in pids.read_text().split())


def test_a_side_that_takes_more_memory_than_it_may_is_ended() -> None:
    with pytest.raises(ExperimentError, match="more than the 100 MiB it may"):
        carried_out(Side("eater", misbehaving.eats, {"mib": 300}), memory_mib=100)
