"""What a scenario asks, as it goes over the wire to one target."""

from collections.abc import Sequence

from ..scenarios.model import Scenario
from .load.orders import Endpoint, Expectation, Part, Slow, SlowClients
from .sampler import Sampled
from .targets.launch import HOST
from .targets.requests import bare_head, head_bytes, request_bytes, talk_of


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
        websocket=talk_of(scenario.message) if scenario.message else None,
        slow=_slow_clients(scenario, live.port),
    )


def _mix(scenario: Scenario, port: int, expectations: Sequence[Expectation]) -> tuple[Part, ...]:
    return tuple(
        Part(part.weight, request_bytes(part.request, port), expect, part.request.method)
        for part, expect in zip(scenario.parts, expectations, strict=True)
    )


def _slow_clients(scenario: Scenario, port: int) -> SlowClients | None:
    slow = scenario.slow_clients
    if slow is None:
        return None
    # How long their bodies are is for the load side to say: longer than they will ever get.
    request = b"" if slow.request is None else bare_head(slow.request, port)
    return SlowClients(slow.count, Slow(slow.what), slow.every_ms, request)
