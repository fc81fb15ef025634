"""Where the database is, and how it is made.

Two numbers tell an item's stock: `stock` is what lies in the warehouse, `reserved` what was promised of it. An order
reserves before it is answered, and its background work takes what was reserved.
"""

import os
import re
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from . import postgresql, sqlite
from .errors import DatabaseError, OutOfStockError, UnknownItemError

__all__ = ["DatabaseError", "OutOfStockError", "UnknownItemError"]

DATABASE_URL: Final = "DATABASE_URL"
DATABASE_POOL_SIZE: Final = "DATABASE_POOL_SIZE"
DEFAULT_POOL_SIZE: Final = 10
DEFAULT_FILE: Final = "sgibench-shop.db"

LAST_ONE_ID: Final = 23
"""There is one of it."""
PLENTY_ID: Final = 24
"""There is more of it than any load can order."""

ACCEPTED: Final = "accepted"
DONE: Final = "done"
"""The two states of an order: its quantity is reserved, its quantity was taken."""

_FORMS: Final = "sqlite:////absolute/path.db or postgresql://user:password@host:port/name"
_SQLITE: Final = "sqlite:///"
_SCHEMA: Final = re.compile(r"-c\s*search_path=([A-Za-z_][A-Za-z0-9_]*)")


class Backend(StrEnum):
    """Whose database it is."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Location:
    """A database's URL, understood."""

    url: str
    """As every driver takes it."""
    backend: Backend
    path: Path | None = None
    """SQLite's file."""
    schema: str | None = None
    """The schema of PostgreSQL that the URL's options choose."""


def locate(url: str) -> Location:
    """What a URL means. Raises DatabaseError where it is none of ours."""
    if url.startswith(_SQLITE):
        path = Path(url.removeprefix(_SQLITE))
        if path.is_absolute():
            return Location(url, Backend.SQLITE, path=path)
    elif url.startswith(("postgresql://", "postgres://")):
        return _locate_server(url)
    raise DatabaseError(f"{_without_password(url)!r} is no database that the shop can use: it takes {_FORMS}")


def _locate_server(url: str) -> Location:
    address, _, query = url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    # Escaped: libpq refuses the second "=" of options=-csearch_path=name, which is what one would write.
    escaped = urlencode(parameters, quote_via=quote)
    found = _SCHEMA.search(parameters.get("options", ""))
    return Location(
        f"{address}?{escaped}" if escaped else address, Backend.POSTGRESQL, schema=found[1] if found else None
    )


def in_schema(url: str, name: str) -> str:
    """PostgreSQL's URL, with a schema of this name chosen; `prepare` makes it and `drop` removes it.

    Raises DatabaseError where the URL is not PostgreSQL's, chooses a schema already, or the name is no plain word.
    """
    location = locate(url)
    if location.backend is not Backend.POSTGRESQL:
        raise DatabaseError(f"{url!r} has no schemas: only PostgreSQL has")
    if location.schema or not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", name):
        why = f"it chooses {location.schema}" if location.schema else "the name is no plain word"
        raise DatabaseError(f"{_without_password(url)} cannot be given the schema {name!r}: {why}")
    address, _, query = location.url.partition("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True))
    parameters["options"] = f"{parameters.get('options', '')} -csearch_path={name}".strip()
    return f"{address}?{urlencode(parameters, quote_via=quote)}"


def database_url() -> str:
    """`DATABASE_URL`; where that is not set, a file in the folder for temporary ones, made and filled if need be."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        url = f"{_SQLITE}{Path(tempfile.gettempdir()).absolute() / DEFAULT_FILE}"
        prepare(url)
    return url


def pool_size() -> int:
    """`DATABASE_POOL_SIZE`: how many connections one process may have. Raises DatabaseError where it is no number."""
    text = os.environ.get(DATABASE_POOL_SIZE) or str(DEFAULT_POOL_SIZE)
    if text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= 1000:
        return int(text)
    raise DatabaseError(f"{DATABASE_POOL_SIZE} is {text!r}, which must be a whole number from 1 to 1000")


def prepare(url: str) -> None:
    """Make the tables and put the seeds in, where they are not there yet. Raises DatabaseError.

    PostgreSQL's schema is made too, where the URL chooses one. Several processes may do so at the same time.
    """
    location = locate(url)
    if location.path:
        sqlite.prepare(location.path)
    else:
        postgresql.prepare(location.url, location.schema)


def drop(url: str) -> None:
    """Remove what `prepare` made: SQLite's files, or PostgreSQL's schema. Raises DatabaseError.

    Without a schema in the URL nothing is removed from PostgreSQL: what is in the public one may be somebody else's.
    """
    location = locate(url)
    if location.path:
        sqlite.drop(location.path)
    elif location.schema:
        postgresql.drop(location.url, location.schema)
    else:
        raise DatabaseError(f"{_without_password(url)} chooses no schema: only one of the shop's own is dropped")


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url
