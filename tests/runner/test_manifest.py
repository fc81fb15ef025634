"""What is recorded of a run before it begins."""

import sys

from sgibench.runner.manifest import target_packages
from sgibench.runner.targets.interpreters import Interpreter, interpreter


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


def test_an_interpreter_is_asked_for_all_that_it_has_by_normalised_names() -> None:
    installed = interpreter(sys.executable).installed
    assert {"uvicorn", "markupsafe", "uvicorn-worker"} <= installed.keys()
    assert list(installed) == sorted(installed)
