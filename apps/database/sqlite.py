"""SQLite: its statements, how a connection is opened, how the file is made.

The file is in WAL mode: readers and the one writer do not wait for each other. Writers take turns. Within a process
they queue; between processes they look again every millisecond, where SQLite itself would sleep for longer and longer,
up to 100 ms, and let those who come later go first.
"""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from .errors import DatabaseError
from .seeds import SEEDS

BUSY_TIMEOUT_S: Final = 30.0
"""So long a writer waits for other processes before it gives up."""
ISOLATION: Final = "IMMEDIATE"
"""How Python begins the transaction of a statement that writes: with the lock. One that reads first and asks for the
lock later cannot wait for it, only fail."""
SETTINGS: Final = ("PRAGMA synchronous=NORMAL", "PRAGMA foreign_keys=ON")
"""For each connection. With WAL, NORMAL keeps the file whole whatever happens; only a loss of power can take the last
commits back. It is what SQLite's authors advise for WAL, and spares a flush to the disk for every order."""
NO_SLEEP: Final = "PRAGMA busy_timeout=0"
"""For a connection that is open: who finds the lock taken is told so at once, and looks again after `LOOK_AGAIN_S`."""
LOOK_AGAIN_S: Final = 0.001

LIST: Final = "SELECT id, name, price, description, stock FROM items ORDER BY id LIMIT ?"
FIND: Final = "SELECT id, name, price, description, stock FROM items WHERE id = ?"
CREATE: Final = "INSERT INTO items (name, price, description, stock) VALUES (?, ?, ?, ?) RETURNING id"
RESERVE: Final = "UPDATE items SET reserved = reserved + ?1 WHERE id = ?2 AND stock - reserved >= ?1 RETURNING id"
ORDER: Final = "INSERT INTO orders (item_id, quantity, status) VALUES (?, ?, 'accepted') RETURNING id"
FINISH: Final = "UPDATE orders SET status = 'done' WHERE id = ? AND status = 'accepted' RETURNING item_id, quantity"
TAKE: Final = "UPDATE items SET stock = stock - ?1, reserved = reserved - ?1 WHERE id = ?2"

_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS items (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        price REAL NOT NULL,
        description TEXT,
        stock INTEGER NOT NULL DEFAULT 0,
        reserved INTEGER NOT NULL DEFAULT 0,
        CHECK (0 <= reserved AND reserved <= stock)
    )""",
    """CREATE TABLE IF NOT EXISTS orders (
        id INTEGER PRIMARY KEY,
        item_id INTEGER NOT NULL REFERENCES items (id),
        quantity INTEGER NOT NULL CHECK (quantity > 0),
        status TEXT NOT NULL CHECK (status IN ('accepted', 'done'))
    )""",
)
_SEED: Final = """
    INSERT OR IGNORE INTO items (id, name, price, description, stock)
    VALUES (:id, :name, :price, :description, :stock)
"""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time. Raises DatabaseError where there is no database yet."""
    must_exist(path)
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=ISOLATION, check_same_thread=False)
    for setting in (*SETTINGS, NO_SLEEP):
        connection.execute(setting)
    return connection


def is_busy(error: sqlite3.OperationalError) -> bool:
    """Whether somebody else has the lock."""
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def must_exist(path: Path) -> None:
    """Raises DatabaseError where there is no file: SQLite would make an empty one."""
    if not path.is_file():
        raise DatabaseError(f"there is no database at {path}: python -m apps.database sqlite:///{path} makes it")


def prepare(path: Path) -> None:
    """Make and fill the file, or what is missing in it. Raises DatabaseError."""
    try:
        if not path.exists():
            _make(path)
        _fill(path)
    except (OSError, sqlite3.Error) as error:
        raise DatabaseError(f"the database {path} cannot be made: {error}") from error


def drop(path: Path) -> None:
    """Remove the file and what SQLite keeps beside it. Raises DatabaseError."""
    try:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
    except OSError as error:
        raise DatabaseError(f"the database {path} cannot be removed: {error}") from error


def _make(path: Path) -> None:
    """Appear at once and whole: a file that is still being filled, or not yet in WAL mode, is no use to others."""
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        _fill(Path(name))
        with suppress(FileExistsError):  # Somebody else was faster: theirs is as good.
            os.link(name, path)
    finally:
        Path(name).unlink()


def _fill(path: Path) -> None:
    with closing(sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for table in _TABLES:
            connection.execute(table)
        connection.executemany(_SEED, SEEDS)
        connection.execute("COMMIT")
        # Only where it is not so already: the change needs the file for itself, and does not wait for it.
        if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
            connection.execute("PRAGMA journal_mode=WAL")
