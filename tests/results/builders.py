"""Made-up turns, trials and runs, as small as a test can use."""

import random
from collections.abc import Iterable, Mapping, Sequence

from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import (
    Level,
    Manifest,
    MemoryMark,
    Problem,
    ProblemCode,
    Run,
    ScenarioInfo,
    Severity,
    TargetInfo,
    Trial,
    Turn,
)

A, B, C = "a@one", "b@one", "c@two"
C32 = Level(32)
JSON = ScenarioInfo("json", "a JSON list", "GET", "/json", (C32,))


def ledger(ok: int, **others: int) -> Ledger:
    """A ledger that balances; other counts by name, any other word is a kind of error."""
    dropped, in_flight = others.pop("dropped", 0), others.pop("in_flight", 0)
    sent = ok + in_flight + sum(others.values())
    return Ledger(sent + dropped, sent, dropped, ok, in_flight, others)


def turn(
    ok: int,
    number: int = 0,
    *,
    elapsed_s: float = 0.05,
    planned_s: float = 0.05,
    cpu_s: float | None = 0.04,
    load_cpu_s: float = 0.01,
    load_wait_s: float = 0.0,
    counts: Ledger | None = None,
) -> Turn:
    """A turn with `ok` right answers in round `number`."""
    return Turn(
        round=number,
        position=0,
        started_s=number * 0.1,
        planned_s=planned_s,
        elapsed_s=elapsed_s,
        ledger=counts or ledger(ok),
        target_cpu_s=cpu_s,
        load_cpu_s=load_cpu_s,
        load_wait_s=load_wait_s,
    )


def trial(
    turns: Iterable[Turn],
    target: str = A,
    epoch: int = 1,
    *,
    scenario: str = "json",
    level: Level = C32,
    service_us: Sequence[int] | Histogram | None = None,
    response_us: Sequence[int] | None = None,
    lag_us: Sequence[int] | None = None,
    memory: Iterable[MemoryMark] = (),
    problems: Iterable[Problem] = (),
    context_switches: int | None = None,
    first_error: str = "",
) -> Trial:
    """A trial of those turns. Latencies that are not given are what Little's law makes of full connections."""
    those = tuple(turns)
    count = sum(each.ledger.ok for each in those)
    if service_us is None and count:
        mean_us = level.concurrency * sum(each.elapsed_s for each in those) / count * 1e6
        service_us = [int(mean_us * 0.9)] * count
    return Trial(
        epoch=epoch,
        target=target,
        scenario=scenario,
        level=level,
        turns=those,
        service_time=service_us if isinstance(service_us, Histogram) else Histogram.of_us(service_us or []),
        response_time=None if response_us is None else Histogram.of_us(response_us),
        schedule_lag=None if lag_us is None else Histogram.of_us(lag_us),
        memory=tuple(memory),
        context_switches=context_switches,
        problems=tuple(problems),
        first_error=first_error,
    )


def steady_trial(rate: float, target: str = A, epoch: int = 1, *, rounds: int = 5, level: Level = C32) -> Trial:
    """A trial that answers `rate` requests/s in every turn."""
    return trial([turn(round(rate * 0.05), number) for number in range(rounds)], target, epoch, level=level)


def drifting_trials(
    rates: Mapping[str, float], epoch: int, *, rounds: int = 40, seed: int = 0, spread: float = 0.01
) -> list[Trial]:
    """One epoch on a machine whose speed changes by up to 2x from round to round, the same for all targets of a round.

    Elapsed times differ from turn to turn, so that rates are not bound to whole requests.
    """
    draw = random.Random(f"{seed}-{epoch}")
    speeds = [draw.uniform(0.7, 1.4) for _ in range(rounds)]
    turns: dict[str, list[Turn]] = {target: [] for target in rates}
    for number, speed in enumerate(speeds):
        for target, rate in rates.items():
            count = 200
            elapsed_s = count / (rate * speed * draw.lognormvariate(0, spread))
            turns[target].append(turn(count, number, elapsed_s=elapsed_s, cpu_s=elapsed_s, load_cpu_s=elapsed_s / 10))
    return [trial(those, target, epoch) for target, those in turns.items()]


def problem(severity: Severity = Severity.INVALID, **fields: str) -> Problem:
    """A problem of no particular kind."""
    return Problem(ProblemCode(fields.get("code", "noisy-machine")), fields.get("message", "noise"), severity=severity)


def peak(memory_mib: float, label: str = "peak", kind: str = "pss") -> MemoryMark:
    """A reading of memory."""
    return MemoryMark(label, 1.0, memory_mib, None, 1, kind)


def target_info(name: str = A, slots: int | None = None) -> TargetInfo:
    """A target of that name."""
    app, _, setup = name.partition("@")
    return TargetInfo(
        name=name,
        app=app,
        setup=setup,
        interface="asgi",
        server="uvicorn",
        version="1.0",
        workers=1,
        slots=slots,
        command=("python", "-m", "uvicorn", app),
        python="3.11.1",
        ours=True,
    )


def manifest(
    targets: Sequence[str] = (A, B),
    scenarios: Sequence[ScenarioInfo] = (JSON,),
    *,
    baseline: str = A,
    run_id: str = "run-1",
    status: str = "complete",
    environment: Mapping[str, object] | None = None,
    problems: Iterable[Problem] = (),
) -> Manifest:
    """A run's manifest."""
    return Manifest(
        run_id=run_id,
        suite="smoke",
        title="a smoke test",
        status=status,
        started_at="2026-01-01T00:00:00+00:00",
        elapsed_s=12.5,
        command=("bench", "run", "smoke"),
        seed=7,
        epochs=3,
        server_cores=(0,),
        load_cores=(1,),
        baseline=baseline,
        targets=tuple(target_info(name) for name in targets),
        scenarios=tuple(scenarios),
        environment=environment or {"cpu": {"model": "made up", "cores": 2}},
        problems=tuple(problems),
    )


def run(trials: Iterable[Trial], about: Manifest | None = None) -> Run:
    """A run of those trials; its manifest knows A and B unless another is given."""
    return Run(about or manifest(), tuple(trials))
