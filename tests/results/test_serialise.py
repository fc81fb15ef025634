"""Records come back from JSON as they went."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import ErrorKind, Ledger
from sgibench.results.records import (
    GroupInfo,
    Level,
    Manifest,
    MemoryMark,
    Problem,
    ProblemCode,
    ScenarioInfo,
    Severity,
    TargetInfo,
    Trial,
    Turn,
)
from sgibench.results.serialise import LATER, manifest_from_dict, manifest_to_dict, trial_from_dict, trial_to_dict

from .builders import A, B, manifest, steady_trial

TEXT = st.text(max_size=8)
COUNT = st.integers(0, 10**9)
FINITE = st.floats(0, 1e9)
LEVELS = st.builds(Level, st.integers(1, 20_000), FINITE)
# An error that did not happen is written as 0 and read as absent: both mean the same.
LEDGERS = st.builds(
    Ledger,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    COUNT,
    st.dictionaries(st.sampled_from([kind.value for kind in ErrorKind]), st.integers(1, 99), max_size=3),
)
HISTOGRAMS = st.lists(COUNT, max_size=8).map(Histogram.of_us)
PROBLEMS = st.builds(Problem, st.sampled_from(ProblemCode), TEXT, TEXT, TEXT, st.sampled_from(Severity))
TURNS = st.builds(Turn, COUNT, COUNT, FINITE, FINITE, FINITE, LEDGERS, st.none() | FINITE, FINITE, COUNT, FINITE)
MARKS = st.builds(MemoryMark, TEXT, FINITE, FINITE, st.none() | FINITE, COUNT, TEXT)


def some(items: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(items, max_size=3).map(tuple)


TRIALS = st.builds(
    Trial,
    epoch=COUNT,
    target=TEXT,
    scenario=TEXT,
    level=LEVELS,
    turns=some(TURNS),
    service_time=HISTOGRAMS,
    response_time=st.none() | HISTOGRAMS,
    schedule_lag=st.none() | HISTOGRAMS,
    memory=some(MARKS),
    context_switches=st.none() | COUNT,
    problems=some(PROBLEMS),
    first_error=TEXT,
    ceiling_rps=st.none() | FINITE,
)
TARGETS = st.builds(
    TargetInfo,
    **dict.fromkeys(("name", "app", "setup", "interface", "server", "version", "python"), TEXT),
    workers=COUNT,
    slots=st.none() | COUNT,
    command=some(TEXT),
    ours=st.booleans(),
)
SCENARIOS = st.builds(ScenarioInfo, TEXT, TEXT, TEXT, TEXT, some(LEVELS), FINITE, st.booleans())
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | COUNT | FINITE | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=5,
)
MANIFESTS = st.builds(
    Manifest,
    **dict.fromkeys(("run_id", "suite", "title", "status", "started_at", "baseline"), TEXT),
    elapsed_s=FINITE,
    command=some(TEXT),
    seed=COUNT,
    epochs=COUNT,
    server_cores=some(COUNT),
    load_cores=some(COUNT),
    targets=some(TARGETS),
    scenarios=some(SCENARIOS),
    environment=st.dictionaries(TEXT, JSON_VALUES, max_size=3),
    problems=some(PROBLEMS),
)


@given(TRIALS)
@settings(max_examples=50)
def test_a_trial_survives_json(trial: Trial) -> None:
    assert trial_from_dict(json.loads(json.dumps(trial_to_dict(trial)))) == trial


@given(MANIFESTS)
@settings(max_examples=50)
def test_a_manifest_survives_json(manifest: Manifest) -> None:
    assert manifest_from_dict(json.loads(json.dumps(manifest_to_dict(manifest)))) == manifest


def test_a_group_from_before_it_could_leave_scenarios_out_leaves_none_out() -> None:
    group = GroupInfo("equal", "equal", A, (A, B), 16, ("cpu",))
    data = json.loads(json.dumps(manifest_to_dict(replace(manifest(), groups=(group,)))))
    assert manifest_from_dict(data).groups == (group,)
    del data["groups"][0]["without"]
    for scenario in data["scenarios"]:
        del scenario["holding"]
    old = manifest_from_dict(data)
    assert old.groups == (replace(group, without=()),)
    assert not any(scenario.holding for scenario in old.scenarios)


def test_a_trial_from_before_there_were_ceilings_has_none() -> None:
    trial = replace(steady_trial(100), ceiling_rps=50_000.0)
    data = trial_to_dict(trial)
    assert data.pop("ceiling_rps") == 50_000.0
    assert trial_from_dict(data) == replace(trial, ceiling_rps=None)


def test_a_turn_from_before_waiting_was_told_apart_has_none() -> None:
    trial = steady_trial(100)
    trial = replace(trial, turns=tuple(replace(each, load_wait_s=0.004) for each in trial.turns))
    data = trial_to_dict(trial)
    assert [each.pop("load_wait_s") for each in data["turns"]] == [0.004] * 5
    assert {each.load_wait_s for each in trial_from_dict(data).turns} == {0.0}


@pytest.mark.parametrize("key", [key for key in trial_to_dict(steady_trial(100)) if key != "ceiling_rps"])
def test_a_trial_that_lacks_a_key_is_not_one(key: str) -> None:
    data = trial_to_dict(steady_trial(100))
    del data[key]
    with pytest.raises(KeyError, match=key):
        trial_from_dict(data)


@pytest.mark.parametrize("key", [key for key in manifest_to_dict(manifest()) if key not in LATER])
def test_a_manifest_that_lacks_a_key_is_not_one(key: str) -> None:
    data = manifest_to_dict(manifest())
    del data[key]
    with pytest.raises(KeyError, match=key):
        manifest_from_dict(data)


def test_an_unknown_problem_code_is_refused() -> None:
    data = trial_to_dict(steady_trial(100))
    data["problems"] = [{"code": "bad-luck", "message": "", "target": "", "scenario": "", "severity": "invalid"}]
    with pytest.raises(ValueError, match="bad-luck"):
        trial_from_dict(data)
