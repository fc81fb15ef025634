"""The views under WSGI: plain functions, in the server's own threads."""

import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, StreamingHttpResponse
from django.shortcuts import render
from pydantic import ValidationError

from ..blocking_upstream import price_of, prices_of
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
from ..validation import NewItem, NewOrder, parse
from .answers import allow, error, invalid_body, json_response, number_parameter, together_parameter
from .models import FIELDS, Item
from .orders import place_order, take_stock

# Under WSGI a request is over with its answer. What comes later needs threads of the application's own.
background = ThreadPoolExecutor(thread_name_prefix="background")


# The shop: pages


@allow("GET")
def home(request: HttpRequest) -> HttpResponse:
    on_sale = Item.objects.order_by("id").values(*FIELDS)[:PAGE_SIZE]
    return render(request, HOME_TEMPLATE, page_context(on_sale))


@allow("GET")
def item_page(request: HttpRequest, item_id: int) -> HttpResponse:
    try:
        found = Item.objects.values(*FIELDS).get(pk=item_id)
    except Item.DoesNotExist:
        return HttpResponseNotFound(NOT_FOUND)
    return render(request, DETAIL_TEMPLATE, detail_context(found))


# The shop: JSON


@allow("GET", "POST")
def items(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        return create_item(request)
    on_sale = Item.objects.order_by("id").values(*FIELDS)[:PAGE_SIZE]
    return json_response(list(on_sale))


def create_item(request: HttpRequest) -> HttpResponse:
    try:
        new = parse(NewItem, request.body)
    except ValidationError as problem:
        return invalid_body(problem)
    values = new.model_dump()
    created = Item.objects.create(**values)
    return json_response({"id": created.pk, **values}, HTTPStatus.CREATED)


@allow("GET")
def item(request: HttpRequest, item_id: int) -> HttpResponse:
    try:
        found = Item.objects.values(*FIELDS).get(pk=item_id)
    except Item.DoesNotExist:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    return json_response(found)


@allow("POST")
def create_order(request: HttpRequest) -> HttpResponse:
    try:
        new = parse(NewOrder, request.body)
        order_id = place_order(new.item_id, new.quantity)
    except ValidationError as problem:
        return invalid_body(problem)
    except UnknownItemError:
        return error(HTTPStatus.NOT_FOUND, NOT_FOUND)
    except OutOfStockError:
        return error(HTTPStatus.BAD_REQUEST, OUT_OF_STOCK)
    background.submit(take_stock, order_id)
    answer = {"status": ACCEPTED, "order_id": order_id, "item_id": new.item_id, "quantity": new.quantity}
    return json_response(answer, HTTPStatus.ACCEPTED)


# Work without a database


@allow("GET")
def best_seller_list(request: HttpRequest) -> HttpResponse:
    return json_response(best_sellers())


@allow("GET")
def wait(request: HttpRequest) -> HttpResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    time.sleep(ms / 1000)
    return json_response({"waited_ms": ms})


@allow("GET")
def cpu(request: HttpRequest) -> HttpResponse:
    n = number_parameter(request, "n", default=DEFAULT_N, highest=MAX_N)
    return json_response({"n": n, "result": sum_of_squares(n)})


# Calls to another service


@allow("GET")
def upstream(request: HttpRequest) -> HttpResponse:
    item_id = UPSTREAM_ITEMS[0]
    try:
        return json_response({"item_id": item_id, "price": price_of(item_id)})
    except UpstreamError as problem:
        return error(HTTPStatus(problem.status), problem.detail)


@allow("GET")
def fan_out(request: HttpRequest) -> HttpResponse:
    together = together_parameter(request)
    try:
        prices = prices_of(UPSTREAM_ITEMS, together=together)
    except UpstreamError as problem:
        return error(HTTPStatus(problem.status), problem.detail)
    return json_response({"prices": prices, "total": sum(prices)})


# Bodies that are read, and written, piece by piece


@allow("POST")
def upload(request: HttpRequest) -> HttpResponse:
    # A body sent in chunks has no length, and Django takes it for empty. Servers that say so mark its end themselves.
    in_chunks = not request.META.get("CONTENT_LENGTH") and request.META.get("wsgi.input_terminated")
    body = request.META["wsgi.input"] if in_chunks else request
    size = checksum = 0
    while piece := body.read(UPLOAD_PIECE_BYTES):
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return json_response({"bytes": size, "crc32": checksum})


@allow("GET")
def stream(request: HttpRequest) -> StreamingHttpResponse:
    n = number_parameter(request, "n", default=DEFAULT_EVENTS, highest=MAX_EVENTS)
    ms = number_parameter(request, "ms", default=DEFAULT_EVENT_MS, highest=MAX_MS)

    def events() -> Iterator[str]:
        for i in range(n):
            time.sleep(ms / 1000)
            yield f"data: {i}\n\n"

    headers = {"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-cache"}
    return StreamingHttpResponse(events(), headers=headers)
