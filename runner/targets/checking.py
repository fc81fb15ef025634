"""Before anything is measured, a target proves that it gives the right answers."""

import http.client
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ...apps.catalogue import Feature
from ...apps.contract import (
    CONTRACT,
    ECHO_PATH,
    MESSAGES,
    Exchange,
    Reply,
    Story,
    check,
    exchanges_for,
    stories_for,
    tell,
)
from ...results.errors import TargetError, UsageError
from ...scenarios.model import Part, Request, Scenario
from ..load.checks import fault
from ..load.nonce import MARK, marked, new_nonce
from ..load.orders import Expectation
from .capability import why_not
from .launch import HOST, LiveTarget
from .needs import needs_of, required_by
from .requests import head_bytes, once, talk_of
from .websocket_probe import echo

REPEATS = 5
MESSAGE_REPEATS = 50
TIMEOUT_S = 10.0
EXCHANGES = {exchange.name: exchange for exchange in CONTRACT}


@dataclass(frozen=True, slots=True)
class Conformity:
    """What a proven target will be held to under load, and how long one request alone takes, by scenario.

    `expectations` has one for each part of a scenario: one where it is no mix.
    """

    expectations: Mapping[str, tuple[Expectation, ...]]
    service_s: Mapping[str, float]


def prove(live: LiveTarget, scenarios: Sequence[Scenario]) -> Conformity:
    """Ask a target for everything it owes, and each scenario's requests once.

    Ours owe the contract, as far as the scenarios need it; a user's app owes what each scenario expects. Raises
    TargetError at the first wrong answer.
    """
    ours = live.target.app.ours
    bodies = prove_contract(live, needs_of(scenarios, ours=True)) if ours else {}
    expectations = {}
    for scenario in scenarios:
        if why_not(live.target.app, live.target.setup, required_by(scenario, ours=ours)):
            continue  # it takes no part there
        expectations[scenario.name] = tuple(_expectation(part, bodies) for part in scenario.parts)
        _ask_all(live, scenario, expectations[scenario.name])
    return Conformity(expectations, {})


def timed(live: LiveTarget, proof: Conformity, scenarios: Sequence[Scenario]) -> Conformity:
    """What was proven, with the time that one request of each scenario takes alone (the best of a few; of a mix, the
    mean by weight).

    To be asked for while nothing else happens: a turn's length follows from it. A known wait says enough by itself.
    Raises TargetError at a wrong answer.
    """
    service_s = {
        scenario.name: min(_ask_all(live, scenario, proof.expectations[scenario.name]) for _ in range(REPEATS))
        for scenario in scenarios
        if scenario.name in proof.expectations and not scenario.floor_ms
    }
    return replace(proof, service_s=service_s)


def exchange_named(name: str) -> Exchange:
    """An exchange of the contract. Raises UsageError when there is none of that name."""
    if name not in EXCHANGES:
        raise UsageError(f"the contract has no exchange {name!r}", f"it has {', '.join(EXCHANGES)}")
    return EXCHANGES[name]


def provable_features(live: LiveTarget, needed: Iterable[Feature]) -> frozenset[Feature]:
    """Those of the needed features that this app has, and that its setup does not lack."""
    app, setup = live.target.app, live.target.setup
    return frozenset(feature for feature in needed if not why_not(app, setup, {feature}))


def prove_contract(live: LiveTarget, needed: Iterable[Feature]) -> dict[str, bytes]:
    """Every exchange and story of the contract that needs nothing else than these features; the bodies as this target
    sends them, to be held to under load, by the exchange's name. Raises TargetError at the first wrong answer."""
    features = provable_features(live, needed)
    exchanges = exchanges_for(features)
    bodies = {exchange.name: _prove_exchange(live, exchange) for exchange in exchanges}
    for exchange in exchanges:
        if exchange.upstream_calls:
            _prove_exchange(live, exchange)  # what was kept of the first answer shows now
    for story in stories_for(features):
        _prove_story(live, story)
    if Feature.WEBSOCKET in features:
        drops_empty = live.target.setup.kind.drops_empty_messages
        _prove_echo(live, Request(path=ECHO_PATH), [message for message in MESSAGES if message or not drops_empty])
    return bodies


def _prove_exchange(live: LiveTarget, exchange: Exchange) -> bytes:
    hits = live.upstream_hits() if exchange.upstream_calls else 0
    reply = _ask_exchange(live, exchange)
    wrong = check(
        exchange,
        reply.status,
        reply.headers.get("content-type"),
        reply.body,
        reply.elapsed_ms,
        headers=reply.headers,
        first_ms=reply.first_ms,
    )
    if wrong is not None:
        raise _wrong(live, wrong)
    if exchange.upstream_calls and (called := live.upstream_hits() - hits) != exchange.upstream_calls:
        raise _wrong(live, f"{exchange.name}: it called the upstream {called} times, not {exchange.upstream_calls}")
    return reply.body


