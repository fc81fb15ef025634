"""Prices from the upstream, for applications that have threads: Flask and Django ask with requests, in the same way."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from .shop import FAN_OUT_THREADS, NO_UPSTREAM, UPSTREAM_FAILED, UPSTREAM_TIMEOUT_S, UpstreamError, upstream_url

_callers = ThreadPoolExecutor(FAN_OUT_THREADS, thread_name_prefix="caller")
_of_thread = threading.local()


def price_of(item_id: int) -> float:
    """What the item costs, asked anew each time. Raises UpstreamError."""
    url = upstream_url()
    if url is None:
        raise UpstreamError(503, NO_UPSTREAM)
    try:
        response = _session().get(f"{url}/price/{item_id}", timeout=UPSTREAM_TIMEOUT_S)
        response.raise_for_status()
        return float(response.json()["price"])
    # No connection, no answer in time, another status, or an answer that holds no price.
    except (requests.RequestException, ValueError, KeyError, TypeError) as problem:
        raise UpstreamError(502, UPSTREAM_FAILED) from problem


def prices_of(item_ids: Sequence[int], *, together: bool) -> list[float]:
    """What each item costs, asked one after the other or all at once. Raises UpstreamError."""
    return list(_callers.map(price_of, item_ids) if together else map(price_of, item_ids))


def _session() -> requests.Session:
    """The connections that this thread keeps: requests does not promise that threads may share a session."""
    if not hasattr(_of_thread, "session"):
        _of_thread.session = requests.Session()
    kept: requests.Session = _of_thread.session
    return kept
