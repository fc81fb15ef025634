"""What is in the database. `apps.database` makes the tables, so Django does not manage them."""

from typing import Final

from django.db import models

FIELDS: Final = ("id", "name", "price", "description", "stock")
"""An item as it is shown, in this order."""


class Item(models.Model):
    name = models.CharField(max_length=100)
    price = models.FloatField()
    description = models.TextField(null=True)
    stock = models.BigIntegerField(default=0)
    reserved = models.BigIntegerField(default=0)

    class Meta:
        managed = False
        db_table = "items"


class Order(models.Model):
    item = models.ForeignKey(Item, on_delete=models.PROTECT)
    quantity = models.BigIntegerField()
    status = models.CharField(max_length=8)

    class Meta:
        managed = False
        db_table = "orders"
