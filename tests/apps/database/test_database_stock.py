"""No order takes what is not there, whatever asks: processes, threads, greenlets, tasks, all at the same time."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sgibench.apps.database import aio, blocking
from sgibench.apps.database.schema import LAST_ONE_ID, OutOfStockError, UnknownItemError

from .looking import counters, execute, rows

HAMMER = Path(__file__).with_name("hammer.py")
EVERY_KIND = ("blocking", "blocking", "aio", "aio", "forked", "gevent")


def hammer(url: str, kinds: Sequence[str], item_id: int, workers: int = 4) -> list[int]:
    """Let one process of each kind order the item until there is none left: the ids of all orders."""
    processes = [
        subprocess.Popen(
            [sys.executable, HAMMER, url, kind, str(workers), str(item_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for kind in kinds
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        ordered = []
        for process in processes:
            out, err = process.communicate(timeout=60)
            assert process.returncode == 0, err
            ordered += json.loads(out)
        return ordered
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_the_last_one_is_sold_once_whoever_asks(url: str) -> None:
    (order_id,) = hammer(url, EVERY_KIND, LAST_ONE_ID)
    assert rows(url, "SELECT id, item_id, quantity, status FROM orders") == [(order_id, LAST_ONE_ID, 1, "done")]
    assert counters(url, LAST_ONE_ID) == (0, 0)


def test_of_many_exactly_as_many_as_there_are_and_all_of_them_are_taken(url: str) -> None:
    database = blocking.Database(url)
    item = database.create_item("限量版", 10.0, None, 300)
    database.close()
    ordered = hammer(url, EVERY_KIND, item["id"])
    assert len(ordered) == len(set(ordered)) == 300
    assert rows(url, "SELECT status, count(*), sum(quantity) FROM orders GROUP BY status") == [("done", 300, 300)]
    assert counters(url, item["id"]) == (0, 0)


def test_orders_that_overlap_in_postgresql_see_what_those_before_them_took(postgresql_url: str) -> None:
    # An item's row stays locked for 20 ms: by then all others have looked, and wait with what they saw.
    slow = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.02); RETURN NEW; END'"
    execute(postgresql_url, slow)
    execute(postgresql_url, "CREATE TRIGGER slow AFTER UPDATE ON items FOR EACH ROW EXECUTE FUNCTION slow()")
    database = blocking.Database(postgresql_url, 8)
    item_id = database.create_item("限量版", 10.0, None, 3)["id"]

    def order(_: int) -> int | None:
        try:
            return database.order(item_id, 1)
        except OutOfStockError:
            return None

    with ThreadPoolExecutor(8) as threads:
        ordered = [order_id for order_id in threads.map(order, range(16)) if order_id is not None]
        list(threads.map(database.take_stock, ordered * 2))
    database.close()
    assert len(ordered) == 3
    assert counters(postgresql_url, item_id) == (0, 0)


def test_what_is_reserved_is_gone_for_others_and_is_taken_once(url: str) -> None:
    database = blocking.Database(url)
    item_id = database.create_item("限量版", 10.0, None, 5)["id"]
    order_id = database.order(item_id, 3)
    assert counters(url, item_id) == (5, 3)
    with pytest.raises(OutOfStockError):
        database.order(item_id, 3)
    database.take_stock(order_id)
    database.take_stock(order_id)
    assert counters(url, item_id) == (2, 0)
    database.take_stock(database.order(item_id, 2))
    assert counters(url, item_id) == (0, 0)
    database.take_stock(order_id + 1000)  # nobody's
    assert counters(url, item_id) == (0, 0)
    database.close()


@pytest.mark.parametrize("item_id", [0, -1, 999_999, 2**63, -(2**63) - 1, 10**40])
def test_what_does_not_exist_cannot_be_ordered(url: str, item_id: int) -> None:
    database = blocking.Database(url)
    with pytest.raises(UnknownItemError):
        database.order(item_id, 1)

    async def ordered_by_task() -> None:
        with pytest.raises(UnknownItemError):
            await tasks.order(item_id, 1)
        await tasks.close()

    tasks = aio.Database(url)
    asyncio.run(ordered_by_task())
    database.close()


@pytest.mark.parametrize("quantity", [11, 2**31, 2**63 - 1, 2**63, 10**40, 0, -1])
def test_nobody_gets_more_than_there_is_nor_less_than_one(url: str, quantity: int) -> None:
    database = blocking.Database(url)
    with pytest.raises(OutOfStockError):
        database.order(1, quantity)

    async def ordered_by_task() -> None:
        with pytest.raises(OutOfStockError):
            await tasks.order(1, quantity)
        await tasks.close()

    tasks = aio.Database(url)
    asyncio.run(ordered_by_task())
    assert counters(url, 1) == (10, 0)
    assert rows(url, "SELECT * FROM orders") == []
    database.close()


async def cancelled_now_and_then(url: str, item_id: int) -> None:
    database = aio.Database(url, 3)
    for pause_ms in range(30):
        orders = [asyncio.create_task(database.order(item_id, 1)) for _ in range(8)]
        await asyncio.sleep(pause_ms / 10_000)
        for order in orders[::2]:
            order.cancel()
        await asyncio.gather(*orders, return_exceptions=True)
    # Everybody gets a connection again, and the lock.
    await asyncio.wait_for(asyncio.gather(*(database.order(item_id, 1) for _ in range(8))), 20)
    await database.close()


def test_who_is_cancelled_leaves_neither_a_lock_nor_half_an_order(url: str) -> None:
    database = blocking.Database(url)
    item_id = database.create_item("限量版", 10.0, None, 1000)["id"]
    asyncio.run(cancelled_now_and_then(url, item_id))
    ((promised,),) = rows(url, "SELECT sum(quantity) FROM orders")
    assert counters(url, item_id) == (1000, promised)
    assert promised >= 30 * 4 + 8
    database.take_stock(database.order(item_id, 1))
    database.close()
