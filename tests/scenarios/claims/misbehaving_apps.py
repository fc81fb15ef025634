"""Apps that do not do what the claims are about: each has to turn what an experiment finds."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.requests import Request

from sgibench.apps.claims import background, bodies, dependencies, items, protocols

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def eager(scope: Message, receive: Receive, send: Send) -> None:
    """Holds each answer back until its tasks are done."""
    if scope["type"] != "http" or scope["path"] not in ("/add", "/create"):
        await background.api(scope, receive, send)
        return
    kept: list[Message] = []

    async def keep(message: Message) -> None:
        kept.append(message)

    await background.api(scope, receive, keep)
    for message in kept:
        await send(message)
    background.note("answered")


async def closing(scope: Message, receive: Receive, send: Send) -> None:
    """Has its server close every connection."""
    if scope["type"] == "http":
        headers = [(b"connection", b"close"), (b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})


async def joining(scope: Message, receive: Receive, send: Send) -> None:
    """Gives the app a body only when it is there as a whole, as one piece."""
    pieces, more = [], scope.get("path") != "/so-far"
    while more:
        message = await receive()
        pieces.append(message.get("body", b""))
        more = message.get("more_body", False)

    async def whole() -> Message:
        return {"type": "http.request", "body": b"".join(pieces), "more_body": False}

    await bodies.app(scope, whole, send)


async def deaf(scope: Message, receive: Receive, send: Send) -> None:
    """Refuses every WebSocket."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close"})
        return
    await protocols.app(scope, receive, send)


class LeftOpen(dependencies.Connection):
    """A connection that closing leaves open."""

    def close(self) -> None:
        """Do nothing."""


async def leaking(scope: Message, receive: Receive, send: Send) -> None:
    """Never closes what it has opened."""
    dependencies.Connection = LeftOpen  # type: ignore[misc]
    await dependencies.app(scope, receive, send)


old = FastAPI()
old.include_router(items.routes)


@old.exception_handler(RequestValidationError)
async def old_words(request: Request, error: RequestValidationError) -> JSONResponse:
    """What Pydantic 1 would have said."""
    said = [{"loc": each["loc"], "msg": "field required", "type": "value_error.missing"} for each in error.errors()]
    return JSONResponse({"detail": said}, 422)


written = FastAPI(docs_url=None)
written.include_router(items.routes)


@written.get("/docs", include_in_schema=False)
async def by_hand() -> HTMLResponse:
    """A page that somebody wrote."""
    return HTMLResponse("<html><body>POST /items/ takes an item, /openapi.json says more.</body></html>")
