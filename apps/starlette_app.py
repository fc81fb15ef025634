"""The shop in Starlette.

Run it with any ASGI server: `uvicorn apps.starlette_app:app`.
"""

import asyncio

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from .shop import (
    DEFAULT_MS,
    DEFAULT_N,
    HOME_TEMPLATE,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    TEMPLATES,
    BadValueError,
    find_item,
    list_items,
    page_context,
    sum_of_squares,
    whole_number,
)

templates = Jinja2Templates(directory=TEMPLATES)


def number_parameter(request: Request, name: str, *, default: int, highest: int) -> int:
    try:
        return whole_number(name, request.query_params.get(name), default=default, highest=highest)
    except BadValueError as problem:
        raise HTTPException(status_code=400, detail=str(problem)) from problem


async def home(request: Request) -> Response:
    return templates.TemplateResponse(request, HOME_TEMPLATE, {**page_context()})


async def read_items(request: Request) -> JSONResponse:
    return JSONResponse(list_items())


async def read_item(request: Request) -> JSONResponse:
    item = find_item(request.path_params["item_id"])
    if item is None:
        raise HTTPException(status_code=404, detail=NOT_FOUND)
    return JSONResponse(item)


async def wait(request: Request) -> JSONResponse:
    ms = number_parameter(request, "ms", default=DEFAULT_MS, highest=MAX_MS)
    await asyncio.sleep(ms / 1000)
    return JSONResponse({"waited_ms": ms})


# Not async: Starlette runs such a function in its thread pool, so that the event loop stays free.
def cpu(request: Request) -> JSONResponse:
    n = number_parameter(request, "n", default=DEFAULT_N, highest=MAX_N)
    return JSONResponse({"n": n, "result": sum_of_squares(n)})


async def error_as_json(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"detail": error.detail}, status_code=error.status_code, headers=error.headers)


app = Starlette(
    routes=[
        Route("/", home),
        Route("/api/items", read_items),
        Route("/api/items/{item_id:int}", read_item),
        Route("/wait", wait),
        Route("/cpu", cpu),
    ],
    exception_handlers={HTTPException: error_as_json},
)
