"""What a scenario asks, as bytes on the wire."""

import pytest

from sgibench.runner.endpoints import endpoint_for
from sgibench.runner.load.nonce import MARK
from sgibench.runner.load.orders import Expectation, Slow
from sgibench.scenarios.files import built_in_scenario
from sgibench.scenarios.model import Load, Message, Request, Scenario, SlowClients

from .fakes import WAIT, FakeLive, a_target

LIVE = FakeLive(a_target(), port=8000, pids=(7,))
RIGHT = (Expectation(),)


def scenario(**more: object) -> Scenario:
    said = {"name": "x", "title": "x", "load": Load(concurrency=[1]), "request": Request(path="/x"), **more}
    return Scenario.model_validate(said)


def test_a_nonce_is_marked_wherever_it_stands_and_does_not_change_the_length() -> None:
    create = built_in_scenario("create")
    endpoint = endpoint_for(create, LIVE, RIGHT)
    head, _, body = endpoint.request.partition(b"\r\n\r\n")
    assert MARK in body
    assert f"Content-Length: {len(body)}".encode() in head


def test_a_generated_body_stands_beside_the_request_so_that_targets_can_share_it() -> None:
    endpoint = endpoint_for(built_in_scenario("upload"), LIVE, RIGHT)
    assert endpoint.request.endswith(b"Content-Length: 1000000\r\n\r\n")
    assert len(endpoint.body) == 1_000_000


def test_a_mix_has_each_part_with_its_own_right_answer() -> None:
    mixed = built_in_scenario("mixed")
    rights = [Expectation(200 + number) for number in range(len(mixed.parts))]
    endpoint = endpoint_for(mixed, LIVE, rights)
    assert [part.expect for part in endpoint.mix] == rights
    assert sum(part.weight for part in endpoint.mix) == 100
    assert [part.method for part in endpoint.mix] == ["GET"] * 5 + ["POST"] * 2
    assert all(part.request.startswith(f"{part.method} ".encode()) for part in endpoint.mix)
    assert endpoint_for(WAIT, LIVE, RIGHT).mix == ()


@pytest.mark.parametrize(
    ("message", "content", "text"),
    [(Message(text="é {nonce}"), "é ".encode() + MARK, True), (Message(binary_bytes=9), b"sgibenchs", False)],
)
def test_a_message_is_sent_as_text_or_as_bytes(message: Message, content: bytes, text: bool) -> None:
    endpoint = endpoint_for(scenario(kind="websocket", message=message), LIVE, RIGHT)
    assert endpoint.websocket is not None
    assert (endpoint.websocket.message, endpoint.websocket.text) == (content, text)
    assert endpoint.request.startswith(b"GET /x HTTP/1.1\r\n")


def test_slow_clients_send_the_scenarios_request_or_one_of_their_own() -> None:
    same = endpoint_for(scenario(slow_clients=SlowClients(count=5, every_ms=20)), LIVE, RIGHT).slow
    assert same is not None
    assert (same.count, same.what, same.every_ms, same.request) == (5, Slow.HEADERS, 20.0, b"")
    bodies = endpoint_for(built_in_scenario("slow-bodies"), LIVE, RIGHT).slow
    assert bodies is not None
    assert bodies.what is Slow.BODY
    assert bodies.request.startswith(b"POST /upload HTTP/1.1\r\n")
    assert b"Content-Length" not in bodies.request, "the load side says how long a body would be that never ends"
    assert endpoint_for(WAIT, LIVE, RIGHT).slow is None


def test_an_endpoint_knows_its_target() -> None:
    endpoint = endpoint_for(WAIT, LIVE, RIGHT)
    assert (endpoint.name, endpoint.host, endpoint.port, endpoint.pids) == (LIVE.name, "127.0.0.1", 8000, (7,))
