"""The shop in Litestar, with its generated docs at /schema/swagger and /schema/openapi.json.

Run it with any ASGI server: `uvicorn apps.litestar_app:app`. Its database is `$DATABASE_URL` (without it, a SQLite
file of its own), the service that it asks for prices `$UPSTREAM_URL`.
"""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal, cast

import httpx
from litestar import Litestar, MediaType, Request, Response, Router, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException, HTTPException, SerializationException, ValidationException
from litestar.logging import LoggingConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import ServerSentEvent, ServerSentEventMessage, Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig

from .database.aio import Database, database
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
    TITLE,
    UPSTREAM_ITEMS,
    BestSeller,
    Item,
    UpstreamError,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
)
from .upstream import open_client, price_of
from .validation import NewItem, NewOrder

AnyRequest = Request[Any, Any, Any]
Json = dict[str, Any]
Client = NamedDependency[httpx.AsyncClient]
Shop = NamedDependency[Database]
Milliseconds = Annotated[int, QueryParameter(ge=0, le=MAX_MS)]


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.client = open_client()
    yield
    await app.state.client.aclose()
    await database.close()


async def shared_client(state: State) -> httpx.AsyncClient:
    # Not every server has lifespan events. Without them, the first request opens the client.
    if "client" not in state:
        state.client = open_client()
    client: httpx.AsyncClient = state.client
    return client


async def shop_database() -> Database:
    return database


# The shop: pages


@get("/")
async def home(shop: Shop) -> Template:
    return Template(HOME_TEMPLATE, context={**page_context(await shop.list_items())})


@get("/items/{item_id:int}")
async def item_page(item_id: FromPath[int], shop: Shop) -> Template | Response[str]:
    item = await shop.find_item(item_id)
    if item is None:
        return Response(NOT_FOUND, status_code=404, media_type=MediaType.HTML)
    return Template(DETAIL_TEMPLATE, context={**detail_context(item)})


# The shop: JSON


@get("/items")
async def read_items(shop: Shop) -> list[Item]:
    return await shop.list_items()


@get("/items/{item_id:int}")
async def read_item(item_id: FromPath[int], shop: Shop) -> Item:
    item = await shop.find_item(item_id)
    if item is None:
        raise HTTPException(status_code=404, detail=NOT_FOUND)
    return item


@post("/items")
async def create_item(data: JSONBody[NewItem], shop: Shop) -> Item:
    return await shop.create_item(data.name, data.price, data.description, data.stock)


@post("/orders", status_code=202)
async def create_order(data: JSONBody[NewOrder], shop: Shop) -> Response[Json]:
    try:
        order_id = await shop.order(data.item_id, data.quantity)
    except UnknownItemError as problem:
        raise HTTPException(status_code=404, detail=NOT_FOUND) from problem
    except OutOfStockError as problem:
        raise HTTPException(status_code=400, detail=OUT_OF_STOCK) from problem
    return Response(
        {"status": ACCEPTED, "order_id": order_id, "item_id": data.item_id, "quantity": data.quantity},
        background=BackgroundTask(shop.take_stock, order_id),
    )


# Work without a database


@get("/json")
async def read_best_sellers() -> list[BestSeller]:
    return best_sellers()


@get("/wait")
async def wait(ms: Milliseconds = DEFAULT_MS) -> Json:
    await asyncio.sleep(ms / 1000)
    return {"waited_ms": ms}


# In Litestar's thread pool, so that the event loop stays free.
@get("/cpu", sync_to_thread=True)
def cpu(n: Annotated[int, QueryParameter(ge=0, le=MAX_N)] = DEFAULT_N) -> Json:
    return {"n": n, "result": sum_of_squares(n)}


# The mistake: it holds up every other request of the process.
@get("/blocking")
async def blocking(ms: Milliseconds = DEFAULT_MS) -> Json:
    time.sleep(ms / 1000)  # noqa: ASYNC251
    return {"waited_ms": ms}


# The same wait, put right.
@get("/threads", sync_to_thread=True)
def threads(ms: Milliseconds = DEFAULT_MS) -> Json:
    time.sleep(ms / 1000)
    return {"waited_ms": ms}


@get("/upstream")
async def upstream(client: Client) -> Json:
    item_id = UPSTREAM_ITEMS[0]
    return {"item_id": item_id, "price": await price_of(client, item_id)}


