"""``bench run`` of every kind of scenario, in groups and in two interpreters, from the command to the files."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .cli import bench

SUITE = """
title = "every kind"
budget_s = 90
[epochs]
min = 2
max = 2
[[group]]
name = "equal"
title = "At equal slots"
slots = 4
targets = ["bare-wsgi@gunicorn-gthread-1x4", "bare-asgi@uvicorn"]
[[group]]
name = "tuned"
title = "Tuned"
baseline = "bare-asgi@uvicorn-*"
targets = ["bare-asgi@uvicorn-*", "bare-rsgi@granian-rsgi-*"]
"""
SCENARIOS = {
    "json": 4,
    "websocket": 4,
    "websocket-held": 0,
    "slow-clients": 4,
    "cold-start": 0,
    "wait-10ms": 8,
}
PASTE = '[[scenario]]\nname = "{}"\nseconds = 0.1\n{}'


def suite_of(**scenarios: int) -> str:
    pieces = [PASTE.format(name, f"concurrency = [{level}]\n" if level else "") for name, level in scenarios.items()]
    return SUITE + "".join(pieces)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], dict[str, Any]]:
    """A run of all kinds that need no database: its folder, its JSON, its manifest."""
    folder = tmp_path_factory.mktemp("kinds")
    (folder / "mine.toml").write_text(suite_of(**SCENARIOS))
    done = bench("run", "mine.toml", "--seed", "7", "--output", "out", "--json", "--epochs", "1", cwd=folder)
    assert done.code in (0, 3), done.err
    return folder / "out", json.loads(done.out), json.loads((folder / "out" / "manifest.json").read_text())


def cells(found: dict[str, Any]) -> dict[tuple[str, int], set[str]]:
    """Who was measured, by scenario and connections."""
    who: dict[tuple[str, int], set[str]] = {}
    for result in found["results"]:
        who.setdefault((result["scenario"], result["concurrency"]), set()).add(result["target"].partition("@")[0])
    return who


def test_everybody_is_measured_where_they_can_and_where_their_group_compares_them(
    finished: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    everybody, coroutines = {"bare-wsgi", "bare-asgi", "bare-rsgi"}, {"bare-asgi", "bare-rsgi"}
    assert cells(finished[1]) == {
        ("json", 4): everybody,
        ("websocket", 4): coroutines,
        ("websocket-held", 100): coroutines,
        ("websocket-held", 1000): coroutines,
        ("slow-clients", 4): everybody,
        ("cold-start", 1): everybody,
        ("wait-10ms", 8): coroutines,  # more than the equal slots
    }


def test_what_is_not_possible_and_the_groups_are_recorded(
    finished: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    manifest = finished[2]
    assert [(group["name"], group["slots"], group["baseline"]) for group in manifest["groups"]] == [
        ("equal", 4, "bare-wsgi@gunicorn-gthread-1x4"),
        ("tuned", None, "bare-asgi@uvicorn"),
    ]
    assert {(item["target"], item["scenario"], item["reason"]) for item in manifest["not_possible"]} == {
        ("bare-wsgi@gunicorn-gthread-1x4", "websocket", "bare-wsgi speaks WSGI, which has no WebSocket"),
    }
    assert {item["interpreter"] for item in manifest["targets"]} != {""}


def test_right_answers_came_from_everybody_and_every_ledger_balances(
    finished: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    for result in finished[1]["results"]:
        ledger = result["ledger"]
        assert ledger["scheduled"] == ledger["sent"] + ledger["dropped"]
        assert ledger["sent"] == ledger["ok"] + sum(ledger["errors"].values()) + ledger["in_flight"]
        if (result["scenario"], result["app"]) != ("slow-clients", "bare-wsgi"):
            assert ledger["ok"] > 0, result


def test_beside_more_slow_clients_than_threads_the_others_wait_in_vain(
    finished: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    results = {(result["scenario"], result["app"]): result for result in finished[1]["results"]}
    starved, served = (results["slow-clients", app]["ledger"] for app in ("bare-wsgi", "bare-asgi"))
    assert starved["errors"]["timeout"] >= 4, "all connections, at least in the end"
    assert sum(served["errors"].values()) == 0


def test_an_open_websocket_costs_memory_and_a_start_costs_time(
    finished: tuple[Path, dict[str, Any], dict[str, Any]],
) -> None:
    folder = finished[0]
    held = {level: json.loads((folder / "trials" / f"e001-websocket-held-r100-c{level}.json").read_text())
            for level in (100, 1000)}  # fmt: skip
    peaks = {
        level: [max(mark["memory_mib"] for mark in trial["memory"]) for trial in document["trials"]]
        for level, document in held.items()
    }
    assert all(more > fewer for fewer, more in zip(peaks[100], peaks[1000], strict=True))
    starts = json.loads((folder / "trials" / "e001-cold-start-c1.json").read_text())["trials"]
    for trial in starts:
        assert all(0.01 < turn["elapsed_s"] < 30 for turn in trial["turns"])


def test_two_interpreters_are_compared_and_each_is_recorded(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "twin")], check=True)
    site = next((tmp_path / "twin" / "lib").glob("python*/site-packages"))
    (site / "ours.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    done = bench(
        *("run", "--app", "bare-asgi", "--setup", "uvicorn", "--scenario", "cpu", "--concurrency", "2"),
        *("--python", sys.executable, "--python", "twin", "--epochs", "1", "--json", "--output", "out"),
        cwd=tmp_path,
    )
    assert done.code in (0, 3), done.err
    found = json.loads(done.out)
    here, there = (result["target"] for result in found["results"])
    assert here.startswith("bare-asgi@uvicorn+")
    assert there == "bare-asgi@uvicorn+twin"
    assert {(item["baseline"], item["target"]) for item in found["comparisons"]} == {(here, there)}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    commands = [item["command"][0] for item in manifest["targets"]]
    assert commands[1] == str(tmp_path / "twin" / "bin" / "python") != commands[0]
