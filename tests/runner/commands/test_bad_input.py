"""Bad input: one clear message, the documented exit code, no traceback, no process left."""

import json
import secrets
from pathlib import Path

import psutil
import pytest

from .cli import SUITE, bench

WSGI = "def app(environ, start_response):\n    start_response('{status}', [])\n    return [b'ok']\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run", "defalt"], "did you mean 'default'?"),
        (["run", "--app", "fastpi"], "did you mean 'fastapi'?"),
        (["run", "--app", "flask", "--setup", "gunicorn-gtread"], "did you mean 'gunicorn-gthread'?"),
        (["run", "--app", "flask", "--scenario", "wait"], "did you mean"),
        (["run", "--app", "no.such:app"], "No module named 'no'"),
        (["run", "--server-cores", "99"], "core 99 is not there"),
        (["run", "--load-cores", "x"], "not a list of cores"),
        (["run", "--budget", "1s"], "a budget of 1 s is too small"),
        (["run", "--budget", "soon"], "'soon' is no duration"),
        (["run", "--epochs", "0"], "--epochs"),
        (["run", "--concurrency", "many"], "not a list of numbers"),
        (["run", "--app", "flask", "--python", "/nowhere"], "no Python interpreter"),
        (["run", "--app", "flask", "--interface", "cgi"], "--interface"),
        (["run", "full", "--group", "equal"], "did you mean 'equal-slots'?"),
        (["run", "smoke", "--group", "tuned"], "suite 'smoke' has no groups"),
        (["run", "full", "--budget", "60s"], "--group tuned (about"),
        (["run", "smoke", "--python", "python3", "--python", "/nowhere"], "no Python interpreter"),
        (["run", "--app", "flask", "--setup", "gunicorn-snyc-*"], "did you mean 'gunicorn-sync'?"),
        (["run", "--app", "flask", "--scenario", "websocket"], "flask speaks WSGI, which has no WebSocket"),
        (["run", "--app", "bare-asgi", "--scenario", "mixed", "--driver", "locust"], "Locust has no mix of requests"),
        (["run", "--app", "flask", "--scenario", "upstream", "--upstream-ms", "soon"], "latency 'soon' is not"),
        (["run", "--app", "flask", "--scenario", "upstream", "--upstream-ms", ""], "latency '' is not"),
        (["run", "--app", "flask", "--scenario", "upstream", "--upstream-ms", "40000"], "its deadline is 30 s"),
        (
            ["run", "--app", "flask", "--scenario", "list", "--database", "mysql://x"],
            "takes the URL of a PostgreSQL database",
        ),
        (["run", "--scenario", "kinds.toml"], 'kinds.toml, line 1: the file: a [message] goes with kind = "websocket"'),
        (["run", "--output", "/dev/null/x"], "cannot write /dev/null/x"),
        (["run", "broken.toml"], "broken.toml: not TOML"),
        (["run", "wrong.toml"], "wrong.toml, line 9: scenario.0.seconds"),
        (["report", "."], "is not a run's folder"),
        (["report", "nowhere"], "is not a run's folder"),
        (["compare", "nowhere", "nowhere"], "is not a run's folder"),
        (["list", "nonsense"], "nonsense"),
        (["nonsense"], "nonsense"),
        (["load", "ftp://127.0.0.1/"], "http"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_message_with_code_2(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.toml").write_text("title = \n")
    kinds = 'title = "x"\nkind = "websocket"\n[request]\npath = "/ws"\n[load]\nconcurrency = [1]\n'
    (tmp_path / "kinds.toml").write_text(kinds)
    (tmp_path / "wrong.toml").write_text(SUITE.strip().replace("seconds = 0.3", 'seconds = "long"'))
    done = bench(*arguments, cwd=tmp_path, env={"COLUMNS": "300"})
    assert done.code == 2, done.err
    assert says in done.err
    assert done.out == ""
    assert not list(tmp_path.glob("bench-results/*/trials/*"))


@pytest.mark.parametrize(
    ("app", "says"),
    [
        ("raise RuntimeError('no settings')", "no settings"),
        ("application = 1", "Failed to find attribute 'app'"),
        (WSGI.format(status="404 Not Found"), "status 404, expected 200"),
        (WSGI.format(status="500 Oops"), "answers / with status 500"),
        (
            "import os\nif 'SERVER' in os.environ: raise OSError('disk on fire')\n" + WSGI.format(status="200 OK"),
            "disk on fire",
        ),
    ],
    ids=["fails to import", "no such attribute", "answers wrongly", "answers errors", "raises in the server"],
)
def test_an_app_that_cannot_be_measured_ends_the_run_with_its_own_words(app: str, says: str, tmp_path: Path) -> None:
    module = f"mine_{secrets.token_hex(4)}"  # other tests may run beside it
    (tmp_path / f"{module}.py").write_text(app)
    done = bench(
        *("run", "--app", f"{module}:app", "--interface", "wsgi", "--setup", "gunicorn-sync", "--epochs", "2"),
        cwd=tmp_path,
        env={"SERVER": "1"},
    )
    assert done.code == 2, done.err
    assert says in done.err
    left = psutil.process_iter(["cmdline"])
    assert not [process for process in left if f"{module}:app" in (process.info["cmdline"] or ())]


def test_a_server_that_is_not_installed_is_named_with_the_command_that_installs_it(
    bare_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(WSGI.format(status="200 OK"))
    done = bench("run", "--app", "mine:app", "--setup", "gunicorn-sync", "--python", str(bare_python), cwd=tmp_path)
    assert done.code == 2
    assert "gunicorn-sync is not installed" in done.err
    assert f"{bare_python} -m pip install gunicorn" in done.err
    assert not (tmp_path / "bench-results").exists()


def test_a_run_folder_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text("{}")
    done = bench("run", "smoke", "--output", "out", cwd=tmp_path)
    assert done.code == 2
    assert "already holds a run" in done.err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is damaged"),
        (json.dumps({"schema_version": 1}), "is damaged"),
        (json.dumps({"schema_version": 99}), "schema version 99"),
    ],
)
def test_a_damaged_run_or_one_of_a_newer_schema_is_told_apart(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "manifest.json").write_text(text)
    done = bench("report", "out", cwd=tmp_path)
    assert done.code == 2
    assert says in done.err
    assert "manifest.json" in done.err
