"""Holds every request for `/hold` until `/release` is asked for: in Starlette.

`/held` says how many it holds. All in one process: run it with one worker.
"""

import asyncio

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

held = 0
enough = asyncio.Event()


async def hold(request: Request) -> PlainTextResponse:
    """Wait for the release."""
    global held
    held += 1
    try:
        await enough.wait()
    finally:
        held -= 1
    return PlainTextResponse("done")


async def release(request: Request) -> PlainTextResponse:
    """Let all that wait go on."""
    global enough
    enough.set()
    enough = asyncio.Event()
    return PlainTextResponse("released")


async def count(request: Request) -> PlainTextResponse:
    """How many wait."""
    return PlainTextResponse(str(held))


app = Starlette(routes=[Route("/hold", hold), Route("/release", release), Route("/held", count)])
