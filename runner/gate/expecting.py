"""What is right: what the base answers. The head is held to it, in the proof and under load.

Status, and the body where the base always gives the same one: asked three times, and in launches with other hash seeds.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...results.errors import TargetError
from ...results.gate.records import BASE
from ...results.records import ScenarioKind
from ...scenarios.model import Part, Scenario
from ..load.checks import fault
from ..load.orders import Expectation
from ..targets.checking import TIMEOUT_S, Conformity, ask_of
from ..targets.cold_start import Start
from ..targets.launch import LiveTarget, Target
from ..targets.launcher import TargetLauncher
from ..targets.requests import once

ASKED = 3
REFUSED = 300


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user said of right answers: the status, where it is not the base's to say; and whether the body counts."""

    status: int | None = None
    body: bool = True


@dataclass(slots=True)
class _Known:
    """What the base answers to one part of a scenario: `body` is None where it varies."""

    status: int
    body: bytes | None
    launches: int = 1


Key = tuple[str, int]


class AsBase:
    """A launcher whose targets have to answer as the base does. Apps of the suite are held to their contract instead.

    Of the launch before, `service_s` is how long a request took alone, by scenario and side, and `waited_s` how long it
    waited until the load side was `ready`.
    """

    def __init__(self, inner: TargetLauncher, wanted: Wanted, ready: Callable[[], None]) -> None:
        """Nothing is known of the base yet. `ready` returns once the load side is: it may start while targets do, but
        nothing is timed beside it."""
        self._inner = inner
        self._ready = ready
        self.waited_s = 0.0
        self._wanted = wanted
        self._known: dict[Key, _Known] = {}
        self.service_s: dict[tuple[str, str], float] = {}
        self._asked_what: dict[Key, str] = {}

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveTarget | TargetError]:
        """Launch all."""
        return self._inner.start(targets, epoch, hash_seed)

    def stop(self) -> None:
        """End all."""
        self._inner.stop()

    def start_alone(
        self, target: Target, epoch: int, hash_seed: int, scenario: Scenario, expect: Expectation
    ) -> Start | TargetError:
        """Start one more, alone."""
        return self._inner.start_alone(target, epoch, hash_seed, scenario, expect)

    def prove(self, targets: Sequence[LiveTarget], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        """For each target, what it proved, or what was wrong: beside the others, what the base answers otherwise.

        Raises LoadStartError where there is no load side.
        """
        began = time.monotonic()
        self._ready()
        self.waited_s = time.monotonic() - began
        base = next((live for live in targets if live.target.app.name == BASE), None)
        refused: TargetError | None = None
        for live in targets:
            if live.ours:
                continue
            try:
                self._look_at(live, scenarios)
            except TargetError as error:
                refused = error if live is base else refused
        known = [self._with_status(scenario) for scenario in scenarios]
        self.service_s = {}
        proofs = self._inner.prove(targets, known)
        for index, live in enumerate(targets):
            if live is base and refused is not None:
                proofs[index] = refused
            elif isinstance(proof := proofs[index], Conformity):
                proofs[index] = self._held(live, proof, known)
                for name, seconds in proof.service_s.items():
                    self.service_s[name, live.target.app.name] = seconds
        return proofs

    @property
    def unheld(self) -> tuple[str, ...]:
        """What is asked for that the base answers with another body each time, so that no body can be held to it."""
        if not self._wanted.body:
            return ()
        return tuple(self._asked_what[key] for key, known in self._known.items() if known.body is None)

    def _look_at(self, live: LiveTarget, scenarios: Sequence[Scenario]) -> None:
        """Ask for the answers: the base's count, the head is asked as often. Raises TargetError where it refuses, or
        cannot make up its mind."""
        for scenario in scenarios:
            for at, part in enumerate(scenario.parts):
                if scenario.kind is ScenarioKind.HTTP and part.request.reads_only:
                    self._learn((scenario.name, at), live, part)

    def _learn(self, key: Key, live: LiveTarget, part: Part) -> None:
        where = f"{part.request.method} {part.request.path}"
        asked = once(part.request, live.port, Expectation())
        replies = [
            ask_of(live, asked.path, part.request.method, TIMEOUT_S, asked.headers, asked.body) for _ in range(ASKED)
        ]
        if live.target.app.name != BASE:
            return
        self._asked_what[key] = where
        statuses = {reply.status for reply in replies}
        if len(statuses) > 1:
            told = " and ".join(map(str, sorted(statuses)))
            raise TargetError(f"the base answers {where} with status {told} in turn", "it must always answer alike")
        status = replies[0].status
        if self._wanted.status is None and status >= REFUSED:
            hint = "name a path that it has, or the one this leads to; or --expect-status, if that is meant"
            raise TargetError(f"the base answers {where} with status {status}", hint)
        bodies = {reply.body for reply in replies}
        body = replies[0].body if len(bodies) == 1 and self._wanted.body and part.expect.text is None else None
        known = self._known.get(key)
        if known is None:
            self._known[key] = _Known(status, body)
        else:
            known.launches += 1
            known.body = body if known.body == body else None

    def _with_status(self, scenario: Scenario) -> Scenario:
        """The scenario, held to the status that the base gives, or the user named."""
        if scenario.mix:
            return scenario
        known = self._known.get((scenario.name, 0))
        status = self._wanted.status or (known.status if known else None)
        if status is None:
            return scenario
        return scenario.model_copy(update={"expect": scenario.expect.model_copy(update={"status": status})})

    def _held(self, live: LiveTarget, proof: Conformity, scenarios: Sequence[Scenario]) -> Conformity | TargetError:
        """The proof, with the bodies that the base gave in two launches; or how this target answers otherwise."""
        held = dict(proof.expectations)
        for scenario in scenarios:
            for at, part in enumerate(scenario.parts):
                known = self._known.get((scenario.name, at))
                if known is None or known.body is None or known.launches < 2:
                    continue
                expect = replace(held[scenario.name][at], body=known.body)
                held[scenario.name] = (*held[scenario.name][:at], expect, *held[scenario.name][at + 1 :])
                if wrong := _otherwise(live, part, expect):
                    live.process.stop()
                    return wrong
        return replace(proof, expectations=held)


def _otherwise(live: LiveTarget, part: Part, expect: Expectation) -> TargetError | None:
    request, asked = part.request, once(part.request, live.port, expect)
    try:
        reply = ask_of(live, asked.path, request.method, TIMEOUT_S, asked.headers, asked.body)
    except TargetError as error:
        return error
    wrong = fault(asked.expect, reply.status, reply.body)
    if not wrong:
        return None
    hint = "if the answer is meant to change, --expect status compares the status alone; --expect-text a part of it"
    message = f"{live.name} answers {request.method} {request.path} otherwise than the base: {wrong}"
    return TargetError(message, hint)
