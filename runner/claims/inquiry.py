"""All claims that were asked for, one after another, in every interpreter: each result is saved at once."""

import inspect
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ...results.claims import ClaimResult, ClaimsRun, ClaimVerdict, Measured, findings, judge
from ...results.claims_store import ClaimsStore
from ...results.errors import BenchError
from ...scenarios.claims.model import Claim, Lab, NotHereError
from ..measure import Interrupted, interruptible
from ..targets.interpreters import Interpreter


class Progress(Protocol):
    """Told how an inquiry goes on."""

    def begins(self, claim: Claim, interpreter: str) -> None:
        """A claim is being put to the test."""

    def ends(self, result: ClaimResult) -> None:
        """It was."""


@dataclass(frozen=True, slots=True)
class Question:
    """A claim to be put to the test in an interpreter."""

    claim: Claim
    interpreter: Interpreter


class Inquiry:
    """Carries out questions. All that touches the world is handed in."""

    def __init__(
        self,
        questions: Sequence[Question],
        lab_for: Callable[[Question], Lab],
        store: ClaimsStore,
        progress: Progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`lab_for` gives each question its laboratory."""
        self._questions = questions
        self._lab_for = lab_for
        self._store = store
        self._progress = progress
        self._clock = clock

    def run(self, about: ClaimsRun) -> ClaimsRun:
        """The run with all results, or as far as it came when it was interrupted. Raises StoreError."""
        started = self._clock()
        run = replace(about, status="running")
        self._store.save(run)
        status = "complete"
        try:
            with interruptible():
                for result in self._results():
                    elapsed_s = round(self._clock() - started, 3)
                    run = replace(run, results=(*run.results, result), elapsed_s=elapsed_s)
                    self._store.save(run)
                    self._progress.ends(result)
        except Interrupted:
            status = "interrupted"
        run = replace(run, status=status, elapsed_s=round(self._clock() - started, 3))
        self._store.save(run)
        return run

    def _results(self) -> Iterator[ClaimResult]:
        for question in self._questions:
            self._progress.begins(question.claim, question.interpreter.description)
            began = self._clock()
            result = self._put_to_test(question)
            yield replace(result, elapsed_s=round(self._clock() - began, 3))

    def _put_to_test(self, question: Question) -> ClaimResult:
        claim, problem, failed, measured = question.claim, "", False, Measured(())
        try:
            measured = claim.measure(self._lab_for(question))
        except BenchError as error:
            problem, failed = error.message, not isinstance(error, NotHereError)
            self._log(question, f"{error.message}\n{error.hint}")
        except Exception as error:
            # A fault in one experiment must not lose the others. It is told as one, and the shell hears of it.
            problem, failed = f"{type(error).__name__}: {error}", True
            self._log(question, traceback.format_exc())
        return result_of(question, measured, problem, failed=failed)

    def _log(self, question: Question, text: str) -> None:
        self._store.log(f"{question.claim.id}-py{question.interpreter.version}", text)


def result_of(question: Question, measured: Measured, problem: str = "", *, failed: bool = False) -> ClaimResult:
    """What is published of a claim: the verdict follows from what was measured."""
    claim = question.claim
    found = findings(claim.readings, measured)
    verdict = ClaimVerdict.NOT_MEASURABLE if problem else judge(found)
    why = claim.why if isinstance(claim.why, str) else claim.why.get(verdict, "")
    return ClaimResult(
        id=claim.id,
        title=claim.title,
        source=claim.source,
        claimed=claim.claimed,
        unit=claim.unit,
        why=why,
        verdict=verdict,
        findings=found,
        measured=measured,
        code=code_of(claim),
        problem=problem,
        failed=failed,
        interpreter=question.interpreter.description,
    )


def code_of(claim: Claim) -> str:
    """The claim's file: the experiment as it ran."""
    return inspect.getsource(sys.modules[claim.measure.__module__])
