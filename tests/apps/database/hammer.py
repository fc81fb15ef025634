"""One process that orders as fast as it can, as one of a server's would: a script, started several times at once.

    python hammer.py URL KIND WORKERS ITEM_ID

KIND is `blocking` (threads), `forked` (threads in children of a process that has used the database itself), `gevent`
(greenlets) or `aio` (tasks). It uses the database, says `ready`, waits for a line, orders one piece after the other
until there are no more, takes what it was promised out of the stock meanwhile, and at last writes its orders' ids as a
line of JSON.
"""

import asyncio
import json
import os
import sys
import threading

from sgibench.apps.database import aio, blocking
from sgibench.apps.database.schema import OutOfStockError

POOL_SIZE = 3  # fewer than workers, so that they wait for each other's connections too


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def wait_for_the_others() -> None:
    say("ready")
    sys.stdin.readline()


def order_all(database: blocking.Database, item_id: int, ordered: list[int]) -> None:
    while True:
        try:
            order_id = database.order(item_id, 1)
        except OutOfStockError:
            return
        ordered.append(order_id)
        database.take_stock(order_id)


def in_threads(database: blocking.Database, workers: int, item_id: int) -> list[int]:
    ordered: list[int] = []
    threads = [threading.Thread(target=order_all, args=(database, item_id, ordered)) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return ordered


def in_children(database: blocking.Database, workers: int, item_id: int) -> list[int]:
    pipes = []
    for _ in range(2):
        reading, writing = os.pipe()
        if os.fork() == 0:
            ordered = in_threads(database, workers, item_id)
            os.write(writing, json.dumps(ordered).encode())
            os._exit(0)
        os.close(writing)
        pipes.append(reading)
    ordered = []
    for reading in pipes:
        with os.fdopen(reading, "rb") as pipe:
            ordered += json.load(pipe)
        assert os.wait()[1] == 0
    assert database.find_item(item_id) is not None, "the children have left the parent's connections alone"
    return ordered


async def in_tasks(url: str, workers: int, item_id: int) -> list[int]:
    database = aio.Database(url, POOL_SIZE)
    await asyncio.gather(*(database.find_item(item_id) for _ in range(workers)))
    wait_for_the_others()
    ordered: list[int] = []

    async def order() -> None:
        while True:
            try:
                order_id = await database.order(item_id, 1)
            except OutOfStockError:
                return
            ordered.append(order_id)
            await database.take_stock(order_id)

    await asyncio.gather(*(order() for _ in range(workers)))
    await database.close()
    return ordered


def main() -> None:
    url, kind, workers, item_id = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if kind == "aio":
        ordered = asyncio.run(in_tasks(url, workers, item_id))
    else:
        database = blocking.Database(url, POOL_SIZE)
        assert database.find_item(item_id) is not None
        wait_for_the_others()
        ordered = (in_children if kind == "forked" else in_threads)(database, workers, item_id)
        database.close()
    say(json.dumps(ordered))


if __name__ == "__main__":
    if sys.argv[2] == "gevent":
        from gevent import monkey

        monkey.patch_all()
    main()
