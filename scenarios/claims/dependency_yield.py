"""Claim: a dependency with `yield` is closed after use."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_B, Claim, Lab
from .needing import need

if TYPE_CHECKING:
    from .serving import Served

APP, SETUP = "dependencies:app", "uvicorn"
TIMES = 5  # in each launch
WITHIN_S = 2.0  # what is closed after the answer may be so a moment later

# The routes of the app, by what happens in them, and the status that each answers with.
ROUTES = {
    "answer": ("/answer", 200),
    "async dependency": ("/async-answer", 200),
    "HTTPException": ("/http-error", 404),
    "unexpected error": ("/unexpected", 500),
    "streamed answer": ("/stream", 200),
    "background task": ("/background", 200),
    "scope of the function": ("/function-scope", 200),
}
CLAIMED = ("answer", "HTTPException", "unexpected error")


def asked(served: Served, path: str, status: int) -> list[str] | None:
    """What happened of one request, in order; None where this FastAPI has no such route."""
    served.ask("/events")
    answer = served.ask(path)
    happened: list[str] = []
    until = time.monotonic() + WITHIN_S
    while "closed" not in happened and time.monotonic() < until:
        happened += json.loads(served.ask("/events").body)
        if answer.status == 404 and "opened" not in happened:
            return None
        time.sleep(0.002)
    return happened if answer.status == status else [*happened, f"status {answer.status}"]


def closed(happened: Sequence[str]) -> bool:
    """Whether it was opened, used and closed, once each and in this order, and the answer was the right one."""
    own = [event for event in happened if event in ("opened", "used", "closed")]
    uses = own[1:-1]
    right = not any(event.startswith("status") for event in happened)
    return right and own[:1] == ["opened"] and own[-1:] == ["closed"] and bool(uses) and set(uses) == {"used"}


def closed_after(happened: Sequence[str]) -> bool:
    """Whether the answer was out when it was closed."""
    return "closed" in happened and "answered" in happened[: happened.index("closed")]


def one_launch(lab: Lab) -> dict[str, list[list[str]]]:
    """What happened of each request, by the route's name."""
    with lab.serve(APP, SETUP) as served:
        seen = {name: [asked(served, *route) for _ in range(TIMES)] for name, route in ROUTES.items()}
    return {name: [each for each in of_route if each is not None] for name, of_route in seen.items() if any(of_route)}


def measure(lab: Lab) -> Measured:
    """Fresh launches; in each, several requests for every route."""
    need(lab, ("fastapi",), SETUP)
    launches = [one_launch(lab) for _ in range(3 if lab.quick else 6)]
    names = [name for name in ROUTES if name in launches[0]]
    # The launch is what is repeated: in it, all requests for a route have to agree.
    in_order = {name: lab.share(sum(all(map(closed, of[name])) for of in launches), len(launches)) for name in names}
    after = {name: lab.share(sum(all(map(closed_after, of[name])) for of in launches), len(launches)) for name in names}
    figures = [
        Figure(f"closed after use, {name}", "share", in_order[name], "opened, used, closed, once each")
        for name in names
    ] + [
        Figure(f"closed after the answer, {name}", "share", after[name], "the answer had been sent when it was closed")
        for name in names
    ]
    chart = dots(
        "Was the answer sent already when the dependency was closed? In how many launches",
        "Before or after the answer depends on how the route ends: an error passes through the dependency on its way "
        "to becoming an answer.",
        "share of launches",
        after,
    )
    tasks = sorted({event for of in launches for each in of["background task"] for event in each if "task" in event})
    notes = [f"A background {'; '.join(tasks)}."] if tasks else []
    if "scope of the function" not in names:
        notes.append("This FastAPI cannot be told to close a dependency before the answer.")
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="dependency-yield",
    title="A dependency with yield is closed after use, whatever happens",
    source=f"{ARTICLE_B}, “Dependency injection in FastAPI”",
    claimed="closed after use",
    unit="share",
    readings=tuple(
        Reading(text, f"closed after use, {name}", FACT)
        for name, text in zip(
            CLAIMED,
            ("closed after a usual answer", "closed after an HTTPException", "closed after an unexpected error"),
            strict=True,
        )
    ),
    measure=measure,
    why="FastAPI makes a context manager of the generator and leaves it in the end, by an error or without; whether "
    "that is before or after the answer is sent has changed between versions, and can be chosen since 0.121.",
    quick_s=3,
    full_s=8,
)
