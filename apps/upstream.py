"""One price from the upstream, for the applications under ASGI and RSGI: all of them ask with httpx, in the same way.

How many prices are asked for, and whether at once, is each application's own.
"""

import httpx

from .shop import NO_UPSTREAM, UPSTREAM_FAILED, UPSTREAM_TIMEOUT_S, UpstreamError, upstream_url


def open_client() -> httpx.AsyncClient:
    """The client for all of a process's calls; whoever opens it closes it."""
    # httpx's own limits (100 connections, 20 of them kept) would be what is measured, not the application.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(timeout=UPSTREAM_TIMEOUT_S, limits=limits)


async def price_of(client: httpx.AsyncClient, item_id: int) -> float:
    """What the item costs, asked anew each time. Raises UpstreamError."""
    url = upstream_url()
    if url is None:
        raise UpstreamError(503, NO_UPSTREAM)
    try:
        response = await client.get(f"{url}/price/{item_id}")
        response.raise_for_status()
        return float(response.json()["price"])
    # No connection, no answer in time, another status, or an answer that holds no price.
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as problem:
        raise UpstreamError(502, UPSTREAM_FAILED) from problem
