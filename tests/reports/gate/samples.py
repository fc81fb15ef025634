"""Runs of the gate as they would come: each verdict, judged by the gate itself, and each way to be odd."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from sgibench.results.gate.judge import judge
from sgibench.results.gate.looks import plan_looks
from sgibench.results.gate.records import (
    WHOLE,
    EpochNoise,
    FailureKind,
    GateEpoch,
    GateFailure,
    GateRun,
    Key,
    Order,
    Pair,
    Source,
)
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.results.gate.verdicts import GateResult
from sgibench.results.ledger import Ledger
from sgibench.results.problems import Problem, ProblemCode, Severity

from ..samples import INJECTION

Case = tuple[GateRun, GateResult]
CHINESE = "商品列表，一百件商品"
BASES: Mapping[GateMetric, float] = {
    GateMetric.THROUGHPUT: 2_390.0,
    GateMetric.CPU: 401.0,
    GateMetric.THROUGHPUT_TOTAL: 2_310.0,
    GateMetric.CPU_TOTAL: 420.0,
    GateMetric.P50: 0.61,
    GateMetric.P90: 0.92,
    GateMetric.P99: 2.4,
    GateMetric.MEMORY_IDLE: 57.0,
    GateMetric.MEMORY_PEAK: 61.0,
    GateMetric.LEAK: 1.5,
}
PYTHON, VERSIONS = "/opt/shop/bin/python", {"python": "CPython 3.11.7", "fastapi": "0.135.1"}
NOISE: Mapping[GateMetric, float] = {GateMetric.P90: 0.02, GateMetric.P99: 0.06, GateMetric.MEMORY_PEAK: 0.002}


def epoch(number: int, scenarios: tuple[str, ...], slower: float, seed: int = 0, noise: float = 0.005) -> GateEpoch:
    """An epoch whose head takes so much longer, as a factor, with noise; memory stays."""
    draw = random.Random(1000 * seed + number)
    values: dict[Key, Pair] = {}
    for metric, base in BASES.items():
        for scenario in (WHOLE,) if metric.of_launch else scenarios:
            level = base * draw.lognormvariate(0, 0.01)
            factor = 1.0 if metric.of_launch and metric is not GateMetric.CPU_TOTAL else slower
            off = draw.lognormvariate(0, NOISE.get(metric, noise))
            head = level / factor * off if metric.higher_is_better else level * factor * off
            if metric is GateMetric.LEAK:
                head = level + draw.gauss(0, 3)
            error = noise * (0.8 + 0.1 * (number % 5)) if metric in (GateMetric.THROUGHPUT, GateMetric.CPU) else None
            values[scenario, metric] = Pair(level, head, error)
    right = Ledger(scheduled=9_120, sent=9_120, ok=9_120)
    return GateEpoch(
        number=number,
        order=Order.BASE_FIRST if number % 2 else Order.HEAD_FIRST,
        hash_seed=draw.randrange(2**32),
        started_s=6.5 * (number - 1),
        elapsed_s=6.4,
        values=values,
        ledgers={(scenario, side): right for scenario in scenarios for side in ("base", "head")},
        noise=EpochNoise(0.03 + 0.01 * draw.random(), 0.0, 0.012),
    )


def run_of(count: int = 13, slower: float = 1.0, scenarios: tuple[str, ...] = ("json",), **changes: Any) -> GateRun:
    """A run of so many epochs whose head is slower by that factor."""
    settings = GateSettings(budget_s=90)
    run = GateRun(
        run_id="20261122-062032-gate",
        started_at="2026-11-22T06:20:32+00:00",
        elapsed_s=6.5 * count + 3,
        status="complete",
        command=("bench", "gate", "--base", "origin/main", "--app", "shop:app"),
        seed=20261122,
        app="shop:app",
        setup="uvicorn",
        scenarios=scenarios,
        settings=settings.looking(plan_looks(13, settings, len(scenarios))),
        base=Source("base", "origin/main", "/tmp/x/base", "a1b2c3d4e5f6", False, PYTHON, VERSIONS),
        head=Source("head", ".", "/tmp/x/head", "d4e5f6a1b2c3", True, PYTHON, VERSIONS),
        environment={"cpu": {"model": "AMD EPYC 7763", "cores": 2}, "packages": {"uvicorn": "0.34.0"}},
        epochs=tuple(epoch(number, scenarios, slower) for number in range(1, count + 1)),
    )
    return replace(run, **changes)


def judged(run: GateRun) -> Case:
    return run, judge(run, final=True)


def passed() -> Case:
    return judged(run_of())


def regressed() -> Case:
    return judged(run_of(slower=1.075))


def several() -> Case:
    """Three scenarios, one of them with a Chinese name; a noisy epoch, another interpreter, a warning."""
    run = run_of(14, 1.03, ("json", "wait-50ms", CHINESE))
    loud = replace(run.epochs[4], noise=EpochNoise(1.4, 0.2, 0.6))
    epochs = (*run.epochs[:4], loud, *run.epochs[5:])
    note = Problem(ProblemCode.SHARED_CORE, "server and load share one core", severity=Severity.WARNING)
    other = replace(run.head, versions={"python": "CPython 3.13.1", "fastapi": "0.136.0", "orjson": "3.10"})
    return judged(replace(run, epochs=epochs, problems=(note,), head=other))


def inconclusive() -> Case:
    """A noisy machine, whose epochs lie far apart."""
    run = run_of(13)
    return judged(replace(run, epochs=tuple(epoch(number, ("json",), 1.004, 3, 0.03) for number in range(1, 14))))


def not_started() -> Case:
    """The head never came up."""
    why = "it ended with code 1 before it listened: ModuleNotFoundError: No module named 'orjson' (see logs/head-1.log)"
    return judged(run_of(0, failures=(GateFailure("head", FailureKind.NOT_STARTED, why),)))


def errors() -> Case:
    """The head answers one request in fifty wrongly."""
    run = run_of(5)
    wrong = Ledger(scheduled=9_120, sent=9_120, ok=8_938, errors={"status": 182})
    epochs = tuple(replace(each, ledgers={**each.ledgers, ("json", "head"): wrong}) for each in run.epochs)
    return judged(replace(run, epochs=epochs))


def late() -> Case:
    """The load side was late, so that most epochs have no response times."""
    run = run_of(13)
    times = (GateMetric.P50, GateMetric.P90, GateMetric.P99)
    why = "requests left up to 8.3 ms (p99) after their planned instant, of 9.1 ms in all"
    slow = Problem(ProblemCode.GENERATOR_LIMITED, why, "base", "json")
    epochs = tuple(
        replace(
            each, late=("json",), problems=(slow,),
            values={key: pair for key, pair in each.values.items() if key[1] not in times},
        )
        if each.number % 3 else each
        for each in run.epochs
    )  # fmt: skip
    return judged(replace(run, epochs=epochs))


def leak() -> Case:
    """Each request leaves a kilobyte behind."""
    run = run_of(13)
    key = (WHOLE, GateMetric.LEAK)
    epochs = tuple(replace(each, values={**each.values, key: Pair(1.5, 1025.0 + each.number)}) for each in run.epochs)
    return judged(replace(run, epochs=epochs))


def one_epoch() -> Case:
    return judged(run_of(1, status="interrupted"))


def nothing() -> Case:
    """Interrupted before the first epoch was over; hardly anything is known."""
    source = Source("base", "", "")
    bare = replace(run_of(0), base=source, head=replace(source, side="head"), environment={}, command=(), scenarios=())
    return judged(replace(bare, status="interrupted", started_at=""))


def wild() -> Case:
    """One epoch is far away from all others, and nothing differs in memory."""
    run = run_of(13, 1.001)
    key = ("json", GateMetric.CPU)
    far = replace(run.epochs[6], values={**run.epochs[6].values, key: Pair(400.0, 4_000.0)})
    return judged(replace(run, epochs=(*run.epochs[:6], far, *run.epochs[7:])))


def injection() -> Case:
    """Every text from outside is an attack."""
    run = run_of(13, 1.05, (INJECTION,))
    hurt = Problem(ProblemCode.NOISY_MACHINE, f"{INJECTION} @everyone", INJECTION, INJECTION, Severity.WARNING)
    sides = (
        replace(each, what=f"{INJECTION}--> @user\n::error::x", commit=INJECTION, versions={INJECTION: INJECTION})
        for each in (run.base, run.head)
    )
    base, head = sides
    return judged(
        replace(
            run, app=f"{INJECTION}\x1b[31m\x00", setup=INJECTION, run_id=INJECTION, base=base,
            head=replace(head, python=INJECTION),
            problems=(hurt,), command=("bench", INJECTION), environment={INJECTION: INJECTION}, status=INJECTION,
            started_at=INJECTION,
        )
    )  # fmt: skip


def long_names() -> Case:
    """Names without a place to break, Chinese ones, and a hundred epochs."""
    endless, chinese = "unbreakable" * 30, CHINESE * 12
    run = run_of(100, 1.01, (endless, chinese))
    return judged(replace(run, app=endless, base=replace(run.base, what=endless), head=replace(run.head, what=chinese)))


def many() -> Case:
    """Thirty scenarios that all got worse."""
    return judged(run_of(14, 1.2, tuple(f"scenario-{number}" for number in range(30))))


RUNS: Mapping[str, Callable[[], Case]] = {
    made.__name__: made
    for made in (
        passed, regressed, several, inconclusive, not_started, errors, late, leak, one_epoch, nothing, wild, injection,
        long_names, many,
    )
}  # fmt: skip


@cache
def sample(name: str) -> Case:
    """The run of that name with its verdict."""
    return RUNS[name]()
