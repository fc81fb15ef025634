"""The database as it is, for a connection of the test's own."""

import sqlite3
from contextlib import closing
from typing import Any

import psycopg

from sgibench.apps.database.schema import locate


def rows(url: str, statement: str) -> list[tuple[Any, ...]]:
    location = locate(url)
    if location.path:
        with closing(sqlite3.connect(location.path)) as connection:
            return connection.execute(statement).fetchall()
    with psycopg.connect(location.url) as server:
        return server.execute(statement.encode()).fetchall()


def execute(url: str, statement: str) -> None:
    """Change something in PostgreSQL."""
    with psycopg.connect(locate(url).url) as server:
        server.execute(statement.encode())


def counters(url: str, item_id: int) -> tuple[int, int]:
    """What is in stock of an item, and what of that is reserved."""
    ((stock, reserved),) = rows(url, f"SELECT stock, reserved FROM items WHERE id = {item_id}")
    return stock, reserved
