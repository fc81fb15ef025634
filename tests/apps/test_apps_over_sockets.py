"""Every application, behind uvicorn or gunicorn, gives the answers that the contract asks for."""

import http.client
import json
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from sgibench.apps.catalogue import AppInfo
from sgibench.apps.contract import (
    CONTRACT,
    STORIES,
    UPSTREAM_DOWN,
    UPSTREAM_UNSET,
    Exchange,
    Reply,
    Story,
    check,
    tell,
)

from .conftest import Ask, Running, closed_port, fresh_database, serve

MIB = 1 << 20
JSON = {"Content-Type": "application/json"}


def _sent(ask: Ask, exchange: Exchange) -> Reply:
    return ask(exchange.method, exchange.target, exchange.request_body, exchange.request_headers)


def _difference(exchange: Exchange, reply: Reply) -> str | None:
    return check(
        exchange,
        reply.status,
        reply.headers.get("content-type"),
        reply.body,
        reply.elapsed_ms,
        headers=reply.headers,
        first_ms=reply.first_ms,
    )


@pytest.mark.parametrize("exchange", CONTRACT, ids=lambda exchange: exchange.name)
def test_every_app_keeps_the_contract(
    app: AppInfo, ask: Ask, upstream_hits: Callable[[], int], exchange: Exchange
) -> None:
    before = upstream_hits()
    reply = _sent(ask, exchange)
    if exchange.feature in {None, *app.features}:
        assert _difference(exchange, reply) is None
        assert upstream_hits() - before == exchange.upstream_calls
    else:
        assert reply.status == 404


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_every_app_lives_through_the_stories(app: AppInfo, ask: Ask, story: Story) -> None:
    assert story.feature in app.features
    assert tell(story, lambda exchange: _sent(ask, exchange)) is None


