"""Claim: a background task costs nothing, and runs once the answer is out; create_task starts at once."""

from __future__ import annotations

import json
import time
from statistics import median
from typing import TYPE_CHECKING

from ...results.claims import FACT, Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab, NotHereError
from .needing import need
from .talking import Got, Talk, talk

if TYPE_CHECKING:
    from .proving import ServerKind
    from .serving import Served

APP, SETUP = "background:app", "uvicorn"
OTHERS_QUICK = ("gunicorn-asgi",)
TASKS = ("wait", "compute", "block")  # await asyncio.sleep, computing in the loop, time.sleep in the pool
TASK_MS, SLOW_MS = 20, 100
WARM_UP, CALLS = 20, 60
WITHIN_S = 5.0


def events(served: Served) -> dict[str, float]:
    """What the server saw of the last task and its answer, and when. Waits for the task's end."""
    seen: dict[str, float] = {}
    until = time.monotonic() + WITHIN_S
    while not {"answered", "ended"} <= seen.keys():
        if time.monotonic() > until:
            raise NotHereError(f"no task ended within {WITHIN_S:g} s: only {', '.join(seen) or 'nothing'} was seen")
        seen.update(json.loads(served.ask("/events").body))
        time.sleep(0.005)
    return seen


def leave(served: Served, line: Talk, path: str) -> tuple[Got, dict[str, float]]:
    """Ask for something that leaves a task: the answer, and what the server saw of both."""
    served.ask("/events")  # and forget what was before
    return line.ask(path), events(served)


def add_us(line: Talk) -> float:
    """What add_task itself takes: the middle of many calls."""
    took = [float(json.loads(line.ask("/add").body)["took_us"]) for _ in range(WARM_UP + CALLS)]
    return median(took[WARM_UP:])


def quick_ms(line: Talk) -> float:
    """How long an easy request takes now."""
    began = time.monotonic()
    return (line.ask("/quick").at_s - began) * 1000


def beside_ms(served: Served, task: str, *, same: bool) -> float:
    """How long an easy request takes beside a slow task, on the connection of the request that left it, or another."""
    with talk(served) as first, talk(served) as second:
        quick_ms(second)
        first.ask(f"/add?task={task}&ms={SLOW_MS}")
        took = quick_ms(first if same else second)
    events(served)
    return took


def under_uvicorn(served: Served) -> dict[str, float]:
    """All that is measured of one launch, by the figures' names; of facts, 1 for so it was and 0 for not."""
    with talk(served) as line:
        costs = add_us(line)
        left = [leave(served, line, f"/add?task={task}&ms={TASK_MS}") for task in TASKS]
        created = [leave(served, line, f"/create?ms={TASK_MS}&awaits={awaits}")[1] for awaits in ("false", "true")]
        return {
            "add_task": costs,
            "answer before task": all(seen["answered"] <= seen["started"] for _, seen in left),
            "answer received during task": all(got.at_s < seen["ended"] for got, seen in left),
            "create_task before answer": created[0]["started"] < created[0]["answered"],
            "create_task and an await, before answer": created[1]["started"] < created[1]["answered"],
            "no task": quick_ms(line),
            "waiting task, same connection": beside_ms(served, "wait", same=True),
            "computing task, other connection": beside_ms(served, "compute", same=False),
            "pool's task, other connection": beside_ms(served, "block", same=False),
        }


UNITS = {"add_task": "µs"}
TEXTS = {
    "add_task": "the call alone, the middle of 60",
    "answer before task": "the server had taken all of the answer when the task began, of whatever kind",
    "answer received during task": "the client had the whole answer before the task ended",
    "create_task before answer": "a route without an await between create_task and its return",
    "create_task and an await, before answer": "the same with one await between",
    "no task": "an easy request alone",
    "waiting task, same connection": f"an easy request while a task awaits {SLOW_MS} ms",
    "computing task, other connection": f"an easy request while a coroutine computes for {SLOW_MS} ms",
    "pool's task, other connection": f"an easy request while a plain function sleeps for {SLOW_MS} ms",
}
FACTS = tuple(TEXTS)[1:5]
DELAYS = tuple(TEXTS)[5:]


def others(lab: Lab) -> list[ServerKind]:
    """The other servers, for what they do with the next request on the same connection."""
    kinds = [kind for kind in lab.there("asgi").kinds if kind.loop == "asyncio" and kind.server != SETUP]
    return [kind for kind in kinds if kind.name in OTHERS_QUICK or not (lab.quick or kind.name.endswith("-asyncio"))]


def measure(lab: Lab) -> Measured:
    """Fresh launches of all servers, of which one at a time is asked; most of it concerns Uvicorn alone."""
    need(lab, ("fastapi",), SETUP)
    kinds, launches = others(lab), []
    beside: dict[str, list[float]] = {kind.name: [] for kind in kinds}
    for _ in range(3 if lab.quick else 5):
        with lab.serve_all([(APP, SETUP), *((APP, kind.setup(1)) for kind in kinds)]) as (uvicorn, *rest):
            launches.append(under_uvicorn(uvicorn))
            for kind, served in zip(kinds, rest, strict=True):
                beside[kind.name].append(beside_ms(served, "wait", same=True))
    figures = []
    for name, text in TEXTS.items():
        values = [launch[name] for launch in launches]
        if name in FACTS:
            figures.append(Figure(name, "share", lab.share(int(sum(values)), len(values)), text))
        else:
            figures.append(Figure(name, UNITS.get(name, "ms"), lab.mean(values), text))
    elsewhere = {name: lab.mean(took) for name, took in beside.items()}
    figures += [
        Figure(f"waiting task, same connection, {name}", "ms", took, "the same under another server")
        for name, took in elsewhere.items()
    ]
    waits = [name for name, took in elsewhere.items() if took.value > SLOW_MS / 2]
    rows = {each.name: each.estimate for each in figures if each.unit == "ms"}
    chart = dots(
        "An easy request beside a task that takes 100 ms",
        "Who waits for a background task: all, while it computes in the event loop; and under some servers the next "
        "request on its connection."
        if waits
        else "A task that waits delays nobody; one that computes in the event loop delays everybody.",
        "ms until the easy request is answered",
        rows,
    )
    held = f"Under {', '.join(waits)} the next request on the same connection waits until the task has ended."
    return Measured(tuple(figures), chart, (held,) if waits else ())


CLAIM = Claim(
    id="background-tasks",
    title="add_task takes no time, and its task runs once the answer is sent; create_task starts its task at once",
    source=f"{ARTICLE_A}, 6",
    claimed="add_task 0 ms; answer first, then the task; create_task at once",
    unit="µs",
    readings=(
        Reading("add_task rounds to 0 ms: less than 0.05 ms", "add_task", Claimed(0, 50)),
        Reading("the answer is sent before the task starts", "answer before task", FACT),
        Reading("the client has its answer while the task still runs", "answer received during task", FACT),
        Reading("create_task starts its task at once, before the answer is sent", "create_task before answer", FACT),
    ),
    measure=measure,
    why="add_task appends to a list that Starlette works off after the last of the answer was sent, still within the "
    "same call of the app; create_task only puts its task in the loop's queue, where it begins once the current "
    "coroutine suspends, which a route without an await does not do before its answer is out.",
    quick_s=8,
    full_s=27,
)
