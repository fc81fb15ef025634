import sys
from pathlib import Path

import pytest

from sgibench.apps.catalogue import Interface
from sgibench.results.errors import TargetError, UsageError
from sgibench.runner.selection import Wish, choose, default_setups, path_scenario

WSGI_APP = "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n"
ASGI_APP = "class App:\n    async def __call__(self, scope, receive, send): ...\napp = App()\n"


def names(wish: Wish, here: Path) -> list[str]:
    return [target.name for target in choose(wish, here, 1).targets]


def test_nothing_asked_for_is_the_default_suite(tmp_path: Path) -> None:
    choice = choose(Wish(), tmp_path, 1)
    assert choice.suite.name == "default"
    assert len(choice.targets) == 8
    assert [piece.label for piece in choice.pieces] == [
        "json, 8 connections",
        "wait-50ms, 16 connections",
        "wait-50ms, 64 connections",
        "wait-50ms, 256 connections",
    ]


def test_apps_and_setups_are_crossed_where_they_fit(tmp_path: Path) -> None:
    wish = Wish(apps=("flask", "bare-asgi"), setups=("gunicorn-sync-2", "uvicorn", "uvicorn-asyncio-h11"))
    assert names(wish, tmp_path) == [
        "flask@gunicorn-sync-2",
        "bare-asgi@uvicorn",
        "bare-asgi@uvicorn-asyncio-h11",
    ]


def test_an_app_alone_gets_the_setups_of_its_interface(tmp_path: Path) -> None:
    assert names(Wish(apps=("flask",)), tmp_path) == [
        "flask@gunicorn-sync-3",
        "flask@gunicorn-gthread-1x64",
        "flask@gunicorn-gevent",
    ]
    assert [setup.name for setup in default_setups("asgi", 2)] == ["uvicorn-2", "gunicorn-uvicorn-2", "gunicorn-asgi-2"]


def test_a_setup_alone_takes_the_apps_of_the_suite(tmp_path: Path) -> None:
    assert names(Wish(suite="smoke", setups=("uvicorn-asyncio-h11",)), tmp_path) == [
        "fastapi@uvicorn-asyncio-h11",
        "bare-asgi@uvicorn-asyncio-h11",
    ]


@pytest.mark.parametrize(("code", "interface"), [(WSGI_APP, "wsgi"), (ASGI_APP, "asgi")])
def test_the_interface_of_a_users_app_is_found_out(code: str, interface: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(code)
    choice = choose(Wish(apps=("mine:app",), paths=("/x",)), tmp_path, 1)
    assert {target.app.interface for target in choice.targets} == {interface}
    assert not any(target.app.ours for target in choice.targets)
    assert {piece.scenario.parts[0].request.path for piece in choice.pieces} == {"/x"}


def test_frameworks_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("import flask, fastapi\nweb = flask.Flask('x')\napi = fastapi.FastAPI()\n")
    for attribute, interface in (("web", Interface.WSGI), ("api", Interface.ASGI)):
        targets = choose(Wish(apps=(f"f:{attribute}",)), tmp_path, 1).targets
        assert {target.app.interface for target in targets} == {interface}


def test_a_factory_is_called_and_each_server_is_told_in_its_own_way(tmp_path: Path) -> None:
    (tmp_path / "f.py").write_text("import fastapi\ndef create():\n    return fastapi.FastAPI()\n")
    wish = Wish(apps=("f:create()",), setups=("uvicorn", "gunicorn-uvicorn"))
    bare, master = (
        target.setup.command("python", target.app.path, "h", 1) for target in choose(wish, tmp_path, 1).targets
    )
    assert "f:create" in bare
    assert "--factory" in bare
    assert "f:create()" in master
    assert "--factory" not in master


def test_the_users_own_python_path_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "mine.py").write_text(WSGI_APP)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    assert names(Wish(apps=("mine:app",), setups=("gunicorn-sync",)), tmp_path) == ["mine:app@gunicorn-sync"]


def test_an_interface_that_cannot_be_told_has_to_be_said(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class App:\n    def __call__(self, *args): ...\napp = App()\n")
    with pytest.raises(UsageError, match="not clear whether it speaks WSGI, ASGI or RSGI") as caught:
        choose(Wish(apps=("mine:app",)), tmp_path, 1)
    assert "--interface" in caught.value.hint
    choice = choose(Wish(apps=("mine:app",), interface=Interface.WSGI), tmp_path, 1)
    assert choice.targets[0].app.interface is Interface.WSGI


def test_a_users_app_is_asked_for_its_root_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WSGI_APP)
    pieces = choose(Wish(apps=("mine:app",)), tmp_path, 1).pieces
    assert {piece.scenario.parts[0].request.path for piece in pieces} == {"/"}
    assert [piece.level.concurrency for piece in pieces] == [1, 16, 64]


