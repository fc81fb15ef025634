"""Claims about what frameworks and servers do: real servers, and apps that do otherwise."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from sgibench.results.claims import Agreement, ClaimVerdict, Measured
from sgibench.runner.claims.lab import RealLab
from sgibench.scenarios.claims import (
    background_tasks,
    closes_connection,
    dependency_yield,
    docs_generated,
    lifespan,
    protocols,
    streaming_body,
    validation,
)
from sgibench.scenarios.claims.proving import ServerKind

from .labs import KeepingLab, agreements, sabotage, verdict

# Started side by side, which is quicker than as they are asked for.
ON_UVICORN = (
    *("background:app", "connections:app", "items:app", "items:undocumented", "bodies:app", "dependencies:app"),
    *("protocols:app", "fastapi"),
    *(f"misbehaving_apps:{name}" for name in ("eager", "closing", "old", "written", "joining", "leaking", "deaf")),
)
ON_OTHERS = (
    ("connections:app", "uvicorn-asyncio-h11"),
    ("misbehaving_apps:closing", "uvicorn-asyncio-h11"),
    ("protocols:wsgi", "gunicorn-sync-1"),
)

HOLDS, FAILS = Agreement.HOLDS, Agreement.FAILS


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealLab]:
    with pytest.MonkeyPatch.context() as patch:
        sabotage(patch)
        made = KeepingLab(tmp_path_factory.mktemp("servers"))
        try:
            with made.serve_all([*((app, "uvicorn") for app in ON_UVICORN), *ON_OTHERS]):
                yield made
        finally:
            made.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "OTHERS_QUICK", ())
    monkeypatch.setattr(closes_connection, "OTHERS_QUICK", ())
    monkeypatch.setattr(closes_connection, "AT_MOST", 20)
    monkeypatch.setattr(dependency_yield, "TIMES", 2)
    monkeypatch.setattr(streaming_body, "QUICK_MIB", 32)
    monkeypatch.setattr(streaming_body, "ALLOWED_MIB", 8)


def value(measured: Measured, name: str) -> float:
    estimate = measured.of(name)
    assert estimate is not None, name
    return estimate.value


def test_a_background_task_runs_after_the_answer_and_create_task_not_before_it(lab: RealLab) -> None:
    measured = background_tasks.measure(lab)
    found = agreements(background_tasks.CLAIM, measured)
    assert found["answer before task"] is HOLDS
    assert found["answer received during task"] is HOLDS
    assert found["create_task before answer"] is FAILS
    assert value(measured, "create_task and an await, before answer") == 1
    # A coroutine that computes has the loop for itself; who asks meanwhile waits until it is done.
    assert value(measured, "computing task, other connection") > background_tasks.SLOW_MS / 2


def test_an_app_that_runs_its_tasks_first_is_found_out(lab: RealLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_tasks, "APP", "misbehaving_apps:eager")
    found = agreements(background_tasks.CLAIM, background_tasks.measure(lab))
    assert found["answer before task"] is FAILS
    assert found["answer received during task"] is FAILS


def test_uvicorn_keeps_a_connection_unless_it_is_asked_to_close(lab: RealLab) -> None:
    measured = closes_connection.measure(lab)
    assert verdict(closes_connection.CLAIM, measured) is ClaimVerdict.REFUTED
    assert math.isclose(value(measured, "requests on a connection, uvicorn, HTTP/1.1"), 20)
    for asked in ("HTTP/1.1, close", "HTTP/1.0"):
        assert value(measured, f"closed after one answer, uvicorn, {asked}") == 1


def test_an_app_that_has_each_connection_closed_turns_the_verdict(
    lab: RealLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closes_connection, "APP", "misbehaving_apps:closing")
    assert verdict(closes_connection.CLAIM, closes_connection.measure(lab)) is ClaimVerdict.REPRODUCED


def test_a_missing_field_is_told_in_other_words_than_those_of_pydantic_1(lab: RealLab) -> None:
    measured = validation.measure(lab)
    assert verdict(validation.CLAIM, measured) is ClaimVerdict.OUTDATED
    assert "“Field required”, of type missing" in measured.notes[0]


def test_an_app_with_the_old_words_would_have_reproduced_it(lab: RealLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "APP", "misbehaving_apps:old")
    assert verdict(validation.CLAIM, validation.measure(lab)) is ClaimVerdict.REPRODUCED


def test_docs_are_generated_with_or_without_a_browser(lab: RealLab, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = '<div data-path="/items/"></div><div class="opblock" data-path="/items/{item_id}"></div>'
    for html, noted in ((None, "no browser"), ("<html></html>", "stayed empty"), (shown, "")):
        monkeypatch.setattr(lab, "page", lambda url, wait_ms=0, html=html: html)
        measured = docs_generated.measure(lab)
        assert verdict(docs_generated.CLAIM, measured) is ClaimVerdict.REPRODUCED
        assert any(noted in note for note in measured.notes) if noted else measured.notes == ()
        assert (measured.of("a browser shows the routes") is not None) == (html == shown)


def test_a_page_that_was_written_by_hand_is_not_taken_for_generated(
    lab: RealLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docs_generated, "APP", "misbehaving_apps:written")
    monkeypatch.setattr(lab, "page", lambda url, wait_ms=0: None)
    found = agreements(docs_generated.CLAIM, docs_generated.measure(lab))
    assert found["/docs is a page"] is HOLDS
    assert found["/docs refers to /openapi.json"] is FAILS


def test_a_large_body_passes_in_pieces_through_little_memory(lab: RealLab) -> None:
    measured = streaming_body.measure(lab)
    assert verdict(streaming_body.CLAIM, measured) is ClaimVerdict.REPRODUCED
    assert value(measured, "kept, in little memory") == 0
    assert value(measured, "peak memory, kept") > 32  # the body itself, in MiB
    assert value(measured, "peak memory, let go") < 32 / 4


def test_a_body_that_comes_as_a_whole_is_found_out(lab: RealLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_body, "APP", "misbehaving_apps:joining")
    monkeypatch.setattr(streaming_body, "EARLY_WITHIN_S", 0.2)
    found = agreements(streaming_body.CLAIM, streaming_body.measure(lab))
    assert found["pieces"] is FAILS
    assert found["first pieces before the last is sent"] is FAILS
    assert found["let go, in little memory"] is FAILS


def test_a_dependency_is_closed_after_use_and_after_an_error(lab: RealLab) -> None:
    measured = dependency_yield.measure(lab)
    assert verdict(dependency_yield.CLAIM, measured) is ClaimVerdict.REPRODUCED
    assert value(measured, "closed after use, streamed answer") in (0, 1)  # all versions agree with themselves


def test_a_dependency_that_stays_open_is_found_out(lab: RealLab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dependency_yield, "APP", "misbehaving_apps:leaking")
    monkeypatch.setattr(dependency_yield, "WITHIN_S", 0.02)
    assert verdict(dependency_yield.CLAIM, dependency_yield.measure(lab)) is ClaimVerdict.REFUTED


def test_each_worker_starts_up_before_it_serves_and_shuts_down_after_it(lab: RealLab, tmp_path: Path) -> None:
    uvicorn = ServerKind("uvicorn", "uvicorn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "serve_all", lab._servers.serve_all)  # they are stopped, so not to be kept
        (life,) = lifespan.lives(lab, [uvicorn])
    assert life.before
    assert life.after
    assert len(life.workers) == lifespan.WORKERS


def test_protocols_are_told_apart(lab: RealLab) -> None:
    wanted = [("protocols:app", "uvicorn"), ("misbehaving_apps:deaf", "uvicorn"), ("protocols:wsgi", "gunicorn-sync-1")]
    with lab.serve_all(wanted) as (usual, deaf, wsgi):
        assert protocols.spoken(lab, usual) == {"HTTP/1.1": True, "WebSocket": True, "HTTP/2": False}
        assert protocols.spoken(lab, deaf) == {"HTTP/1.1": True, "WebSocket": False, "HTTP/2": False}
        assert protocols.spoken(lab, wsgi) == {"HTTP/1.1": True, "WebSocket": False, "HTTP/2": False}


@pytest.mark.parametrize("app", ["protocols:app", "protocols:wsgi"])
def test_http_2_reaches_an_app_under_a_server_that_speaks_it(lab: RealLab, app: str) -> None:
    pytest.importorskip("granian")
    with lab.serve(app, "granian-asgi-1" if app.endswith("app") else "granian-wsgi-1x4") as served:
        assert protocols.spoken(lab, served)["HTTP/2"]
