"""Orders: what is promised at once, and taken from the stock later. Transactions are for plain functions in Django."""

import logging

from django.db import close_old_connections, transaction
from django.db.models import F

from ..database.errors import OutOfStockError, UnknownItemError
from ..database.schema import ACCEPTED, DONE
from .models import Item, Order

logger = logging.getLogger(__name__)


@transaction.atomic
def place_order(item_id: int, quantity: int) -> int:
    """Reserve so many of an item: the order's id. Raises UnknownItemError, or OutOfStockError."""
    # One statement asks and reserves, so that two orders cannot both be promised the last one.
    enough = Item.objects.alias(free=F("stock") - F("reserved")).filter(pk=item_id, free__gte=quantity)
    if not enough.update(reserved=F("reserved") + quantity):
        raise OutOfStockError if Item.objects.filter(pk=item_id).exists() else UnknownItemError
    order_id: int = Order.objects.create(item_id=item_id, quantity=quantity, status=ACCEPTED).pk
    return order_id


def take_stock(order_id: int) -> None:
    """Take from the stock what an order reserved: background work, in a thread of its own."""
    try:
        with transaction.atomic():
            if Order.objects.filter(pk=order_id, status=ACCEPTED).update(status=DONE):
                order = Order.objects.get(pk=order_id)
                taken = {"stock": F("stock") - order.quantity, "reserved": F("reserved") - order.quantity}
                Item.objects.filter(pk=order.item_id).update(**taken)
    except Exception:
        # Nobody waits for the result, so nobody else would tell.
        logger.exception("order %d: its stock was not taken", order_id)
    finally:
        # At the end of a request Django does so itself.
        close_old_connections()
