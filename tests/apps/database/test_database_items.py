"""Items as both kinds of client read and create them, over pools that never grow beyond their size."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import pytest

from sgibench.apps.database import aio, blocking, sqlite
from sgibench.apps.database.errors import DatabaseError
from sgibench.apps.database.schema import locate
from sgibench.apps.database.seeds import SEEDS
from sgibench.apps.shop import PAGE_SIZE, Item

from .looking import rows


def path_of(url: str) -> Path:
    return locate(url).path or pytest.fail("this is no file")


class Shop(Protocol):
    def list_items(self, limit: int = PAGE_SIZE) -> list[Item]: ...
    def find_item(self, item_id: int) -> Item | None: ...
    def create_item(self, name: str, price: float, description: str | None, stock: int) -> Item: ...


class InALoop:
    """The asynchronous database, called as the blocking one is."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.database = aio.Database(url, 2)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: object) -> Any:
            return self.loop.run_until_complete(getattr(self.database, name)(*arguments))

        return call

    def close(self) -> None:
        self.loop.run_until_complete(self.database.close())
        self.loop.close()


@pytest.fixture(params=["blocking", "aio"])
def shop(request: pytest.FixtureRequest, url: str) -> Iterator[Shop]:
    database = blocking.Database(url, 2) if request.param == "blocking" else InALoop(url)
    yield database
    database.close()


def test_the_list_is_the_first_page_by_id(shop: Shop) -> None:
    assert shop.list_items() == list(SEEDS[:PAGE_SIZE])
    assert shop.list_items(3) == list(SEEDS[:3])
    assert [list(item) for item in shop.list_items(1)] == [["id", "name", "price", "description", "stock"]]


def test_items_are_found_by_id_and_others_are_not(shop: Shop) -> None:
    assert [shop.find_item(item["id"]) for item in SEEDS] == list(SEEDS)
    for item_id in (0, -1, 25, 2**63, 10**40):
        assert shop.find_item(item_id) is None


def test_a_new_item_goes_behind_the_others_and_is_read_as_it_was_told(shop: Shop) -> None:
    first = shop.create_item("投影仪 <4K> '\"\\", 2599.9, None, 7)
    assert first == {"id": 25, "name": "投影仪 <4K> '\"\\", "price": 2599.9, "description": None, "stock": 7}
    second = shop.create_item("线", 1, "", 2**63 - 1)
    assert repr(second["price"]) == "1.0"
    assert [shop.find_item(25), shop.find_item(26)] == [first, second]
    assert shop.list_items() == list(SEEDS[:PAGE_SIZE])


def test_a_closed_database_opens_again_when_it_is_asked(url: str) -> None:
    database = blocking.Database(url, 1)
    for _ in range(2):
        assert database.find_item(1) == SEEDS[0]
        database.close()
    database.close()


def test_each_event_loop_has_connections_of_its_own(url: str) -> None:
    database = aio.Database(url, 2)

    async def ask() -> None:
        found = await asyncio.gather(*(database.find_item(1) for _ in range(10)))
        assert found == [SEEDS[0]] * 10
        await database.close()

    asyncio.run(ask())
    asyncio.run(ask())


def test_a_pool_of_postgresql_never_grows_beyond_its_size(postgresql_url: str) -> None:
    named = f"{postgresql_url}&application_name=pool_test"
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pool_test'"
    database = blocking.Database(named, 3)
    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(database.find_item, [1] * 200)) == [SEEDS[0]] * 200
    assert 1 <= rows(postgresql_url, count)[0][0] <= 3
    database.close()

    async def ask() -> None:
        tasks = aio.Database(named, 3)
        assert await asyncio.gather(*(tasks.find_item(1) for _ in range(200))) == [SEEDS[0]] * 200
        assert 1 <= rows(postgresql_url, count)[0][0] <= 3
        await tasks.close()

    deadline = time.monotonic() + 10  # a server's process goes a little later than its client
    while rows(postgresql_url, count) != [(0,)] and time.monotonic() < deadline:
        time.sleep(0.01)
    asyncio.run(ask())


