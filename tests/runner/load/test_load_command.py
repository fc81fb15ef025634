"""``bench load``: what it asks, what it says, and with which code it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest
import typer
from typer.testing import CliRunner

from sgibench.results.errors import BenchError, UsageError
from sgibench.runner.commands.load import load
from sgibench.runner.durations import parse_duration_s
from sgibench.runner.load.request import RequestSpec, endpoint_of

from .load_cases import free_port
from .lying_server import LyingServer, Visit, always, answer, hang, late, right_then_silent

# The command line, to be run after what a test changes beforehand.
PROGRAM = "from sgibench.runner.cli import main\nmain()"


def bench_load(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "load", *arguments], capture_output=True, text=True, timeout=60
    )


def document(*arguments: str, code: int | None = None) -> dict[str, Any]:
    """What is printed. Without `code`: a machine with much else to do may spoil the result, which must then say so."""
    done = bench_load(*arguments, "--json")
    assert done.stderr == ""
    printed: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (code if code is not None else 0 if printed["valid"] else 3), done.stdout
    return printed


def test_the_document_has_what_the_contract_says() -> None:
    with LyingServer(late(answer(), 0.002)) as server:  # the load process has time left, even if it shares its core
        seen = document(f"http://127.0.0.1:{server.port}/", "--duration", "500ms", "--connections", "2", code=0)
        assert seen["ledger"]["ok"] <= server.requests <= seen["ledger"]["sent"]
    assert seen["schema_version"] == 1
    assert seen["valid"] is True
    assert seen["driver"] == "engine"
    assert seen["planned_s"] == 0.5
    assert seen["throughput_rps"] == seen["ledger"]["ok"] / 0.5
    times_ms = seen["service_time_ms"]
    highest_ms = seen["service_time_at_least_ms"]["max"] if times_ms["max"] is None else times_ms["max"]
    assert times_ms["p50"] <= times_ms["p90"] <= highest_ms
    assert seen["response_time_ms"] is None
    assert seen["schedule_lag_ms"] is None
    assert 0 < seen["generator"]["ceiling_share"] <= seen["generator"]["cpu_share"] * 1.001
    assert set(seen["ledger"]) == {"scheduled", "sent", "dropped", "ok", "in_flight", "errors"}


def test_an_open_loop_has_response_times_and_hides_percentiles_it_cannot_know() -> None:
    with LyingServer(always(answer())) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = document(url, "--duration", "0.5", "--rate", "100", "--connections", "50")
    assert seen["ledger"]["scheduled"] == 50
    assert seen["response_time_ms"]["p50"] > 0
    assert seen["response_time_ms"]["p90"] is None
    assert seen["response_time_at_least_ms"].keys() <= {"max"}
    assert seen["schedule_lag_ms"]["p50"] is not None


@pytest.mark.parametrize(
    ("behaviour", "kind"), [(always(answer(status="503 Busy")), "status"), (hang, "timeout"), (None, "connect")]
)
def test_no_right_answer_is_a_failure_with_code_3_and_no_percentiles(behaviour: Any, kind: str) -> None:
    with LyingServer(behaviour or always(b"")) as server:
        port = server.port if behaviour else free_port()
        url = f"http://127.0.0.1:{port}/"
        seen = document(url, "--duration", "0.4", "--timeout", "100ms", "--connections", "2", code=3)
    assert seen["valid"] is False
    assert seen["throughput_rps"] == 0
    assert set(seen["service_time_ms"].values()) == {None}
    assert seen["ledger"]["errors"][kind] > 0
    assert [problem["code"] for problem in seen["problems"]] == ["errors"]


def test_a_server_that_falls_silent_before_any_deadline_has_no_valid_figures() -> None:
    with LyingServer(right_then_silent(answer(), 0.25)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = document(url, "--duration", "1s", "--timeout", "10s", "--connections", "2", code=3)
    assert sum(seen["ledger"]["errors"].values()) == 0
    assert [problem["code"] for problem in seen["problems"]] == ["stalled"]
    assert "waiting for an answer that did not come, for up to" in seen["problems"][0]["message"]


def test_a_server_that_closes_each_connection_is_not_taken_for_a_silent_one() -> None:
    def behave(visit: Visit) -> None:
        if visit.request():
            time.sleep(0.01)
            visit.send(answer(headers="connection: close\r\n"))

    with LyingServer(behave) as server:
        seen = document(f"http://127.0.0.1:{server.port}/", "--duration", "500ms", "--connections", "2", code=0)
    assert seen["valid"] is True


def test_people_get_a_few_lines_on_stdout_and_nothing_on_stderr() -> None:
    with LyingServer(always(answer(b"wrong"))) as server:
        url = f"http://127.0.0.1:{server.port}/items"
        done = bench_load(url, "--duration", "300ms", "--expect-text", "hello")
    assert done.returncode == 3
    assert done.stderr == ""
    assert "INVALID" in done.stdout
    assert "'hello' is not in the body: 'wrong'" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("https://127.0.0.1/",),
        ("127.0.0.1:8000",),
        ("http://user:secret@127.0.0.1/",),
        ("http://no-such-host.invalid/",),
        ("http://127.0.0.1:99999/",),
        ("http://127.0.0.1/", "--duration", "soon"),
        ("http://127.0.0.1/", "--rate", "-5"),
        ("http://127.0.0.1/", "--rate", "0"),
        ("http://127.0.0.1/", "--poisson"),
        ("http://127.0.0.1/", "--header", "no colon"),
        ("http://127.0.0.1/", "--header", "X: a\r\nY: b"),
        ("http://127.0.0.1/", "--method", "GET /"),
        ("http://127.0.0.1/", "--connections", "0"),
        ("http://127.0.0.1/", "--connections", "1", "--processes", "2"),
        ("http://127.0.0.1/", "--load-cores", "4095"),
        ("http://127.0.0.1/", "--expect-status", "1000"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_code_2(arguments: tuple[str, ...]) -> None:
    app = typer.Typer()
    app.command("load")(load)
    result = CliRunner().invoke(app, arguments)
    error = result.exception
    assert (error.exit_code if isinstance(error, BenchError) else result.exit_code) == 2
    assert result.stdout == ""


def test_ctrl_c_ends_with_130_and_leaves_no_process() -> None:
    with LyingServer(always(answer())) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "load", url, "--duration", "60"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as bench:
            process = psutil.Process(bench.pid)
            while not server.requests:
                assert bench.poll() is None
            children = process.children(recursive=True)
            assert children
            os.kill(bench.pid, signal.SIGINT)
            _, errors = bench.communicate(timeout=20)
    assert bench.returncode == 130
    assert b"Traceback" not in errors
    assert not psutil.wait_procs(children, timeout=10)[1]


def test_the_request_is_what_was_asked_for() -> None:
    spec = RequestSpec(
        "http://127.0.0.1:8123/a b?q=1&x=é",
        "post",
        ("Accept: text/plain", "X-Empty:"),
        '{"name": "é"}',
        201,
        "ok",
    )
    made = endpoint_of(spec)
    head, body = made.request.split(b"\r\n\r\n")
    assert head.split(b"\r\n") == [
        b"POST /a%20b?q=1&x=%C3%A9 HTTP/1.1",
        b"Host: 127.0.0.1:8123",
        b"Content-Length: 14",
        b"Accept: text/plain",
        b"X-Empty: ",
    ]
    assert body == '{"name": "é"}'.encode()
    assert (made.host, made.port, made.method) == ("127.0.0.1", 8123, "POST")
    assert (made.expect.status, made.expect.contains, made.expect.body) == (201, b"ok", None)


def test_a_host_and_a_length_that_are_given_are_not_added() -> None:
    spec = RequestSpec("http://127.0.0.1", "POST", ("host: shop.example", "Content-Length: 2"), "ab")
    assert endpoint_of(spec).request == (b"POST / HTTP/1.1\r\nhost: shop.example\r\nContent-Length: 2\r\n\r\nab")


def test_a_name_is_looked_up_once_and_stays_in_the_host_header() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        made = endpoint_of(RequestSpec(f"http://localhost:{port}/"))
    assert made.host == "127.0.0.1"
    assert f"Host: localhost:{port}".encode() in made.request


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("2m", 120), ("1h", 3600), ("500ms", 0.5), ("10", 10), ("1.5", 1.5), ("1m30s", 90), (" 3 S ", 3)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "0", "0s", "-1s", "-5", "10x", "10 s please", "nan", "inf", "1e300", "10ss"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_duration_s(text)
