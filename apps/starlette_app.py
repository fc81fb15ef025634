"""The shop in Starlette, on anyio, so that all but its database also runs on trio.

Run it with any ASGI server: `uvicorn apps.starlette_app:app`, or `hypercorn -k trio apps.starlette_app:app`. Its
database is `$DATABASE_URL` (without it, a SQLite file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.websockets import WebSocket

from .database.aio import database
from .database.errors import OutOfStockError, UnknownItemError
from .shop import (
    ACCEPTED,
    DEFAULT_EVENT_MS,
    DEFAULT_EVENTS,
    DEFAULT_MS,
    DEFAULT_N,
    DETAIL_TEMPLATE,
    HOME_TEMPLATE,
    MAX_EVENTS,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    OUT_OF_STOCK,
    STATIC,
    STATIC_URL,
    TEMPLATES,
    UPSTREAM_ITEMS,
    BadValueError,
    UpstreamError,
    asked_together,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
    whole_number,
)
from .upstream import open_client, price_of
from .validation import NewItem, NewOrder, parse, problems

templates = Jinja2Templates(directory=TEMPLATES)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.client = open_client()
    yield
    await app.state.client.aclose()
    await database.close()


def shared_client(request: Request) -> httpx.AsyncClient:
    # Not every server has lifespan events. Without them, the first request opens the client.
    if not hasattr(request.app.state, "client"):
        request.app.state.client = open_client()
    client: httpx.AsyncClient = request.app.state.client
    return client


def number_parameter(request: Request, name: str, *, default: int, highest: int) -> int:
    return whole_number(name, request.query_params.get(name), default=default, highest=highest)


# The shop: pages


async def home(request: Request) -> Response:
    return templates.TemplateResponse(request, HOME_TEMPLATE, {**page_context(await database.list_items())})


async def item_page(request: Request) -> Response:
    item = await database.find_item(request.path_params["item_id"])
    if item is None:
        return HTMLResponse(NOT_FOUND, status_code=404)
    return templates.TemplateResponse(request, DETAIL_TEMPLATE, {**detail_context(item)})


# The shop: JSON


async def read_items(request: Request) -> JSONResponse:
    return JSONResponse(await database.list_items())


async def read_item(request: Request) -> JSONResponse:
    item = await database.find_item(request.path_params["item_id"])
    if item is None:
        raise HTTPException(status_code=404, detail=NOT_FOUND)
    return JSONResponse(item)


async def create_item(request: Request) -> JSONResponse:
    new = parse(NewItem, await request.body())
    item = await database.create_item(new.name, new.price, new.description, new.stock)
    return JSONResponse(item, status_code=201)


async def create_order(request: Request) -> JSONResponse:
    order = parse(NewOrder, await request.body())
    try:
        order_id = await database.order(order.item_id, order.quantity)
    except UnknownItemError as problem:
        raise HTTPException(status_code=404, detail=NOT_FOUND) from problem
    except OutOfStockError as problem:
        raise HTTPException(status_code=400, detail=OUT_OF_STOCK) from problem
    return JSONResponse(
        {"status": ACCEPTED, "order_id": order_id, "item_id": order.item_id, "quantity": order.quantity},
        status_code=202,
        background=BackgroundTask(database.take_stock, order_id),
    )


# Work without a database


async def read_best_sellers(request: Request) -> JSONResponse:
    return JSONResponse(best_sellers())


async def wait(request: Request) -> JSONResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    await anyio.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


# Not async: Starlette runs such a function in its thread pool, so that the event loop stays free.
def cpu(request: Request) -> JSONResponse:
    n = number_parameter(request, "n", default=DEFAULT_N, highest=MAX_N)
    return JSONResponse({"n": n, "result": sum_of_squares(n)})


# The mistake: it holds up every other request of the process.
async def blocking(request: Request) -> JSONResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)  # noqa: ASYNC251
    return JSONResponse({"waited_ms": ms})


# The same wait, put right by leaving out a word.
def threads(request: Request) -> JSONResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


async def upstream(request: Request) -> JSONResponse:
    item_id = UPSTREAM_ITEMS[0]
    return JSONResponse({"item_id": item_id, "price": await price_of(shared_client(request), item_id)})


async def prices_together(client: httpx.AsyncClient) -> list[float]:
    prices = [0.0] * len(UPSTREAM_ITEMS)

    async def ask(place: int, item_id: int) -> None:
        prices[place] = await price_of(client, item_id)

    async with anyio.create_task_group() as group:
        for place, item_id in enumerate(UPSTREAM_ITEMS):
            group.start_soon(ask, place, item_id)
    return prices


async def fan_out(request: Request) -> JSONResponse:
    client = shared_client(request)
    if asked_together(request.query_params.get("how")):
        prices = await prices_together(client)
    else:
        prices = [await price_of(client, item_id) for item_id in UPSTREAM_ITEMS]
    return JSONResponse({"prices": prices, "total": sum(prices)})


async def upload(request: Request) -> JSONResponse:
    size = checksum = 0
    async for piece in request.stream():
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return JSONResponse({"bytes": size, "crc32": checksum})


async def events(n: int, ms: int) -> AsyncIterator[str]:
    for i in range(n):
        await anyio.sleep(ms / 1000)
        yield f"data: {i}\n\n"


async def stream(request: Request) -> StreamingResponse:
    n = number_parameter(request, "n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = number_parameter(request, "ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)
    return StreamingResponse(events(n, ms), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while (message := await websocket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await websocket.send_text(message["text"])
        else:
            await websocket.send_bytes(message["bytes"])


# Errors, as JSON


async def http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


async def bad_value(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=400)


async def bad_body(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ValidationError)
    return JSONResponse({"detail": problems(error)}, status_code=422)


async def upstream_failed(request: Request, error: Exception) -> JSONResponse:
    # A task group raises what its tasks raised as a group.
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    if not isinstance(error, UpstreamError):
        raise error
    return JSONResponse({"detail": error.detail}, status_code=error.status)


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", home),
        Route("/items/{item_id:int}", item_page),
        Mount(STATIC_URL, StaticFiles(directory=STATIC), name="static"),
        Route("/api/items", read_items, methods=["GET"]),
        Route("/api/items", create_item, methods=["POST"]),
        Route("/api/items/{item_id:int}", read_item),
        Route("/api/orders", create_order, methods=["POST"]),
        Route("/json", read_best_sellers),
        Route("/wait", wait),
        Route("/cpu", cpu),
        Route("/blocking", blocking),
        Route("/threads", threads),
        Route("/upstream", upstream),
        Route("/fan-out", fan_out),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        WebSocketRoute("/ws", echo),
    ],
    exception_handlers={
        HTTPException: http_error,
        BadValueError: bad_value,
        ValidationError: bad_body,
        UpstreamError: upstream_failed,
        ExceptionGroup: upstream_failed,
    },
)
