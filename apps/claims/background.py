"""When does work run that a request leaves behind: by `BackgroundTasks`, or by `create_task`?

The app notes what happens and when, on the system's monotonic clock, which its client reads too. `/events` tells it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import BackgroundTasks, FastAPI

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

api = FastAPI()
happened: list[tuple[str, float]] = []
running: set[asyncio.Task[None]] = set()  # the loop itself holds tasks only weakly


def note(event: str) -> None:
    """Write down that it happened, and when."""
    happened.append((event, time.monotonic()))


async def wait(ms: int) -> None:
    """A task that waits, and leaves the event loop free."""
    note("started")
    await asyncio.sleep(ms / 1000)
    note("ended")


async def compute(ms: int) -> None:
    """A task that computes in the event loop: it never awaits."""
    note("started")
    until = time.monotonic() + ms / 1000
    while time.monotonic() < until:
        pass
    note("ended")


def block(ms: int) -> None:
    """A plain function: it is called in the thread pool."""
    note("started")
    time.sleep(ms / 1000)
    note("ended")


TASKS = {"wait": wait, "compute": compute, "block": block}


@api.get("/add")
async def add(background_tasks: BackgroundTasks, task: str = "wait", ms: int = 0) -> dict[str, float]:
    """Leave a task to be run once the answer is sent; tell what leaving it took."""
    before = time.perf_counter_ns()
    background_tasks.add_task(TASKS[task], ms)
    return {"took_us": (time.perf_counter_ns() - before) / 1000}


@api.get("/create")
async def create(ms: int = 0, awaits: bool = False) -> dict[str, str]:
    """Start a task of its own, and answer; before that, await something if told to."""
    task = asyncio.create_task(wait(ms))
    running.add(task)
    task.add_done_callback(running.discard)
    if awaits:
        await asyncio.sleep(0)
    return {"status": "accepted"}


@api.get("/quick")
async def quick() -> dict[str, str]:
    """Answer at once: who waits for this, waits for something else."""
    return {"status": "here"}


@api.get("/events")
async def events() -> list[tuple[str, float]]:
    """What happened since this was last asked."""
    told = happened.copy()
    happened.clear()
    return told


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The app, with a note of when the server has taken the last of an answer."""

    async def sent(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            note("answered")

    noted = scope["type"] == "http" and scope["path"] in ("/add", "/create")
    await api(scope, receive, sent if noted else send)
