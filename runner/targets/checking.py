"""Before anything is measured, a target proves that it gives the right answers."""

import http.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ...apps.contract import CONTRACT, Exchange, check
from ...results.errors import TargetError, UsageError
from ...scenarios.model import Scenario
from ..load.nonce import marked
from ..load.orders import Expectation
from .launch import Answer, LiveTarget

REPEATS = 5
EXCHANGES = {exchange.name: exchange for exchange in CONTRACT}


@dataclass(frozen=True, slots=True)
class Conformity:
    """What a proven target will be held to under load, and how long one request alone takes, by scenario."""

    expectations: Mapping[str, Expectation]
    service_s: Mapping[str, float]


def prove(live: LiveTarget, scenarios: Sequence[Scenario]) -> Conformity:
    """Ask a target for everything it owes, and each scenario's request once.

    Ours owe the whole contract; a user's app owes what each scenario expects. Raises TargetError at the first wrong
    answer.
    """
    bodies = _prove_contract(live) if live.target.app.ours else {}
    expectations: dict[str, Expectation] = {}
    for scenario in scenarios:
        expect = scenario.expect
        if live.target.app.ours and expect.exchange is not None:
            exchange = exchange_named(expect.exchange)
            expectations[scenario.name] = Expectation(exchange.status, body=bodies[exchange.name])
        else:
            contains = None if expect.text is None else marked(expect.text).encode()
            expectations[scenario.name] = Expectation(expect.status, contains=contains)
        _ask_rightly(live, scenario, expectations[scenario.name])
    return Conformity(expectations, {})


def timed(live: LiveTarget, proof: Conformity, scenarios: Sequence[Scenario]) -> Conformity:
    """What was proven, with the time that one request of each scenario takes alone (the best of a few).

    To be asked for while nothing else happens: a turn's length follows from it. A known wait says enough by itself.
    Raises TargetError at a wrong answer.
    """
    service_s = {
        scenario.name: min(_ask_rightly(live, scenario, proof.expectations[scenario.name]) for _ in range(REPEATS))
        for scenario in scenarios
        if not scenario.floor_ms
    }
    return replace(proof, service_s=service_s)


def exchange_named(name: str) -> Exchange:
    """An exchange of the contract. Raises UsageError when there is none of that name."""
    if name not in EXCHANGES:
        raise UsageError(f"the contract has no exchange {name!r}", f"it has {', '.join(EXCHANGES)}")
    return EXCHANGES[name]


def _prove_contract(live: LiveTarget) -> dict[str, bytes]:
    """Every exchange of the contract; the bodies as this target sends them, to be held to under load."""
    bodies = {}
    for exchange in CONTRACT:
        answer = _ask(live, exchange.target, exchange.method)
        wrong = check(exchange, answer.status, answer.content_type, answer.body, answer.elapsed_ms)
        if wrong is not None:
            raise TargetError(f"{live.name} answers wrongly: {wrong}", f"its output is in {live.process.log}")
        bodies[exchange.name] = answer.body
    return bodies


def _ask_rightly(live: LiveTarget, scenario: Scenario, expect: Expectation) -> float:
    """Ask a scenario's request once: the seconds it took. Raises TargetError when the answer is wrong."""
    request = scenario.request
    if not scenario.provable:
        return 0.0
    answer = _ask(live, request.path, request.method, scenario.load.timeout_s, request.headers)
    wrong = _differs(answer, expect)
    if wrong:
        raise TargetError(
            f"{live.name} answers wrongly: {request.method} {request.path}: {wrong}",
            f"its output is in {live.process.log}",
        )
    return answer.elapsed_ms / 1000


def _differs(answer: Answer, expect: Expectation) -> str:
    if answer.status != expect.status:
        excerpt = answer.body[:120].decode(errors="replace").strip()
        return f"expected status {expect.status}, got {answer.status}" + (f": {excerpt}" if excerpt else "")
    if expect.body is not None and answer.body != expect.body:
        return "the body is not the same each time"
    if expect.contains is not None and expect.contains not in answer.body:
        return f"the body lacks {expect.contains.decode(errors='replace')!r}"
    return ""


def _ask(
    live: LiveTarget, path: str, method: str, timeout_s: float = 10.0, headers: Mapping[str, str] | None = None
) -> Answer:
    try:
        return live.ask(path, method, timeout_s, headers)
    except TimeoutError as error:
        raise live.failure(f"gave no answer to {method} {path} within {timeout_s:g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise live.failure(f"broke off at {method} {path} ({error!r})") from error
