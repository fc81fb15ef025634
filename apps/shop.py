"""The shop behind every application: its catalogue, its page, its query values, its work.

Here is what the applications share and what must not differ between them. How a request gets in and an answer
gets out is each application's own, since that is what is measured.
"""

from pathlib import Path
from typing import Final, TypedDict

TITLE: Final = "商品展示"
NOT_FOUND: Final = "商品不存在"

TEMPLATES: Final = Path(__file__).parent / "templates"
HOME_TEMPLATE: Final = "home.html"

DEFAULT_MS: Final = 50
MAX_MS: Final = 60_000
DEFAULT_N: Final = 1000
MAX_N: Final = 10_000_000


class Item(TypedDict):
    """One thing on sale; its keys go out as JSON in this order."""

    name: str
    price: float
    description: str
    stock: int


class PageContext(TypedDict):
    """What the template `home.html` is given."""

    title: str
    item_count: int
    items: dict[int, Item]


class BadValueError(ValueError):
    """A query value that is not what the shop takes; its text can be shown to the client."""


_ITEMS: Final[dict[int, Item]] = {
    1: {"name": "笔记本电脑", "price": 5999.0, "description": "高性能", "stock": 10},
    2: {"name": "机械键盘", "price": 299.0, "description": "RGB背光", "stock": 50},
    3: {"name": "鼠标", "price": 99.0, "description": "无线", "stock": 100},
}


def list_items() -> list[Item]:
    """Every item, in the order of their ids."""
    return list(_ITEMS.values())


def find_item(item_id: int) -> Item | None:
    """The item with this id, or None where there is none."""
    return _ITEMS.get(item_id)


def page_context() -> PageContext:
    """The values for one rendering of the product list."""
    return {"title": TITLE, "item_count": len(_ITEMS), "items": _ITEMS}


def whole_number(name: str, text: str | None, *, default: int, highest: int) -> int:
    """The query value `name` as a number from 0 to `highest`; the default where it was not given."""
    if text is None:
        return default
    # int() alone would also take "1_000", " 5" and digits of other scripts, and refuse very long ones its own way.
    if text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= highest:
        return int(text)
    raise BadValueError(f"{name} must be a whole number from 0 to {highest}")


def sum_of_squares(n: int) -> int:
    """The sum of i*i for every i below n, by the plain loop: work that holds the interpreter and can be checked."""
    total = 0
    for i in range(n):
        total += i * i
    return total
