"""The article's own hello world, for seeing what becomes of a connection once the answer is sent."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def hello(request: Request) -> JSONResponse:
    """A greeting."""
    return JSONResponse({"message": "Hello, World!"})


app = Starlette(routes=[Route("/hello", hello)])
