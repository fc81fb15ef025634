"""A scenario's request, as bytes on the wire and as it is asked once."""

import re

from sgibench.runner.load.nonce import MARK
from sgibench.runner.load.orders import Expectation
from sgibench.runner.targets.requests import head_bytes, once, request_bytes
from sgibench.scenarios.files import built_in_scenario
from sgibench.scenarios.model import Request

from ..fakes import WAIT

NONCE = r"[0-9a-f]{16}"


def test_the_request_goes_out_as_http() -> None:
    post = Request(path="/x", method="POST", headers={"X-Token": "1"}, body='{"a":"é"}')
    head, _, body = request_bytes(post, 8000).partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /x HTTP/1.1"
    assert "Host: 127.0.0.1:8000" in lines
    assert "X-Token: 1" in lines
    assert f"Content-Length: {len(body)}" in lines
    assert body.decode() == '{"a":"é"}'
    assert b"Content-Length" not in request_bytes(WAIT.parts[0].request, 1)


def test_a_header_of_the_users_comes_in_place_of_ours() -> None:
    own_host = Request(path="/", headers={"host": "shop"})
    assert request_bytes(own_host, 1).lower().count(b"host:") == 1


def test_what_is_asked_once_has_one_nonce_everywhere_and_another_each_time() -> None:
    request = Request(path="/{nonce}", method="POST", headers={"X-Id": "{nonce}"}, body='"{nonce}"')
    seen = set()
    for _ in range(3):
        asked = once(request, 8000, Expectation(201, contains=b"id " + MARK))
        nonce = asked.path[1:]
        assert re.fullmatch(NONCE, nonce)
        assert asked.headers["X-Id"] == nonce
        assert asked.body.decode() == f'"{nonce}"'
        assert asked.expect == Expectation(201, contains=f"id {nonce}".encode())
        seen.add(nonce)
    assert len(seen) == 3


def test_what_is_asked_once_says_what_the_load_says() -> None:
    for name in ("json", "create", "upload", "new-connections"):
        request = built_in_scenario(name).parts[0].request
        asked = once(request, 8000, Expectation())
        lines = head_bytes(request, 8000).decode().split("\r\n")
        assert {f"{name}: {value}" for name, value in asked.headers.items()} <= set(lines)
        assert len(asked.body) == sum(int(line.split(": ")[1]) for line in lines if line.startswith("Content-Length"))
