"""Holds every request for `/hold` until `/release` is asked for: in FastAPI.

`/held` says how many it holds. All in one process: run it with one worker.
"""

import asyncio

from fastapi import FastAPI

app = FastAPI()
held = 0
enough = asyncio.Event()


@app.get("/hold")
async def hold() -> str:
    """Wait for the release."""
    global held
    held += 1
    try:
        await enough.wait()
    finally:
        held -= 1
    return "done"


@app.get("/release")
async def release() -> str:
    """Let all that wait go on."""
    global enough
    enough.set()
    enough = asyncio.Event()
    return "released"


@app.get("/held")
async def count() -> int:
    """How many wait."""
    return held
