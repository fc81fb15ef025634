"""The article's first API: what is checked, and what is documented, follows from the types alone. No HTML is written.

`undocumented` is the same without `/openapi.json`: what becomes of `/docs` then?
"""

from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel

routes = APIRouter()


class Item(BaseModel):
    """Something for sale."""

    name: str
    price: float
    is_offer: bool | None = None


@routes.post("/items/")
async def create_item(item: Item) -> dict[str, Any]:
    """Give back what was understood."""
    return {"item": item}


@routes.get("/items/{item_id}")
async def read_item(item_id: int, q: str | None = None) -> dict[str, Any]:
    """Give back a number from the path, and a word from the query."""
    return {"item_id": item_id, "q": q}


app = FastAPI(title="Items")
app.include_router(routes)

undocumented = FastAPI(title="Items", openapi_url=None)
undocumented.include_router(routes)
