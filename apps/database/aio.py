"""The database for applications with an event loop: aiosqlite, or asyncpg with its own pool."""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import aiosqlite

from ..shop import PAGE_SIZE, Item
from . import postgresql, sqlite
from .errors import OutOfStockError, UnknownItemError
from .rows import as_item, holdable
from .schema import database_url, locate, pool_size

if TYPE_CHECKING:
    import asyncpg


class _Store(Protocol):
    """What either kind of database does, in one event loop."""

    async def list_items(self, limit: int) -> list[Item]: ...
    async def find_item(self, item_id: int) -> Item | None: ...
    async def create_item(self, name: str, price: float, description: str | None, stock: int) -> int: ...
    async def order(self, item_id: int, quantity: int) -> int | None: ...
    async def take_stock(self, order_id: int) -> None: ...
    async def close(self) -> None: ...


class Database:
    """The shop's items and orders, over a bounded pool of connections opened in the running loop when it first asks."""

    def __init__(self, url: str | None = None, size: int | None = None) -> None:
        """Without values, `DATABASE_URL` and `DATABASE_POOL_SIZE` are read at the first use."""
        self._url = url
        self._size = size
        # By process and loop: a connection belongs to the loop that it was opened in.
        self._stores: dict[tuple[int, asyncio.AbstractEventLoop], _Store] = {}

    async def list_items(self, limit: int = PAGE_SIZE) -> list[Item]:
        """The first items by id."""
        return await self._store().list_items(limit)

    async def find_item(self, item_id: int) -> Item | None:
        """The item with this id, or None where there is none."""
        return await self._store().find_item(item_id) if holdable(item_id) else None

    async def create_item(self, name: str, price: float, description: str | None, stock: int) -> Item:
        """Put an item on sale."""
        values = (name, float(price), description, stock)
        return as_item((await self._store().create_item(*values), *values))

    async def order(self, item_id: int, quantity: int) -> int:
        """Reserve so many of an item: the order's id. Raises UnknownItemError, or OutOfStockError."""
        if holdable(item_id) and holdable(quantity):
            order_id = await self._store().order(item_id, quantity)
            if order_id is not None:
                return order_id
        if await self.find_item(item_id) is None:
            raise UnknownItemError(item_id)
        raise OutOfStockError(item_id)

    async def take_stock(self, order_id: int) -> None:
        """Take what an order reserved out of the stock. Nothing happens where that was done before."""
        await self._store().take_stock(order_id)

    async def close(self) -> None:
        """Close this loop's connections; the next use opens new ones."""
        store = self._stores.pop((os.getpid(), asyncio.get_running_loop()), None)
        if store is not None:
            await store.close()

    def _store(self) -> _Store:
        key = os.getpid(), asyncio.get_running_loop()
        store = self._stores.get(key)
        if store is None:
            location = locate(self._url or database_url())
            size = self._size or pool_size()
            store = _Sqlite(location.path, size) if location.path else _Postgresql(location.url, size)
            self._stores[key] = store
        return store


class _Sqlite:
    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._places = asyncio.Semaphore(size)
        self._writing = asyncio.Lock()
        self._idle: list[aiosqlite.Connection] = []
        self._closed = False

    async def list_items(self, limit: int) -> list[Item]:
        async with self._connection() as connection:
            return [as_item(row) for row in await _fetch(connection, sqlite.LIST, limit)]

    async def find_item(self, item_id: int) -> Item | None:
        async with self._connection() as connection:
            rows = await _fetch(connection, sqlite.FIND, item_id)
        return as_item(rows[0]) if rows else None

    async def create_item(self, name: str, price: float, description: str | None, stock: int) -> int:
        async with self._transaction() as connection:
            return int((await _fetch(connection, sqlite.CREATE, name, price, description, stock))[0][0])

    async def order(self, item_id: int, quantity: int) -> int | None:
        async with self._transaction() as connection:
            if not await _fetch(connection, sqlite.RESERVE, quantity, item_id):
                return None
            return int((await _fetch(connection, sqlite.ORDER, item_id, quantity))[0][0])

    async def take_stock(self, order_id: int) -> None:
        async with self._transaction() as connection:
            for item_id, quantity in await _fetch(connection, sqlite.FINISH, order_id):
                await _fetch(connection, sqlite.TAKE, quantity, item_id)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().close()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._places:
            while not self._idle:
                # Shielded: what is half open cannot be closed. Where this is cancelled, the next one gets it.
                await asyncio.shield(self._open())
            connection = self._idle.pop()
            try:
                yield connection
            finally:
                self._idle.append(connection)
                if self._closed:
                    await self.close()

    async def _open(self) -> None:
        sqlite.must_exist(self._path)
        opening = aiosqlite.connect(self._path, timeout=sqlite.BUSY_TIMEOUT_S, isolation_level=sqlite.ISOLATION)
        # A server that ends without telling the application must not wait for this thread for ever. Older versions
        # of aiosqlite are the thread themselves.
        thread: Any = getattr(opening, "_thread", opening)
        thread.daemon = True
        connection = await opening
        try:
            for setting in (*sqlite.SETTINGS, sqlite.NO_SLEEP):
                await connection.execute(setting)
        except BaseException:
            await connection.close()
            raise
        self._idle.append(connection)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._writing, self._connection() as connection:
            try:
                yield connection
                await connection.commit()
            except BaseException:
                # Shielded: whoever is cancelled must not leave a transaction behind in the pool.
                await asyncio.shield(connection.rollback())
                raise


async def _fetch(connection: aiosqlite.Connection, statement: str, *values: object) -> list[Any]:
    """The rows of a statement, as soon as other processes let it begin."""
    give_up = time.monotonic() + sqlite.BUSY_TIMEOUT_S
    while True:
        try:
            return list(await connection.execute_fetchall(statement, values))
        except sqlite3.OperationalError as error:
            if not sqlite.is_busy(error) or time.monotonic() > give_up:
                raise
        await asyncio.sleep(sqlite.LOOK_AGAIN_S)


class _Postgresql:
    def __init__(self, url: str, size: int) -> None:
        self._url = url
        self._size = size
        self._lock = asyncio.Lock()
        self._pool: asyncpg.Pool | None = None

    async def list_items(self, limit: int) -> list[Item]:
        return [as_item(row) for row in await self._fetch(postgresql.LIST, limit)]

    async def find_item(self, item_id: int) -> Item | None:
        rows = await self._fetch(postgresql.FIND, item_id)
        return as_item(rows[0]) if rows else None

    async def create_item(self, name: str, price: float, description: str | None, stock: int) -> int:
        ((item_id,),) = await self._fetch(postgresql.CREATE, name, price, description, stock)
        return int(item_id)

    async def order(self, item_id: int, quantity: int) -> int | None:
        rows = await self._fetch(postgresql.ORDER, item_id, quantity)
        return rows[0][0] if rows else None

    async def take_stock(self, order_id: int) -> None:
        await self._fetch(postgresql.TAKE, order_id)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()

    async def _fetch(self, statement: str, *values: object) -> list[Any]:
        """The rows of one statement, which is a transaction of its own."""
        pool = self._pool or await self._open()
        return list(await pool.fetch(statement, *values))

    async def _open(self) -> "asyncpg.Pool":
        try:
            import asyncpg
        except ModuleNotFoundError as error:
            raise postgresql.lacking(error) from error
        async with self._lock:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=self._size)
            return self._pool


database = Database()
"""The one that the applications use."""
