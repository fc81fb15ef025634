"""A run in two groups, summarised from its trials: what some targets cannot do, cold starts, two interpreters."""

from collections.abc import Iterator
from dataclasses import replace

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import (
    GroupInfo,
    Level,
    Manifest,
    NotPossible,
    Problem,
    ProblemCode,
    Run,
    ScenarioInfo,
    ScenarioKind,
    Trial,
    Turn,
)
from sgibench.results.summarise import summarise
from sgibench.results.summary import Summary

from ..results.builders import manifest, target_info

FLASK, STARLETTE, BARE = "flask@gunicorn-gthread-1x16", "starlette@uvicorn", "bare-asgi@uvicorn"
FLASK_2, STARLETTE_2 = "flask@gunicorn-sync-5", "starlette@uvicorn-2+py3.13"
RATES = {FLASK: 1000.0, STARLETTE: 3000.0, BARE: 6000.0, FLASK_2: 1500.0, STARLETTE_2: 5000.0}
START_S = {FLASK: 0.4, STARLETTE: 0.8, BARE: 0.2, FLASK_2: 0.6, STARLETTE_2: 1.2}
EQUAL = GroupInfo("equal-slots", "At equal slots: 16 requests in service", FLASK, (FLASK, STARLETTE, BARE), 16)
TUNED = GroupInfo("tuned", "Tuned: as each server advises", FLASK_2, (FLASK_2, STARLETTE_2))
NO_WEBSOCKET = "flask speaks WSGI, which has no WebSocket"
C16, C64 = Level(16), Level(64)
JSON = ScenarioInfo("json", "JSON", "GET", "/json", (C16, C64))
ECHO = ScenarioInfo(
    "websocket", "messages echoed", "GET", "/ws", (C16,), kind=ScenarioKind.WEBSOCKET, needs=("websocket",)
)
COLD = ScenarioInfo("cold-start", "a start", "GET", "/json", (Level(1),), kind=ScenarioKind.COLD_START)
NEW = ScenarioInfo("new-connections", "JSON", "GET", "/json", (C16,), note="a new connection for every request")
SLOW = ScenarioInfo("slow-clients", "JSON", "GET", "/json", (C16,), note="beside 50 slow clients", slow_clients=50)
PACED = ScenarioInfo("json-paced", "JSON at a rate", "GET", "/json", (Level(256, 200.0),))
EVERY = (JSON, ECHO, COLD, NEW, SLOW, PACED)


def grouped() -> Summary:
    """Few scenarios."""
    return summary_of((JSON, ECHO, COLD))


def wide() -> Summary:
    """So many scenarios that an overview comes first."""
    return summary_of(EVERY)


def summary_of(scenarios: tuple[ScenarioInfo, ...]) -> Summary:
    trials = [trial for epoch in (1, 2, 3) for scenario in scenarios for trial in _trials(scenario, epoch)]
    return summarise(Run(about(scenarios), tuple(trials)))


def about(scenarios: tuple[ScenarioInfo, ...]) -> Manifest:
    base = manifest(tuple(RATES), scenarios, baseline=FLASK)
    newer = replace(target_info(STARLETTE_2), interpreter="CPython 3.13.1, free-threaded")
    targets = tuple(newer if each.name == STARLETTE_2 else each for each in base.targets)
    cannot = tuple(NotPossible(name, "websocket", NO_WEBSOCKET) for name in (FLASK, FLASK_2))
    return replace(base, targets=targets, groups=(EQUAL, TUNED), not_possible=cannot)


def _trials(scenario: ScenarioInfo, epoch: int) -> Iterator[Trial]:
    for level in scenario.levels:
        for name, rate in RATES.items():
            app = name.partition("@")[0]
            if app == "flask" and "websocket" in scenario.needs:
                continue
            if scenario.kind is ScenarioKind.COLD_START:
                yield _start(name, epoch, START_S[name] * (1 + epoch / 1000))
            elif scenario.slow_clients and app == "flask":
                yield _silent(name, scenario, epoch)
            else:
                yield _pressed(name, scenario, level, epoch, rate * (1 + epoch / 500))


def _pressed(name: str, scenario: ScenarioInfo, level: Level, epoch: int, rate: float) -> Trial:
    per_turn, rate = 200, min(rate, level.rate_rps or rate)
    took_s = per_turn / rate
    turns = tuple(
        Turn(at, 0, float(at), took_s, took_s * (1 + at / 1000), Ledger(200, 200, 0, 200), took_s * 0.9, took_s * 0.2)
        for at in range(6)
    )
    times = Histogram.of_us([int(min(level.concurrency, 16) / rate * 0.9e6)] * 1200)
    late = Histogram.of_us([50] * 1200)
    problems: tuple[Problem, ...] = ()
    if name == BARE and scenario is NEW:
        problems = (Problem(ProblemCode.GENERATOR_LIMITED, "the load side used 93% of its CPU", name, scenario.name),)
    paced = level.rate_rps > 0
    return Trial(
        epoch,
        name,
        scenario.name,
        level,
        turns,
        times,
        times if paced else None,
        late if paced else None,
        problems=problems,
    )


def _start(name: str, epoch: int, took_s: float) -> Trial:
    turn = Turn(0, 0, 0.0, took_s, took_s, Ledger(1, 1, 0, 1), took_s * 0.8, 0.0)
    return Trial(epoch, name, COLD.name, Level(1), (turn,), Histogram.of_us([int(took_s * 1e6)]))


def _silent(name: str, scenario: ScenarioInfo, epoch: int) -> Trial:
    turn = Turn(0, 0, 0.0, 2.0, 2.0, Ledger(16, 16, 0, 0, 0, {"timeout": 16}), 0.01, 0.01)
    return Trial(epoch, name, scenario.name, C16, (turn,), Histogram.of_us([]))
