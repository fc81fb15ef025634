"""The registry of servers: each worker kind is one entry of data. A new server joins by adding its entries here."""

from collections.abc import Iterable

from ....apps.catalogue import Interface
from . import daphne, granian, gunicorn, hypercorn, uvicorn, uwsgi, waitress
from .kind import Kind, SlotRule

__all__ = ["KINDS", "Kind", "SlotRule", "kinds_for"]

_SERVERS = (uvicorn, gunicorn, hypercorn, granian, daphne, uwsgi, waitress)

KINDS: dict[str, Kind] = {kind.name: kind for server in _SERVERS for kind in server.KINDS}


def kinds_for(interface: Interface) -> Iterable[Kind]:
    """The kinds that speak an interface, in the registry's order."""
    return (kind for kind in KINDS.values() if kind.interface is interface)
