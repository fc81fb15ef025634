"""The shop behind every application: its words, its three best sellers, its query values, its work.

Here is what the applications share and what must not differ between them. How a request gets in and an answer
gets out is each application's own, since that is what is measured. What the database holds is in `database`,
what a request's body must look like in `validation`.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, TypedDict

TITLE: Final = "商品展示"
NOT_FOUND: Final = "商品不存在"
OUT_OF_STOCK: Final = "库存不足"
ACCEPTED: Final = "accepted"

TEMPLATES: Final = Path(__file__).parent / "templates"
HOME_TEMPLATE: Final = "home.html"
DETAIL_TEMPLATE: Final = "detail.html"
STATIC: Final = Path(__file__).parent / "static"
STYLESHEET: Final = "shop.css"
STATIC_URL: Final = "/static"
"""Where the folder `STATIC` is served: the templates ask for `/static/shop.css`."""

PAGE_SIZE: Final = 20
"""So many items are on the first page, and in the list."""

DEFAULT_MS: Final = 50
MAX_MS: Final = 60_000
DEFAULT_N: Final = 1000
MAX_N: Final = 10_000_000
DEFAULT_EVENTS: Final = 10
MAX_EVENTS: Final = 100_000
DEFAULT_EVENT_MS: Final = 0

UPSTREAM_ITEMS: Final = (1, 2, 3)
"""What `/fan-out` asks the prices of, in this order; `/upstream` asks for the first."""
UPSTREAM_TIMEOUT_S: Final = 10.0
FAN_OUT_THREADS: Final = 3 * 1000
"""Under WSGI, threads of a process for calls that are made at once: one for each of the three calls of as many requests
as a gevent worker takes. A pool starts them as they are needed, so that fewer requests have fewer."""
UPLOAD_PIECE_BYTES: Final = 65_536
"""Under WSGI, so much of an upload is read at a time."""
SERIAL: Final = "serial"
TOGETHER: Final = "together"
NO_UPSTREAM: Final = "UPSTREAM_URL is not set"
UPSTREAM_FAILED: Final = "the upstream did not answer"


class BestSeller(TypedDict):
    """One of the items of `/json`; its keys go out in this order."""

    name: str
    price: float
    description: str
    stock: int


class Item(TypedDict):
    """One thing on sale, as the database holds it; its keys go out as JSON in this order."""

    id: int
    name: str
    price: float
    description: str | None
    stock: int


class PageContext(TypedDict):
    """What the template `home.html` is given."""

    title: str
    item_count: int
    items: dict[int, Item]


class DetailContext(TypedDict):
    """What the template `detail.html` is given."""

    item_id: int
    item: Item
    item_name: str


class BadValueError(ValueError):
    """A query value that is not what the shop takes; its text can be shown to the client."""


class UpstreamError(Exception):
    """There is no price; `status` and `detail` are what the client is to be answered."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


_BEST_SELLERS: Final[tuple[BestSeller, ...]] = (
    {"name": "笔记本电脑", "price": 5999.0, "description": "高性能", "stock": 10},
    {"name": "机械键盘", "price": 299.0, "description": "RGB背光", "stock": 50},
    {"name": "鼠标", "price": 99.0, "description": "无线", "stock": 100},
)


def best_sellers() -> list[BestSeller]:
    """The three items of `/json`, from memory: what framework and server do when nothing else has to be done."""
    return list(_BEST_SELLERS)


def page_context(items: Iterable[Item]) -> PageContext:
    """The values for one rendering of the product list."""
    by_id = {item["id"]: item for item in items}
    return {"title": TITLE, "item_count": len(by_id), "items": by_id}


def detail_context(item: Item) -> DetailContext:
    """The values for one rendering of an item's own page."""
    return {"item_id": item["id"], "item": item, "item_name": item["name"]}


def whole_number(name: str, text: str | None, *, default: int, highest: int) -> int:
    """The query value `name` as a number from 0 to `highest`; the default where it was not given."""
    if text is None:
        return default
    # int() alone would also take "1_000", " 5" and digits of other scripts, and refuse very long ones its own way.
    if text.isascii() and text.isdigit() and len(text) <= 18 and int(text) <= highest:
        return int(text)
    raise BadValueError(f"{name} must be a whole number from 0 to {highest}")


def asked_together(text: str | None) -> bool:
    """Whether `/fan-out?how=` asks for its calls at once; without the value, one after the other."""
    if text in (None, SERIAL):
        return False
    if text == TOGETHER:
        return True
    raise BadValueError(f"how must be {SERIAL} or {TOGETHER}")


def upstream_url() -> str | None:
    """Where the upstream is, without a slash at the end; None where nobody said."""
    return os.environ.get("UPSTREAM_URL", "").rstrip("/") or None


def sum_of_squares(n: int) -> int:
    """The sum of i*i for every i below n, by the plain loop: work that holds the interpreter and can be checked."""
    total = 0
    for i in range(n):
        total += i * i
    return total
