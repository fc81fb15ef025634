import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.claims import (
    FACT,
    Agreement,
    Chart,
    Claimed,
    ClaimResult,
    ClaimsRun,
    ClaimVerdict,
    Figure,
    Finding,
    Measured,
    Reading,
    Series,
    findings,
    judge,
)
from sgibench.results.estimate import Estimate

HOLDS, FAILS, UNDECIDED, MISSING = Agreement.HOLDS, Agreement.FAILS, Agreement.UNDECIDED, Agreement.NOT_MEASURED
EXACT = Claimed(2, 4, rounding=1)
# In no relation to a claim's ends; positive, as what articles claim is.
figures = st.floats(1e-6, 1e9)


def estimate(low: float | None, high: float | None) -> Estimate:
    return Estimate(1.0 if low is None or high is None else (low + high) / 2, low, high, 8, "made up")


@st.composite
def intervals(draw: st.DrawFn) -> Estimate:
    low, high = sorted((draw(figures), draw(figures)))
    return estimate(low, high)


@st.composite
def ranges(draw: st.DrawFn) -> Claimed:
    low, high = sorted((draw(figures), draw(figures)))
    return Claimed(
        draw(st.sampled_from((low, None))), draw(st.sampled_from((high, None))), draw(st.sampled_from((1.0, 1.25, 2.0)))
    )


@pytest.mark.parametrize(
    ("claimed", "low", "high", "expected"),
    [
        (EXACT, 2.5, 3.5, HOLDS),
        (EXACT, 2, 4, HOLDS),  # the ends belong to the claim
        (EXACT, 4, 4, HOLDS),
        (EXACT, 2, 2, HOLDS),
        (EXACT, 4.001, 5, FAILS),
        (EXACT, 1, 1.999, FAILS),
        (EXACT, 1.9, 3, UNDECIDED),
        (EXACT, 3, 4.1, UNDECIDED),
        (EXACT, 4, 5, UNDECIDED),  # it touches the end
        (EXACT, 1, 2, UNDECIDED),
        (EXACT, 1, 5, UNDECIDED),
        (EXACT, None, None, UNDECIDED),  # one repetition
        (Claimed(2, 4), 1.6, 5, HOLDS),  # round figures: a quarter at both ends
        (Claimed(2, 4), 1.59, 5, UNDECIDED),
        (Claimed(2, 4), 5.01, 6, FAILS),
        (Claimed(2, 4, rounding=2), 1, 8, HOLDS),
        (Claimed(None, 4, rounding=1), -100, 4, HOLDS),
        (Claimed(None, 4, rounding=1), 5, 6, FAILS),
        (Claimed(2, None, rounding=1), 2, 1e12, HOLDS),
        (Claimed(2, None, rounding=1), 0, 1, FAILS),
        (Claimed(None, None), 0, 1, HOLDS),
        (FACT, 1, 1, HOLDS),
        (FACT, 0, 0, FAILS),
        (FACT, 0.2, 0.8, FAILS),
        (FACT, 0.7, 1, UNDECIDED),
    ],
)
def test_an_interval_stands_to_a_claim(
    claimed: Claimed, low: float | None, high: float | None, expected: Agreement
) -> None:
    assert claimed.agreement(estimate(low, high)) is expected


@given(ranges(), intervals(), st.floats(1, 100), st.floats(1, 100))
def test_widening_a_claim_never_turns_what_holds(
    claimed: Claimed, measured: Estimate, lower: float, higher: float
) -> None:
    wider = replace(
        claimed,
        low=None if claimed.low is None else claimed.low / lower,
        high=None if claimed.high is None else claimed.high * higher,
    )
    before, after = claimed.agreement(measured), wider.agreement(measured)
    assert before is not HOLDS or after is HOLDS
    assert before is not UNDECIDED or after is not FAILS


@given(ranges(), intervals(), st.floats(0, 0.5))
def test_more_repetitions_decide_or_leave_it_but_never_overturn(
    claimed: Claimed, measured: Estimate, part: float
) -> None:
    assert measured.low is not None
    assert measured.high is not None
    cut = (measured.high - measured.low) * part
    narrower = claimed.agreement(estimate(measured.low + cut, max(measured.high - cut, measured.low + cut)))
    before = claimed.agreement(measured)
    assert before is UNDECIDED or narrower is before


@given(ranges(), intervals())
def test_an_open_end_fails_nothing_on_its_side(claimed: Claimed, measured: Estimate) -> None:
    assert replace(claimed, low=None, high=None).agreement(measured) is HOLDS


def reading(measure: str = "it", before: str = "") -> Reading:
    return Reading("taken so", measure, EXACT, before)


