"""Every application on PostgreSQL, over its framework's driver and pool, in several processes or threads."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from sgibench.apps.catalogue import AppInfo, Feature
from sgibench.apps.contract import STORIES, Exchange, Reply, check, exchanges_for, tell
from sgibench.apps.database.schema import drop, in_schema, prepare

from .conftest import SERVED, Running, serve
from .database.looking import execute

EXCHANGES = [exchange for exchange in exchanges_for({Feature.SHOP}) if exchange.feature is Feature.SHOP]
JSON = {"Content-Type": "application/json"}
POOL_SIZE = "4"
SLEEPING = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(1); RETURN NEW; END'"
SLOW_WORK = "CREATE TRIGGER slow BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION slow()"
each_app = pytest.mark.parametrize("served", SERVED, ids=lambda app: app.name)


def url_of(app: AppInfo, server: str) -> str:
    return in_schema(server, app.name.replace("-", "_"))


@pytest.fixture(scope="module")
def shops(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Running]]:
    """All of them, started side by side, each with a schema of its own."""
    with ExitStack() as stack:
        starting = {}
        for app in SERVED:
            url = url_of(app, postgresql_server)
            prepare(url)
            stack.callback(drop, url)
            services = {"DATABASE_URL": url, "DATABASE_POOL_SIZE": POOL_SIZE}
            starting[app.name] = stack.enter_context(serve(app, tmp_path_factory.mktemp(app.name), services))
        yield {name: ready() for name, ready in starting.items()}


def sent(shop: Running, exchange: Exchange) -> Reply:
    return shop.ask(exchange.method, exchange.target, exchange.request_body, exchange.request_headers)


def stock_of(shop: Running, item_id: int) -> int:
    stock: int = json.loads(shop.ask("GET", f"/api/items/{item_id}").body)["stock"]
    return stock


@each_app
def test_the_shop_keeps_the_contract(shops: dict[str, Running], served: AppInfo) -> None:
    for exchange in EXCHANGES:
        reply = sent(shops[served.name], exchange)
        kind = reply.headers.get("content-type")
        wrong = check(exchange, reply.status, kind, reply.body, reply.elapsed_ms, headers=reply.headers)
        assert wrong is None


@each_app
def test_the_shop_lives_through_its_stories(shops: dict[str, Running], served: AppInfo) -> None:
    for story in STORIES:
        if story.feature is Feature.SHOP:
            assert tell(story, lambda exchange: sent(shops[served.name], exchange)) is None


def test_an_order_is_answered_before_its_stock_is_taken(shops: dict[str, Running], postgresql_server: str) -> None:
    # From now on whoever takes stock needs a second for it. Meanwhile others see what was there before.
    for app in SERVED:
        execute(url_of(app, postgresql_server), SLEEPING)
        execute(url_of(app, postgresql_server), SLOW_WORK)

    def order_and_look(app: AppInfo) -> tuple[int, int]:
        shop = shops[app.name]
        item = json.loads(shop.ask("POST", "/api/items", b'{"name":"slow","price":1,"stock":5}', JSON).body)
        order = json.dumps({"item_id": item["id"], "quantity": 2}).encode()
        assert shop.ask("POST", "/api/orders", order, JSON).status == 202
        at_once = stock_of(shop, item["id"])
        deadline = time.monotonic() + 20
        while stock_of(shop, item["id"]) == at_once and time.monotonic() < deadline:
            time.sleep(0.05)
        return at_once, stock_of(shop, item["id"])

    try:
        with ThreadPoolExecutor(len(SERVED)) as visitors:
            seen = dict(zip(shops, visitors.map(order_and_look, SERVED), strict=True))
    finally:
        for app in SERVED:
            execute(url_of(app, postgresql_server), "DROP TRIGGER slow ON orders")
    assert seen == dict.fromkeys(shops, (5, 3))


@each_app
def test_of_the_last_ones_no_more_are_sold_than_there_are(shops: dict[str, Running], served: AppInfo) -> None:
    shop = shops[served.name]
    item = json.loads(shop.ask("POST", "/api/items", b'{"name":"few","price":1,"stock":5}', JSON).body)
    order = json.dumps({"item_id": item["id"], "quantity": 1}).encode()
    with ThreadPoolExecutor(12) as buyers:
        replies = list(buyers.map(lambda _: shop.ask("POST", "/api/orders", order, JSON), range(24)))
    assert Counter(reply.status for reply in replies) == {202: 5, 400: 19}
    deadline = time.monotonic() + 5
    while (stock := stock_of(shop, item["id"])) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stock == 0
