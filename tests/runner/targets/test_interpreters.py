"""What is asked of an interpreter, and what is missing in it."""

import sys
from pathlib import Path

import pytest

from sgibench.apps.catalogue import Interface
from sgibench.results.errors import TargetError, UsageError
from sgibench.runner.targets.interpreters import Interpreter, find_interface, find_python, imported, interpreter
from sgibench.runner.targets.servers import KINDS


@pytest.mark.parametrize(
    ("gil", "free_threaded", "words"),
    [
        (True, False, "CPython 3.13.1"),
        (False, True, "CPython 3.13.1, free-threaded"),
        (True, True, "CPython 3.13.1, free-threaded build with the GIL on"),
    ],
)
def test_an_interpreter_is_described_with_its_gil(gil: bool, free_threaded: bool, words: str) -> None:
    assert Interpreter("python", "3.13.1", gil, {}, "CPython", free_threaded).description == words


def test_this_interpreter_says_of_itself_what_it_is() -> None:
    here = interpreter(sys.executable)
    assert here.description.startswith(f"{here.implementation} {sys.version_info.major}.{sys.version_info.minor}.")
    assert here.gil == getattr(sys, "_is_gil_enabled", lambda: True)()


def test_a_server_whose_program_is_not_beside_the_interpreter_is_missing(tmp_path: Path) -> None:
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    program = python.with_name("uwsgi")
    assert Interpreter(str(python), "3.13.1", True, {}).missing(KINDS["uwsgi"]) == ("uwsgi",)
    has = Interpreter(str(python), "3.13.1", True, {"uwsgi": "2.0.31"})
    assert has.missing(KINDS["uwsgi"]) == (str(program),)
    program.touch()
    assert has.missing(KINDS["uwsgi"]) == ()


def test_the_command_that_installs_a_server_can_be_pasted() -> None:
    command = interpreter(sys.executable).install_command(KINDS["hypercorn-trio"])
    assert command == f'{sys.executable} -m pip install "hypercorn[trio]"'


@pytest.mark.parametrize("interface", Interface)
def test_the_interface_of_an_app_is_found_as_servers_find_it(interface: Interface) -> None:
    here = Path(__file__).parent
    assert find_interface(sys.executable, f"talking_app:{interface}", here) is interface
    assert find_interface(sys.executable, f"talking_app:make_{interface}()", here) is interface


def test_an_app_may_import_what_is_named_like_a_module_beside_the_one_that_looks(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import requests\nrequests.get\ndef app(environ, start_response): ...\n")
    assert imported(sys.executable, "shop:app", tmp_path).interface is Interface.WSGI


def test_an_error_on_import_is_told_by_the_apps_own_lines(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import logic\n")
    (tmp_path / "logic.py").write_text("x = 1 / 0\n")
    with pytest.raises(TargetError, match="ZeroDivisionError: division by zero") as caught:
        imported(sys.executable, "shop:app", tmp_path)
    assert 'logic.py", line 1' in caught.value.hint
    assert "importlib" not in caught.value.hint
    with pytest.raises(TargetError, match="No module named 'nowhere'") as caught:
        imported(sys.executable, "nowhere:app", tmp_path)
    assert caught.value.hint == f"it is imported from {tmp_path}, by {sys.executable}"


@pytest.mark.parametrize("program", ["true", "cat"])
def test_what_is_no_python_is_told_as_that(tmp_path: Path, program: str) -> None:
    (tmp_path / "shop.py").write_text("def app(environ, start_response): ...\n")
    with pytest.raises(UsageError, match=f"{program} is not a Python that can be asked"):
        imported(find_python(program), "shop:app", tmp_path)
