"""Claim: Uvicorn closes the connection when the answer is sent."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_B, Claim, Lab
from .needing import need
from .talking import NoAnswerError, Talk, talk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .proving import ServerKind
    from .serving import Served

APP, WSGI_APP, PATH = "connections:app", "protocols:wsgi", "/hello"
UVICORN, WITH_H11 = "uvicorn", "uvicorn-asyncio-h11"
AT_MOST = 200  # requests on one connection: then it is taken for kept
CLOSES_WITHIN_S = 0.1
IDLE_AT_MOST_S = 12.0

# HTTP version and header of the request, by what it is called.
ASKED: Mapping[str, tuple[str, dict[str, str]]] = {
    "HTTP/1.1": ("1.1", {}),
    "HTTP/1.1, close": ("1.1", {"Connection": "close"}),
    "HTTP/1.0": ("1.0", {}),
    "HTTP/1.0, keep-alive": ("1.0", {"Connection": "keep-alive"}),
}
OTHERS_QUICK = ("gunicorn-sync",)


def requests_on(line: Talk, version: str, headers: Mapping[str, str]) -> int:
    """How many answers come on one connection until the server closes it, counted up to AT_MOST."""
    answered = 0
    try:
        while answered < AT_MOST:
            line.ask(PATH, version, **headers)
            answered += 1
            if answered == 1 and line.ended(CLOSES_WITHIN_S):
                break
    except NoAnswerError:
        pass  # closed, sooner or later
    return answered


def count(served: Served, asked: str = "HTTP/1.1") -> int:
    """Requests on one connection to that server, asked in this way."""
    version, headers = ASKED[asked]
    with talk(served) as line:
        return requests_on(line, version, headers)


def counts(served: Served) -> dict[str, int]:
    """Requests on one connection, by how they are asked."""
    return {name: count(served, name) for name in ASKED}


def idle_s(lab: Lab, times: int) -> list[float]:
    """How long a connection is kept on which nothing more is asked, in so many launches; those that keep it for longer
    than we wait are left out."""
    kept = []
    with ExitStack() as stack:
        lines = [stack.enter_context(talk(stack.enter_context(lab.serve(APP, UVICORN)))) for _ in range(times)]
        answered = [line.ask(PATH).at_s for line in lines]
        for line, at_s in zip(lines, answered, strict=True):
            ended_s = line.ended(IDLE_AT_MOST_S)
            if ended_s is not None:
                kept.append(ended_s - at_s)
    return kept


def others(lab: Lab) -> list[tuple[str, ServerKind]]:
    """The other servers, each with an app that it can call."""
    asgi, wsgi = lab.there("asgi").kinds, lab.there("wsgi").kinds
    kinds = [*((APP, kind) for kind in asgi if kind.loop == "asyncio"), *((WSGI_APP, kind) for kind in wsgi)]
    if lab.quick:
        return [(app, kind) for app, kind in kinds if kind.name in OTHERS_QUICK]
    return [(app, kind) for app, kind in kinds if kind.server != "uvicorn" and not kind.name.endswith("-asyncio")]


def measure(lab: Lab) -> Measured:
    """Uvicorn with both of its parsers and, for comparison, the other servers: fresh launches, asked one at a time."""
    need(lab, ("starlette",), UVICORN)
    times, rest = 3, others(lab)
    wanted = [(APP, UVICORN), (APP, WITH_H11), *((app, kind.setup(1)) for app, kind in rest)]
    launches = []
    for _ in range(times):
        with lab.serve_all(wanted) as (httptools, h11, *served):
            launches.append(({UVICORN: counts(httptools), WITH_H11: counts(h11)}, list(map(count, served))))
    seen = {setup: {name: [of[setup][name] for of, _ in launches] for name in ASKED} for setup in (UVICORN, WITH_H11)}
    figures, rows = [], {}
    for setup, counted in seen.items():
        for name, numbers in counted.items():
            closed = lab.share(sum(number == 1 for number in numbers), len(numbers))
            figures.append(Figure(f"closed after one answer, {setup}, {name}", "share", closed))
    for setup, counted in seen.items():
        for name, numbers in counted.items():
            rows[f"{setup}, {name}"] = lab.mean(numbers)
    for at, (_, kind) in enumerate(rest):
        rows[f"{kind.name}, HTTP/1.1"] = lab.mean([others[at] for _, others in launches])
    text = f"counted up to {AT_MOST}"
    figures += [Figure(f"requests on a connection, {name}", "requests", count, text) for name, count in rows.items()]
    notes = [f"A connection that took {AT_MOST} requests was taken for one that is kept, and closed by the client."]
    if not lab.quick:
        kept = idle_s(lab, times)
        if kept:
            figures.append(Figure("idle connection kept", "s", lab.mean(kept), "after an answer, without a request"))
        else:
            notes.append(f"An idle connection was kept for longer than {IDLE_AT_MOST_S:g} s.")
    chart = dots(
        f"Requests on one connection, counted up to {AT_MOST}",
        "Who closes after an answer does so because the request asks for it, or because it is Gunicorn's sync worker.",
        "requests answered on one connection",
        rows,
        log=True,
    )
    return Measured(tuple(figures), chart, tuple(notes))


CLAIM = Claim(
    id="closes-connection",
    title="Uvicorn closes the connection when it has sent the answer",
    source=f"{ARTICLE_B}, step 7",
    claimed="closed after each answer",
    unit="share",
    readings=(
        Reading(
            "closed after the answer to the article's request, parsed by httptools",
            f"closed after one answer, {UVICORN}, HTTP/1.1",
            FACT,
        ),
        Reading("the same, parsed by h11", f"closed after one answer, {WITH_H11}, HTTP/1.1", FACT),
    ),
    measure=measure,
    why="Connections are kept under HTTP/1.1 unless one side says Connection: close: Uvicorn closes where the request "
    "asks for that or comes by HTTP/1.0, and otherwise only once a connection has been idle for five seconds.",
    quick_s=5,
    full_s=28,
)
