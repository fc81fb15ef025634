import json
from pathlib import Path

import pytest

from sgibench import __version__
from sgibench.apps.catalogue import APPS
from sgibench.runner.targets.servers import KINDS

from .cli import bench


def test_everything_that_can_be_named_is_listed(tmp_path: Path) -> None:
    done = bench("list", "--json", cwd=tmp_path)
    assert done.code == 0
    found = json.loads(done.out)
    assert found.keys() == {"apps", "servers", "setups", "scenarios", "suites"}
    assert [row["name"] for row in found["apps"]] == list(APPS)
    assert [row["name"].removesuffix("-NxT").removesuffix("-N") for row in found["setups"]] == list(KINDS)
    assert {"default", "smoke", "full"} <= {row["name"] for row in found["suites"]}
    assert {"json", "wait-50ms"} <= {row["name"] for row in found["scenarios"]}


@pytest.mark.parametrize("what", ["apps", "servers", "setups", "scenarios", "suites"])
def test_each_list_is_a_table_that_fits_a_terminal(what: str, tmp_path: Path) -> None:
    done = bench("list", what, cwd=tmp_path, env={"COLUMNS": "100"})
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].strip() == what
    assert max(map(len, lines)) <= 100


def test_the_doctor_says_what_this_machine_can_do(tmp_path: Path) -> None:
    done = bench("doctor", "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    found = {item["name"]: item for item in json.loads(done.out)["findings"]}
    assert {"cores", "files", "ports", "memory", "noise"} <= found.keys()
    assert "A against A" in found["noise"]["text"]
    assert not (tmp_path / "bench-results").exists()


def test_the_quick_doctor_measures_nothing(tmp_path: Path) -> None:
    done = bench("doctor", "--quick", cwd=tmp_path)
    assert done.code == 0
    assert "A against A" not in done.out
    assert "cores" in done.out


def test_the_version_is_told(tmp_path: Path) -> None:
    assert bench("--version", cwd=tmp_path).out.strip() == f"sgibench {__version__}"


@pytest.mark.parametrize("command", ["run", "load", "list", "report", "compare", "doctor"])
def test_every_command_has_help(command: str, tmp_path: Path) -> None:
    done = bench(command, "--help", cwd=tmp_path)
    assert done.code == 0
    assert "Usage" in done.out
