"""What a request's body is made of: the pieces that a server passes on, and what keeping them all costs.

No framework, for what counts here is in the protocol: `http.request` messages, each but the last with `more_body`.

- `/count` looks at each piece and lets it go.
- `/keep` keeps all of them until the last, as `await request.body()` does.
- `/so-far` tells how many pieces have come of the body that is being read.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

seen = {"pieces": 0, "bytes": 0, "largest": 0, "said_more": 0}


async def read(receive: Receive, *, keep: bool) -> bytes:
    """Read a body, piece by piece; what was kept of it."""
    seen.update(dict.fromkeys(seen, 0))
    kept, more = [], True
    while more:
        message = await receive()
        piece, more = message.get("body", b""), message.get("more_body", False)
        seen["pieces"] += 1
        seen["bytes"] += len(piece)
        seen["largest"] = max(seen["largest"], len(piece))
        seen["said_more"] += more
        if keep:
            kept.append(piece)
    return b"".join(kept)


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """What was seen of the body, as JSON."""
    if scope["type"] != "http":  # as the specification asks for: a server goes on without lifespan events then
        raise NotImplementedError(scope["type"])
    status = 200
    try:
        if scope["path"] != "/so-far":
            await read(receive, keep=scope["path"] == "/keep")
    except MemoryError:
        status = 413
    body = json.dumps(seen).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
