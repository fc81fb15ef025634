"""Claims about servers: from what they would give to a verdict, and what the experiments ask for."""

import asyncio
import json
import sys
from itertools import pairwise
from typing import Any

import httpx
import pytest

from sgibench.apps.claims import (
    holding_asgi,
    holding_fastapi,
    holding_starlette,
    item_asgi,
    item_fastapi,
    item_fastapi_model,
    item_starlette,
)
from sgibench.results.claims import ClaimVerdict
from sgibench.runner.claims.sides import Sides
from sgibench.scenarios.claims import (
    asgi_10000,
    blocking,
    framework_cost,
    httptools,
    uvloop,
    wsgi_1000,
    wsgi_one_at_a_time,
)
from sgibench.scenarios.claims.model import Claim, NotHereError, Side

from .under_load import TableLab, TableServed, Target, agreements, put, verdict

MINE = (blocking, wsgi_one_at_a_time, wsgi_1000, asgi_10000, uvloop, httptools, framework_cost)
HOLDS, FAILS = "holds", "fails"


@pytest.mark.parametrize("claim", [module.CLAIM for module in MINE], ids=lambda claim: str(claim.id))
def test_every_figure_that_decides_has_another_range_for_each_reading(claim: Claim) -> None:
    readings = [(reading.measure, reading.claimed.low, reading.claimed.high) for reading in claim.readings]
    assert len(set(readings)) == len(readings) >= 2
    assert claim.why
    assert claim.source.startswith("A, ")


def in_service(path: str, connections: int, pool: int = 40, blocks: int = 1) -> float:
    """How many wait at once, of so many."""
    if path == blocking.AWAIT:
        return connections
    return min(connections, blocks if path == blocking.BLOCK else pool)


@pytest.mark.parametrize("quick", [True, False])
def test_blocking_is_true_of_what_blocks_and_no_async_def_is_exempt(quick: bool) -> None:
    lab = TableLab(lambda _, __, path, count: in_service(path, count) * 1000 / blocking.WAIT_MS, quick=quick)
    measured = put(blocking.CLAIM, lab)
    assert agreements(blocking.CLAIM, measured) == [HOLDS, HOLDS, HOLDS, FAILS]
    assert verdict(blocking.CLAIM, measured) is ClaimVerdict.IN_PART
    ceiling = measured.of("time.sleep in def, at once of 80")
    assert ceiling is not None
    assert ceiling.value == pytest.approx(40, rel=0.05)
    assert [asked.path for asked in lab.asked] == list(blocking.KINDS)


def test_a_pool_of_four_threads_or_a_sleep_that_does_not_block_turns_its_reading() -> None:
    def lab(**how: int) -> TableLab:
        return TableLab(lambda _, __, path, count: in_service(path, count, **how) * 1000 / blocking.WAIT_MS)

    assert agreements(blocking.CLAIM, put(blocking.CLAIM, lab(pool=4))) == [HOLDS, HOLDS, FAILS, FAILS]
    assert agreements(blocking.CLAIM, put(blocking.CLAIM, lab(blocks=10))) == [FAILS, HOLDS, HOLDS, HOLDS]


def test_what_nobody_could_measure_is_not_judged() -> None:
    for module in (blocking, wsgi_one_at_a_time):
        measured = put(module.CLAIM, TableLab())
        assert measured.figures == ()
        assert verdict(module.CLAIM, measured) is ClaimVerdict.NOT_MEASURABLE


def workers_of(target: Target, single: bool) -> float:
    """Requests per second of such a setup, of which each holds 16 at most; or, sabotaged, one whatever it is."""
    table = {
        wsgi_one_at_a_time.ONE: 1,
        wsgi_one_at_a_time.TWO: 2,
        wsgi_one_at_a_time.FOUR: 4,
        wsgi_one_at_a_time.THREADS: 1 if single else 8,
        wsgi_one_at_a_time.GREENLETS: 1 if single else 16,
    }
    return table[target] * 1000 / wsgi_one_at_a_time.WAIT_MS


