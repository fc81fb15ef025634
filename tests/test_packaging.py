"""What is installed: one package called sgibench, with every file of the five folders in it, and nothing else."""

import configparser
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sgibench
from sgibench.apps.catalogue import APPS
from sgibench.runner.targets.servers import KINDS

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
FOLDERS: dict[str, str] = PROJECT["tool"]["setuptools"]["package-dir"]
ROOMS = {package.partition(".")[2]: folder for package, folder in FOLDERS.items() if "." in package}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files alone: what an earlier build left behind would go into a wheel unseen."""
    copy = tmp_path_factory.mktemp("build") / "tree"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "src", *ROOMS.values()):
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=ignored)
        elif (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy / name)
    return copy


@pytest.fixture(scope="module")
def wheel(tree: Path) -> Path:
    """The wheel, built as a packager would: in an environment of its own, as pyproject asks for it."""
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tree.parent / "dist"), str(tree)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = (tree.parent / "dist").glob("*.whl")
    return path


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def about(wheel: Path, name: str) -> str:
    """A file of the wheel's .dist-info."""
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(f"sgibench-{sgibench.__version__}.dist-info/{name}").decode()


def test_only_sgibench_lands_in_site_packages(wheel: Path) -> None:
    assert about(wheel, "top_level.txt").split() == ["sgibench"]
    assert {PurePosixPath(name).parts[0] for name in names_in(wheel)} == {
        "sgibench",
        f"sgibench-{sgibench.__version__}.dist-info",
    }


def test_every_file_of_the_five_folders_is_in_the_wheel_and_no_other(wheel: Path, tree: Path) -> None:
    files = {
        str(PurePosixPath("sgibench", room, *path.relative_to(tree / folder).parts))
        for room, folder in ROOMS.items()
        for path in (tree / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    top = {f"sgibench/{path.name}" for path in (tree / FOLDERS["sgibench"]).iterdir() if not path.is_dir()}
    assert {name for name in names_in(wheel) if name.startswith("sgibench/")} == files | top
    assert "sgibench/py.typed" in top


def test_every_folder_with_modules_is_a_listed_package() -> None:
    found = {
        ".".join(("sgibench", room, *path.parent.relative_to(ROOT / folder).parts))
        for room, folder in ROOMS.items()
        for path in (ROOT / folder).rglob("*.py")
    }
    assert found | {"sgibench"} == set(PROJECT["tool"]["setuptools"]["packages"])


def test_what_is_in_the_wheel_works_from_there(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        "import sgibench; from sgibench.scenarios import files; "
        "[files.built_in_scenario(name) for name in files.scenario_names()]; "
        "print(sgibench.__file__, *[files.built_in_suite(name).name for name in files.suite_names()])"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    where, *suites = ran.stdout.split()
    assert where == str(tmp_path / "sgibench" / "__init__.py")
    assert {"default", "smoke", "full"} <= set(suites)


@pytest.mark.parametrize("room", ROOMS)
def test_each_link_for_type_checkers_leads_to_what_is_installed(room: str) -> None:
    link = ROOT / FOLDERS["sgibench"] / room
    assert link.is_symlink()
    assert not link.readlink().is_absolute()
    assert link.resolve() == (ROOT / ROOMS[room]).resolve()


def test_there_is_a_link_for_each_room_and_no_other() -> None:
    links = {path.name for path in (ROOT / FOLDERS["sgibench"]).iterdir() if path.is_symlink()}
    assert links == set(ROOMS) == {"apps", "scenarios", "results", "reports", "runner"}


def test_the_commands_are_bench_and_sgibench(wheel: Path) -> None:
    entries = configparser.ConfigParser()
    entries.read_string(about(wheel, "entry_points.txt"))
    assert dict(entries["console_scripts"]) == dict.fromkeys(("bench", "sgibench"), "sgibench.runner.cli:main")


def distributions(*extras: str) -> set[str]:
    """What an installation with these extras asks for by name, beside sgibench itself; of `granian[uvloop]` both."""
    optional: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    found: set[str] = set()
    for line in [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in optional[extra])]:
        requirement = Requirement(line)
        if requirement.name == "sgibench":
            found |= distributions(*requirement.extras)
        else:
            found |= {canonicalize_name(requirement.name), *(canonicalize_name(extra) for extra in requirement.extras)}
    return found


def test_everything_brings_every_server_and_every_app() -> None:
    everything = distributions("all")
    assert {name for kind in KINDS.values() for name in kind.requires} <= everything
    brought_along = {"urllib3"}  # by requests
    assert {name for app in APPS.values() for name in app.requires} <= everything | brought_along


@pytest.mark.parametrize("server", sorted({kind.server for kind in KINDS.values()}))
def test_every_server_comes_with_the_suite_or_as_an_extra_of_its_name(server: str) -> None:
    needed = {name for kind in KINDS.values() if kind.server == server for name in kind.requires}
    extras = [server] if server in PROJECT["project"]["optional-dependencies"] else []
    assert needed <= distributions(*extras)


def test_a_plain_installation_needs_no_compiler() -> None:
    assert "uwsgi" not in distributions()


def test_the_wheel_says_who_may_use_it_and_what_it_is(wheel: Path) -> None:
    metadata = about(wheel, "METADATA")
    assert "License-Expression: MIT" in metadata
    assert "Requires-Python: >=3.11" in metadata
    headers, _, description = metadata.partition("\n\n")
    assert "Description-Content-Type: text/markdown" in headers
    assert description.strip(), "README.md is missing or empty"


def test_the_version_is_the_same_everywhere(wheel: Path) -> None:
    newest = re.search(r"^## \[?v?(\d[^\s\]]*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert PROJECT["project"]["version"] == sgibench.__version__ == newest[1]
    assert wheel.name.startswith(f"sgibench-{sgibench.__version__}-")
