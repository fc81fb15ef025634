"""The shop in FastAPI, with its generated docs at /docs and /openapi.json.

Run it with any ASGI server: `uvicorn apps.fastapi_app:app`. Its database is `$DATABASE_URL` (without it, a SQLite
file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

import httpx
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Query, Request, WebSocket
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.sse import EventSourceResponse
from fastapi.staticfiles import StaticFiles
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from .database.aio import Database, database
from .database.errors import OutOfStockError, UnknownItemError
from .shop import (
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
    TITLE,
    UPSTREAM_ITEMS,
    UpstreamError,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
)
from .upstream import open_client, price_of
from .validation import NewItem, NewOrder


class BestSeller(BaseModel):
    name: str
    price: float
    description: str
    stock: int


class Item(BaseModel):
    id: int
    name: str
    price: float
    description: str | None
    stock: int


class Accepted(BaseModel):
    status: Literal["accepted"] = "accepted"
    order_id: int
    item_id: int
    quantity: int


class Waited(BaseModel):
    waited_ms: int


class Computed(BaseModel):
    n: int
    result: int


class Price(BaseModel):
    item_id: int
    price: float


class Prices(BaseModel):
    prices: list[float]
    total: float


class Uploaded(BaseModel):
    bytes: int
    crc32: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.client = open_client()
    yield
    await app.state.client.aclose()
    await database.close()


app = FastAPI(title=TITLE, lifespan=lifespan)
app.mount(STATIC_URL, StaticFiles(directory=STATIC), name="static")
templates = Jinja2Templates(directory=TEMPLATES)


# Async, as plain functions are called in the thread pool.
async def shared_client(request: Request) -> httpx.AsyncClient:
    # Not every server has lifespan events. Without them, the first request opens the client.
    if not hasattr(request.app.state, "client"):
        request.app.state.client = open_client()
    client: httpx.AsyncClient = request.app.state.client
    return client


async def shop_database() -> Database:
    return database


Client = Annotated[httpx.AsyncClient, Depends(shared_client)]
Shop = Annotated[Database, Depends(shop_database)]
Milliseconds = Annotated[int, Query(ge=0, le=MAX_MS)]


@app.exception_handler(RequestValidationError)
async def invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    # FastAPI's own answer repeats each wrong value, and fails at what JSON cannot hold: 1e999 is read as infinity.
    problems = [{key: value for key, value in problem.items() if key != "input"} for problem in error.errors()]
    return JSONResponse({"detail": jsonable_encoder(problems)}, status_code=422)


@app.exception_handler(UpstreamError)
async def upstream_failed(request: Request, error: UpstreamError) -> JSONResponse:
    return JSONResponse({"detail": error.detail}, status_code=error.status)


# The shop: pages


@app.get("/", response_class=HTMLResponse)
async def home(request: Request, shop: Shop) -> HTMLResponse:
    return templates.TemplateResponse(request, HOME_TEMPLATE, {**page_context(await shop.list_items())})


@app.get("/items/{item_id}", response_class=HTMLResponse)
async def item_page(request: Request, item_id: int, shop: Shop) -> HTMLResponse:
    item = await shop.find_item(item_id)
    if item is None:
        return HTMLResponse(NOT_FOUND, status_code=404)
    return templates.TemplateResponse(request, DETAIL_TEMPLATE, {**detail_context(item)})


# The shop: JSON


@app.get("/api/items", response_model=list[Item])
async def read_items(shop: Shop) -> Any:
    return await shop.list_items()


@app.get("/api/items/{item_id}", response_model=Item)
async def read_item(item_id: int, shop: Shop) -> Any:
    item = await shop.find_item(item_id)
    if item is None:
        raise HTTPException(status_code=404, detail=NOT_FOUND)
    return item


@app.post("/api/items", status_code=201, response_model=Item)
async def create_item(item: NewItem, shop: Shop) -> Any:
    return await shop.create_item(item.name, item.price, item.description, item.stock)


@app.post("/api/orders", status_code=202)
async def create_order(order: NewOrder, shop: Shop, background_tasks: BackgroundTasks) -> Accepted:
    try:
        order_id = await shop.order(order.item_id, order.quantity)
    except UnknownItemError as problem:
        raise HTTPException(status_code=404, detail=NOT_FOUND) from problem
    except OutOfStockError as problem:
        raise HTTPException(status_code=400, detail=OUT_OF_STOCK) from problem
    background_tasks.add_task(shop.take_stock, order_id)
    return Accepted(order_id=order_id, item_id=order.item_id, quantity=order.quantity)


# Work without a database


@app.get("/json", response_model=list[BestSeller])
async def read_best_sellers() -> Any:
    return best_sellers()


@app.get("/wait")
async def wait(ms: Milliseconds = DEFAULT_MS) -> Waited:
    await asyncio.sleep(ms / 1000)
    return Waited(waited_ms=ms)


# Not async: FastAPI runs such a function in its thread pool, so that the event loop stays free.
@app.get("/cpu")
def cpu(n: Annotated[int, Query(ge=0, le=MAX_N)] = DEFAULT_N) -> Computed:
    return Computed(n=n, result=sum_of_squares(n))


# The mistake: it holds up every other request of the process.
@app.get("/blocking")
async def blocking(ms: Milliseconds = DEFAULT_MS) -> Waited:
    time.sleep(ms / 1000)  # noqa: ASYNC251
    return Waited(waited_ms=ms)


# The same wait, put right by leaving out a word.
@app.get("/threads")
def threads(ms: Milliseconds = DEFAULT_MS) -> Waited:
    time.sleep(ms / 1000)
    return Waited(waited_ms=ms)


@app.get("/upstream")
async def upstream(client: Client) -> Price:
    item_id = UPSTREAM_ITEMS[0]
    return Price(item_id=item_id, price=await price_of(client, item_id))


@app.get("/fan-out")
async def fan_out(client: Client, how: Literal["serial", "together"] = "serial") -> Prices:
    if how == "together":
        prices = await asyncio.gather(*(price_of(client, item_id) for item_id in UPSTREAM_ITEMS))
    else:
        prices = [await price_of(client, item_id) for item_id in UPSTREAM_ITEMS]
    return Prices(prices=prices, total=sum(prices))


@app.post("/upload")
async def upload(request: Request) -> Uploaded:
    size = checksum = 0
    async for piece in request.stream():
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return Uploaded(bytes=size, crc32=checksum)


@app.get("/stream", response_class=EventSourceResponse)
async def stream(
    n: Annotated[int, Query(ge=0, le=MAX_EVENTS)] = DEFAULT_EVENTS, ms: Milliseconds = DEFAULT_EVENT_MS
) -> AsyncIterable[int]:
    for i in range(n):
        await asyncio.sleep(ms / 1000)
        yield i


@app.websocket("/ws")
async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    while (message := await websocket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await websocket.send_text(message["text"])
        else:
            await websocket.send_bytes(message["bytes"])
