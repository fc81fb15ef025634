"""What the database says of the work that was promised: orders, and what was taken and reserved for them.

    DATABASE_URL=postgresql://… python -m apps.database.books [ITEM]

tells it in one line of JSON, for whoever has no driver in an interpreter of their own.
"""

import json
import os
import sqlite3
import sys
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from .errors import DatabaseError
from .postgresql import lacking
from .schema import DATABASE_URL, locate
from .seeds import SEEDS
from .sqlite import must_exist

CONNECT_WITHIN_S: Final = 5
LOCKED_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Books:
    """The state of one item, or of the whole shop, at one moment.

    Of the whole shop, `stock` and `taken` are those of the items that it began with: what is added later has a stock of
    its own.
    """

    stock: int
    reserved: int = 0
    open: int = 0
    """Orders that are accepted, and not yet done."""
    done: int = 0
    taken: int = 0
    """What the orders that are done took, all together."""

    @property
    def orders(self) -> int:
        """All that were ever accepted."""
        return self.open + self.done

    def __str__(self) -> str:
        return f"{self.stock} in stock, {self.reserved} reserved, {self.open} orders open, {self.done} done"


def _statement(every: str, first: str) -> str:
    """One statement, and so one moment. `every` and `first` say which items count, the second for stock and taken."""
    return f"""
        SELECT (SELECT coalesce(sum(stock), 0) FROM items WHERE {first.format("id")}),
            (SELECT coalesce(sum(reserved), 0) FROM items WHERE {every.format("id")}),
            (SELECT count(*) FROM orders WHERE status <> 'done' AND {every.format("item_id")}),
            (SELECT count(*) FROM orders WHERE status = 'done' AND {every.format("item_id")}),
            (SELECT coalesce(sum(quantity), 0) FROM orders WHERE status = 'done' AND {first.format("item_id")})
    """


def read(url: str, item_id: int | None = None) -> Books:
    """The books of one item, or of the whole shop. Raises DatabaseError where they cannot be read."""
    every, first = ("{} > 0", f"{{}} <= {len(SEEDS)}") if item_id is None else (f"{{}} = {item_id}",) * 2
    statement, location = _statement(every, first), locate(url)
    row = _in_file(location.path, statement) if location.path else _in_server(location.url, statement)
    return Books(*map(int, row))


def _in_file(path: Path, statement: str) -> tuple[Any, ...]:
    must_exist(path)
    try:
        # Never to write: whoever closes a file last folds its log in, which is not for an onlooker to do.
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=LOCKED_S)) as connection:
            row: tuple[Any, ...] = connection.execute(statement).fetchone()
    except sqlite3.Error as error:
        raise DatabaseError(f"the orders in {path} cannot be read: {error}") from error
    return row


def _in_server(url: str, statement: str) -> tuple[Any, ...]:
    try:
        from psycopg import Error, connect
    except ModuleNotFoundError as error:
        raise lacking(error) from error
    try:
        with connect(url, connect_timeout=CONNECT_WITHIN_S) as connection:
            row = connection.execute(statement.encode()).fetchone()
    except Error as error:
        # Its first line: below that the server points into the statement.
        why = str(error).partition("\n")[0]
        raise DatabaseError(f"the orders in PostgreSQL cannot be read: {why}") from error
    return row or ()


def main() -> None:
    """Tell the books of the database that the environment names, of one item where one is named."""
    books = read(os.environ[DATABASE_URL], int(sys.argv[1]) if sys.argv[1:] else None)
    sys.stdout.write(f"{json.dumps(asdict(books))}\n")


if __name__ == "__main__":
    main()
