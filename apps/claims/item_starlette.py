"""One route, `/items/{item_id}`, in Starlette."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

ITEMS = {1: {"id": 1, "name": "mechanical keyboard", "price": 299.0, "description": "RGB", "stock": 50}}


async def read_item(request: Request) -> JSONResponse:
    """An item by its number."""
    item = ITEMS.get(request.path_params["item_id"])
    return JSONResponse(item, status_code=404 if item is None else 200)


app = Starlette(routes=[Route("/items/{item_id:int}", read_item)])
