"""The summaries that every renderer must cope with, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

from sgibench.results.estimate import from_epochs
from sgibench.results.ledger import Ledger
from sgibench.results.records import Level, Problem, ProblemCode, Severity
from sgibench.results.summary import Memory, Result, Summary

from .grouped import grouped, wide
from .samples import INJECTION, JSON, OPEN, SHAPES, WAIT, invalid, manifest_of, problem, summary_of, without

FEW = SHAPES[:3]
TOP = "bare-asgi@uvicorn"


def whole_run() -> Summary:
    return summary_of()


def nothing_measured() -> Summary:
    found = Problem(ProblemCode.NOT_STARTED, "no target answered within 30 s")
    return Summary(manifest_of(SHAPES, (JSON, WAIT)), False, (found,), (), (), (), ())


def nothing_planned() -> Summary:
    manifest = replace(manifest_of(SHAPES[:1], ()), targets=(), environment={}, command=(), baseline="")
    return Summary(manifest, False, (), (), (), (), ())


def one_epoch() -> Summary:
    return summary_of(epochs=1)


def all_invalid() -> Summary:
    return without(summary_of(FEW), invalid)


def interrupted() -> Summary:
    cut = without(
        summary_of(status="interrupted", epochs=2), lambda result: result if result.scenario == "json" else None
    )
    note = Problem(ProblemCode.INTERRUPTED, "interrupted after 2 of 5 epochs", severity=Severity.WARNING)
    return replace(cut, problems=(note,))


def at_least() -> Summary:
    def limit(result: Result) -> Result:
        if result.target == TOP and result.scenario == "json":
            found = problem(ProblemCode.GENERATOR_LIMITED, "the load process used 97% of its core", result)
            return replace(result, valid=False, at_least=True, problems=(found,))
        if result.target == "starlette@uvicorn" and result.scenario == "json":
            return invalid(result)
        return result

    return without(summary_of(), limit)


def some_launches_invalid() -> Summary:
    base = summary_of(FEW, epochs=4)
    found = problem(ProblemCode.SERVER_DIED, "worker 1 died in epoch 2", base.results[1])
    changed = replace(base.results[1], valid=False, problems=(found,), launches=5)
    results = (base.results[0], changed, *base.results[2:])
    return replace(base, results=results, valid=False, problems=(found,))


def injection() -> Summary:
    nasty = replace(SHAPES[3], app=INJECTION, ours=False)
    stranger = replace(SHAPES[4], app="my\x1b[31mapp\u202e", setup="漢字-🦄-{{ 7 * 7 }}|[bold]*x*", ours=False)
    scenario = replace(JSON, name=f"json{INJECTION}", title=INJECTION, path="/<x>")
    base = summary_of((SHAPES[0], nasty, stranger), (scenario,))
    environment = {INJECTION: INJECTION, "list": [INJECTION, 1, None, True], "deep": {"a": {"b": {"<c>": INJECTION}}}}
    manifest = replace(
        base.manifest, title=INJECTION, suite=INJECTION, environment=environment, command=("bench", "run", INJECTION)
    )
    found = Problem(ProblemCode.NOISY_MACHINE, INJECTION, nasty.name, scenario.name, Severity.WARNING)
    return replace(base, manifest=manifest, problems=(found,))


def long_names() -> Summary:
    shapes = [replace(shape, setup=f"{shape.setup}-{'with-a-very-long-tail-' * 6}end") for shape in SHAPES]
    return summary_of([*shapes[:5], replace(shapes[5], app="package.module.of.mine:create_app()", ours=False)])


def no_memory() -> Summary:
    base = summary_of(FEW)
    results = tuple(
        replace(result, memory_mib=Memory(None, None, "none"), cpu_us_per_request=None, spectrum=())
        for result in base.results
    )
    return replace(base, results=results, memory_slopes=())


def one_target() -> Summary:
    return summary_of(SHAPES[6:7])


def open_loop() -> Summary:
    return summary_of(FEW, (OPEN,))


def overloaded() -> Summary:
    """The last of three targets answers 1,200 of 1,500 requests/s and drops the rest."""

    def flood(result: Result) -> Result:
        if result.target != FEW[1].name or result.level.rate_rps < 1500:
            return result
        found = problem(
            ProblemCode.OVERLOADED, "20.0% of 9,000 planned requests could not be sent", result, Severity.WARNING
        )
        rates = tuple((epoch, rate * 0.8) for epoch, rate in result.epoch_throughput_rps)
        return replace(
            result,
            problems=(found,),
            throughput_rps=from_epochs([rate for _, rate in rates]),
            epoch_throughput_rps=rates,
            ledger=Ledger(scheduled=9000, sent=7200, dropped=1800, ok=7200),
        )

    base = open_loop()
    results = tuple(flood(result) for result in base.results)
    # What could not be sent has no response time, so that it is in no comparison.
    comparisons = tuple(each for each in base.comparisons if (each.target, each.level.rate_rps) != (FEW[1].name, 1500))
    problems = tuple(each for result in results for each in result.problems)
    return replace(base, results=results, comparisons=comparisons, problems=problems)


def short_turns() -> Summary:
    """Whoever has three slots makes the others wait for longer than half a turn."""

    def cut(result: Result) -> Result:
        if result.target == FEW[0].name and result.scenario != "json":
            return replace(result, service_time_ms={}, spectrum=())
        if result.target == FEW[1].name and result.scenario != "json":
            kept = {name: time for name, time in result.service_time_ms.items() if name == "p50"}
            return replace(result, service_time_ms=kept, spectrum=result.spectrum[:6])
        return result

    base = whole_run()
    return replace(base, results=tuple(cut(result) for result in base.results))


def ties() -> Summary:
    twins = [replace(SHAPES[5], app=name) for name in ("alpha", "beta", "gamma")]
    return summary_of([*twins, SHAPES[0]], (JSON, WAIT), spread=0.02)


def the_same() -> Summary:
    twins = [replace(SHAPES[5], app=name) for name in ("alpha", "beta")]
    return summary_of(twins, (JSON,), spread=0.0005)


def many() -> Summary:
    scenarios = [replace(JSON, name=f"json-{number}", levels=(Level(1), Level(8), Level(32))) for number in range(3)]
    shapes = [*SHAPES, *(replace(shape, app=f"my-{shape.app}", ours=False) for shape in SHAPES)]
    return summary_of(shapes[:14], (*scenarios, WAIT), epochs=7)


CASES: Mapping[str, Callable[[], Summary]] = {
    case.__name__: case
    for case in (
        whole_run,
        nothing_measured,
        nothing_planned,
        one_epoch,
        all_invalid,
        interrupted,
        at_least,
        some_launches_invalid,
        injection,
        long_names,
        no_memory,
        one_target,
        open_loop,
        overloaded,
        short_turns,
        ties,
        the_same,
        many,
        grouped,
        wide,
    )
}


@cache
def case(name: str) -> Summary:
    """The summary of that name, built once."""
    return CASES[name]()
