"""The shop in FastAPI, with its generated docs at /docs and /openapi.json.

Run it with any ASGI server: `uvicorn apps.fastapi_app:app`.
"""

import asyncio
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel

from .shop import (
    DEFAULT_MS,
    DEFAULT_N,
    HOME_TEMPLATE,
    MAX_MS,
    MAX_N,
    NOT_FOUND,
    TEMPLATES,
    TITLE,
    find_item,
    list_items,
    page_context,
    sum_of_squares,
)


class Item(BaseModel):
    name: str
    price: float
    description: str | None = None
    stock: int = 0


class Waited(BaseModel):
    waited_ms: int


class Computed(BaseModel):
    n: int
    result: int


app = FastAPI(title=TITLE)
templates = Jinja2Templates(directory=TEMPLATES)


@app.get("/", response_class=HTMLResponse)
async def home(request: Request) -> HTMLResponse:
    return templates.TemplateResponse(request, HOME_TEMPLATE, {**page_context()})


@app.get("/api/items", response_model=list[Item])
async def read_items() -> Any:
    return list_items()


@app.get("/api/items/{item_id}", response_model=Item)
async def read_item(item_id: int) -> Any:
    item = find_item(item_id)
    if item is None:
        raise HTTPException(status_code=404, detail=NOT_FOUND)
    return item


@app.get("/wait")
async def wait(ms: Annotated[int, Query(ge=0, le=MAX_MS)] = DEFAULT_MS) -> Waited:
    await asyncio.sleep(ms / 1000)
    return Waited(waited_ms=ms)


# Not async: FastAPI runs such a function in its thread pool, so that the event loop stays free.
@app.get("/cpu")
def cpu(n: Annotated[int, Query(ge=0, le=MAX_N)] = DEFAULT_N) -> Computed:
    return Computed(n=n, result=sum_of_squares(n))
