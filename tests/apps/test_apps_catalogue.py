"""The catalogue tells the truth: every application is in it, and needs what it says and no more."""

import ast
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sgibench.apps.catalogue import APPS, APPS_ROOT, AppInfo, Interface

FOLDER = APPS_ROOT / "apps"
APP_FILES = sorted(FOLDER.glob("*_app.py"))

# Imports an application as if the distributions that it does not declare were not installed.
IMPORT_WITHOUT = """
import importlib, sys
root, module, *missing = sys.argv[1:]

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in missing:
            raise ModuleNotFoundError(f"{name} is not declared", name=name)

sys.path.insert(0, root)
sys.meta_path.insert(0, NotInstalled())
assert callable(importlib.import_module(module).app)
"""


def _file_of(app: AppInfo) -> Path:
    module, _, attribute = app.path.partition(":")
    assert attribute == "app"
    return APPS_ROOT / Path(*module.split(".")).with_suffix(".py")


def _closure(distributions: tuple[str, ...]) -> set[str]:
    """These distributions with all they depend on."""
    seen: set[str] = set()
    waiting = [str(canonicalize_name(name)) for name in distributions]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        needed = (Requirement(line) for line in requires(name) or ())
        waiting += [canonicalize_name(r.name) for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return seen


def _modules_outside(distributions: set[str]) -> set[str]:
    """What can be imported here, but belongs to none of these distributions."""
    return {"sgibench"} | {
        module
        for module, owners in packages_distributions().items()
        if not distributions & {str(canonicalize_name(owner)) for owner in owners}
    }


def test_every_application_file_is_listed_and_every_listed_file_is_there() -> None:
    assert sorted(_file_of(app) for app in APPS.values()) == APP_FILES


def test_the_applications_are_these() -> None:
    assert {name: (app.path, app.interface) for name, app in APPS.items()} == {
        "flask": ("apps.flask_app:app", Interface.WSGI),
        "fastapi": ("apps.fastapi_app:app", Interface.ASGI),
        "starlette": ("apps.starlette_app:app", Interface.ASGI),
        "bare-wsgi": ("apps.bare_wsgi_app:app", Interface.WSGI),
        "bare-asgi": ("apps.bare_asgi_app:app", Interface.ASGI),
    }
    assert all(app.name == name and re.fullmatch(r"[a-z][a-z0-9-]*", name) for name, app in APPS.items())


@pytest.mark.parametrize("file", [*APP_FILES, FOLDER / "shop.py"], ids=lambda file: file.stem)
def test_an_application_imports_of_ours_only_the_shop_and_relatively(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert (node.level, node.module) == (1, "shop")
        elif isinstance(node, ast.ImportFrom):
            assert str(node.module).partition(".")[0] not in {"sgibench", "apps"}
        elif isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & {"sgibench", "apps"}


def test_the_package_itself_imports_nothing() -> None:
    tree = ast.parse((FOLDER / "__init__.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("listed", APPS.values(), ids=lambda app: app.name)
def test_an_application_can_be_imported_with_only_what_it_declares(listed: AppInfo) -> None:
    module = listed.path.partition(":")[0]
    missing = _modules_outside(_closure(listed.requires))
    assert {"pytest", "uvicorn", "gunicorn"} < missing
    command = [sys.executable, "-I", "-c", IMPORT_WITHOUT, str(APPS_ROOT), module, *missing]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr


def _root_as_imported_from(site: Path) -> Path:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from sgibench.apps.catalogue import APPS_ROOT; print(APPS_ROOT)"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(site)]
    root = Path(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip())
    command = [
        sys.executable,
        "-I",
        "-S",
        "-c",
        "import sys; sys.path.insert(0, sys.argv[1]); import apps.shop",
        str(root),
    ]
    subprocess.run(command, timeout=60, check=True)
    return root


def test_the_root_is_right_in_a_wheels_layout(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "sgibench"
    shutil.copytree(FOLDER, package / "apps")
    (package / "__init__.py").touch()
    assert _root_as_imported_from(package.parent) == package


def test_the_root_is_right_where_the_folder_is_a_link_to_one_of_another_name(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "store" / "4f1c")
    package = tmp_path / "src" / "sgibench"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "apps").symlink_to(tmp_path / "store" / "4f1c")
    assert _root_as_imported_from(package.parent) == package


def test_the_root_is_right_here() -> None:
    assert APPS_ROOT.is_absolute()
    assert (APPS_ROOT / "apps" / "templates" / "home.html").is_file()
