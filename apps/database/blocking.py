"""The database for applications with threads or greenlets: sqlite3, or psycopg with its own pool."""

import atexit
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..shop import PAGE_SIZE, Item
from . import postgresql, sqlite
from .errors import OutOfStockError, UnknownItemError
from .rows import as_item, holdable
from .schema import database_url, locate, pool_size

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool


class _Store(Protocol):
    """What either kind of database does, in one process."""

    def list_items(self, limit: int) -> list[Item]: ...
    def find_item(self, item_id: int) -> Item | None: ...
    def create_item(self, name: str, price: float, description: str | None, stock: int) -> int: ...
    def order(self, item_id: int, quantity: int) -> int | None: ...
    def take_stock(self, order_id: int) -> None: ...
    def close(self) -> None: ...


class Database:
    """The shop's items and orders, over a bounded pool of connections that each process opens when it first asks."""

    def __init__(self, url: str | None = None, size: int | None = None) -> None:
        """Without values, `DATABASE_URL` and `DATABASE_POOL_SIZE` are read at the first use."""
        self._url = url
        self._size = size
        # By process: what was opened before a fork belongs to the parent, and a lock may be held there for ever.
        self._stores: dict[int, _Store] = {}

    def list_items(self, limit: int = PAGE_SIZE) -> list[Item]:
        """The first items by id."""
        return self._store().list_items(limit)

    def find_item(self, item_id: int) -> Item | None:
        """The item with this id, or None where there is none."""
        return self._store().find_item(item_id) if holdable(item_id) else None

    def create_item(self, name: str, price: float, description: str | None, stock: int) -> Item:
        """Put an item on sale."""
        values = (name, float(price), description, stock)
        return as_item((self._store().create_item(*values), *values))

    def order(self, item_id: int, quantity: int) -> int:
        """Reserve so many of an item: the order's id. Raises UnknownItemError, or OutOfStockError."""
        if holdable(item_id) and holdable(quantity):
            order_id = self._store().order(item_id, quantity)
            if order_id is not None:
                return order_id
        if self.find_item(item_id) is None:
            raise UnknownItemError(item_id)
        raise OutOfStockError(item_id)

    def take_stock(self, order_id: int) -> None:
        """Take what an order reserved out of the stock. Nothing happens where that was done before."""
        self._store().take_stock(order_id)

    def close(self) -> None:
        """Close this process's connections; the next use opens new ones."""
        store = self._stores.pop(os.getpid(), None)
        if store is not None:
            store.close()

    def _store(self) -> _Store:
        store = self._stores.get(os.getpid())
        if store is not None:
            return store
        location = locate(self._url or database_url())
        size = self._size or pool_size()
        made: _Store = _Sqlite(location.path, size) if location.path else _Postgresql(location.url, size)
        # At the end of the process as well, while the pool's own threads still live.
        atexit.register(self.close)
        # Nothing is open in it yet, so that of two threads that came here together one may lose.
        return self._stores.setdefault(os.getpid(), made)


class _Sqlite:
    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._places = threading.BoundedSemaphore(size)
        self._writing = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False

    def list_items(self, limit: int) -> list[Item]:
        with self._connection() as connection:
            return [as_item(row) for row in _fetch(connection, sqlite.LIST, limit)]

    def find_item(self, item_id: int) -> Item | None:
        with self._connection() as connection:
            rows = _fetch(connection, sqlite.FIND, item_id)
        return as_item(rows[0]) if rows else None

    def create_item(self, name: str, price: float, description: str | None, stock: int) -> int:
        with self._transaction() as connection:
            return int(_fetch(connection, sqlite.CREATE, name, price, description, stock)[0][0])

    def order(self, item_id: int, quantity: int) -> int | None:
        with self._transaction() as connection:
            if not _fetch(connection, sqlite.RESERVE, quantity, item_id):
                return None
            return int(_fetch(connection, sqlite.ORDER, item_id, quantity)[0][0])

    def take_stock(self, order_id: int) -> None:
        with self._transaction() as connection:
            for item_id, quantity in _fetch(connection, sqlite.FINISH, order_id):
                _fetch(connection, sqlite.TAKE, quantity, item_id)

    def close(self) -> None:
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._places:
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = sqlite.connect(self._path)
            try:
                yield connection
            finally:
                self._idle.append(connection)
                if self._closed:
                    self.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        # The connection itself begins a transaction before the first statement, and ends it here, one way or the other.
        with self._writing, self._connection() as connection, connection:
            yield connection


def _fetch(connection: sqlite3.Connection, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """The rows of a statement, as soon as other processes let it begin."""
    give_up = time.monotonic() + sqlite.BUSY_TIMEOUT_S
    while True:
        try:
            return connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            if not sqlite.is_busy(error) or time.monotonic() > give_up:
                raise
        time.sleep(sqlite.LOOK_AGAIN_S)


class _Postgresql:
    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._size = size
        self._lock = threading.Lock()
        self._pool: ConnectionPool[psycopg.Connection[Any]] | None = None

    def list_items(self, limit: int) -> list[Item]:
        return [as_item(row) for row in self._execute(postgresql.LIST, limit)]

    def find_item(self, item_id: int) -> Item | None:
        rows = self._execute(postgresql.FIND, item_id)
        return as_item(rows[0]) if rows else None

    def create_item(self, name: str, price: float, description: str | None, stock: int) -> int:
        ((item_id,),) = self._execute(postgresql.CREATE, name, price, description, stock)
        return int(item_id)

    def order(self, item_id: int, quantity: int) -> int | None:
        rows = self._execute(postgresql.ORDER, item_id, quantity)
        return rows[0][0] if rows else None

    def take_stock(self, order_id: int) -> None:
        self._execute(postgresql.TAKE, order_id)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.close()

    def _execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of one statement, which is a transaction of its own."""
        with (self._pool or self._open()).connection() as connection:
            cursor = connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def _open(self) -> "ConnectionPool[psycopg.Connection[Any]]":
        try:
            from psycopg import RawCursor
            from psycopg_pool import ConnectionPool
        except ModuleNotFoundError as error:
            raise postgresql.lacking(error) from error
        with self._lock:
            if self._pool is None:
                # Every statement stands alone: without autocommit, each read would cost a BEGIN and a COMMIT.
                # The raw cursor takes PostgreSQL's own $1, as asyncpg does.
                settings = {"autocommit": True, "cursor_factory": RawCursor}
                self._pool = ConnectionPool(self._url, kwargs=settings, min_size=1, max_size=self._size, open=True)
            return self._pool


database = Database()
"""The one that the applications use."""
