"""Stories: what can only be told in several requests, with what they leave in the database."""

import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from ..catalogue import Feature
from ..database.books import Books
from ..shop import OUT_OF_STOCK
from .building import get, post, stream
from .checks import check
from .exchanges import ITEMS, ORDERS, accepted, created
from .matchers import compact
from .model import Exchange, Step, Story

TAKEN_S: Final = 2.0
"""By then the background work of an order must be done."""
PAUSE_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, as a plain client sees it."""

    status: int
    headers: Mapping[str, str] = field(hash=False)
    """By lower-case name."""
    body: bytes
    elapsed_ms: float
    first_ms: float | None = None
    """When the first piece of the body came."""


Ask = Callable[[Exchange], Reply]
Look = Callable[[int], Books | None]
"""What the database says of an item; None where nobody can see it."""


def _item(stock: int) -> dict[str, object]:
    return {"name": "限量版 <1>", "price": 12.5, "description": None, "stock": stock}


def _create(stock: int) -> Step:
    return Step(post("create", ITEMS, _item(stock), created(_item(stock)), 201), {"id": "id"})


def _read(stock: int, poll_s: float = 0) -> Step:
    content = compact(_item(stock)).replace("{", '{"id":{id},', 1)
    return Step(get("read", f"{ITEMS}/{{id}}", content, feature=Feature.SHOP), poll_s=poll_s)


def _order(quantity: int) -> Step:
    return Step(post("order", ORDERS, _order_of(quantity), accepted("{id}", quantity), 202))


def _refused(quantity: int) -> Step:
    return Step(post("order", ORDERS, _order_of(quantity), {"detail": OUT_OF_STOCK}, 400))


def _order_of(quantity: int) -> bytes:
    return b'{"item_id":{id},"quantity":%d}' % quantity


STORIES: Final = (
    Story("create-then-read", Feature.SHOP, (_create(5), _read(5)), Books(stock=5)),
    Story(
        "order-then-stock-falls",
        Feature.SHOP,
        (_create(5), _order(2), _read(3, TAKEN_S), _order(3), _read(0, TAKEN_S)),
        Books(stock=0, done=2, taken=5),
    ),
    Story("order-more-than-there-is", Feature.SHOP, (_create(2), _refused(3), _read(2)), Books(stock=2)),
    # What was reserved is gone for others at once, whether or not it was taken yet; and it is taken once.
    Story(
        "order-the-last-one-twice",
        Feature.SHOP,
        (_create(1), _order(1), _refused(1), _read(0, TAKEN_S), _refused(1)),
        Books(stock=0, done=1, taken=1),
    ),
    Story(
        "events-one-by-one",
        Feature.STREAM,
        # The first is due after 100 ms, the last after 500 ms: before that, the first must have come.
        (Step(stream("events", 5, 100, floor_ms=5 * 99, first_by_ms=450)),),
    ),
)
"""Every story. Each makes what it orders, so that it can be told again to the same application."""


def stories_for(features: Collection[Feature]) -> tuple[Story, ...]:
    """What an application with these features has to live through."""
    return tuple(story for story in STORIES if story.feature in features)


def tell(story: Story, ask: Ask, look: Look = lambda _item_id: None) -> str | None:
    """Carry out a story: one sentence on the first answer that is wrong, or on what the database then holds, or None
    where all is right. Raises what `ask` and `look` raise."""
    saved: dict[str, str] = {}
    for step in story.steps:
        exchange = step.exchange.filled(saved)
        deadline = time.monotonic() + step.poll_s
        while True:
            reply = ask(exchange)
            wrong = _wrong(exchange, reply)
            if wrong is None or time.monotonic() >= deadline:
                break
            time.sleep(PAUSE_S)
        if wrong is not None:
            return f"{story.name}: {wrong}"
        if step.saves:
            answer = json.loads(reply.body)
            saved |= {name: str(answer[key]) for name, key in step.saves.items()}
    return None if story.after is None else _wrong_after(story.name, story.after, lambda: look(int(saved["id"])))


def _wrong_after(name: str, expected: Books, look: Callable[[], Books | None]) -> str | None:
    deadline = time.monotonic() + TAKEN_S
    while (found := look()) not in (expected, None):
        if time.monotonic() >= deadline:
            return f"{name}: of its item the database has {found}, not {expected}"
        time.sleep(PAUSE_S)
    return None


def _wrong(exchange: Exchange, reply: Reply) -> str | None:
    content_type = reply.headers.get("content-type")
    return check(
        exchange,
        reply.status,
        content_type,
        reply.body,
        reply.elapsed_ms,
        headers=reply.headers,
        first_ms=reply.first_ms,
    )
