"""``bench run`` on real servers, from the command to the files."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest

from ..waiting import eventually
from .cli import SUITE, bench, family_of, living, start_bench


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A run of two of our apps: its folder, its JSON, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "mine.toml").write_text(SUITE)
    cache = {"XDG_CACHE_HOME": str(folder / "cache")}
    done = bench("run", "mine.toml", "--seed", "7", "--output", "out", "--json", cwd=folder, env=cache)
    assert done.code in (0, 3), done.err
    return folder / "out", json.loads(done.out), done.err


def test_the_json_holds_what_is_promised(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, found, _ = finished
    assert found["schema_version"] == 1
    assert found["run_id"] == "out"
    assert found["seed"] == 7
    packages = found["environment"]["packages"]
    assert {"uvicorn", "locust", "markupsafe"} <= packages.keys(), "all that is installed, not a chosen few"
    assert Path(found["report"]).name == "report.html"
    assert (folder.parent / found["report"]).is_file()
    assert isinstance(found["valid"], bool)
    cells = {(result["target"], result["scenario"], result["concurrency"]) for result in found["results"]}
    assert cells == {
        (target, scenario, level)
        for target in ("bare-wsgi@gunicorn-gthread-1x8", "bare-asgi@uvicorn")
        for scenario, level in (("json", 8), ("wait-50ms", 4), ("wait-50ms", 16))
    }
    for problem in found["problems"]:
        assert problem.keys() >= {"code", "target", "scenario", "message"}


def test_every_figure_is_an_estimate_and_every_ledger_balances(finished: tuple[Path, dict[str, Any], str]) -> None:
    for result in finished[1]["results"]:
        ledger = result["ledger"]
        assert ledger["scheduled"] == ledger["sent"] + ledger["dropped"]
        assert ledger["sent"] == ledger["ok"] + sum(ledger["errors"].values()) + ledger["in_flight"]
        assert ledger["ok"] > 0
        for estimate in (
            result["throughput_rps"],
            result["cpu_us_per_request"],
            result["service_time_ms"]["p50"],
            result["memory_mib"]["idle"],
            result["memory_mib"]["peak"],
        ):
            assert estimate.keys() == {"value", "low", "high", "n", "method"}
            assert estimate["n"] == 2
            assert 0 < estimate["low"] <= estimate["value"] <= estimate["high"]
        assert result["memory_mib"]["kind"] == "pss"


def test_every_result_says_how_near_its_ceiling_the_load_side_came(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    folder, found, said = finished
    for result in found["results"]:
        generator = result["generator"]
        assert generator.keys() == {"cpu_share", "wait_share", "ceiling_rps", "ceiling_share", "schedule_lag_ms"}
        assert 0 < generator["ceiling_share"] <= generator["cpu_share"] * 1.001
        assert 0 <= generator["wait_share"] <= generator["cpu_share"]
        assert generator["ceiling_rps"] > 1000, "any machine that can run this does more"
        assert generator["schedule_lag_ms"] is None
    assert [line.partition(" s  ")[2] for line in said.splitlines() if "calibrating" in line] == [
        f"calibrating the load side, {level} connections" for level in (4, 8, 16)
    ]
    assert (folder.parent / "cache" / "sgibench" / "ceilings.json").is_file()


def test_slots_bound_what_is_held_and_nothing_is_faster_than_its_wait(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    of = {(result["target"], result["concurrency"]): result for result in finished[1]["results"]}
    threads = of["bare-wsgi@gunicorn-gthread-1x8", 16]
    coroutines = of["bare-asgi@uvicorn", 16]
    assert threads["throughput_rps"]["value"] <= 8 / 0.05
    assert coroutines["throughput_rps"]["value"] <= 16 / 0.05
    for result in (threads, coroutines):
        assert result["service_time_ms"]["p50"]["value"] >= 49


def test_comparisons_are_against_the_baseline_with_a_verdict(finished: tuple[Path, dict[str, Any], str]) -> None:
    found = finished[1]["comparisons"]
    assert {item["metric"] for item in found} == {"throughput_rps", "cpu_us_per_request"}
    for item in found:
        assert item["baseline"] == "bare-wsgi@gunicorn-gthread-1x8"
        assert item["target"] == "bare-asgi@uvicorn"
        assert item["ratio"]["low"] <= item["ratio"]["value"] <= item["ratio"]["high"]
        assert item["verdict"] in {"faster", "slower", "same", "inconclusive"}


def test_the_folder_holds_tables_logs_and_a_summary(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, found, _ = finished
    turns = pd.read_csv(folder / "turns.csv")
    samples = pd.read_csv(folder / "samples.csv")
    assert set(turns["target"]) == {"bare-wsgi@gunicorn-gthread-1x8", "bare-asgi@uvicorn"}
    assert turns["ok"].sum() == sum(result["ledger"]["ok"] for result in found["results"])
    assert {"at_s", "target", "rss_mib", "cpu_s", "threads", "fds"} <= set(samples.columns)
    assert json.loads((folder / "summary.json").read_text()) == found
    assert len(list((folder / "logs").iterdir())) == 4
    assert json.loads((folder / "manifest.json").read_text())["status"] == "complete"


def test_progress_goes_to_stderr_in_plain_lines_without_a_terminal(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    said = finished[2]
    assert "launch 1 of 2 · json, 8 connections" in said
    assert "\x1b" not in said


def test_the_report_is_drawn_again_from_the_files(finished: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    folder, found, _ = finished
    page = (folder / "report.html").read_text()
    done = bench("report", str(folder), "--output", str(tmp_path / "again.html"), "--json", cwd=tmp_path)
    assert done.code == 0, done.err
    assert (tmp_path / "again.html").read_text() == page
    assert json.loads(done.out) | {"report": found["report"]} == found
    markdown = bench("report", str(folder), "--markdown", cwd=tmp_path)
    assert "bare-asgi@uvicorn" in markdown.out


def test_a_run_compared_with_itself_has_not_changed(finished: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    folder = str(finished[0])
    done = bench("compare", folder, folder, "--json", cwd=tmp_path)
    found = json.loads(done.out)
    assert found["same_environment"]
    assert found["contradictions"] == 0
    assert {pair["relative"]["value"] for pair in found["pairs"] if pair["relative"]} == {1.0}
    assert "The environments are the same." in bench("compare", folder, folder, cwd=tmp_path).out


USER_APP = """
import time
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
    return [b"hello"]
