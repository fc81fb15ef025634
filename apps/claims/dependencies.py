"""When is a dependency closed that was written with `yield`: before the answer is sent, or after it?

`/events` tells what happened since it was last asked, in order.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException
from fastapi.responses import StreamingResponse

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

api = FastAPI()
happened: list[str] = []


class Connection:
    """What a connection to a database stands for here: something that is closed once, and of no use from then on."""

    def __init__(self) -> None:
        """Open."""
        self.open = True
        happened.append("opened")

    def fetch(self) -> list[str]:
        """Some rows. Raises RuntimeError once it is closed."""
        if not self.open:
            raise RuntimeError("the connection is closed")
        happened.append("used")
        return ["a row"]

    def close(self) -> None:
        """Close it."""
        self.open = False
        happened.append("closed")


def get_db() -> Iterator[Connection]:
    """The articles' dependency."""
    db = Connection()
    try:
        yield db
    finally:
        db.close()


async def get_db_async() -> AsyncIterator[Connection]:
    """The same, in the event loop rather than in the thread pool."""
    db = Connection()
    try:
        yield db
    finally:
        db.close()


Db = Annotated[Connection, Depends(get_db)]
AsyncDb = Annotated[Connection, Depends(get_db_async)]


@api.get("/answer")
async def answer(db: Db) -> list[str]:
    """The usual case."""
    return db.fetch()


@api.get("/async-answer")
async def async_answer(db: AsyncDb) -> list[str]:
    """The usual case, with a dependency that is a coroutine."""
    return db.fetch()


@api.get("/http-error")
async def http_error(db: Db) -> None:
    """An error that is meant for the client."""
    db.fetch()
    raise HTTPException(404, "no such row")


@api.get("/unexpected")
async def unexpected(db: Db) -> None:
    """An error that nobody thought of."""
    db.fetch()
    raise ZeroDivisionError


@api.get("/stream")
async def stream(db: Db) -> StreamingResponse:
    """An answer that is still being written when the route has returned: is the connection still open?"""

    async def rows() -> AsyncIterator[str]:
        for _ in range(3):
            yield "\n".join(db.fetch() if db.open else ["too late"]) + "\n"

    return StreamingResponse(rows(), media_type="text/plain")


@api.get("/background")
async def background(tasks: BackgroundTasks, db: Db) -> list[str]:
    """A task for afterwards, which would like to use the connection."""
    tasks.add_task(lambda: happened.append("task finds it open" if db.open else "task finds it closed"))
    return db.fetch()


try:
    of_the_function = Depends(get_db, scope="function")
except TypeError:  # before FastAPI 0.121
    pass
else:

    @api.get("/function-scope")
    async def function_scope(db: Annotated[Connection, of_the_function]) -> list[str]:
        """Asked to be closed as soon as the route has returned."""
        return db.fetch()


@api.get("/events")
async def events() -> list[str]:
    """What happened since this was last asked."""
    told = happened.copy()
    happened.clear()
    return told


async def app(scope: Message, receive: Receive, send: Send) -> None:
    """The app, with a note of when the server has taken the last of an answer."""

    async def sent(message: Message) -> None:
        await send(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            happened.append("answered")

    noted = scope["type"] == "http" and scope["path"] != "/events"
    await api(scope, receive, sent if noted else send)