@pytest.mark.parametrize("quick", [True, False])
def test_one_at_a_time_is_true_of_sync_workers_alone(quick: bool) -> None:
    claim = wsgi_one_at_a_time.CLAIM
    seen = put(wsgi_one_at_a_time.CLAIM, TableLab(lambda target, *_: workers_of(target, single=False), quick=quick))
    assert agreements(claim, seen) == [HOLDS, HOLDS, FAILS, FAILS]
    seen = put(wsgi_one_at_a_time.CLAIM, TableLab(lambda target, *_: workers_of(target, single=True), quick=quick))
    assert verdict(claim, seen) is ClaimVerdict.REPRODUCED


def gunicorn(worker_mib: float, thread_kib: float, monkeypatch: pytest.MonkeyPatch) -> TableLab:
    """A gunicorn whose workers come when they are asked for, in the table only."""
    sizes = {setup: iter([worker_mib * count + 20 for count in (1, 2, 3, 5)]) for setup in ("forked", "preloaded")}
    monkeypatch.setattr(wsgi_1000, "more_workers", lambda served, count: None)

    def served(app: str, setup: str) -> TableServed:
        if app != wsgi_1000.APP:
            return TableServed(lambda held: 40 + held * thread_kib / 1024)
        each = sizes["preloaded" if "preload" in setup else "forked"]
        return TableServed(lambda _: next(each))

    return TableLab(served=served)


def test_a_thousand_processes_are_extrapolated_and_a_thousand_threads_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = put(wsgi_1000.CLAIM, gunicorn(20, 32, monkeypatch))
    whole = measured.of("1,000 sync workers, PSS")
    assert whole is not None
    assert whole.value == pytest.approx(20_020)
    assert any("extrapolat" in note for note in measured.notes)
    assert agreements(wsgi_1000.CLAIM, measured) == [HOLDS, FAILS]


