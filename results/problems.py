"""What may be wrong with a figure, or is to be said beside it: a code, a sentence, and how much it weighs."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ProblemCode(StrEnum):
    """Why a figure cannot be believed, or only with care."""

    GENERATOR_LIMITED = "generator-limited"
    OVERLOADED = "overloaded"
    STALLED = "stalled"
    STARVED = "starved"
    UNSTEADY = "unsteady"
    ERRORS = "errors"
    LEDGER_UNBALANCED = "ledger-unbalanced"
    IMPOSSIBLE = "impossible"
    NOISY_MACHINE = "noisy-machine"
    SERVER_DIED = "server-died"
    WORKER_DIED = "worker-died"
    WORKER_COUNT = "worker-count"
    SHARED_CORE = "shared-core"
    FEW_SAMPLES = "few-samples"
    NOT_STARTED = "not-started"
    WRONG_ANSWERS = "wrong-answers"
    SKIPPED_WORK = "skipped-work"
    BACKLOG = "backlog"
    UNCHECKED = "unchecked"
    UNEQUAL = "unequal"
    SIDES = "sides"
    LOAD_LOST = "load-lost"
    REJECTED_MESSAGES = "rejected-messages"
    UNCALIBRATED = "uncalibrated"
    LOCUSTFILE = "locustfile"
    PACED = "paced"
    SLOW_CLIENTS = "slow-clients"
    INTERRUPTED = "interrupted"


class Severity(StrEnum):
    """`invalid`: shown as invalid, and compared with nothing. `warning`: the figure stands, with this beside it."""

    INVALID = "invalid"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with its figures. `target` and `scenario` are empty where it concerns the whole run."""

    code: ProblemCode
    message: str
    target: str = ""
    scenario: str = ""
    severity: Severity = Severity.INVALID

    def to_dict(self) -> dict[str, str]:
        """As JSON."""
        return {
            "code": self.code.value,
            "target": self.target,
            "scenario": self.scenario,
            "message": self.message,
            "severity": self.severity.value,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> "Problem":
        """The problem that `to_dict` wrote."""
        return cls(
            ProblemCode(data["code"]), data["message"], data["target"], data["scenario"], Severity(data["severity"])
        )
