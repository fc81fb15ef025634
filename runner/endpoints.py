"""What a scenario asks, as it goes over the wire to one target."""

from collections.abc import Mapping, Sequence

from ..scenarios.model import Message, Request, Scenario
from .load.nonce import marked
from .load.orders import Endpoint, Expectation, Part, Slow, SlowClients, WebSocketTalk
from .sampler import Sampled
from .targets.launch import HOST


def endpoint_for(scenario: Scenario, live: Sampled, expectations: Sequence[Expectation]) -> Endpoint:
    """A target under a scenario; `expectations` has what is right for each of its parts."""
    first = scenario.parts[0].request
    return Endpoint(
        name=live.name,
        host=HOST,
        port=live.port,
        # A body that the scenario spells out may hold a nonce; a generated one is large, and the same for all targets.
        request=request_bytes(first, live.port) if first.body_bytes is None else head_bytes(first, live.port),
        body=b"" if first.body_bytes is None else first.content,
        expect=expectations[0],
        pids=live.pids,
        method=first.method,
        mix=_mix(scenario, live.port, expectations) if scenario.mix else (),
        websocket=_talk(scenario.message) if scenario.message else None,
        slow=_slow_clients(scenario, live.port),
    )


def request_bytes(request: Request, port: int) -> bytes:
    """A whole request, its placeholders marked."""
    body = marked(request.body).encode() if request.body_bytes is None else request.content
    return head_bytes(request, port) + body


def head_bytes(request: Request, port: int) -> bytes:
    """A request up to its body, with the length of that."""
    length = len(marked(request.body).encode() if request.body_bytes is None else request.content)
    return _head(request, port, {"Content-Length": str(length)} if length else {})


def _head(request: Request, port: int, more: Mapping[str, str]) -> bytes:
    given = {name.lower() for name in request.headers}
    ours = {"Host": f"{HOST}:{port}", "User-Agent": "sgibench", "Accept": "*/*"}
    kept = {name: value for name, value in ours.items() if name.lower() not in given}
    headers = {**kept, **request.headers, **more}
    lines = [f"{request.method} {request.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return marked("\r\n".join([*lines, "", ""])).encode()


def _mix(scenario: Scenario, port: int, expectations: Sequence[Expectation]) -> tuple[Part, ...]:
    return tuple(
        Part(part.weight, request_bytes(part.request, port), expect, part.request.method)
        for part, expect in zip(scenario.parts, expectations, strict=True)
    )


def _talk(message: Message) -> WebSocketTalk:
    if message.text is None:
        return WebSocketTalk(message.content, text=False)
    return WebSocketTalk(marked(message.text).encode())


def _slow_clients(scenario: Scenario, port: int) -> SlowClients | None:
    slow = scenario.slow_clients
    if slow is None:
        return None
    # How long their bodies are is for the load side to say: longer than they will ever get.
    request = b"" if slow.request is None else _head(slow.request, port, {})
    return SlowClients(slow.count, Slow(slow.what), slow.every_ms, request)
