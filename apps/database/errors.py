"""What can go wrong with the shop's data."""


class DatabaseError(Exception):
    """The database cannot be used as it was asked to; the text says why and what to do."""


class UnknownItemError(LookupError):
    """There is no item with this id."""


class OutOfStockError(Exception):
    """There is less of the item than was ordered."""
