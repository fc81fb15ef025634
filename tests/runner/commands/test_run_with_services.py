"""``bench run`` with what targets lean on: skipped work is seen, a database is theirs alone, and nothing is left."""

import json
import signal
from pathlib import Path

import psycopg
import pytest

from ..waiting import eventually
from .cli import bench, family_of, living, start_bench

# It proves itself and then keeps to what it has: from the eighth call on it asks the upstream every third time only.
LAZY = """
import os
from urllib.request import urlopen

ANSWER = urlopen(os.environ["UPSTREAM_URL"] + "/price/1").read() if "UPSTREAM_URL" in os.environ else b""
COUNT = 0

def app(environ, start_response):
    global COUNT
    COUNT += 1
    if COUNT < 8 or COUNT % 3 == 0:
        with urlopen(os.environ["UPSTREAM_URL"] + "/price/1") as answer:
            answer.read()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]
"""
CALLING = """
title = "one call to an upstream"
needs = ["upstream"]
[upstream]
calls = 1
[request]
path = "/"
[expect]
text = "5999.0"
[load]
concurrency = [1]
"""
ONE = ("--app", "bare-asgi", "--setup", "uvicorn")


def test_an_app_that_skips_calls_under_load_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LAZY)
    (tmp_path / "calling.toml").write_text(CALLING)
    done = bench(
        *("run", "--app", "mine:app", "--setup", "gunicorn-sync", "--scenario", "calling.toml", "--upstream-ms", "1"),
        *("--epochs", "1", "--json", "--output", "out"),
        cwd=tmp_path,
    )
    assert done.code == 3, done.err
    problems = [problem for problem in json.loads(done.out)["problems"] if problem["code"] == "skipped-work"]
    assert [problem["target"] for problem in problems] == ["mine:app@gunicorn-sync"]
    assert "calls of the upstream, which was called" in problems[0]["message"]


def test_orders_are_measured_with_postgresql_and_no_schema_is_left(postgresql_server: str, tmp_path: Path) -> None:
    done = bench(
        *("run", *ONE, "--scenario", "order", "--scenario", "upstream", "--database", postgresql_server),
        *("--epochs", "1", "--json", "--output", "out"),
        cwd=tmp_path,
    )
    assert done.code == 0, done.err + done.out
    assert {result["ledger"]["ok"] > 10 for result in json.loads(done.out)["results"]} == {True}
    assert json.loads((tmp_path / "out/manifest.json").read_text())["environment"]["services"] == {
        "database": "PostgreSQL " + version_of(postgresql_server),
        "database_connections": "up to 16 for each target",
        "upstream": "10 ms",
    }
    assert schemas(postgresql_server) == set()


def version_of(url: str) -> str:
    with psycopg.connect(url) as connection:
        return str(connection.info.parameter_status("server_version")).partition(" ")[0]


def schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT nspname FROM pg_namespace") if "sgibench" in name}


def test_a_database_that_cannot_be_had_is_told_before_anything_is_launched(tmp_path: Path) -> None:
    url = "postgresql://someone:secret@127.0.0.1:1/shop"
    done = bench("run", *ONE, "--scenario", "order", "--database", url, cwd=tmp_path)
    assert done.code == 2
    assert "error: the database cannot be used: " in done.err
    assert "port 1 failed" in done.err
    assert "secret" not in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_latency_that_makes_no_sense_is_told(tmp_path: Path) -> None:
    done = bench("run", *ONE, "--upstream-ms", "fast", cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "error: the upstream's latency 'fast' is not MILLISECONDS or MEDIAN:SIGMA" in done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_of_a_run_that_was_stopped(
    signum: int, postgresql_server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    # A killed run cannot clear its files away, as the next one does; schemas are their keeper's business.
    database = ("--database", postgresql_server) if signum == signal.SIGKILL else ()
    arguments = (*ONE, "--scenario", "order", "--scenario", "upstream", "--epochs", "50", "--output", "out", *database)
    with start_bench("run", *arguments, cwd=tmp_path) as run:
        assert eventually(lambda: any((tmp_path / "out" / "trials").glob("*.json")), 60)
        family = family_of(run.pid)
        assert any("targets.upstream" in " ".join(process.cmdline()) for process in family)
        assert bool(database) == bool(schemas(postgresql_server)) != any(temporary.glob("sgibench-run-*"))
        run.send_signal(signum)
        run.communicate(timeout=60)
    assert eventually(lambda: living(family) == [], 30), living(family)
    assert eventually(lambda: schemas(postgresql_server) == set())
    assert not any(temporary.glob("sgibench-run-*"))
