import json
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.results.claims import (
    Agreement,
    Claimed,
    ClaimResult,
    ClaimsRun,
    ClaimVerdict,
    Figure,
    Finding,
    Measured,
    Reading,
)
from sgibench.results.claims_store import ClaimsStore, load_claims
from sgibench.results.errors import StoreError
from sgibench.results.estimate import Estimate


def a_result(verdict: ClaimVerdict, problem: str = "") -> ClaimResult:
    """Whatever its verdict says, what was measured lies within what was claimed."""
    found = (Finding(Reading("it is two", "it", Claimed(2, 2)), Agreement.FAILS),)
    measured = Measured((Figure("it", "s", Estimate(2.0, 1.9, 2.1, 5, "mean")),))
    return ClaimResult("a", "It is", "A, 1", "2", "s", "So.", verdict, found, measured, problem=problem)


def a_run(*results: ClaimResult, status: str = "complete") -> ClaimsRun:
    return ClaimsRun("run", "2026-01-01T00:00:00+00:00", 1.0, True, 1, ("bench",), {}, results, status)


def test_what_is_read_back_is_judged_by_its_figures(tmp_path: Path) -> None:
    ClaimsStore(tmp_path).save(a_run(a_result(ClaimVerdict.REFUTED)))
    (result,) = load_claims(tmp_path).results
    assert result.verdict is ClaimVerdict.REPRODUCED
    assert result.findings[0].agreement is Agreement.HOLDS


def test_what_could_not_be_measured_stays_so(tmp_path: Path) -> None:
    ClaimsStore(tmp_path).save(a_run(a_result(ClaimVerdict.NOT_MEASURABLE, "there is one core")))
    assert load_claims(tmp_path).results[0].verdict is ClaimVerdict.NOT_MEASURABLE


def test_a_run_that_never_ended_was_interrupted(tmp_path: Path) -> None:
    ClaimsStore(tmp_path).save(a_run(status="running"))
    assert load_claims(tmp_path).status == "interrupted"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1, "claims": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "claims.json").write_text(content)
    with pytest.raises(StoreError, match=r"claims\.json is damaged") as caught:
        load_claims(tmp_path)
    assert "bench claims" in caught.value.hint


def test_each_save_replaces_the_one_before_as_a_whole(tmp_path: Path) -> None:
    store = ClaimsStore(tmp_path)
    store.save(a_run())
    store.save(replace(a_run(), elapsed_s=2.0))
    assert json.loads((tmp_path / "claims.json").read_text())["elapsed_s"] == 2.0
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["claims.json"]
