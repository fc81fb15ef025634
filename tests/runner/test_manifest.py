"""What is recorded of a run before it begins."""

import sys
from pathlib import Path

from sgibench.runner.manifest import target_packages, without_password
from sgibench.runner.targets.interpreters import Interpreter, gil_when_serving, interpreter
from sgibench.runner.targets.servers import KINDS


def python_at(path: str, version: str, **installed: str) -> Interpreter:
    return Interpreter(path, version, True, installed)


def test_packages_of_another_interpreter_are_recorded_by_its_version_wherever_it_lies() -> None:
    here, there = python_at("/a/python", "3.13.1", flask="3.1"), python_at("/b/python", "3.13.1", flask="3.1")
    assert target_packages([here]) == target_packages([there]) == {"3.13.1": {"flask": "3.1"}}


def test_two_interpreters_of_one_version_are_told_apart_by_where_they_lie() -> None:
    pythons = [python_at("/a/python", "3.13.1", flask="3.0"), python_at("/b/python", "3.13.1", flask="3.1")]
    assert target_packages(pythons) == {"/a/python": {"flask": "3.0"}, "/b/python": {"flask": "3.1"}}


def test_our_own_interpreter_is_not_recorded_twice() -> None:
    assert target_packages([python_at(sys.executable, "3.13.1", flask="3.1")]) == {}


def test_the_gil_is_looked_at_with_app_and_server_imported(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\nprint('imported')\ndef app(environ, start_response): ...\n")
    on = getattr(sys, "_is_gil_enabled", lambda: True)()
    assert gil_when_serving(sys.executable, "mine:app", tmp_path, KINDS["waitress"]) == on
    # A server without a module of its own, as uWSGI, is no trouble; nor is one that cannot be imported here.
    assert gil_when_serving(sys.executable, "mine:app", tmp_path, KINDS["uwsgi"]) == on


def test_a_password_in_a_url_is_not_recorded() -> None:
    assert without_password("postgresql://me:s3cret@host:5432/shop") == "postgresql://me:***@host:5432/shop"
    for harmless in ("postgresql://host/shop", "http://127.0.0.1:8000/a:b@c", "--scenario", "mine:app"):
        assert without_password(harmless) == harmless


def test_an_interpreter_is_asked_for_all_that_it_has_by_normalised_names() -> None:
    installed = interpreter(sys.executable).installed
    assert {"uvicorn", "markupsafe", "uvicorn-worker"} <= installed.keys()
    assert list(installed) == sorted(installed)
