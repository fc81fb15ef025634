"""What is Django's own: its settings, its queries, and what goes on in threads and tasks beside the answers."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, AppInfo

from .conftest import fresh_database, serve

WSGI, ASGI = APPS["django-wsgi"], APPS["django-asgi"]
BOTH = pytest.mark.parametrize("django", [WSGI, ASGI], ids=lambda app: app.name)
ORDER = b'{"item_id":24,"quantity":1}'
JSON = {"Content-Type": "application/json"}
PATIENCE_S = 10

# The statements of each request, by their first words. Those of a background thread are not seen, so it is called.
STATEMENTS = """
import json, sys
from apps.django_wsgi_app import app
from apps.django_shop import views
from django.db import connection
from django.conf import settings
from django.test import Client
from django.test.utils import CaptureQueriesContext

class Nobody:
    def submit(self, *call):
        pass

views.background = Nobody()
settings.ALLOWED_HOSTS = ["testserver"]
client = Client()
item, order = {"name": "x", "price": 1.5}, {"item_id": 24, "quantity": 2}
calls = {
    "page": lambda: client.get("/"),
    "item page": lambda: client.get("/items/1"),
    "items": lambda: client.get("/api/items"),
    "item": lambda: client.get("/api/items/1"),
    "create": lambda: client.post("/api/items", item, content_type="application/json"),
    "order": lambda: client.post("/api/orders", order, content_type="application/json"),
    "stock": lambda: views.take_stock(1),
    "again": lambda: views.take_stock(1),
    "json": lambda: client.get("/json"),
}
seen = {}
for name, call in calls.items():
    with CaptureQueriesContext(connection) as queries:
        call()
    seen[name] = [query["sql"].split()[0] for query in queries.captured_queries]
print(json.dumps(seen))
"""

# An order is posted, whose background work goes on only when the answer is there.
ORDER_FIRST = {
    "django-wsgi": """
import threading
from apps.django_wsgi_app import app
from apps.django_shop import views
from django.conf import settings
from django.test import Client

settings.ALLOWED_HOSTS = ["testserver"]
answered, taken = threading.Event(), threading.Event()

def take_stock(order_id):
    assert answered.wait(10)
    taken.set()

views.take_stock = take_stock
client = Client()
assert client.post("/api/orders", {"item_id": 24, "quantity": 1}, content_type="application/json").status_code == 202
assert not taken.is_set()
answered.set()
assert taken.wait(10)
""",
    "django-asgi": """
import asyncio, threading
from apps.django_asgi_app import app
from apps.django_shop import async_views
from django.conf import settings
from django.test import AsyncClient

settings.ALLOWED_HOSTS = ["testserver"]
answered, taken = threading.Event(), threading.Event()

def take_stock(order_id):
    assert answered.wait(10)
    taken.set()

async def main():
    async_views.take_stock = take_stock
    client = AsyncClient()
    order = {"item_id": 24, "quantity": 1}
    response = await client.post("/api/orders", order, content_type="application/json")
    assert (response.status_code, taken.is_set(), len(async_views.background)) == (202, False, 1)
    answered.set()
    assert await asyncio.to_thread(taken.wait, 10)
    while async_views.background:
        await asyncio.sleep(0.01)

asyncio.run(main())
""",
}

# A client that reads one event of very many, and is gone.
GONE = """
import asyncio
from apps.django_asgi_app import app

async def main():
    first, sent = asyncio.Event(), []
    messages = iter([{"type": "http.request"}])

    async def receive():
        for message in messages:
            return message
        await first.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)
        if message.get("body"):
            first.set()

    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "path": "/stream",
        "query_string": b"n=100000&ms=20", "headers": [(b"host", b"localhost")],
    }
    await asyncio.wait_for(app(scope, receive, send), 10)
    assert 2 <= len(sent) < 100

asyncio.run(main())
"""


def _run(script: str, database_url: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(APPS_ROOT), "DATABASE_URL": database_url}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_request_asks_the_database_no_more_than_it_must(tmp_path: Path) -> None:
    assert json.loads(_run(STATEMENTS, fresh_database(tmp_path))) == {
        "page": ["SELECT"],
        "item page": ["SELECT"],
        "items": ["SELECT"],
        "item": ["SELECT"],
        "create": ["INSERT"],
        "order": ["BEGIN", "UPDATE", "INSERT", "COMMIT"],
        "stock": ["BEGIN", "UPDATE", "SELECT", "UPDATE", "COMMIT"],
        "again": ["BEGIN", "UPDATE", "COMMIT"],
        "json": [],
    }


@BOTH
def test_an_order_is_answered_before_its_stock_is_taken(django: AppInfo, tmp_path: Path) -> None:
    _run(ORDER_FIRST[django.name], fresh_database(tmp_path))


def test_a_stream_ends_when_nobody_reads_it_any_more(tmp_path: Path) -> None:
    _run(GONE, fresh_database(tmp_path))


@BOTH
def test_an_error_of_its_own_is_logged_and_not_shown_and_a_foreign_host_is_refused(
    django: AppInfo, tmp_path: Path
) -> None:
    empty = tmp_path / "empty.db"
    empty.touch()
    with serve(django, tmp_path, {"DATABASE_URL": f"sqlite:///{empty}"}) as server:
        running = server()
        reply = running.ask("GET", "/api/items")
        assert (reply.status, reply.body) == (500, b'{"detail":"Internal Server Error"}')
        assert running.ask("GET", "/nowhere").status == 404
        foreign = running.ask("GET", "/json", headers={"Host": "shop.example"})
        assert (foreign.status, foreign.body) == (400, b'{"detail":"Bad Request"}')
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert log.count("Internal Server Error: /api/items\nTraceback") == 1
    assert "no such table: items" in log
    assert "Invalid HTTP_HOST header: 'shop.example'" in log
    assert "nowhere" not in log


def test_under_asgi_no_connection_outlives_its_request_or_task(tmp_path: Path) -> None:
    with serve(ASGI, tmp_path, {"DATABASE_URL": fresh_database(tmp_path)}) as server:
        running = server()
        for _ in range(20):
            assert running.ask("POST", "/api/orders", ORDER, JSON).status == 202
            assert running.ask("GET", "/api/items").status == 200
        process = psutil.Process(running.pid)
        deadline = time.monotonic() + PATIENCE_S
        while (left := [each.path for each in process.open_files() if "shop.db" in each.path]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.05)
        assert left == []
