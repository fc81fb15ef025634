"""Whether a gate was right about what was known beforehand: equal code passes, a planted slowdown is regressed."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from ..errors import ExitCode
from ..estimate import Estimate
from .records import GATE_SCHEMA_VERSION
from .settings import GateMetric
from .verdicts import GateResult, GateVerdict

# What work that was added to each request shows in.
CAUGHT_BY = (GateMetric.CPU, GateMetric.THROUGHPUT)


class PartName(StrEnum):
    """What is compared."""

    SAME = "a-against-a"
    PLANTED = "planted"

    @property
    def expected(self) -> GateVerdict:
        """The right verdict."""
        return GateVerdict.PASS if self is PartName.SAME else GateVerdict.REGRESSED


class Judgement(StrEnum):
    """What is said of the gate."""

    RIGHT = "right"
    WRONG = "wrong"
    INCONCLUSIVE = "inconclusive"

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        codes = {Judgement.RIGHT: ExitCode.DONE, Judgement.WRONG: ExitCode.REGRESSED}
        return codes.get(self, ExitCode.INCONCLUSIVE)


def judge_part(name: PartName, verdict: GateVerdict, regressed: tuple[GateMetric, ...]) -> Judgement:
    """Whether the gate was right. A plant that was found by what it cannot show in was not found."""
    if verdict not in (GateVerdict.PASS, GateVerdict.REGRESSED):
        return Judgement.INCONCLUSIVE
    right = verdict is name.expected and (name is PartName.SAME or any(metric in CAUGHT_BY for metric in regressed))
    return Judgement.RIGHT if right else Judgement.WRONG


@dataclass(frozen=True, slots=True)
class Part:
    """One gate of the two. `change` is that of CPU per request in percent, None where there is none; `regressed` are
    the metrics that got surely worse; `loops` were planted in each request; `run` is the folder it is stored in."""

    name: PartName
    verdict: GateVerdict
    regressed: tuple[GateMetric, ...]
    reasons: tuple[str, ...]
    change: Estimate | None
    epochs: int
    elapsed_s: float
    loops: int
    run: str

    @classmethod
    def of(cls, name: PartName, result: GateResult, loops: int, run: str) -> "Part":
        """What a gate's result says."""
        return cls(
            name=name,
            verdict=result.verdict,
            regressed=tuple(each.metric for each in result.regressed),
            reasons=result.reasons,
            change=next((each.change for each in result.metrics if each.metric is GateMetric.CPU), None),
            epochs=result.epochs,
            elapsed_s=result.elapsed_s,
            loops=loops,
            run=run,
        )

    @property
    def judgement(self) -> Judgement:
        """Whether the gate was right here."""
        return judge_part(self.name, self.verdict, self.regressed)

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "part": self.name.value,
            "expected": self.name.expected.value,
            "verdict": self.verdict.value,
            "judgement": self.judgement.value,
            "regressed": [metric.value for metric in self.regressed],
            "reasons": list(self.reasons),
            "change_percent": None if self.change is None else self.change.to_dict(),
            "epochs": self.epochs,
            "elapsed_s": self.elapsed_s,
            "loops": self.loops,
            "run": self.run,
        }


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Both parts, as far as they came; `planted_percent` of a request's CPU time was to be planted."""

    parts: tuple[Part, ...]
    planted_percent: float
    interrupted: bool = False

    @property
    def judgement(self) -> Judgement:
        """Right only where every part was: one that is wrong is enough to be wrong."""
        found = [part.judgement for part in self.parts]
        if Judgement.WRONG in found:
            return Judgement.WRONG
        return Judgement.RIGHT if found == [Judgement.RIGHT] * len(PartName) else Judgement.INCONCLUSIVE

    @property
    def exit_code(self) -> ExitCode:
        """What the shell is told."""
        return ExitCode.INTERRUPTED if self.interrupted else self.judgement.exit_code

    def judged(self, judgement: Judgement) -> Iterator[Part]:
        """The parts of which that is said."""
        return (part for part in self.parts if part.judgement is judgement)

    def to_dict(self) -> dict[str, Any]:
        """As JSON: what ``bench gate --self-test --json`` prints."""
        return {
            "schema_version": GATE_SCHEMA_VERSION,
            "verdict": self.judgement.value,
            "exit_code": int(self.exit_code),
            "planted_percent": self.planted_percent,
            "parts": [part.to_dict() for part in self.parts],
        }
