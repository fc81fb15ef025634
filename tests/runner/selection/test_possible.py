"""What cannot be done is told, with the reason: by a target, by this system, by plain Locust."""

from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.results.records import Level
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.machine import SPARE_FILES
from sgibench.runner.selection import Choice, Wish, choose, possible

LOCUST = LoadDriver.LOCUST


def chosen(*scenarios: str, **more: object) -> Choice:
    wish = Wish(scenarios=scenarios, **more)  # type: ignore[arg-type]
    return choose(wish, Path.cwd(), 1)


def test_a_target_that_lacks_a_feature_is_not_possible_and_the_others_are_measured() -> None:
    choice = chosen("websocket", apps=("flask", "bare-asgi"), setups=("gunicorn-sync", "uvicorn"))
    (item,) = choice.not_possible
    assert (item.target, item.scenario, item.level) == ("flask@gunicorn-sync", "websocket", None)
    assert item.reason == "flask speaks WSGI, which has no WebSocket"
    assert [piece.label for piece in choice.pieces] == ["websocket, 16 connections"]


def test_who_has_too_few_slots_to_hold_so_many_is_left_out_at_that_level_alone() -> None:
    choice = chosen("held", apps=("flask",), setups=("gunicorn-gthread-1x64", "gunicorn-gevent"), concurrency=(64, 100))
    (item,) = choice.not_possible
    assert (item.target, item.level) == ("flask@gunicorn-gthread-1x64", Level(100))
    assert item.reason == "gunicorn-gthread-1x64 holds 64 requests at once"


def test_who_stops_accepting_before_is_left_out_however_many_slots_it_has() -> None:
    setups = ("granian-asgi", "granian-asgi-2", "uvicorn")
    choice = chosen("held", apps=("bare-asgi",), setups=setups, concurrency=(1000, 2000, 3000))
    assert [(item.target, item.level.concurrency) for item in choice.not_possible if item.level] == [
        ("bare-asgi@granian-asgi", 2000),
        ("bare-asgi@granian-asgi", 3000),
        ("bare-asgi@granian-asgi-2", 3000),
    ]
    assert choice.not_possible[0].reason == "granian-asgi takes 1,024 connections at once"


def test_a_scenario_that_was_named_and_nobody_can_do_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match="websocket, 16 connections: not possible: flask speaks WSGI") as caught:
        chosen("websocket", apps=("flask",), setups=("gunicorn-sync",))
    assert "bench list apps" in caught.value.hint


def test_a_suites_scenario_that_nobody_can_do_is_left_out_and_told(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "x"\nbudget_s = 9\ntargets = ["flask@gunicorn-sync-2"]\n'
        + "".join(f'[[scenario]]\nname = "{name}"\nseconds = 0.1\n' for name in ("json", "websocket", "held"))
    )
    choice = choose(Wish(suite=str(tmp_path / "mine.toml")), tmp_path, 1)
    assert [piece.scenario.name for piece in choice.pieces] == ["json"]
    assert choice.notes[0] == "websocket, 16 connections: left out: flask speaks WSGI, which has no WebSocket"
    assert choice.notes[1] == "held, 100 connections: left out: gunicorn-sync-2 holds 2 requests at once"


def test_more_connections_than_files_are_refused_before_anything_is_launched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(possible, "open_files", lambda: 1000)
    with pytest.raises(UsageError, match=r"a process 1,000 open files \(ulimit -Hn\)"):
        chosen("json", concurrency=(1000 - SPARE_FILES + 1,))
    assert chosen("json", concurrency=(1000 - SPARE_FILES,)).not_possible == ()


@pytest.mark.parametrize(
    ("scenario", "lack"),
    [
        ("json-paced", "no open loop"),
        ("websocket", "no WebSocket"),
        ("websocket-held", "no WebSocket"),
        ("slow-clients", "no slow clients"),
        ("mixed", "no mix of requests"),
    ],
)
def test_what_plain_locust_cannot_do_is_refused_where_it_was_named(scenario: str, lack: str) -> None:
    with pytest.raises(UsageError, match=f"Locust has {lack}") as caught:
        chosen(scenario, apps=("bare-asgi",), setups=("uvicorn",), driver=LOCUST)
    assert caught.value.hint == f"leave out {scenario}, or use --driver engine"


def test_of_a_suite_plain_locust_drives_what_it_can_and_the_rest_is_told() -> None:
    choice = choose(Wish(suite="full", driver=LOCUST), Path.cwd(), 1)
    names = {piece.scenario.name for piece in choice.pieces}
    assert {"json", "create", "upload", "stream", "held", "cold-start", "new-connections"} <= names
    left_out = {note.partition(" is left out: Locust has ")[0] for note in choice.notes}
    assert {"json-paced", "websocket", "websocket-held", "slow-clients", "slow-bodies", "mixed"} <= left_out
    assert not names & left_out


def test_where_the_loop_is_in_the_way_that_is_said_and_who_runs_on_it(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "x"\nbudget_s = 9\ntargets = ["fastapi@uvicorn", "quart@uvicorn"]\n'
        '[[scenario]]\nname = "json"\nseconds = 0.1\n'
    )
    with pytest.raises(UsageError) as caught:
        choose(Wish(suite=str(tmp_path / "mine.toml"), setups=("hypercorn-trio",)), tmp_path, 1)
    assert "fastapi runs on asyncio, hypercorn-trio on trio" in caught.value.message
    assert "quart runs on asyncio" in caught.value.message
    assert caught.value.hint.startswith("--app starlette runs on trio; or take another setup")
    with pytest.raises(UsageError, match=r"flask speaks WSGI: not on hypercorn-trio$") as caught:
        chosen("json", apps=("flask",), setups=("hypercorn-trio",))
    assert caught.value.hint == "`bench list setups` says which interface each speaks"


def test_an_app_that_does_not_run_on_a_servers_loop_is_left_out_of_it() -> None:
    choice = chosen("json", apps=("fastapi", "starlette"), setups=("hypercorn-trio",))
    assert [target.name for target in choice.targets] == ["starlette@hypercorn-trio"]
    assert choice.notes == ["fastapi@hypercorn-trio is left out: fastapi runs on asyncio, hypercorn-trio on trio"]