@get("/fan-out")
async def fan_out(client: Client, how: FromQuery[Literal["serial", "together"]] = "serial") -> Json:
    if how == "together":
        prices = await asyncio.gather(*(price_of(client, item_id) for item_id in UPSTREAM_ITEMS))
    else:
        prices = [await price_of(client, item_id) for item_id in UPSTREAM_ITEMS]
    return {"prices": prices, "total": sum(prices)}


# Litestar refuses more than 10 MB by default. An upload may be larger, and is never whole in memory.
@post("/upload", status_code=200, request_max_body_size=None)
async def upload(request: AnyRequest) -> Json:
    size = checksum = 0
    async for piece in request.stream():
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return {"bytes": size, "crc32": checksum}


async def events(n: int, ms: int) -> AsyncIterator[ServerSentEventMessage]:
    for i in range(n):
        await asyncio.sleep(ms / 1000)
        # By itself Litestar ends lines with \r\n, which means the same.
        yield ServerSentEventMessage(data=i, sep="\n")


@get("/stream")
async def stream(
    n: Annotated[int, QueryParameter(ge=0, le=MAX_EVENTS)] = DEFAULT_EVENTS, ms: Milliseconds = DEFAULT_EVENT_MS
) -> ServerSentEvent:
    return ServerSentEvent(events(n, ms))


@websocket("/ws")
async def echo(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if (text := message.get("text")) is not None:
            await socket.send_text(text)
        elif (data := message.get("bytes")) is not None:
            await socket.send_bytes(data)


# Errors. Litestar's own answer would hold the status, too.


def http_error(request: AnyRequest, error: HTTPException) -> Response[Json]:
    return Response({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


def upstream_failed(request: AnyRequest, error: UpstreamError) -> Response[Json]:
    return Response({"detail": error.detail}, status_code=error.status)


def invalid_body(request: AnyRequest, error: ValidationException) -> Response[Json]:
    """Litestar answers 400 with its own list of problems; the shop's is pydantic's, with 422."""
    found = []
    for problem in cast(list[dict[str, str]], error.extra):
        if problem.get("key") == "data":
            # There is no body at all, of which Litestar only says that it has no value for this parameter.
            found.append({"type": "missing", "loc": ["body"], "msg": "Field required"})
        else:
            place = [problem["key"]] if "key" in problem else []
            found.append({"type": "invalid", "loc": ["body", *place], "msg": problem["message"]})
    return Response({"detail": found}, status_code=422)


def no_json(request: AnyRequest, error: Exception) -> Response[Json]:
    return Response({"detail": [{"type": "json_invalid", "loc": ["body"], "msg": str(error)}]}, status_code=422)


def client_error(request: AnyRequest, error: ClientException) -> Response[Json]:
    if isinstance(error.__cause__, SerializationException):
        return no_json(request, error.__cause__)
    return http_error(request, error)


api = Router(
    "/api",
    route_handlers=[read_items, read_item, create_item, create_order],
    exception_handlers={
        ValidationException: invalid_body,
        ClientException: client_error,
        # Text that is not UTF-8, and JSON that is nested too deeply: by itself Litestar answers these with a 500.
        UnicodeDecodeError: no_json,
        RecursionError: no_json,
    },
)

app = Litestar(
    lifespan=[lifespan],
    route_handlers=[
        home,
        item_page,
        create_static_files_router(STATIC_URL, directories=[STATIC]),
        api,
        read_best_sellers,
        wait,
        cpu,
        blocking,
        threads,
        upstream,
        fan_out,
        upload,
        stream,
        echo,
    ],
    dependencies={"client": Provide(shared_client), "shop": Provide(shop_database)},
    exception_handlers={HTTPException: http_error, UpstreamError: upstream_failed},
    logging_config=LoggingConfig(
        # At INFO, which is Litestar's default for all loggers, httpx writes a line for every call.
        root={"handlers": ["queue_listener"], "level": "WARNING"},
        # By default a program's own errors are only answered with a 500. What is refused needs no traceback.
        log_exceptions="always",
        disable_stack_trace={400, 404, 405, HTTPException, UpstreamError},
    ),
    openapi_config=OpenAPIConfig(title=TITLE, version="1.0.0", render_plugins=[SwaggerRenderPlugin()]),
    template_config=TemplateConfig(directory=TEMPLATES, engine=JinjaTemplateEngine),
)
