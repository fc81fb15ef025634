"""From the exceptions in Locust's events to kinds of errors, as far as they tell."""

import errno
import http.client
from collections.abc import Iterator

import gevent
import requests
import urllib3.exceptions
from geventhttpclient.response import HTTPConnectionClosed, HTTPParseError
from locust.contrib.fasthttp import LocustBadStatusCode
from locust.exception import CatchResponseError, ResponseError

from ....results.ledger import ErrorKind

UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
LINKS_MAX = 16
SHOWN = 200

# In this order: many are a special case of one that stands further below.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], ErrorKind], ...] = (
    ((CatchResponseError, ResponseError), ErrorKind.OTHER),
    ((LocustBadStatusCode, requests.HTTPError), ErrorKind.STATUS),
    ((http.client.RemoteDisconnected, HTTPConnectionClosed), ErrorKind.CLOSED),
    ((http.client.IncompleteRead, requests.exceptions.ChunkedEncodingError), ErrorKind.TRUNCATED),
    ((urllib3.exceptions.NewConnectionError, requests.ConnectTimeout, ConnectionRefusedError), ErrorKind.CONNECT),
    ((gevent.Timeout, TimeoutError, requests.Timeout), ErrorKind.TIMEOUT),
    ((ConnectionError,), ErrorKind.RESET),
    ((HTTPParseError, http.client.HTTPException, urllib3.exceptions.HTTPError), ErrorKind.MALFORMED),
)


def kind_of(error: BaseException) -> ErrorKind:
    """What a failed request counts as. What an exception does not tell is OTHER, as is a failure that the user's own
    code declared."""
    chain = list(_chain(error))
    if any(isinstance(link, OSError) and link.errno in UNREACHABLE for link in chain):
        return ErrorKind.CONNECT
    for classes, kind in _KINDS:
        if any(isinstance(link, classes) for link in chain):
            return kind
    return ErrorKind.OTHER


def said(error: BaseException) -> str:
    """An exception in a line."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    whole = text if isinstance(error, CatchResponseError) else f"{name}: {text}" if text else name
    return whole[:SHOWN] + ("…" if len(whole) > SHOWN else "")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that it carries or came from."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < LINKS_MAX:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [getattr(link, "original", None), getattr(link, "reason", None), *link.args]
        waiting += [link.__cause__, link.__context__]