"""


def test_the_users_own_app_runs_in_its_own_interpreter_and_is_called_equivalent_to_nothing(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "web.py").write_text(USER_APP)
    done = bench(
        *(
            "run",
            "--app",
            "shop.web:app",
            "--path",
            "/x",
            "--setup",
            "gunicorn-sync",
            "--setup",
            "gunicorn-gthread-1x4",
        ),
        *("--concurrency", "4", "--epochs", "2", "--json"),
        cwd=tmp_path,
    )
    found = json.loads(done.out)
    # On a busy machine the load side may wait for its core, which alone may make the run invalid.
    wrong = {problem["code"] for problem in found["problems"] if problem["severity"] == "invalid"}
    assert wrong <= {"generator-limited"}, found["problems"]
    assert done.code == (3 if wrong else 0), done.err
    assert [result["target"] for result in found["results"]] == [
        "shop.web:app@gunicorn-sync",
        "shop.web:app@gunicorn-gthread-1x4",
    ]
    assert all(result["ledger"]["ok"] > 0 for result in found["results"])
    (folder,) = (tmp_path / "bench-results").iterdir()
    assert "no contract" in (folder / "report.html").read_text()


def test_an_app_that_exits_half_way_gives_an_invalid_result_and_code_3(tmp_path: Path) -> None:
    code = USER_APP + "\n".join(
        (
            "import os",
            "count = 0",
            "answer = app",
            "def app(environ, start_response):",
            "    global count",
            "    count += 1",
            "    if count > 300:",
            "        os.kill(os.getppid(), 9); os._exit(1)",
            "    return answer(environ, start_response)",
        )
    )
    (tmp_path / "mine.py").write_text(code)
    done = bench(
        *("run", "--app", "mine:app", "--setup", "gunicorn-sync", "--concurrency", "2", "--epochs", "1", "--json"),
        cwd=tmp_path,
    )
    assert done.code == 3, done.err
    found = json.loads(done.out)
    assert not found["valid"]
    assert "server-died" in {problem["code"] for problem in found["problems"]}
    assert not any(result["valid"] for result in found["results"])


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_is_left_and_no_half_result_is_taken_for_whole(signum: int, code: int, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(SUITE)
    # A shell that starts this in the background may have SIGINT ignored, which children inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = start_bench("run", "mine.toml", "--output", "out", cwd=tmp_path)
    trials = tmp_path / "out" / "trials"
    assert eventually(lambda: trials.is_dir() and any(trials.glob("*.json")), 60)
    family = family_of(run.pid)
    assert len(family) >= 5
    os.kill(run.pid, signum)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert "Traceback" not in said
    assert eventually(lambda: not living(family), 20), living(family)
    done = bench("report", "out", "--json", cwd=tmp_path)
    found = json.loads(done.out)
    assert found["status"] == "interrupted"
    assert found["results"], "what was finished is kept"
    assert not any(path.name.startswith(".") for path in (tmp_path / "out").rglob("*") if signum != signal.SIGKILL)
    assert psutil.pid_exists(os.getpid())
