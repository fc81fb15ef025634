"""The words of the contract: an exchange, a story of several, what may differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, Self, runtime_checkable

from ..catalogue import Feature
from ..database.books import Books


class Normalisation(StrEnum):
    """What is done to a received body before it is compared."""

    NONE = "as received"
    FINAL_NEWLINE = "one trailing newline removed"


@runtime_checkable
class Matcher(Protocol):
    """What a body must be like, where its bytes cannot be known beforehand."""

    def difference(self, body: bytes) -> str:
        """What is wrong with a body, to be put behind "the body "; empty where nothing is."""

    def filled(self, saved: Mapping[str, str]) -> Self:
        """The same with values for the names in braces."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what every application has to answer."""

    name: str
    method: str
    target: str
    """Path and query, as sent."""
    status: int
    media_type: str
    """Compared without parameters; a charset must be UTF-8's where one is named."""
    body: bytes | None
    """The whole body, after normalisation; None where `matches` says what it must be like."""
    floor_ms: float = 0
    """An answer that took less cannot have done the work."""
    normalisation: Normalisation = Normalisation.NONE
    feature: Feature | None = None
    """What an application must offer to be asked this; None: all are."""
    request_body: bytes = b""
    request_headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)
    """The answer's headers that matter, by lower-case name, exact; for `allow`, the methods it must name."""
    matches: Matcher | None = None
    also: tuple[int, ...] = ()
    """Other statuses that are let through: `TOLERATED_DIFFERENCES` says whose and why."""
    first_by_ms: float | None = None
    """By then the first piece of the body must have come."""
    upstream_calls: int = 0
    """So often the upstream has to be asked for one answer."""

    def filled(self, saved: Mapping[str, str]) -> "Exchange":
        """The same with values for the names in braces, wherever they are: `/api/items/{id}`."""
        if not saved:
            return self
        return replace(
            self,
            target=fill(self.target, saved),
            request_body=fill_bytes(self.request_body, saved),
            body=None if self.body is None else fill_bytes(self.body, saved),
            matches=None if self.matches is None else self.matches.filled(saved),
        )


@dataclass(frozen=True, slots=True)
class Step:
    """One exchange of a story."""

    exchange: Exchange
    """Its target, bodies and matcher may hold names in braces that earlier steps have saved."""
    saves: Mapping[str, str] = field(default_factory=dict, hash=False)
    """What to keep of the answer: name in braces -> key of the answer's JSON object."""
    poll_s: float = 0
    """So long it may be asked again until the answer is right."""


@dataclass(frozen=True, slots=True)
class Story:
    """Something that takes several requests, one after the other."""

    name: str
    feature: Feature
    steps: tuple[Step, ...]
    after: Books | None = None
    """What the database then says of the item that the story made (its id was saved as `id`), as soon as its background
    work is done; None where it makes none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which the applications may differ."""

    topic: str
    seen: str
    """Who does what."""
    reason: str
    """Why it is let through."""


def fill(text: str, saved: Mapping[str, str]) -> str:
    """A text with `{name}` replaced. Other braces, such as JSON's, stay."""
    for name, value in saved.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def fill_bytes(body: bytes, saved: Mapping[str, str]) -> bytes:
    """As `fill`, for a body."""
    for name, value in saved.items():
        body = body.replace(f"{{{name}}}".encode(), value.encode())
    return body
