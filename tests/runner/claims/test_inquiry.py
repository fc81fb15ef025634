import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from sgibench.results.claims import FACT, ClaimResult, ClaimsRun, ClaimVerdict, Figure, Measured, Reading
from sgibench.results.claims_store import ClaimsStore
from sgibench.results.errors import StoreError
from sgibench.runner.claims.inquiry import Inquiry, Question
from sgibench.runner.claims.sides import ExperimentError
from sgibench.runner.claims.statistics import Statistics
from sgibench.runner.targets.interpreters import interpreter
from sgibench.scenarios.claims.model import Claim, Lab, NotHereError

Experiment = Callable[[Lab], Measured]


class Quiet:
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[ClaimResult] = []

    def begins(self, claim: Claim, interpreter: str) -> None:
        self.begun.append(claim.id)

    def ends(self, result: ClaimResult) -> None:
        self.ended.append(result)


def holds(lab: Lab) -> Measured:
    return Measured((Figure("so it was", "share", lab.share(3, 3)),))


def fails(lab: Lab) -> Measured:
    return Measured((Figure("so it was", "share", lab.share(0, 3)),))


def cannot(lab: Lab) -> Measured:
    raise NotHereError("there is one core")


def goes_wrong(lab: Lab) -> Measured:
    raise ExperimentError("the server did not start", "its log is there")


def has_a_fault(lab: Lab) -> Measured:
    found: dict[str, str] = {}
    return Measured((), None, (found["no such figure"],))


def is_interrupted(lab: Lab) -> Measured:
    os.kill(os.getpid(), signal.SIGINT)
    raise AssertionError("Ctrl-C is heard at once")


def claim_of(name: str, measure: Experiment, why: Any = "It is so.") -> Claim:
    reading = Reading("it is always so", "so it was", FACT)
    return Claim(name, "It is so", "A, 1", "always", "share", (reading,), measure, why)


def run_of(folder: Path) -> ClaimsRun:
    return ClaimsRun("a run", "2026-01-01T00:00:00+00:00", 0.0, True, 1, ("bench", "claims"), {}, ())


def carried_out(folder: Path, *claims: Claim) -> tuple[ClaimsRun, Quiet]:
    here = interpreter(sys.executable)
    questions = [Question(claim, here) for claim in claims]
    progress = Quiet()
    lab = cast(Lab, Statistics())
    run = Inquiry(questions, lambda question: lab, ClaimsStore(folder), progress).run(run_of(folder))
    return run, progress


def test_each_claim_gets_its_verdict_from_what_was_measured(tmp_path: Path) -> None:
    run, progress = carried_out(tmp_path, claim_of("first", holds), claim_of("second", fails))
    assert [result.verdict for result in run.results] == [ClaimVerdict.REPRODUCED, ClaimVerdict.REFUTED]
    assert progress.begun == [result.id for result in progress.ended] == ["first", "second"]
    assert run.status == "complete"
    assert run.results[0].interpreter == interpreter(sys.executable).description


def test_the_code_that_ran_comes_with_the_result(tmp_path: Path) -> None:
    run, _ = carried_out(tmp_path, claim_of("first", holds))
    assert run.results[0].code == Path(__file__).read_text(encoding="utf-8")


def test_why_can_depend_on_the_verdict(tmp_path: Path) -> None:
    why = {ClaimVerdict.REPRODUCED: "As was said.", ClaimVerdict.REFUTED: "Quite otherwise."}
    run, _ = carried_out(tmp_path, claim_of("first", holds, why), claim_of("second", fails, why))
    assert [result.why for result in run.results] == ["As was said.", "Quite otherwise."]


@pytest.mark.parametrize(
    ("measure", "told", "failed"),
    [
        (cannot, "there is one core", False),
        (goes_wrong, "the server did not start", True),
        (has_a_fault, "KeyError: 'no such figure'", True),
    ],
)
def test_what_cannot_be_measured_says_why_and_the_others_go_on(
    tmp_path: Path, measure: Experiment, told: str, failed: bool
) -> None:
    run, _ = carried_out(tmp_path, claim_of("broken", measure), claim_of("whole", holds))
    broken, whole = run.results
    assert (broken.verdict, broken.problem, broken.failed) == (ClaimVerdict.NOT_MEASURABLE, told, failed)
    assert whole.verdict is ClaimVerdict.REPRODUCED
    assert list((tmp_path / "logs").glob("broken-*.log")), "the rest of the story is kept"


def test_an_interrupted_run_keeps_the_verdicts_it_has(tmp_path: Path) -> None:
    run, _ = carried_out(
        tmp_path, claim_of("first", holds), claim_of("second", is_interrupted), claim_of("third", holds)
    )
    assert run.status == "interrupted"
    stored = json.loads((tmp_path / "claims.json").read_text())
    assert stored["status"] == "interrupted"
    assert [claim["id"] for claim in stored["claims"]] == ["first"]


def test_every_verdict_is_saved_before_the_next_claim_begins(tmp_path: Path) -> None:
    seen: list[Any] = []

    def looks(lab: Lab) -> Measured:
        seen.append(json.loads((tmp_path / "claims.json").read_text()))
        return holds(lab)

    carried_out(tmp_path, claim_of("first", holds), claim_of("second", looks))
    assert [(document["status"], len(document["claims"])) for document in seen] == [("running", 1)]


def test_a_folder_that_holds_a_run_is_left_alone(tmp_path: Path) -> None:
    carried_out(tmp_path, claim_of("first", holds))
    with pytest.raises(StoreError, match="already holds a run"):
        ClaimsStore(tmp_path)