def test_the_connections_can_be_chosen(tmp_path: Path) -> None:
    pieces = choose(Wish(apps=("flask",), scenarios=("json", "page"), concurrency=(2, 4)), tmp_path, 1).pieces
    assert [(piece.scenario.name, piece.level.concurrency) for piece in pieces] == [
        ("json", 2),
        ("json", 4),
        ("page", 2),
        ("page", 4),
    ]


@pytest.mark.parametrize(
    ("wish", "says", "hint"),
    [
        (Wish(suite="defualt"), "unknown suite 'defualt'", "did you mean 'default'?"),
        (Wish(apps=("flaks",)), "unknown app 'flaks'", "did you mean 'flask'?"),
        (Wish(apps=("flask",), setups=("gunicorn-snyc",)), "unknown setup", "did you mean 'gunicorn-sync'?"),
        (Wish(scenarios=("jsn",)), "unknown scenario 'jsn'", "did you mean 'json'?"),
        (Wish(apps=("flask",), setups=("uvicorn",)), "none of the setups fits", "bench list setups"),
        (Wish(suite="nowhere.toml"), "cannot read nowhere.toml", "TOML file"),
        (Wish(scenarios=("nowhere.toml",)), "cannot read nowhere.toml", "TOML file"),
        (Wish(apps=("flask",), pythons=("/nowhere/python",)), "no Python interpreter at", "--python"),
        (Wish(apps=("flask",), paths=("items",)), "--path 'items' is not a path", "/items"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_refused_with_a_way_out(
    wish: Wish, says: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError) as caught:
        choose(wish, tmp_path, 1)
    assert says in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("code", "attribute", "says"),
    [
        ("import nothing_like_it", "app", "No module named 'nothing_like_it'"),
        ("application = lambda environ, start_response: []", "app", "has no attribute 'app'; it has application"),
        ("raise SystemExit(3)", "app", "SystemExit: 3"),
        ("import os; os._exit(9)", "app", "ended the interpreter: exit code 9"),
        ("x = (", "app", "SyntaxError"),
    ],
)
def test_an_app_that_cannot_be_imported_is_an_error_in_its_own_words(
    code: str, attribute: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(TargetError) as caught:
        choose(Wish(apps=(f"mine:{attribute}",)), tmp_path, 1)
    assert says in caught.value.message


def test_an_app_that_starts_a_thread_on_import_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()\n" + WSGI_APP
    )
    assert names(Wish(apps=("mine:app",), setups=("gunicorn-sync",)), tmp_path) == ["mine:app@gunicorn-sync"]


def test_paths_that_look_alike_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(WSGI_APP)
    pieces = choose(Wish(apps=("mine:app",), paths=("/a-b", "/a_b", "/商品"), concurrency=(2,)), tmp_path, 1).pieces
    assert [piece.scenario.name for piece in pieces][:2] == ["path-a-b", "path-a-b-2"]
    assert pieces[2].scenario.parts[0].request.path == "/%E5%95%86%E5%93%81"


def test_an_app_that_prints_on_import_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("print('{}')\n" + WSGI_APP)
    assert names(Wish(apps=("mine:app",), setups=("gunicorn-sync",)), tmp_path) == ["mine:app@gunicorn-sync"]


def test_a_server_that_is_not_installed_is_named_with_its_command(tmp_path: Path, bare_python: Path) -> None:
    (tmp_path / "mine.py").write_text(WSGI_APP)
    wish = Wish(apps=("mine:app",), setups=("gunicorn-sync",), pythons=(str(bare_python),))
    with pytest.raises(UsageError, match="gunicorn-sync is not installed") as caught:
        choose(wish, tmp_path, 1)
    assert caught.value.hint == f"{bare_python} -m pip install gunicorn"
    with pytest.raises(UsageError, match="has no server that runs a WSGI app"):
        choose(Wish(apps=("mine:app",), pythons=(str(bare_python),)), tmp_path, 1)
    with pytest.raises(UsageError, match="app 'flask' needs flask"):
        choose(Wish(apps=("flask",), pythons=(str(bare_python),)), tmp_path, 1)


def test_a_virtual_environment_may_be_named_by_its_folder(tmp_path: Path, bare_python: Path) -> None:
    (tmp_path / "mine.py").write_text(WSGI_APP)
    wish = Wish(apps=("mine:app",), setups=("gunicorn-sync",), pythons=(str(bare_python.parent.parent),))
    with pytest.raises(UsageError, match=f"{bare_python} lacks gunicorn"):
        choose(wish, tmp_path, 1)


@pytest.mark.parametrize(
    ("path", "name"), [("/", "path-root"), ("/items/1?limit=2", "path-items-1-limit-2"), ("/é", "path-")]
)
def test_a_path_becomes_a_scenario_with_a_name_for_files(path: str, name: str) -> None:
    assert path_scenario(path).name == name


def test_our_own_interpreter_is_the_default(tmp_path: Path) -> None:
    assert {target.python for target in choose(Wish(suite="smoke"), tmp_path, 1).targets} == {sys.executable}
