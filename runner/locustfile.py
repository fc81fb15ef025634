"""A user's own locustfile as a scenario: what the plan, the proof and the result have to know of it."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..results.errors import LoadError, UsageError
from ..results.records import Problem, ProblemCode, Severity
from ..scenarios.model import Load, Request, Scenario
from .load.drivers import LoadDriver
from .load.orders import BlockReport
from .load.session import LocustSession

USERS = 10
TURN_MS = 3000.0
SECONDS = 2 * TURN_MS / 1000  # for each target in each launch
BUSY_SHARE_MIN = 0.5

EVENTS_TELL = (
    "driven by a locustfile: its ledger holds what Locust's events tell, requests that were over. What was in flight "
    "at the end of a turn, and what a client tried again by itself, is not in it (docs/load.md)"
)
RATE_IS_THEIRS = (
    "so requests/s tell of the users, not of the target: compare response times and CPU per request; throughput is not "
    "compared"
)


class LocustScenario(Scenario):
    """The users of a locustfile, in place of a request.

    `request` is what an app is asked before it is measured, and must answer rightly if `held`. `paced`: the users wait
    between tasks, or might, so that their number and not the target sets the rate.
    """

    locustfile: str
    held: bool
    paced: bool

    @property
    def provable(self) -> bool:
        """Whether the request is one that the user named."""
        return self.held and super().provable


def driver_for(asked: LoadDriver | None, locustfile: Path | None) -> LoadDriver:
    """What drives: the engine, unless something else was asked for, or is needed. Raises UsageError."""
    if locustfile is None:
        return asked or LoadDriver.ENGINE
    if asked is LoadDriver.ENGINE:
        raise UsageError("the engine runs no locustfile", "leave out --driver engine")
    return LoadDriver.LOCUST


def find_locustfile(path: Path, users: int | None, asked: str | None) -> tuple[LocustScenario, list[str]]:
    """The scenario for a locustfile, and what the user should know of it. It is imported once, in a process of its own.

    `asked` is the path that an app must answer with 200 beforehand. Raises UsageError when the file cannot be used.
    """
    path = path.absolute()
    if not path.is_file():
        raise UsageError(f"there is no locustfile {path}", "name a Python file: --locustfile FILE")
    told = _examined(path)
    names = ", ".join(told["users"])
    slug = "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in path.stem.lower()).strip("-")
    scenario = LocustScenario(
        name=slug[:50] or "locustfile",
        title=f"{users or USERS} users of {path.name} ({names})",
        request=Request(path=asked or "/"),
        load=Load(concurrency=[users or USERS]),
        turn_ms=TURN_MS,
        locustfile=str(path),
        held=asked is not None,
        paced=bool(told["waiting"]),
    )
    notes = [f"{path.name} runs in sgibench's own interpreter, its users ({names}) against each target in turn"]
    if told["waiting"]:
        notes.append(f"{', '.join(told['waiting'])} may wait between tasks, {RATE_IS_THEIRS}")
    if told["shapes"]:
        notes.append(f"{', '.join(told['shapes'])} is not used: all users run from the start of a turn to its end")
    return scenario, notes


def warnings_of(scenario: LocustScenario) -> Iterator[Problem]:
    """What is known of its figures beforehand."""
    yield Problem(ProblemCode.LOCUSTFILE, EVENTS_TELL, "", scenario.name, Severity.WARNING)


def idleness(
    report: BlockReport, endpoint: int, users: int, target: str, scenario: LocustScenario
) -> Iterator[Problem]:
    """A warning where users wait between tasks, or spent little of their time in requests."""
    turns = [turn for turn in report.turns if turn.order.endpoint == endpoint and not turn.order.warmup]
    had_s = users * sum(turn.elapsed_s for turn in turns)
    busy_us = sum(times.count * times.mean_us for turn in turns for times in (turn.service_time, turn.error_time))
    share = busy_us / 1e6 / had_s if had_s > 0 else 0.0
    if scenario.paced:
        message = f"its users wait between tasks, or might ({share:.0%} of their time went into requests)"
    elif share < BUSY_SHARE_MIN:
        message = (
            f"its users spent {share:.0%} of their time in requests that came to an end; in the rest they did "
            "something else, or waited for an answer that did not come"
        )
    else:
        return
    yield Problem(ProblemCode.PACED, f"{message}: {RATE_IS_THEIRS}", target, scenario.name, Severity.WARNING)


def record_of(scenario: LocustScenario) -> Mapping[str, Any]:
    """What the environment of a run says of its locustfile."""
    path = Path(scenario.locustfile)
    return {"locustfile": str(path), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def _examined(path: Path) -> Mapping[str, Any]:
    with LocustSession(driver=LoadDriver.LOCUST, locustfile=path) as session:
        try:
            session.start()
        except LoadError as error:
            raise UsageError(error.message, error.hint) from error
        return session.introduction
