"""Every application, behind uvicorn or gunicorn, gives the answers that the contract asks for."""

import http.client
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from sgibench.apps.catalogue import AppInfo, Interface
from sgibench.apps.contract import CONTRACT, Exchange, check
from sgibench.apps.shop import TITLE

Ask = Callable[[str, str], tuple[int, http.client.HTTPMessage, bytes, float]]


@pytest.mark.parametrize("exchange", CONTRACT, ids=lambda exchange: exchange.name)
def test_every_app_keeps_the_contract(ask: Ask, exchange: Exchange) -> None:
    status, headers, body, elapsed_ms = ask(exchange.method, exchange.target)
    assert check(exchange, status, headers["Content-Type"], body, elapsed_ms) is None


def test_an_answer_says_how_long_it_is(ask: Ask) -> None:
    for target in ("/", "/api/items", "/api/items/999", "/cpu"):
        _, headers, body, _ = ask("GET", target)
        assert headers["Content-Length"] == str(len(body))


def test_without_values_it_waits_50_ms_and_sums_a_thousand(ask: Ask) -> None:
    assert json.loads(ask("GET", "/wait")[2]) == {"waited_ms": 50}
    assert json.loads(ask("GET", "/cpu")[2]) == {"n": 1000, "result": 332833500}


def test_the_bounds_themselves_are_accepted(ask: Ask) -> None:
    assert json.loads(ask("GET", "/wait?ms=0")[2]) == {"waited_ms": 0}
    assert json.loads(ask("GET", "/cpu?n=0")[2]) == {"n": 0, "result": 0}


def test_it_waits_as_long_as_it_is_asked_to(ask: Ask) -> None:
    _, _, body, elapsed_ms = ask("GET", "/wait?ms=120")
    assert json.loads(body) == {"waited_ms": 120}
    assert elapsed_ms >= 119


@pytest.mark.parametrize(
    "target",
    [
        "/wait?ms=abc",
        "/wait?ms=",
        "/wait?ms=-1",
        "/wait?ms=60001",
        "/wait?ms=1.5",
        "/wait?ms=1e3",
        "/wait?ms=%FF",  # not UTF-8
        "/wait?ms=%D9%A3",  # an Arabic three
        "/wait?ms=" + "9" * 4000,
        "/cpu?n=abc",
        "/cpu?n=-1",
        "/cpu?n=10000001",
    ],
    ids=lambda target: target[:20],
)
def test_a_bad_query_value_is_the_clients_mistake(app: AppInfo, ask: Ask, target: str) -> None:
    status, headers, body, _ = ask("GET", target)
    assert status == (422 if app.name == "fastapi" else 400)
    assert headers.get_content_type() == "application/json"
    assert json.loads(body)["detail"]


def test_an_unknown_path_is_not_found(ask: Ask) -> None:
    status, headers, body, _ = ask("GET", "/nowhere")
    assert (status, headers.get_content_type()) == (404, "application/json")
    assert json.loads(body)["detail"]


def test_an_id_longer_than_any_is_not_found(ask: Ask) -> None:
    assert ask("GET", "/api/items/" + "9" * 30)[0] == 404


@pytest.mark.parametrize("target", ["/", "/api/items", "/api/items/1", "/wait", "/cpu"])
def test_a_wrong_method_is_refused_and_the_right_one_named(ask: Ask, target: str) -> None:
    status, headers, _, _ = ask("DELETE", target)
    assert status == 405
    assert "GET" in {method.strip() for method in headers["Allow"].split(",")}


def test_fastapi_brings_its_generated_docs_and_the_others_none(app: AppInfo, ask: Ask) -> None:
    status, _, body, _ = ask("GET", "/openapi.json")
    if app.name != "fastapi":
        assert (status, ask("GET", "/docs")[0]) == (404, 404)
        return
    assert (status, ask("GET", "/docs")[0]) == (200, 200)
    schema = json.loads(body)
    assert schema["info"]["title"] == TITLE
    assert set(schema["paths"]) == {"/", "/api/items", "/api/items/{item_id}", "/wait", "/cpu"}
    assert list(schema["components"]["schemas"]["Item"]["properties"]) == ["name", "price", "description", "stock"]


# The next ones hold the list of tolerated differences to what is the case.


def test_only_flask_ends_json_with_a_newline(app: AppInfo, ask: Ask) -> None:
    assert ask("GET", "/api/items")[2].endswith(b"\n") is (app.name == "flask")
    assert not ask("GET", "/")[2].endswith(b"\n")


def test_only_fastapi_takes_other_spellings_of_a_number(app: AppInfo, ask: Ask) -> None:
    accepted = {ask("GET", f"/wait?ms={spelling}")[0] for spelling in ("%2B5", "5.0")}
    assert accepted == ({200} if app.name == "fastapi" else {400})


def test_flask_takes_the_first_of_repeated_values_and_the_others_the_last(app: AppInfo, ask: Ask) -> None:
    assert json.loads(ask("GET", "/wait?ms=1&ms=2")[2]) == {"waited_ms": 1 if app.name == "flask" else 2}


def test_an_id_that_is_no_number_is_invalid_to_fastapi_and_not_found_elsewhere(app: AppInfo, ask: Ask) -> None:
    assert ask("GET", "/api/items/abc")[0] == (422 if app.name == "fastapi" else 404)


def test_starlettes_routers_redirect_a_trailing_slash(app: AppInfo, ask: Ask) -> None:
    assert ask("GET", "/api/items/")[0] == (307 if app.name in {"fastapi", "starlette"} else 404)


def test_head_and_options_are_each_frameworks_own_matter(app: AppInfo, ask: Ask) -> None:
    seen = {method: ask(method, "/")[0] for method in ("HEAD", "OPTIONS")}
    expected = {"flask": {"HEAD": 200, "OPTIONS": 200}, "starlette": {"HEAD": 200, "OPTIONS": 405}}
    assert seen == expected.get(app.name, {"HEAD": 405, "OPTIONS": 405})


def test_under_asgi_neither_waiting_nor_computing_keeps_others_waiting(app: AppInfo, ask: Ask) -> None:
    if app.interface is not Interface.ASGI:
        pytest.skip("one process of the sync worker answers one request at a time")
    for slow in ("/wait?ms=1500", "/cpu?n=10000000"):
        with ThreadPoolExecutor(1) as pool:
            pending = pool.submit(ask, "GET", slow)
            time.sleep(0.1)
            assert ask("GET", "/api/items/1")[0] == 200
            assert not pending.done(), f"it had to wait until {slow} was done"
            assert pending.result()[0] == 200
