"""Reading what a launch's database says of its orders: here, or in the target's interpreter if ours has no driver."""

import json
import subprocess
from importlib.util import find_spec

from ...apps.database import books
from ...apps.database.books import Books
from ...apps.database.schema import Backend, DatabaseError, locate
from ...results.errors import TargetError
from .databases import keeper_environment
from .launch import reason_in

READ_WITHIN_S = 20.0
READER = ("-m", "apps.database.books")
DRIVER = "psycopg"


def read_books(url: str, python: str, item_id: int | None = None) -> Books:
    """The books of a database that the target in that interpreter uses: of one item, or all. Raises TargetError."""
    if locate(url).backend is Backend.SQLITE or find_spec(DRIVER):
        try:
            return books.read(url, item_id)
        except DatabaseError as error:
            raise TargetError(str(error)) from error
    return _read_there(url, python, item_id)


def _read_there(url: str, python: str, item_id: int | None) -> Books:
    why = f"nothing was heard of it within {READ_WITHIN_S:g} s"
    try:
        done = subprocess.run(
            [python, *READER, *([] if item_id is None else [str(item_id)])],
            env=keeper_environment(url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READ_WITHIN_S,
            check=False,
        )
        if done.returncode == 0:
            return Books(**json.loads(done.stdout))
        why = reason_in(done.stderr)
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError) as error:
        why = str(error)
    raise TargetError(f"the orders in the database cannot be read: {why}")
