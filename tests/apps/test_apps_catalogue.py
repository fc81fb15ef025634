"""The catalogue tells the truth: every application is in it, and needs what it says and no more."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sgibench.apps.catalogue import APPS, APPS_ROOT, POSTGRESQL_DRIVERS, AppInfo, Feature, Interface

FOLDER = APPS_ROOT / "apps"
APP_FILES = sorted(FOLDER.glob("*_app.py"))
SERVED = sorted(set(FOLDER.rglob("*.py")) - {FOLDER / "catalogue.py", *FOLDER.glob("contract/*")})

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
app = importlib.import_module(module).app
assert callable(getattr(app, "__rsgi__", app))
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


@cache
def _owners() -> dict[str, set[str]]:
    """Of everything that can be imported here: the distributions that it belongs to."""
    return {module: {*map(canonicalize_name, owners)} for module, owners in packages_distributions().items()}


def _modules_outside(distributions: set[str]) -> set[str]:
    """What can be imported here, but belongs to none of these distributions."""
    return {"sgibench"} | {module for module, owners in _owners().items() if not distributions & owners}


def test_every_application_file_is_listed_and_every_listed_file_is_there() -> None:
    assert sorted(_file_of(app) for app in APPS.values()) == APP_FILES


def test_the_applications_are_these() -> None:
    assert {name: (app.path, app.interface) for name, app in APPS.items()} == {
        "flask": ("apps.flask_app:app", Interface.WSGI),
        "django-wsgi": ("apps.django_wsgi_app:app", Interface.WSGI),
        "bare-wsgi": ("apps.bare_wsgi_app:app", Interface.WSGI),
        "fastapi": ("apps.fastapi_app:app", Interface.ASGI),
        "starlette": ("apps.starlette_app:app", Interface.ASGI),
        "django-asgi": ("apps.django_asgi_app:app", Interface.ASGI),
        "quart": ("apps.quart_app:app", Interface.ASGI),
        "litestar": ("apps.litestar_app:app", Interface.ASGI),
        "bare-asgi": ("apps.bare_asgi_app:app", Interface.ASGI),
        "bare-rsgi": ("apps.bare_rsgi_app:app", Interface.RSGI),
    }
    assert all(app.name == name and re.fullmatch(r"[a-z][a-z0-9-]*", name) for name, app in APPS.items())
    assert len({app.title for app in APPS.values()}) == len(APPS)


def test_what_an_application_can_do_follows_from_its_interface_but_for_djangos_websockets_and_docs() -> None:
    everywhere = {Feature.SHOP, Feature.UPSTREAM, Feature.UPLOAD, Feature.STREAM}
    for app in APPS.values():
        expected = set(everywhere)
        if app.interface is not Interface.WSGI:
            expected |= {Feature.BLOCKING} | ({Feature.WEBSOCKET} if app.name != "django-asgi" else set())
        if app.name in {"fastapi", "litestar"}:
            expected.add(Feature.DOCS)
        assert app.features == expected
        assert (app.docs_path is not None) is (Feature.DOCS in app.features)
    assert {app.name for app in APPS.values() if "trio" in app.loops} == {"starlette"}
    assert all("asyncio" in app.loops for app in APPS.values())


@pytest.mark.parametrize("file", SERVED, ids=lambda file: str(file.relative_to(FOLDER)))
def test_what_a_server_runs_imports_of_ours_only_its_own_folder_and_not_what_judges_it(file: Path) -> None:
    package = file.relative_to(FOLDER).parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            assert node.level <= len(package) + 1
            base = package[: len(package) + 1 - node.level]
            assert (*base, *(node.module or "").split("."))[0] not in {"catalogue", "contract"}
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
    # PostgreSQL's drivers come with an extra of their own.
    assert {"pytest", "uvicorn", "gunicorn", "psycopg", "psycopg_pool", "asyncpg"} < missing
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
    assert (APPS_ROOT / "apps" / "static" / "shop.css").is_file()


@pytest.mark.parametrize(
    "distribution", [*POSTGRESQL_DRIVERS, *sorted({each for app in APPS.values() for each in app.requires})]
)
def test_what_an_application_needs_is_a_dependency_or_an_extra_of_the_suite(distribution: str) -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    assert Requirement(distribution).name in {Requirement(line).name for line in lines}