def _prove_story(live: LiveTarget, story: Story) -> None:
    wrong = tell(story, lambda exchange: _ask_exchange(live, exchange), live.books)
    if wrong is not None:
        raise _wrong(live, wrong)


def _ask_exchange(live: LiveTarget, exchange: Exchange) -> Reply:
    return ask_of(live, exchange.target, exchange.method, TIMEOUT_S, exchange.request_headers, exchange.request_body)


def _prove_echo(
    live: LiveTarget, asking: Request, messages: Sequence[str | bytes], timeout_s: float = TIMEOUT_S
) -> float:
    """Have messages echoed, one after the other: the seconds that each took. `asking` is what asks for the upgrade, as
    the load will. Raises TargetError."""
    path, handshake = asking.path, head_bytes(asking, live.port).replace(MARK, new_nonce())
    began = time.perf_counter()
    try:
        answers = echo((HOST, live.port), handshake, messages, timeout_s)
    except (OSError, ValueError) as error:
        raise live.failure(f"broke off its WebSocket at {path} ({error!r})") from error
    took_s = (time.perf_counter() - began) / len(messages)
    for number, (sent, got) in enumerate(zip(messages, answers, strict=True), 1):
        if type(got) is not type(sent) or got != sent:
            raise _wrong(live, f"WebSocket {path}: message {number} came back as {got[:40]!r}, not {sent[:40]!r}")
    return took_s


def _wrong(live: LiveTarget, what: str) -> TargetError:
    return TargetError(f"{live.name} answers wrongly: {what}", f"its output is in {live.process.log}")


def _expectation(part: Part, bodies: Mapping[str, bytes]) -> Expectation:
    """What a part's answers will be held to: the contract's own body where it is the same each time."""
    expect = part.expect
    contains = None if expect.text is None else marked(expect.text).encode()
    if expect.exchange is None or expect.exchange not in bodies:
        return Expectation(expect.status, contains=contains)
    exchange = exchange_named(expect.exchange)
    body = None if exchange.body is None else bodies[exchange.name]
    return Expectation(exchange.status, body=body, contains=contains if body is None else None)


def _ask_all(live: LiveTarget, scenario: Scenario, expectations: Sequence[Expectation]) -> float:
    """Ask each part of a scenario once: the seconds that one takes, the mean by weight; 0 where asking is not for us.

    Raises TargetError when an answer is wrong.
    """
    if scenario.message is not None:
        talk = talk_of(scenario.message)
        return _echo_message(live, scenario, talk.message, text=talk.text)
    asked = [
        (part.weight, _ask_rightly(live, scenario, part, expect))
        for part, expect in zip(scenario.parts, expectations, strict=True)
        if scenario.provable or (scenario.mix and part.request.reads_only)
    ]
    return sum(weight * seconds for weight, seconds in asked) / max(sum(weight for weight, _ in asked), 1)


def _echo_message(live: LiveTarget, scenario: Scenario, message: bytes, *, text: bool) -> float:
    """Each message with a nonce of its own, where the scenario has the placeholder."""
    said = [message.replace(MARK, new_nonce()) for _ in range(MESSAGE_REPEATS)]
    messages = [each.decode() if text else each for each in said]
    return _prove_echo(live, scenario.parts[0].request, messages, _patience_s(scenario))


def _ask_rightly(live: LiveTarget, scenario: Scenario, part: Part, expect: Expectation) -> float:
    request, asked = part.request, once(part.request, live.port, expect)
    reply = ask_of(live, asked.path, request.method, _patience_s(scenario), asked.headers, asked.body)
    wrong = fault(asked.expect, reply.status, reply.body)
    if wrong:
        raise _wrong(live, f"{request.method} {request.path}: {wrong}")
    return reply.elapsed_ms / 1000


def _patience_s(scenario: Scenario) -> float:
    return max(scenario.load.timeout_s, TIMEOUT_S)  # all targets are asked at the same time


def ask_of(
    live: LiveTarget, path: str, method: str, timeout_s: float, headers: Mapping[str, str], body: bytes
) -> Reply:
    """Ask a target once. Raises TargetError where no answer comes in whole."""
    try:
        return live.ask(path, method, timeout_s, headers, body)
    except TimeoutError as error:
        raise live.failure(f"gave no answer to {method} {path} within {timeout_s:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise live.failure(f"broke off at {method} {path} ({error!r})") from error
