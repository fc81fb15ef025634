"""The ledger: what became of every request. It must balance, or the figures beside it mean nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ErrorKind(StrEnum):
    """Why a request that was sent did not count as answered."""

    CONNECT = "connect"  # refused, unreachable, or no connection within the deadline
    TIMEOUT = "timeout"  # not wholly answered within the request's deadline
    RESET = "reset"  # the connection was reset before or in the answer
    CLOSED = "closed"  # closed without a byte of answer
    TRUNCATED = "truncated"  # closed in the middle of an answer
    MALFORMED = "malformed"  # not HTTP, or over the limits for headers
    STATUS = "status"  # another status than expected
    LENGTH = "length"  # a body of another length than expected
    BODY = "body"  # a body of the right length with other bytes, or lacking the expected text
    SURPLUS = "surplus"  # bytes after the answer that no request asked for
    OTHER = "other"  # what a locustfile's own checks, or Locust, called a failure without saying which kind


@dataclass(frozen=True, slots=True)
class Ledger:
    """Counts of requests. ``scheduled = sent + dropped``; ``sent = ok + errors + in_flight``.

    `dropped` were due but could not be sent (open loop only); `in_flight` were sent and had neither an answer nor
    an error when the measurement ended.
    """

    scheduled: int = 0
    sent: int = 0
    dropped: int = 0
    ok: int = 0
    in_flight: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)

    @property
    def error_count(self) -> int:
        """All errors together."""
        return sum(self.errors.values())

    @property
    def balanced(self) -> bool:
        """Whether every scheduled request is accounted for, once."""
        parts = (self.scheduled, self.sent, self.dropped, self.ok, self.in_flight, *self.errors.values())
        return (
            min(parts) >= 0
            and self.scheduled == self.sent + self.dropped
            and self.sent == self.ok + self.error_count + self.in_flight
        )

    def __add__(self, other: "Ledger") -> "Ledger":
        kinds = sorted({*self.errors, *other.errors})
        return Ledger(
            scheduled=self.scheduled + other.scheduled,
            sent=self.sent + other.sent,
            dropped=self.dropped + other.dropped,
            ok=self.ok + other.ok,
            in_flight=self.in_flight + other.in_flight,
            errors={kind: self.errors.get(kind, 0) + other.errors.get(kind, 0) for kind in kinds},
        )

    @classmethod
    def total(cls, ledgers: Iterable["Ledger"]) -> "Ledger":
        """The sum of all; an empty ledger for none."""
        return sum(ledgers, start=cls())

    def to_dict(self) -> dict[str, Any]:
        """As JSON: every kind of error is listed, also those that did not happen."""
        return {
            "scheduled": self.scheduled,
            "sent": self.sent,
            "dropped": self.dropped,
            "ok": self.ok,
            "in_flight": self.in_flight,
            "errors": {kind.value: 0 for kind in ErrorKind} | dict(self.errors),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Ledger":
        """The ledger that `to_dict` wrote."""
        errors = {str(kind): int(count) for kind, count in data["errors"].items() if count}
        counts = {name: int(data[name]) for name in ("scheduled", "sent", "dropped", "ok", "in_flight")}
        return cls(**counts, errors=errors)
