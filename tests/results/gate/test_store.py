"""A gate's run comes back from its folder as it was, and can be judged again from its turns."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from sgibench.results.errors import StoreError
from sgibench.results.gate.judge import judge
from sgibench.results.gate.looks import plan_looks
from sgibench.results.gate.records import (
    BASE,
    HEAD,
    FailureKind,
    GateEpoch,
    GateFailure,
    GateRun,
    GateTurns,
    Growth,
    Order,
)
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.store import GATE, GateStore, is_gate_run, load_gate
from sgibench.results.gate.values import epoch_of

from ..builders import drifting_trials, problem
from .builders import epochs, gate_run, limited

SETTINGS = GateSettings(thresholds={GateMetric.P90: 12.0}).looking(plan_looks(13))


def measured(number: int, rounds: int = 6) -> GateEpoch:
    """An epoch with turns."""
    trials = [
        replace(trial, problems=(limited(),) if number % 2 else ())
        for trial in drifting_trials({BASE: 1000.0, HEAD: 900.0}, number, rounds=rounds)
    ]
    growth = tuple(Growth(side, count, 50.0 + count / 1000) for side in (BASE, HEAD) for count in (100, 200))
    return epoch_of(number, Order.BASE_FIRST, 11, 6.0 * number, 5.5, GateTurns(tuple(trials), growth))


def stored(folder: Path, run: GateRun) -> GateStore:
    """A folder with all of a run but its end."""
    store = GateStore(folder)
    store.save(run)
    for each in run.epochs:
        store.save_epoch(each)
    return store


def test_how_well_an_epoch_was_measured_comes_back_too(tmp_path: Path) -> None:
    run = gate_run([measured(number, rounds=20) for number in range(1, 4)], SETTINGS)
    stored(tmp_path / "run", run)
    found = load_gate(tmp_path / "run")
    assert found.epochs == run.epochs
    assert {pair.error is None for epoch in found.epochs for pair in epoch.values.values()} == {True, False}


@pytest.mark.parametrize("error", [-0.1, math.nan, math.inf])
def test_an_error_that_is_none_is_refused(error: float) -> None:
    said = measured(1).to_dict()
    said["values"][0]["error"] = error
    with pytest.raises(ValueError, match="standard error"):
        GateEpoch.from_dict(said)


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    failure = GateFailure(HEAD, FailureKind.ERRORS, "500", 3, "json")
    run = gate_run(epochs(5), SETTINGS, failures=[failure], problems=[problem()])
    stored(tmp_path / "run", run)
    assert load_gate(tmp_path / "run") == run
    assert GateRun.from_dict(json.loads(json.dumps(run.to_dict()))) == run


def test_values_are_computed_again_from_the_turns(tmp_path: Path) -> None:
    run = gate_run([measured(number) for number in range(1, 11)], SETTINGS)
    stored(tmp_path / "run", run)
    again = load_gate(tmp_path / "run", turns=True)
    assert again == run
    assert [each.turns for each in again.epochs] == [each.turns for each in run.epochs]
    assert judge(again, final=True) == judge(run, final=True)
    assert [each.limited for each in again.epochs] == [("json",), ()] * 5
    without_turns = load_gate(tmp_path / "run")
    assert without_turns == run
    assert judge(without_turns, final=True).reasons == judge(run, final=True).reasons


def test_a_run_that_never_finished_is_interrupted_and_has_what_was_saved(tmp_path: Path) -> None:
    stored(tmp_path / "run", gate_run(epochs(3), SETTINGS, status="running"))
    found = load_gate(tmp_path / "run")
    assert (found.status, len(found.epochs)) == ("interrupted", 3)


def test_a_finished_run_has_its_turns_as_a_table_and_its_result(tmp_path: Path) -> None:
    run = gate_run([measured(1), measured(2)], SETTINGS)
    store = stored(tmp_path / "run", replace(run, status="running"))
    result = judge(run, final=True)
    store.finish(run, result.to_dict(), "<!doctype html>")
    table = pd.read_csv(tmp_path / "run" / "turns.csv")
    assert len(table) == 2 * 2 * 6
    assert set(table["target"]) == {BASE, HEAD}
    assert set(table["epoch"]) == {1, 2}
    assert json.loads((tmp_path / "run" / "result.json").read_text())["verdict"] == result.verdict.value
    assert load_gate(tmp_path / "run").status == "complete"


def test_a_folder_holds_one_run(tmp_path: Path) -> None:
    stored(tmp_path / "run", gate_run())
    assert is_gate_run(tmp_path / "run")
    with pytest.raises(StoreError, match="already holds a run"):
        GateStore(tmp_path / "run")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot write"):
        GateStore(tmp_path / "file" / "run")


def test_no_run_there_names_those_near(tmp_path: Path) -> None:
    stored(tmp_path / "20260101-gate", gate_run())
    with pytest.raises(StoreError, match=r"no gate\.json") as caught:
        load_gate(tmp_path)
    assert "20260101-gate" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "damaged"),
        ("[]", "damaged"),
        ('{"schema_version": 1}', "damaged: KeyError"),
        ('{"schema_version": 99}', "schema version 99"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    stored(tmp_path / "run", gate_run(epochs(2)))
    for name in (GATE, "epochs/e002.json"):
        path = tmp_path / "run" / name
        before = path.read_text()
        path.write_text(text)
        with pytest.raises(StoreError, match=message) as caught:
            load_gate(tmp_path / "run")
        assert str(path) in caught.value.message
        path.write_text(before)


def test_a_figure_that_cannot_be_compared_is_damage(tmp_path: Path) -> None:
    stored(tmp_path / "run", gate_run(epochs(1)))
    path = tmp_path / "run" / "epochs" / "e001.json"
    data = json.loads(path.read_text())
    data["values"][0]["head"] = 0
    path.write_text(json.dumps(data))
    with pytest.raises(StoreError, match="must be above zero"):
        load_gate(tmp_path / "run")