def test_without_its_upstream_an_app_says_so(app: AppInfo, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{closed_port()}"
    with serve(app, tmp_path, {"DATABASE_URL": fresh_database(tmp_path), "UPSTREAM_URL": nobody}) as down:
        assert [_difference(exchange, _sent(down().ask, exchange)) for exchange in UPSTREAM_DOWN] == [None] * 3


def test_without_an_upstreams_address_an_app_says_so(app: AppInfo, tmp_path: Path) -> None:
    # The others ask with the same code as these, and answer as they do when the upstream is down.
    if app.name in {"flask", "bare-wsgi", "bare-asgi"}:
        with serve(app, tmp_path, {"DATABASE_URL": fresh_database(tmp_path)}) as unset:
            assert [_difference(exchange, _sent(unset().ask, exchange)) for exchange in UPSTREAM_UNSET] == [None] * 3


def test_of_the_last_ones_no_more_are_sold_than_there_are(ask: Ask) -> None:
    item = json.loads(ask("POST", "/api/items", b'{"name":"few","price":1,"stock":5}', JSON).body)
    order = json.dumps({"item_id": item["id"], "quantity": 1}).encode()
    with ThreadPoolExecutor(12) as buyers:
        replies = list(buyers.map(lambda _: ask("POST", "/api/orders", order, JSON), range(24)))
    assert Counter(reply.status for reply in replies) == {202: 5, 400: 19}
    deadline = time.monotonic() + 5
    while (stock := json.loads(ask("GET", f"/api/items/{item['id']}").body)["stock"]) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert stock == 0


def _chunked_upload(port: int, pieces: Iterator[bytes]) -> tuple[int, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("POST", "/upload", pieces, encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_an_upload_in_chunks_is_read_to_its_end(running: Running) -> None:
    pieces = [b"%d," % i * 1000 for i in range(50)]
    body = b"".join(pieces)
    expected = {"bytes": len(body), "crc32": zlib.crc32(body)}
    assert _chunked_upload(running.port, iter(pieces)) == (200, expected)


def _highest_mib(pid: int) -> float:
    """The largest process of the tree, at its largest so far."""
    tree = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    statuses = [Path(f"/proc/{each}/status").read_text(encoding="utf-8") for each in tree]
    return max(int(line.split()[1]) for text in statuses for line in text.splitlines() if line[:6] == "VmHWM:") / 1024


def test_an_upload_is_never_held_as_a_whole(running: Running, ask: Ask) -> None:
    assert ask("POST", "/upload", bytes(MIB)).status == 200
    before = _highest_mib(running.pid)
    body = bytes(40 * MIB)
    reply = ask("POST", "/upload", body)
    assert json.loads(reply.body) == {"bytes": len(body), "crc32": zlib.crc32(body)}
    # Pieces, and what Django keeps before it turns to the disk, are a few MiB.
    assert _highest_mib(running.pid) - before < 20


def test_an_answer_says_how_long_it_is(ask: Ask) -> None:
    for target in ("/", "/items/1", "/json", "/api/items", "/api/items/999", "/cpu", "/static/shop.css"):
        reply = ask("GET", target)
        assert reply.headers["content-length"] == str(len(reply.body))


def test_without_values_it_waits_50_ms_sums_a_thousand_and_sends_ten_events(ask: Ask) -> None:
    assert json.loads(ask("GET", "/wait").body) == {"waited_ms": 50}
    assert json.loads(ask("GET", "/cpu").body) == {"n": 1000, "result": 332833500}
    assert ask("GET", "/stream").body.count(b"\n\n") == 10
    assert ask("GET", "/fan-out").body == ask("GET", "/fan-out?how=serial").body


def test_the_bounds_themselves_are_accepted(ask: Ask) -> None:
    assert json.loads(ask("GET", "/wait?ms=0").body) == {"waited_ms": 0}
    assert json.loads(ask("GET", "/cpu?n=0").body) == {"n": 0, "result": 0}


def test_it_waits_as_long_as_it_is_asked_to(ask: Ask) -> None:
    reply = ask("GET", "/wait?ms=120")
    assert json.loads(reply.body) == {"waited_ms": 120}
    assert reply.elapsed_ms >= 119


@pytest.mark.parametrize(
    "target",
    [
        "/wait?ms=abc",
        "/wait?ms=",
        "/wait?ms=-1",
        "/wait?ms=60001",
        "/wait?ms=1.5",
        "/wait?ms=%FF",  # not UTF-8
        "/wait?ms=%D9%A3",  # an Arabic three
        "/wait?ms=" + "9" * 4000,
        "/cpu?n=abc",
        "/cpu?n=-1",
        "/cpu?n=10000001",
        "/stream?n=100001",
        "/stream?ms=60001",
        "/fan-out?how=",
    ],
    ids=lambda target: target[:20],
)
def test_a_bad_query_value_is_the_clients_mistake(app: AppInfo, ask: Ask, target: str) -> None:
    reply = ask("GET", target)
    assert reply.status == (422 if app.name == "fastapi" else 400)
    assert reply.headers["content-type"].startswith("application/json")
    assert json.loads(reply.body)["detail"]


def test_an_id_longer_than_any_is_not_found(ask: Ask) -> None:
    for digits in (19, 30):
        assert ask("GET", "/api/items/" + "9" * digits).status == 404
        assert ask("GET", "/items/" + "9" * digits).status == 404


def test_an_item_may_have_any_text_and_the_largest_numbers(ask: Ask) -> None:
    item = {"name": "<b>\"'&\\/\u2028😀</b>", "price": 1.7e308, "description": "\r\n\t\x7f", "stock": 2**63 - 1}
    created = json.loads(ask("POST", "/api/items", json.dumps(item).encode(), JSON).body)
    assert created == {"id": created["id"], **item}
    assert json.loads(ask("GET", f"/api/items/{created['id']}").body) == created


def test_numbers_that_are_larger_than_anything_are_refused_as_others_are(ask: Ask) -> None:
    orders = [(24, 10**15), (24, 2**63), (2**63, 1), (-(10**30), 1), (2**63 - 1, 1)]
    bodies = [json.dumps({"item_id": item_id, "quantity": quantity}).encode() for item_id, quantity in orders]
    assert [ask("POST", "/api/orders", body, JSON).status for body in bodies] == [400, 422, 422, 404, 404]


@pytest.mark.parametrize(
    "body", [b"\xff", b"null", b'"', b"[" * 100_000, b'{"name":"\xff"}'], ids=lambda body: body[:9]
)
def test_a_body_that_is_no_json_object_is_the_clients_mistake(ask: Ask, body: bytes) -> None:
    for target in ("/api/items", "/api/orders"):
        reply = ask("POST", target, body, JSON)
        assert reply.status in {400, 422}
        assert json.loads(reply.body)["detail"]


@pytest.mark.parametrize("target", ["/", "/items/1", "/json", "/api/items", "/api/items/1", "/wait", "/cpu", "/stream"])
def test_a_wrong_method_is_refused_and_the_right_one_named(ask: Ask, target: str) -> None:
    reply = ask("DELETE", target)
    assert reply.status == 405
    assert "GET" in {method.strip() for method in reply.headers["allow"].split(",")}


def test_what_only_some_apps_have_is_not_found_in_the_others(app: AppInfo, ask: Ask) -> None:
    assert (ask("GET", app.docs_path or "/docs").status == 200) is (app.docs_path is not None)


def test_neither_waiting_nor_computing_keeps_others_waiting(ask: Ask) -> None:
    with ThreadPoolExecutor(2) as pool:
        pending = [pool.submit(ask, "GET", slow) for slow in ("/wait?ms=500", "/cpu?n=10000000")]
        time.sleep(0.1)
        assert ask("GET", "/json").status == 200
        assert not any(slow.done() for slow in pending)
        assert [slow.result().status for slow in pending] == [200, 200]


# The next ones hold the list of tolerated differences to what is the case.


def test_flask_and_quart_end_json_with_a_newline(app: AppInfo, ask: Ask) -> None:
    assert ask("GET", "/json").body.endswith(b"\n") is (app.name in {"flask", "quart"})
    assert not ask("GET", "/").body.endswith(b"\n")


def test_fastapi_and_litestar_take_other_spellings_of_a_number(app: AppInfo, ask: Ask) -> None:
    spellings = ("%2B5", "5.0", "5e0")
    accepted = [spelling for spelling in spellings if ask("GET", f"/wait?ms={spelling}").status == 200]
    assert accepted == {"fastapi": ["%2B5", "5.0"], "litestar": ["5.0", "5e0"]}.get(app.name, [])


def test_of_repeated_values_the_first_or_the_last_counts(app: AppInfo, ask: Ask) -> None:
    taken = json.loads(ask("GET", "/wait?ms=1&ms=2").body)
    assert taken == {"waited_ms": 1 if app.name in {"flask", "quart"} else 2}


def test_an_id_that_is_no_number_is_invalid_to_some_and_not_found_elsewhere(app: AppInfo, ask: Ask) -> None:
    assert ask("GET", "/api/items/abc").status == (422 if app.name == "fastapi" else 404)


def test_a_trailing_slash_is_redirected_overlooked_or_not_found(app: AppInfo, ask: Ask) -> None:
    expected = {"fastapi": 307, "starlette": 307, "litestar": 200}.get(app.name, 404)
    assert ask("GET", "/json/").status == expected


def test_head_and_options_are_each_frameworks_own_matter(app: AppInfo, ask: Ask) -> None:
    seen = ask("HEAD", "/").status, ask("OPTIONS", "/").status
    expected = {"flask": (200, 200), "quart": (200, 200), "starlette": (200, 405), "litestar": (405, 204)}
    assert seen == expected.get(app.name, (405, 405))
