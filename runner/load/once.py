"""Connections for requests that say ``Connection: close``: each serves one, even if its answer offers to go on."""

import functools
import re

from .connection import Connection
from .orders import Endpoint

HEAD_END = b"\r\n\r\n"
CLOSE = re.compile(rb"(?i)\r\nconnection:[^\r\n]*\bclose\b")


class OnceConnection(Connection):
    """A connection that has served when its first answer is complete."""

    __slots__ = ()

    def on_message_complete(self) -> None:
        """Whatever the answer says of the connection: nothing more may be sent on it."""
        super().on_message_complete()
        self.keep = False


def asks_to_close(endpoint: Endpoint) -> bool:
    """Whether a request of the endpoint's says that it is the connection's last; in a mix, one of them for all."""
    requests = [part.request for part in endpoint.mix] or [endpoint.request]
    return any(CLOSE.search(request.partition(HEAD_END)[0]) for request in requests)


@functools.cache
def serving_once(kind: type[Connection]) -> type[Connection]:
    """That kind of connection, for one request."""
    return type(f"Once{kind.__name__}", (OnceConnection, kind), {"__slots__": ()})
