import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from sgibench import __version__
from sgibench.apps.catalogue import APPS
from sgibench.runner.commands.listing import TABLES, Listed, view_of
from sgibench.runner.targets.servers import KINDS
from sgibench.scenarios.files import scenario_names

from .cli import bench


def test_everything_that_can_be_named_is_listed(tmp_path: Path) -> None:
    done = bench("list", "--json", cwd=tmp_path)
    assert done.code == 0
    found = json.loads(done.out)
    assert found.keys() == {"apps", "servers", "setups", "scenarios", "suites", "claims"}
    assert [row["name"] for row in found["apps"]] == list(APPS)
    assert [row["name"] for row in found["setups"]] == [kind.written for kind in KINDS.values()]
    assert {"default", "smoke", "full"} <= {row["name"] for row in found["suites"]}
    assert [row["name"] for row in found["scenarios"]] == scenario_names()


def test_what_each_can_and_cannot_do_is_listed(tmp_path: Path) -> None:
    found = json.loads(bench("list", "--json", cwd=tmp_path).out)
    of = {what: {row["name"]: row for row in rows} for what, rows in found.items()}
    assert "websocket" in of["apps"]["fastapi"]["features"]
    assert "websocket" not in of["apps"]["flask"]["features"]
    assert of["setups"]["gunicorn-sync-N"]["lacks"] == "blocking, websocket"
    assert of["setups"]["hypercorn-trio-N"]["lacks"] == "shop"
    assert of["setups"]["uvicorn-N"]["lacks"] == ""
    assert of["scenarios"]["order"]["needs"] == "shop"
    assert "(a new connection for every request)" in of["scenarios"]["new-connections"]["what"]
    assert of["scenarios"]["mixed"]["request"] == "7 requests, mixed"
    assert of["scenarios"]["websocket-held"]["load"] == "100 messages/s on 100, 1000 connections"
    assert of["scenarios"]["cold-start"]["load"] == "one start at a time"
    assert of["suites"]["full"]["targets"] == "equal-slots: 23, tuned: 23"


@pytest.mark.parametrize("columns", [80, 120, 300])
@pytest.mark.parametrize("what", list(Listed))
def test_each_list_fits_a_terminal_and_loses_nothing(what: Listed, columns: int) -> None:
    rows = TABLES[what]()
    console = Console(width=columns, file=io.StringIO())
    with console.capture() as capture:
        console.print(view_of(rows, columns))
    assert max(map(len, capture.get().splitlines())) <= columns
    shown = "".join(capture.get().split())
    for row in rows:
        for cell in row.values():
            assert "".join(cell.split()) in shown, "whole, if perhaps in several lines"


def test_a_list_is_printed_under_its_name(tmp_path: Path) -> None:
    done = bench("list", "suites", cwd=tmp_path, env={"COLUMNS": "80"})
    assert done.code == 0
    assert done.out.splitlines()[0] == "suites"
    assert "equal-slots: 23, tuned: 23" in done.out


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
