"""One route, `/items/{item_id}`, in FastAPI, its answer as it is: no response model."""

from typing import Any

from fastapi import FastAPI, HTTPException

app = FastAPI()

ITEMS = {1: {"id": 1, "name": "mechanical keyboard", "price": 299.0, "description": "RGB", "stock": 50}}


@app.get("/items/{item_id}", response_model=None)
async def read_item(item_id: int) -> Any:
    """An item by its number."""
    item = ITEMS.get(item_id)
    if item is None:
        raise HTTPException(404)
    return item