@pytest.mark.parametrize(
    ("agreements", "verdict"),
    [
        ((), ClaimVerdict.NOT_MEASURABLE),
        ((HOLDS,), ClaimVerdict.REPRODUCED),
        ((HOLDS, HOLDS), ClaimVerdict.REPRODUCED),
        ((HOLDS, FAILS), ClaimVerdict.IN_PART),
        ((HOLDS, UNDECIDED), ClaimVerdict.IN_PART),
        ((HOLDS, MISSING), ClaimVerdict.IN_PART),
        ((FAILS,), ClaimVerdict.REFUTED),
        ((FAILS, UNDECIDED), ClaimVerdict.NOT_MEASURABLE),  # it could be refuted, or hold in part
        ((FAILS, MISSING), ClaimVerdict.REFUTED),
        ((UNDECIDED,), ClaimVerdict.NOT_MEASURABLE),
        ((MISSING, UNDECIDED), ClaimVerdict.NOT_MEASURABLE),
    ],
)
def test_the_verdict_follows_from_the_readings(agreements: tuple[Agreement, ...], verdict: ClaimVerdict) -> None:
    assert judge([Finding(reading(), agreement) for agreement in agreements]) is verdict
    assert judge([Finding(reading(), agreement) for agreement in reversed(agreements)]) is verdict


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ((("1", FAILS),), ClaimVerdict.OUTDATED),
        ((("1", FAILS), ("", HOLDS)), ClaimVerdict.OUTDATED),
        ((("1", FAILS), ("", FAILS)), ClaimVerdict.REFUTED),
        ((("1", FAILS), ("", FAILS), ("", HOLDS)), ClaimVerdict.IN_PART),
        ((("1", HOLDS),), ClaimVerdict.REPRODUCED),  # nothing is outdated that is still so
        ((("1", UNDECIDED),), ClaimVerdict.NOT_MEASURABLE),
    ],
)
def test_what_was_true_of_older_versions_is_outdated(
    found: tuple[tuple[str, Agreement], ...], verdict: ClaimVerdict
) -> None:
    assert judge([Finding(reading(before=before), agreement) for before, agreement in found]) is verdict


@given(st.lists(st.sampled_from(list(Agreement)), max_size=6))
def test_only_what_was_decided_decides(agreements: list[Agreement]) -> None:
    verdict = judge([Finding(reading(), agreement) for agreement in agreements])
    could_be_either = HOLDS not in agreements and (FAILS not in agreements or UNDECIDED in agreements)
    assert (verdict is ClaimVerdict.NOT_MEASURABLE) == could_be_either
    assert verdict is not ClaimVerdict.OUTDATED


def test_a_figure_that_is_missing_is_not_measured() -> None:
    measured = Measured((Figure("it", "s", estimate(2, 3)), Figure("once", "s", estimate(None, None))))
    found = findings([reading("it"), reading("once"), reading("other")], measured)
    assert [finding.agreement for finding in found] == [HOLDS, UNDECIDED, MISSING]


def whole_run() -> ClaimsRun:
    chart = Chart(
        "Title",
        "So it is.",
        "count",
        "s",
        (Series("one", ((1, 2.0, None, None), (2, 3.0, 2.5, 3.5))),),
        kind="dots",
        log_x=True,
        bands=(("claimed", 2, None),),
    )
    measured = Measured((Figure("it", "s", estimate(2, 3), "what it is"),), chart, ("Stopped at 3.",))
    found = findings([reading("it"), reading("other", before="Pydantic 1")], measured)
    first = ClaimResult(
        "thread-memory", "Title", "A, 4.4", "2–4 s", "s", "So it is.", judge(found), found, measured, code="x = 1\n"
    )
    bare = replace(
        first, measured=Measured(()), findings=(), problem="missing", failed=True, interpreter="CPython 3.13"
    )
    return ClaimsRun(
        "run", "2026-11-22T05:35:35+00:00", 1.5, True, 7, ("bench", "claims"), {"a": {"b": 1}}, (first, bare)
    )


def test_a_run_is_read_back_as_it_was_stored() -> None:
    run = whole_run()
    assert ClaimsRun.from_dict(json.loads(json.dumps(run.to_dict(), allow_nan=False))) == run
    assert ClaimResult.from_dict(json.loads(json.dumps(run.results[0].to_dict()))) == run.results[0]


@pytest.mark.parametrize("gone", ["schema_version", "claims", "environment", "seed"])
def test_what_is_no_stored_run_is_not_taken_for_one(gone: str) -> None:
    data = whole_run().to_dict()
    del data[gone]
    with pytest.raises(KeyError):
        ClaimsRun.from_dict(data)


@pytest.mark.parametrize(
    "change",
    [{"schema_version": 99}, {"claims": 3}, {"seed": "x"}, {"claims": [{"id": "a"}]}, {"environment": 5}],
)
def test_a_stored_run_of_another_kind_is_refused(change: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        ClaimsRun.from_dict(whole_run().to_dict() | change)


def test_a_verdict_of_no_meaning_is_refused() -> None:
    data = whole_run().results[0].to_dict()
    with pytest.raises(ValueError, match="maybe"):
        ClaimResult.from_dict(data | {"verdict": "maybe"})


def test_records_need_no_more_than_python(tmp_path: Path) -> None:
    import sgibench.results.claims as claims

    room = Path(claims.__file__).parents[1]
    program = (
        "import sys, types; package = types.ModuleType('sgibench'); package.__path__ = [sys.argv[1]];"
        "sys.modules['sgibench'] = package; import sgibench.results.claims;"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'scipy', 'pydantic', 'psutil'}))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(room)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")
