"""What is shown on stderr while claims are put to the test: a line for each verdict, and what is under way."""

import time
from collections.abc import Callable, Sequence
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from ...reports.claims.terminal import VERDICT_STYLES
from ...reports.claims.words import verdict_words
from ...reports.format import duration
from ...results.claims import ClaimResult
from ...scenarios.claims.model import Claim
from .inquiry import Question

GUESS_S = (6.0, 30.0)  # quick and full, of a claim that was never seen


class ClaimsProgress:
    """Use as a context manager around the inquiry."""

    def __init__(
        self,
        questions: Sequence[Question],
        console: Console,
        *,
        quick: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`console` writes to stderr; on a terminal what is under way is shown in place."""
        self._left = [expected_s(question.claim, quick=quick) for question in questions]
        self._count = len(questions)
        self._several = len({question.interpreter.path for question in questions}) > 1
        self._console = console
        self._clock = clock
        self._status: Status | None = None
        self._doing = ""

    def __enter__(self) -> Self:
        count = "1 claim" if self._count == 1 else f"{self._count} claims"
        self._console.print(f"{count}, about {duration(sum(self._left))}", highlight=False)
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def begins(self, claim: Claim, interpreter: str) -> None:
        """A claim is being put to the test."""
        if self._status is not None:
            where = f" on {interpreter}" if self._several else ""
            number = self._count - len(self._left) + 1
            left = duration(sum(self._left))
            self._doing = f"{claim.id}{where} ({number} of {self._count}, about {left} left)"
            self._status.update(Text(self._doing))

    def says(self, text: str) -> None:
        """What is being done for the claim under way."""
        if self._status is not None:
            self._status.update(Text.assemble(self._doing, (f": {text}", "dim")))

    def ends(self, result: ClaimResult) -> None:
        """It was: its verdict, and how long it took."""
        del self._left[:1]
        line = Text(f"{result.elapsed_s:6.1f} s  ")
        line.append(verdict_words(result.verdict), VERDICT_STYLES[result.verdict]).append(f"  {result.id}")
        if self._several:
            line.append(f"  {result.interpreter}", style="dim")
        if result.problem:
            line.append(f": {result.problem}", style="dim")
        self._console.print(line, highlight=False, soft_wrap=True)


def expected_s(claim: Claim, *, quick: bool) -> float:
    """How long a claim took where it was last measured, in seconds."""
    return (claim.quick_s if quick else claim.full_s) or GUESS_S[0 if quick else 1]