def test_workers_as_small_as_threads_do_not_explode(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = put(wsgi_1000.CLAIM, gunicorn(0.04, 32, monkeypatch))
    assert verdict(wsgi_1000.CLAIM, measured) is ClaimVerdict.REFUTED


def test_too_little_memory_for_workers_is_said() -> None:
    with pytest.raises(NotHereError, match="too few workers"):
        put(wsgi_1000.CLAIM, TableLab(memory_mib=100))


def asgi_lab(request_kb: float, task_kb: float = 1.0, **how: int | bool) -> TableLab:
    counts = bool(how.pop("counts", True))
    return TableLab(
        sides=lambda side: {"added_mb": task_kb * side.arguments["count"] / 1000},
        served=lambda app, setup: TableServed(lambda held: 50 + held * request_kb / asgi_10000.KB, counts=counts),
        **how,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("quick", [True, False])
def test_ten_thousand_requests_take_what_each_takes(quick: bool) -> None:
    measured = put(asgi_10000.CLAIM, asgi_lab(20, quick=quick))
    assert agreements(asgi_10000.CLAIM, measured) == [HOLDS, FAILS, FAILS, FAILS]
    whole, each = measured.of("10,000 requests, FastAPI"), measured.of("each further request, FastAPI")
    assert whole is not None
    assert each is not None
    assert whole.value == pytest.approx(200)
    assert each.value == pytest.approx(20)
    assert any("extrapolat" in note for note in measured.notes) is quick
    as_claimed = put(asgi_10000.CLAIM, asgi_lab(4, 4, quick=quick))
    assert verdict(asgi_10000.CLAIM, as_claimed) is ClaimVerdict.REPRODUCED


def test_a_server_that_does_not_hold_them_itself_turns_the_verdict() -> None:
    measured = put(asgi_10000.CLAIM, asgi_lab(4, 4, counts=False))
    assert agreements(asgi_10000.CLAIM, measured) == [FAILS, HOLDS, HOLDS, HOLDS]


def test_fewer_are_held_on_a_small_machine_and_where_a_limit_stops_it() -> None:
    small = put(asgi_10000.CLAIM, asgi_lab(20, quick=False, memory_mib=300))
    assert "5,000 requests at most, for want of memory." in small.notes
    stopped = put(asgi_10000.CLAIM, asgi_lab(20, quick=False, most=4000))
    assert "4000 requests were held." in stopped.notes
    assert any("Up to 4,000 requests" in note for note in stopped.notes)
    assert verdict(asgi_10000.CLAIM, stopped) is ClaimVerdict.IN_PART
    with pytest.raises(NotHereError, match="no more than 100 requests"):
        put(asgi_10000.CLAIM, asgi_lab(20, most=100))
    with pytest.raises(NotHereError, match="no more than 800 requests"):
        put(asgi_10000.CLAIM, asgi_lab(20, most=800))
    with pytest.raises(NotHereError, match="too few requests"):
        put(asgi_10000.CLAIM, asgi_lab(20, memory_mib=10))


def loops(gain: float, of_request: float) -> TableLab:
    """A loop that is so many times as fast, and makes up such a part of a request on asyncio."""

    def cost(target: Target, *_: object) -> float:
        on_asyncio = target[1] == uvloop.ASYNCIO
        return 100 * (1 - of_request + (of_request if on_asyncio else of_request / gain))

    return TableLab(cost, lambda side: {"cpu_us": 30 / (gain if side.arguments["loop"] == "uvloop" else 1)})


def test_the_gain_of_a_loop_shrinks_with_what_it_is_a_part_of() -> None:
    claim = uvloop.CLAIM
    assert agreements(claim, put(uvloop.CLAIM, loops(3, of_request=1))) == [HOLDS, HOLDS, HOLDS]
    assert agreements(claim, put(uvloop.CLAIM, loops(3, of_request=0.2))) == [HOLDS, FAILS, FAILS]
    assert verdict(claim, put(uvloop.CLAIM, loops(1, of_request=1))) is ClaimVerdict.REFUTED


def test_the_chart_of_loops_has_a_row_for_each_gain() -> None:
    chart = put(uvloop.CLAIM, loops(3, of_request=0.2)).chart
    assert chart is not None
    gains = [series.points[0][1] for series in chart.series]
    assert all(above >= below for above, below in pairwise(gains))


def servers(rates: dict[str, float], parser_gain: float = 15, **how: frozenset[str]) -> TableLab:
    given = dict.fromkeys((*httptools.CORNERS, *httptools.OTHERS), 1000.0) | rates
    parsing = {"httptools": 3.0, "h11": 3.0 * parser_gain}
    return TableLab(lambda target, *_: given[target[1]], lambda side: {"us": parsing[side.name]}, **how)  # type: ignore[arg-type]


def test_the_fastest_servers_follow_from_their_rates() -> None:
    claim = httptools.CLAIM
    first = put(httptools.CLAIM, servers({"uvicorn": 3000}))
    assert verdict(claim, first) is ClaimVerdict.REPRODUCED
    third = put(httptools.CLAIM, servers({"uvicorn": 3000, "granian-asgi": 9000, "gunicorn-asgi": 4000}))
    assert agreements(claim, third) == [HOLDS, HOLDS, FAILS, FAILS]
    no_faster = put(httptools.CLAIM, servers({"uvicorn": 1100}, parser_gain=1))
    assert agreements(claim, no_faster) == [FAILS, FAILS, HOLDS, HOLDS]


def test_a_server_that_is_not_installed_is_left_out_and_named() -> None:
    measured = put(httptools.CLAIM, servers({"uvicorn": 3000}, lacks=frozenset({"daphne", "hypercorn"})))
    assert any(note.startswith("Daphne is not among them") for note in measured.notes)
    assert measured.of("Daphne") is None
    with pytest.raises(NotHereError, match="uvicorn"):
        put(httptools.CLAIM, servers({}, lacks=frozenset({"uvicorn"})))


def layers(fastapi_us: float, own: bool = True) -> TableLab:
    costs = {
        framework_cost.BARE: 50.0,
        framework_cost.STARLETTE: 75.0,
        framework_cost.FASTAPI: fastapi_us + 10,
        framework_cost.MODEL: fastapi_us,
    }
    return TableLab(
        lambda target, *_: costs[target], lambda side: {"us": 5.0} if side.name == "pydantic" else {"own": own}
    )


def test_a_framework_that_costs_more_than_its_parts_is_told_from_one_that_does_not() -> None:
    claim = framework_cost.CLAIM
    assert verdict(claim, put(framework_cost.CLAIM, layers(81))) is ClaimVerdict.REPRODUCED
    dear = put(framework_cost.CLAIM, layers(170))
    assert agreements(claim, dear) == [HOLDS, FAILS]
    beyond = dear.of("FastAPI, response model beyond FastAPI, no response model")
    assert beyond is not None
    assert beyond.value == pytest.approx(-10, rel=0.05)
    assert agreements(claim, put(framework_cost.CLAIM, layers(81, own=False))) == [FAILS, HOLDS]


def test_the_parsers_really_parse_and_one_in_the_others_place_turns_the_reading() -> None:
    sides = Sides(sys.executable, ())
    fast, slow = (
        sides.carry_out(Side(run.__name__, run, {"count": 500}), 2000)["us"]
        for run in (httptools.by_httptools, httptools.by_h11)
    )
    assert 0 < fast < slow
    swapped = servers({"uvicorn": 3000})
    swapped.sides = lambda side: {"us": slow}
    assert agreements(httptools.CLAIM, put(httptools.CLAIM, swapped))[0] == FAILS


def test_both_loops_really_echo() -> None:
    sides = Sides(sys.executable, ())
    for loop in uvloop.LOOPS:
        for how in uvloop.ECHOES:
            gave = sides.carry_out(Side("echo", uvloop.echo, {"loop": loop, "how": how, "seconds": 0.1}), 2000)
            assert gave["count"] > 0
            assert gave["cpu_us"] > 0


def test_what_coroutines_and_layers_cost_is_measured_in_real_interpreters() -> None:
    sides = Sides(sys.executable, ())
    parked = sides.carry_out(Side("coroutines", asgi_10000.coroutines, {"count": 5000}), 2000)["added_mb"]
    assert 1 < parked < 100
    assert sides.carry_out(Side("pydantic", framework_cost.pydantic_alone, {"count": 50}), 2000)["us"] > 0
    assert sides.carry_out(Side("classes", framework_cost.is_starlette), 2000)["own"] is True


async def asked(app: Any, *paths: str) -> list[str]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
        return [(await client.get(path)).text for path in paths]


def test_the_layers_answer_the_same_route_alike() -> None:
    apps = [item_asgi.app, item_starlette.app, item_fastapi.app, item_fastapi_model.app]
    found = [json.loads(asyncio.run(asked(app, framework_cost.PATH))[0]) for app in apps]
    assert found == [framework_cost.ITEM] * 4
    assert framework_cost.TEXT in asyncio.run(asked(item_asgi.app, framework_cost.PATH))[0]


@pytest.mark.parametrize(
    "module", [holding_asgi, holding_starlette, holding_fastapi], ids=lambda each: str(each.__name__)
)
def test_what_holds_requests_counts_them_until_the_release(module: Any) -> None:
    async def hold_three() -> list[str]:
        waiting = [asyncio.create_task(asked(module.app, "/hold")) for _ in range(3)]
        await asyncio.sleep(0)
        for _ in range(1000):
            if (await asked(module.app, "/held")) == ["3"]:
                break
            await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
        await asked(module.app, "/release")
        await asyncio.gather(*waiting)
        return await asked(module.app, "/held")

    assert asyncio.run(asyncio.wait_for(hold_three(), 20)) == ["0"]
