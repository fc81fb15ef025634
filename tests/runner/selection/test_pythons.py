"""Several interpreters, and what their targets are told apart by."""

import sys
from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.runner.selection.pythons import find_pythons, labels_of
from sgibench.runner.targets.interpreters import Interpreter


def a_python(path: str, version: str, implementation: str = "CPython", free_threaded: bool = False) -> Interpreter:
    return Interpreter(path, version, not free_threaded, {}, implementation, free_threaded)


def test_one_interpreter_needs_no_label() -> None:
    assert find_pythons(()) == [(sys.executable, "")]
    assert find_pythons((sys.executable, sys.executable)) == [(sys.executable, "")]


def test_two_of_one_version_are_told_apart_by_their_folders(bare_python: Path) -> None:
    (ours, here), (theirs, there) = find_pythons((sys.executable, str(bare_python.parent.parent)))
    assert (ours, theirs) == (sys.executable, str(bare_python))
    assert there == "+venv" or here != there
    assert here.startswith("+")


@pytest.mark.parametrize(
    ("pythons", "labels"),
    [
        ([a_python("/a", "3.12.1"), a_python("/b", "3.13.0")], ["+py3.12", "+py3.13"]),
        ([a_python("/a", "3.13.1"), a_python("/b", "3.13.1", free_threaded=True)], ["+py3.13", "+py3.13t"]),
        ([a_python("/a", "3.10.14"), a_python("/b", "3.10.14", "PyPy")], ["+py3.10", "+pypy3.10"]),
        ([a_python("/a", "3.13.0"), a_python("/b", "3.13.1")], ["+py3.13.0", "+py3.13.1"]),
        (
            [a_python("/x/old env/bin/python", "3.13.1"), a_python("/x/new/bin/python", "3.13.1")],
            ["+old-env", "+new"],
        ),
        (
            [a_python("/x/venv/bin/python", "3.13.1"), a_python("/y/venv/bin/python", "3.13.1")],
            ["+venv-1", "+venv-2"],
        ),
    ],
)
def test_a_label_is_as_short_as_it_can_be_and_never_shared(pythons: list[Interpreter], labels: list[str]) -> None:
    assert labels_of(pythons) == labels


def test_what_is_no_interpreter_is_refused() -> None:
    with pytest.raises(UsageError, match="no Python interpreter at '/nowhere'"):
        find_pythons((sys.executable, "/nowhere"))
