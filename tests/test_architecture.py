"""The house keeps its rules: imports run one way, only the CLI prints or exits, and nothing grows too large."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "apps": {"apps"},
    "results": {"results"},
    "scenarios": {"scenarios", "results"},
    "reports": {"reports", "results"},
    "runner": {"runner", "apps", "scenarios", "results", "reports", ""},  # "": the package's own version
}
# Scripts that run by themselves, in whatever interpreter a target has.
STAND_ALONE = {
    "runner/claims/child.py",
    "runner/targets/guard.py",
    "runner/targets/probe_app.py",
    "runner/targets/waitress_start.py",
}
MAY_PRINT = ("runner/cli.py", "runner/commands/", *STAND_ALONE)
MAY_EXIT = (*MAY_PRINT, "runner/load/", "apps/database/__main__.py")
LINKS = tuple(f"src/sgibench/{room}/" for room in MAY_IMPORT)
MODULE_LIMIT = 300
# Of a function's body: a command's signature is the table of its options, and as long as they are many.
FUNCTION_LIMIT = 60


class Import(NamedTuple):
    line: int
    module: str  # as written for absolute ones; from the package's root for relative ones
    relative: bool

    @property
    def room(self) -> str:
        return self.module.partition(".")[0]


def modules(*folders: str) -> list[str]:
    """Every Python file under those folders, by its path from the root."""
    found = (path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(str(path) for path in found if "__pycache__" not in path.parts)


def tree_of(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"), module)


def imports_of(module: str) -> Iterator[Import]:
    """All imports, also those inside functions and those for type checkers alone."""
    package = Path(module).parts[:-1]
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, name.name, False) for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            assert node.level <= len(package) + 1, f"{module}:{node.lineno} reaches out of the package"
            if base or node.module:
                yield Import(node.lineno, ".".join((*base, *filter(None, [node.module]))), True)
            else:  # from .. import NAME at the package's root: a room, or something of the package itself
                rooms = [name.name if name.name in MAY_IMPORT else "" for name in node.names]
                yield from (Import(node.lineno, room, True) for room in rooms)
        elif isinstance(node, ast.ImportFrom):
            yield Import(node.lineno, node.module or "", False)


def calls_of(module: str) -> Iterator[tuple[int, str]]:
    """Every call of a plain or dotted name: ``print``, ``sys.exit``."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.lineno, ast.unparse(node.func)


ROOMS = modules(*MAY_IMPORT)
OUTSIDE = [module for module in modules("src", "tests", "benchmarks", "docs") if not module.startswith(LINKS)]


def test_all_five_rooms_are_looked_at() -> None:
    assert {Path(module).parts[0] for module in ROOMS} == set(MAY_IMPORT)
    assert len(ROOMS) > 50
    assert set(ROOMS) >= STAND_ALONE


@pytest.mark.parametrize("module", ROOMS)
def test_imports_run_one_way(module: str) -> None:
    room = Path(module).parts[0]
    wrong = [each for each in imports_of(module) if each.relative and each.room not in MAY_IMPORT[room]]
    assert wrong == []


@pytest.mark.parametrize("module", ROOMS)
def test_rooms_import_each_other_only_relatively(module: str) -> None:
    ours = {"sgibench", *MAY_IMPORT}
    assert [each for each in imports_of(module) if not each.relative and each.room in ours] == []


@pytest.mark.parametrize("module", OUTSIDE)
def test_tests_and_benchmarks_import_the_installed_package(module: str) -> None:
    wrong = [each for each in imports_of(module) if not each.relative and each.room in MAY_IMPORT]
    assert wrong == []


@pytest.mark.parametrize("module", sorted(STAND_ALONE))
def test_scripts_that_run_alone_need_nothing_but_python(module: str) -> None:
    assert [each for each in imports_of(module) if each.relative or each.room not in sys.stdlib_module_names] == []


@pytest.mark.parametrize("module", ROOMS)
def test_only_the_cli_prints(module: str) -> None:
    if not module.startswith(MAY_PRINT):
        assert [call for call in calls_of(module) if call[1] == "print"] == []


@pytest.mark.parametrize("module", ROOMS)
def test_only_the_cli_exits(module: str) -> None:
    if not module.startswith(MAY_EXIT):
        leaving = {"sys.exit", "exit", "quit", "os._exit", "SystemExit"}
        assert [call for call in calls_of(module) if call[1] in leaving] == []


def test_nothing_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "misc", "common"}
    assert [module for module in ROOMS if vague & {*Path(module).with_suffix("").parts}] == []


@pytest.mark.parametrize("module", ROOMS)
def test_modules_and_functions_stay_small(module: str) -> None:
    assert len((ROOT / module).read_text(encoding="utf-8").splitlines()) <= MODULE_LIMIT
    functions = [node for node in ast.walk(tree_of(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    lengths = {each.name: (each.end_lineno or 0) - each.body[0].lineno + 1 for each in functions}
    assert {name: length for name, length in lengths.items() if length > FUNCTION_LIMIT} == {}
