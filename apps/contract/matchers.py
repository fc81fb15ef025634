"""What a body must be like, where the database or the framework has a word in it."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

from .model import fill

_NOTHING = object()


@dataclass(frozen=True, slots=True)
class JsonBut:
    """A JSON object of exactly these keys, in this order; some of the values need only be whole numbers from 1 on."""

    expected: str
    """The object, as JSON with names in braces allowed: `{"id":0,"name":"…"}`."""
    ignoring: tuple[str, ...]
    """The keys whose value the database chose."""

    def difference(self, body: bytes) -> str:
        """What is wrong with a body; empty where nothing is."""
        got, expected = _parsed(body), json.loads(self.expected)
        if not isinstance(got, dict):
            return f"is no JSON object: {_shown(body)}"
        if list(got) != list(expected):
            return f"has the keys {', '.join(got)}, not {', '.join(expected)}"
        for key in self.ignoring:
            if not _is_id(got[key]):
                return f"has {compact(got[key])} for {key}, which must be a whole number from 1 on"
        wanted = {**expected, **{key: got[key] for key in self.ignoring}}
        # As text, so that 5999 is not 5999.0, true is not 1, and spaces and escapes are seen.
        return "" if body == compact(wanted).encode() else f"is {_shown(body)}, not {compact(wanted)!r}"

    def filled(self, saved: Mapping[str, str]) -> "JsonBut":
        """The same with values for the names in braces."""
        return JsonBut(fill(self.expected, saved), self.ignoring)


@dataclass(frozen=True, slots=True)
class Invalid:
    """A 422's list of problems: one or more for each of these places, and none elsewhere."""

    locs: Collection[tuple[str, ...]]
    """Where the problems are. A place stands for everything in it, such as the position of a slip in JSON."""

    def difference(self, body: bytes) -> str:
        """What is wrong with a body; empty where nothing is."""
        got = _parsed(body)
        problems = got.get("detail") if isinstance(got, dict) else None
        if not isinstance(problems, list) or not problems:
            return f"has no list of problems as its detail: {_shown(body)}"
        missed = set(self.locs)
        for problem in problems:
            if not _is_problem(problem):
                return f"has a problem without type, loc or msg: {compact(problem)}"
            loc = tuple(map(str, problem["loc"]))
            places = {place for place in self.locs if loc[: len(place)] == place}
            if not places:
                return f"names a problem at {'.'.join(loc)}, where there is none"
            missed -= places
        return f"names no problem at {', '.join(sorted(map('.'.join, missed)))}" if missed else ""

    def filled(self, saved: Mapping[str, str]) -> Self:
        """Nothing is to be filled in."""
        return self


@dataclass(frozen=True, slots=True)
class HasDetail:
    """A JSON object whose `detail` says something, in each framework's own words."""

    def difference(self, body: bytes) -> str:
        """What is wrong with a body; empty where nothing is."""
        got = _parsed(body)
        return "" if isinstance(got, dict) and got.get("detail") else f"has no detail: {_shown(body)}"

    def filled(self, saved: Mapping[str, str]) -> Self:
        """Nothing is to be filled in."""
        return self


@dataclass(frozen=True, slots=True)
class Holds:
    """Any body that holds these bytes."""

    piece: bytes

    def difference(self, body: bytes) -> str:
        """What is wrong with a body; empty where nothing is."""
        return "" if self.piece in body else f"lacks {self.piece.decode()!r}: {_shown(body)}"

    def filled(self, saved: Mapping[str, str]) -> Self:
        """Nothing is to be filled in."""
        return self


def compact(value: object) -> str:
    """JSON as every application writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return _NOTHING


def _is_problem(value: object) -> bool:
    return isinstance(value, dict) and {"type", "msg"} <= set(value) and isinstance(value.get("loc"), list)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _shown(body: bytes) -> str:
    return repr(body[:120].decode(errors="replace")) if body else "nothing"
