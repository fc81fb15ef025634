"""The stories tell a shop that keeps its word from one that breaks it, each way of breaking it in its own sentence."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sgibench.apps.contract import STORIES, Exchange, Reply, Step, Story, tell
from sgibench.apps.database.books import Books

BY_NAME = {story.name: story for story in STORIES}
JSON = {"content-type": "application/json"}
FALLEN = {"order-then-stock-falls", "order-the-last-one-twice"}


class Shop:
    """A shop in memory, which does all that the stories ask for, and takes what was ordered a little later."""

    def __init__(self) -> None:
        self.items: dict[int, dict[str, object]] = {}
        self.free: dict[int, int] = {}
        self.timers: list[threading.Timer] = []
        self.ordered: dict[int, list[int]] = {}
        self.done: dict[int, list[int]] = {}

    def books(self, item_id: int) -> Books | None:
        ordered, done = self.ordered[item_id], self.done[item_id]
        stock, reserved = int(str(self.items[item_id]["stock"])), sum(ordered) - sum(done)
        return Books(stock, reserved, len(ordered) - len(done), len(done), sum(done))

    def ask(self, exchange: Exchange) -> Reply:
        if exchange.target.startswith("/stream"):
            return self.stream(exchange)
        if exchange.method == "GET":
            return self.reply(200, self.items[int(exchange.target.rpartition("/")[2])])
        request = json.loads(exchange.request_body)
        return self.order(**request) if exchange.target == "/api/orders" else self.create(request)

    def reply(self, status: int, content: object) -> Reply:
        body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return Reply(status, JSON, body, elapsed_ms=1)

    def create(self, item: dict[str, object]) -> Reply:
        item_id = len(self.items) + 25
        self.items[item_id] = {"id": item_id, **item}
        self.free[item_id] = int(str(item["stock"]))
        self.ordered[item_id], self.done[item_id] = [], []
        return self.reply(201, self.items[item_id])

    def order(self, item_id: int, quantity: int) -> Reply:
        if self.free[item_id] < quantity:
            return self.reply(400, {"detail": "库存不足"})
        self.free[item_id] -= quantity
        self.ordered[item_id].append(quantity)
        self.later(lambda: self.take(item_id, quantity))
        return self.reply(202, {"status": "accepted", "order_id": 7, "item_id": item_id, "quantity": quantity})

    def take(self, item_id: int, quantity: int) -> None:
        item = self.items[item_id]
        item["stock"] = int(str(item["stock"])) - quantity
        self.finish(item_id, quantity)

    def finish(self, item_id: int, quantity: int) -> None:
        self.done[item_id].append(quantity)

    def later(self, work: Callable[[], None]) -> None:
        self.timers.append(threading.Timer(0.05, work))
        self.timers[-1].start()

    def stream(self, exchange: Exchange) -> Reply:
        return Reply(200, {"content-type": "text/event-stream"}, exchange.body or b"", elapsed_ms=500, first_ms=100)

    def close(self) -> None:
        for timer in self.timers:
            timer.join()


class Careless(Shop):
    """Takes what was ordered, and leaves its orders open."""

    def finish(self, item_id: int, quantity: int) -> None:
        pass


class Miser(Shop):
    """Keeps reserved what is taken."""

    def books(self, item_id: int) -> Books | None:
        books = super().books(item_id)
        return books and replace(books, reserved=books.reserved + books.taken)


class Unseen(Careless):
    """Nobody can look into its database."""

    def books(self, item_id: int) -> Books | None:
        return None


class Overseller(Shop):
    def order(self, item_id: int, quantity: int) -> Reply:
        self.free[item_id] += 1000
        return super().order(item_id, quantity)


class LooksAtWhatLies(Shop):
    """What is reserved, but not yet taken, is sold again."""

    def order(self, item_id: int, quantity: int) -> Reply:
        self.free[item_id] = int(str(self.items[item_id]["stock"]))
        return super().order(item_id, quantity)


class Forgetful(Shop):
    """Nothing is ever taken."""

    def later(self, work: Callable[[], None]) -> None:
        pass


class Twice(Shop):
    def take(self, item_id: int, quantity: int) -> None:
        super().take(item_id, 2 * quantity)


class Amnesiac(Shop):
    """What is created is answered for and not kept."""

    def create(self, item: dict[str, object]) -> Reply:
        reply = super().create(item)
        self.items[len(self.items) + 24] |= {"name": "?"}
        return reply


class Hoarder(Shop):
    """All events come at the end."""

    def stream(self, exchange: Exchange) -> Reply:
        reply = super().stream(exchange)
        return Reply(reply.status, reply.headers, reply.body, reply.elapsed_ms, first_ms=499)


class Hasty(Shop):
    """All events come at once."""

    def stream(self, exchange: Exchange) -> Reply:
        reply = super().stream(exchange)
        return Reply(reply.status, reply.headers, reply.body, elapsed_ms=3, first_ms=2)


def told(kind: type[Shop], stories: Sequence[Story] = STORIES) -> dict[str, str]:
    """What each story has to complain of, by its name."""
    wrong = {}
    for story in stories:
        shop = kind()
        found = tell(story, shop.ask, shop.books)
        shop.close()
        if found is not None:
            wrong[story.name] = found
    return wrong


def test_a_shop_that_keeps_its_word_lives_through_every_story() -> None:
    assert told(Shop) == {}


def test_what_nobody_can_see_is_held_against_nobody() -> None:
    assert told(Unseen) == {}


def test_what_the_database_holds_is_said_beside_what_it_should(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sgibench.apps.contract.stories.TAKEN_S", 0.2)
    wrong = told(Careless, [BY_NAME["order-the-last-one-twice"]])
    assert wrong["order-the-last-one-twice"] == (
        "order-the-last-one-twice: of its item the database has 0 in stock, 1 reserved, 1 orders open, 0 done, "
        "not 0 in stock, 0 reserved, 0 orders open, 1 done"
    )


def test_a_shop_that_takes_at_once_does_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Shop, "later", lambda self, work: work())
    assert told(Shop) == {}


@pytest.mark.parametrize(
    ("kind", "stories", "sentence"),
    [
        (Overseller, {"order-more-than-there-is", "order-the-last-one-twice"}, "the status is 202, not 400"),
        (LooksAtWhatLies, {"order-the-last-one-twice"}, "the status is 202, not 400"),
        (Forgetful, FALLEN, "the body "),
        (Twice, FALLEN, "the body "),
        (Careless, FALLEN, "of its item the database has 0 in stock, "),
        (Miser, FALLEN, " 0 orders open, "),
        (Amnesiac, {"create-then-read", *FALLEN, "order-more-than-there-is"}, "the body "),
        (Hoarder, {"events-one-by-one"}, "the first piece of the body came after 499.0 ms, not within 450 ms"),
        (Hasty, {"events-one-by-one"}, "the answer came after 3.0 ms, which must take at least 495 ms"),
    ],
)
def test_each_way_of_breaking_its_word_is_found(
    kind: type[Shop], stories: set[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sgibench.apps.contract.stories.TAKEN_S", 0.2)
    wrong = told(kind, [_patient(story, 0.2) for story in STORIES])
    assert set(wrong) == stories
    assert all(found.startswith(f"{name}: ") and sentence in found for name, found in wrong.items())


def _patient(story: Story, poll_s: float) -> Story:
    """The same story with less time for background work."""
    steps = tuple(Step(step.exchange, step.saves, min(step.poll_s, poll_s)) for step in story.steps)
    return Story(story.name, story.feature, steps, story.after)


def test_a_step_is_asked_again_only_as_long_as_it_may_be() -> None:
    story = _patient(BY_NAME["order-then-stock-falls"], 0.3)
    shop = Forgetful()
    began = time.monotonic()
    assert tell(story, shop.ask) is not None
    assert 0.3 <= time.monotonic() - began < 5


def test_a_wrong_answer_at_first_is_told_at_once() -> None:
    asked = []

    def ask(exchange: Exchange) -> Reply:
        asked.append(exchange.target)
        return Reply(500, {}, b"", 1)

    for story in STORIES:
        asked.clear()
        found = tell(story, ask)
        assert found is not None
        assert "the status is 500" in found
        assert len(asked) == 1
