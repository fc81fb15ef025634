"""Calling an ASGI application directly, to see in which order it does things: what no client can see."""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sgibench.apps.catalogue import AppInfo

Message = MutableMapping[str, Any]
AsgiApp = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def load(app: AppInfo) -> AsgiApp:
    module, _, attribute = app.path.partition(":")
    loaded: AsgiApp = getattr(importlib.import_module(f"sgibench.{module}"), attribute)
    return loaded


class Call:
    """One request, as a server passes it on; `sent` are the messages of the answer so far."""

    def __init__(self, app: AsgiApp, method: str, target: str, body: bytes = b"", *, more: bool = False) -> None:
        """With `more`, the body goes on, but nothing comes any more."""
        path, _, query = target.partition("?")
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (b"host", b"shop"),
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % (len(body) + more)),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self._app = app
        self._body: list[Message] = [{"type": "http.request", "body": body, "more_body": more}]
        self.sent: list[Message] = []
        self.begun = asyncio.Event()
        """Set when the first piece of the body is sent."""
        self.complete = asyncio.Event()
        """Set when the last piece of the body is sent."""
        self.gone = asyncio.Event()
        """To be set when the client is to close its connection."""

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    async def run(self) -> None:
        """Until the application is done with it, background work included."""
        await self._app(self._scope, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._body:
            return self._body.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if message["type"] == "http.response.body":
            if message.get("body"):
                self.begun.set()
            if not message.get("more_body"):
                self.complete.set()
