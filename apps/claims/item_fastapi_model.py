"""One route, `/items/{item_id}`, in FastAPI, its answer checked and written by a Pydantic model."""

from typing import Any

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

app = FastAPI()

ITEMS = {1: {"id": 1, "name": "mechanical keyboard", "price": 299.0, "description": "RGB", "stock": 50}}


class Item(BaseModel):
    """What an answer holds."""

    id: int
    name: str
    price: float
    description: str | None
    stock: int


@app.get("/items/{item_id}", response_model=Item)
async def read_item(item_id: int) -> Any:
    """An item by its number."""
    item = ITEMS.get(item_id)
    if item is None:
        raise HTTPException(404)
    return item