def test_a_pool_of_sqlite_never_grows_beyond_its_size(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[sqlite3.Connection] = []
    usual = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        opened.append(usual(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(sqlite3, "connect", connect)
    database = blocking.Database(sqlite_url, 3)
    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(database.find_item, [1] * 200)) == [SEEDS[0]] * 200
    database.close()
    assert 1 <= len(opened) <= 3
    for connection in opened:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    opened.clear()

    async def ask() -> None:
        tasks = aio.Database(sqlite_url, 3)
        assert await asyncio.gather(*(tasks.find_item(1) for _ in range(200))) == [SEEDS[0]] * 200
        await tasks.close()

    asyncio.run(ask())
    assert 1 <= len(opened) <= 3


def test_who_finds_all_connections_in_use_waits_for_one(sqlite_url: str) -> None:
    store = blocking._Sqlite(path_of(sqlite_url), 2)
    with ThreadPoolExecutor(1) as threads, store._connection():
        with store._connection():
            late = threads.submit(store.find_item, 1)
            time.sleep(0.05)
            assert not late.done()
        assert late.result(timeout=10) == SEEDS[0]
    store.close()


def test_a_connection_that_is_given_back_while_the_pool_closes_is_closed_too(sqlite_url: str) -> None:
    store = blocking._Sqlite(path_of(sqlite_url), 2)
    with store._connection() as connection:
        store.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


def test_who_waits_while_the_pool_closes_is_still_served_and_leaves_nothing_open(sqlite_url: str) -> None:
    async def ask() -> None:
        store = aio._Sqlite(path_of(sqlite_url), 1)
        async with store._connection() as connection:
            waiting = asyncio.create_task(store.find_item(1))
            await asyncio.sleep(0.01)
            await store.close()
            assert not waiting.done()
        assert await asyncio.wait_for(waiting, 10) == SEEDS[0]
        assert store._idle == []
        with pytest.raises(ValueError, match=r"no active connection|Connection closed"):
            await connection.execute("SELECT 1")

    asyncio.run(ask())


def test_connections_to_sqlite_read_while_others_write_and_keep_the_file_whole(sqlite_url: str) -> None:
    connection = sqlite.connect(path_of(sqlite_url))
    settings = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    assert [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in settings] == ["wal", 1, 1, 0]
    database = blocking.Database(sqlite_url)
    connection.execute("UPDATE items SET stock = 0")  # begins a transaction, which nobody else can see into
    assert database.find_item(1) == SEEDS[0]
    connection.rollback()
    connection.close()
    database.close()


def test_a_writer_waits_for_one_in_another_process(sqlite_url: str) -> None:
    other = sqlite.connect(path_of(sqlite_url))
    other.execute("UPDATE items SET stock = 11 WHERE id = 1")
    database = blocking.Database(sqlite_url)
    done = threading.Event()

    def order() -> None:
        database.order(1, 11)
        done.set()

    async def order_too() -> None:
        tasks = aio.Database(sqlite_url)
        ordering = asyncio.create_task(tasks.order(2, 1))
        await asyncio.sleep(0.1)
        assert not done.is_set()
        assert not ordering.done()
        other.commit()
        await asyncio.wait_for(ordering, 20)
        await tasks.close()

    thread = threading.Thread(target=order)
    thread.start()
    asyncio.run(order_too())
    thread.join(20)
    assert done.is_set()
    other.close()
    database.close()


@pytest.mark.parametrize("kind", [blocking.Database, aio.Database])
def test_where_nobody_made_the_database_it_says_how(tmp_path: Any, kind: Callable[[str], Any]) -> None:
    database = kind(f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(
        DatabaseError, match=r"there is no database at .*: python -m apps\.database sqlite:////.* makes it"
    ):
        asyncio.run(database.find_item(1))
    assert list(tmp_path.iterdir()) == []
