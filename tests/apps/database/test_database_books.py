"""What the database says of its orders: of one item, of the whole shop, and to whoever has no driver."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS_ROOT
from sgibench.apps.database.blocking import Database
from sgibench.apps.database.books import Books, read
from sgibench.apps.database.errors import DatabaseError
from sgibench.apps.database.schema import LAST_ONE_ID, PLENTY_ID
from sgibench.apps.database.seeds import SEEDS

STOCK = sum(item["stock"] for item in SEEDS)


@pytest.fixture
def told(url: str) -> str:
    """A shop with an order that is done, one that is open, and one of an item that was added."""
    database = Database(url, 1)
    database.take_stock(database.order(PLENTY_ID, 3))
    database.order(LAST_ONE_ID, 1)
    added = database.create_item("lamp", 49.5, None, 7)["id"]
    database.take_stock(database.order(added, 2))
    database.close()
    return url


def test_a_shop_in_which_nobody_ordered_has_clean_books(url: str) -> None:
    assert read(url) == Books(stock=STOCK)


def test_of_an_item_its_own_orders_count(told: str) -> None:
    assert read(told, PLENTY_ID) == Books(stock=10**9 - 3, done=1, taken=3)
    assert read(told, LAST_ONE_ID) == Books(stock=1, reserved=1, open=1)
    assert read(told, 25) == Books(stock=5, done=1, taken=2)
    assert read(told, 1).orders == 0


def test_of_the_whole_shop_every_order_counts_and_the_stock_that_was_there_at_first(told: str) -> None:
    assert read(told) == Books(stock=STOCK - 3, reserved=1, open=1, done=2, taken=3)


def test_the_books_are_read_while_somebody_writes(sqlite_url: str) -> None:
    database = Database(sqlite_url, 1)
    database.order(PLENTY_ID, 1)
    assert read(sqlite_url).open == 1
    database.close()


def test_whoever_has_no_driver_is_told_in_one_line(told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "apps.database.books", str(LAST_ONE_ID)],
        env={**os.environ, "PYTHONPATH": str(APPS_ROOT), "DATABASE_URL": told},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert json.loads(done.stdout) == asdict(read(told, LAST_ONE_ID))


def test_what_cannot_be_read_is_said(tmp_path: Path, postgresql_server: str) -> None:
    with pytest.raises(DatabaseError, match="there is no database at"):
        read(f"sqlite:///{tmp_path / 'absent.db'}")
    (tmp_path / "other.db").write_text("no database, but long enough to be looked at as one")
    with pytest.raises(DatabaseError, match=r"the orders in .*other\.db cannot be read: file is not a database"):
        read(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(DatabaseError, match=r"the orders in PostgreSQL cannot be read: relation .* does not exist$"):
        read(f"{postgresql_server}?options=-csearch_path=nobodys")
