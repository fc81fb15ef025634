"""The views under ASGI: coroutines, with Django's own asynchronous queries. What must not wait is a plain function."""

import asyncio
import time
import zlib
from collections.abc import AsyncIterator
from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, StreamingHttpResponse
from django.shortcuts import render
from pydantic import ValidationError

from ..database.errors import OutOfStockError, UnknownItemError
from ..shop import (
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
    PAGE_SIZE,
    UPLOAD_PIECE_BYTES,
    UPSTREAM_ITEMS,
    UpstreamError,
    best_sellers,
    detail_context,
    page_context,
    sum_of_squares,
)
from ..upstream import open_client, price_of
from ..validation import NewItem, NewOrder, parse
from .answers import allow, error, invalid_body, json_response, number_parameter, together_parameter
from .models import FIELDS, Item
from .orders import place_order, take_stock

# Django has no event for a server's end, which other applications close their client at. It lives as long as they do.
client = open_client()
# asyncio itself keeps only weak references to tasks.
background: set[asyncio.Task[None]] = set()


# The shop: pages


@allow("GET")
async def home(request: HttpRequest) -> HttpResponse:
    on_sale = Item.objects.order_by("id").values(*FIELDS)[:PAGE_SIZE]
    return render(request, HOME_TEMPLATE, page_context([found async for found in on_sale]))


@allow("GET")
async def item_page(request: HttpRequest, item_id: int) -> HttpResponse:
    try:
        found = await Item.objects.values(*FIELDS).aget(pk=item_id)
    except Item.DoesNotExist:
        return HttpResponseNotFound(NOT_FOUND)
    return render(request, DETAIL_TEMPLATE, detail_context(found))


# The shop: JSON


@allow("GET", "POST")
async def items(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return await create_item(request)
    on_sale = Item.objects.order_by("id").values(*FIELDS)[:PAGE_SIZE]
    return json_response([found async for found in on_sale])


async def create_item(request: HttpRequest) -> HttpResponse:
    try:
        new = parse(NewItem, request.body)
    except ValidationError as problem:
        return invalid_body(problem)
    values = new.model_dump()
    created = await Item.objects.acreate(**values)
    return json_response({"id": created.pk, **values}, HTTPStatus.CREATED)


@allow("GET")
async def item(request: HttpRequest, item_id: int) -> HttpResponse:
    try:
        found = await Item.objects.values(*FIELDS).aget(pk=item_id)
    except Item.DoesNotExist:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return json_response(found)


@allow("POST")
async def create_order(request: HttpRequest) -> HttpResponse:
    try:
        new = parse(NewOrder, request.body)
        # Transactions do not work in coroutines: what belongs together is one plain function.
        order_id = await sync_to_async(place_order)(new.item_id, new.quantity)
    except ValidationError as problem:
        return invalid_body(problem)
    except UnknownItemError:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    except OutOfStockError:
        return error(HTTPStatus.BAD_REQUEST, OUT_OF_STOCK)
    # Not in the request's own thread, which ends with the request.
    task = asyncio.create_task(sync_to_async(take_stock, thread_sensitive=False)(order_id))
    background.add(task)
    task.add_done_callback(background.discard)
    answer = {"status": ACCEPTED, "order_id": order_id, "item_id": new.item_id, "quantity": new.quantity}
    return json_response(answer, HTTPStatus.ACCEPTED)


# Work without a database


@allow("GET")
async def best_seller_list(request: HttpRequest) -> HttpResponse:
    return json_response(best_sellers())


@allow("GET")
async def wait(request: HttpRequest) -> HttpResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    await asyncio.sleep(ms / 1000)
    return json_response({"waited_ms": ms})


# Not async: Django runs such a view in a thread, so that the event loop stays free.
@allow("GET")
def cpu(request: HttpRequest) -> HttpResponse:
    n = number_parameter(request, "n", default=DEFAULT_N, highest=MAX_N)
    return json_response({"n": n, "result": sum_of_squares(n)})


@allow("GET")
async def blocking(request: HttpRequest) -> HttpResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)  # noqa: ASYNC251 - the mistake that is to be seen: nothing else runs meanwhile
    return json_response({"waited_ms": ms})


@allow("GET")
def threads(request: HttpRequest) -> HttpResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return json_response({"waited_ms": ms})


# Calls to another service


@allow("GET")
async def upstream(request: HttpRequest) -> HttpResponse:
    item_id = UPSTREAM_ITEMS[0]
    try:
        return json_response({"item_id": item_id, "price": await price_of(client, item_id)})
    except UpstreamError as problem:
        return error(HTTPStatus(problem.status), problem.detail)


@allow("GET")
async def fan_out(request: HttpRequest) -> HttpResponse:
    together = together_parameter(request)
    try:
        if together:
            prices = await asyncio.gather(*(price_of(client, item_id) for item_id in UPSTREAM_ITEMS))
        else:
            prices = [await price_of(client, item_id) for item_id in UPSTREAM_ITEMS]
    except UpstreamError as problem:
        return error(HTTPStatus(problem.status), problem.detail)
    return json_response({"prices": prices, "total": sum(prices)})


# Bodies that are read, and written, piece by piece


@allow("POST")
async def upload(request: HttpRequest) -> HttpResponse:
    # By now Django has the whole body, in a file on the disk where it is large.
    size = checksum = 0
    while piece := request.read(UPLOAD_PIECE_BYTES):
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return json_response({"bytes": size, "crc32": checksum})


@allow("GET")
async def stream(request: HttpRequest) -> StreamingHttpResponse:
    n = number_parameter(request, "n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = number_parameter(request, "ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)

    async def events() -> AsyncIterator[str]:
        for i in range(n):
            await asyncio.sleep(ms / 1000)
            yield f"data: {i}\n\n"

    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    return StreamingHttpResponse(events(), headers=headers)
