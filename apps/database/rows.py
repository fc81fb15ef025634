"""What a driver's row means, and which numbers a database can hold."""

from collections.abc import Sequence
from typing import Any, Final

from ..shop import Item

LARGEST: Final = 2**63 - 1


def as_item(row: Sequence[Any]) -> Item:
    """An item out of a row of `SELECT id, name, price, description, stock`."""
    return {"id": row[0], "name": row[1], "price": row[2], "description": row[3], "stock": row[4]}


def holdable(number: int) -> bool:
    """Whether it can be an id or a quantity: a driver would fail at what its database has no room for."""
    return 1 <= number <= LARGEST
