"""``bench load``: what it asks, what it says, and with which code it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest
import typer
from typer.testing import CliRunner

from sgibench.results.errors import BenchError, UsageError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import ProblemCode
from sgibench.runner.commands.load import load
from sgibench.runner.durations import parse_duration_s
from sgibench.runner.load.orders import Arrival, BlockReport, TurnOrder, TurnReport
from sgibench.runner.load.outcome import judge_load, table_ms
from sgibench.runner.load.request import RequestSpec, endpoint_of

from .load_cases import free_port
from .lying_server import LyingServer, always, answer, hang

# The command as the CLI mounts it, without the rest of the CLI.
PROGRAM = """
import sys, typer
from sgibench.results.errors import BenchError
from sgibench.runner.commands.load import load
app = typer.Typer()
app.callback()(lambda: None)
app.command("load")(load)
try:
    app()
except BenchError as error:
    sys.stderr.write(error.message)
    sys.exit(error.exit_code)
except KeyboardInterrupt:
    sys.exit(130)
"""


def bench_load(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, "load", *arguments], capture_output=True, text=True, timeout=60
    )


def document(*arguments: str, code: int) -> dict[str, Any]:
    done = bench_load(*arguments, "--json")
    assert done.stderr == ""
    assert done.returncode == code, done.stdout
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_the_document_has_what_the_contract_says() -> None:
    with LyingServer(always(answer())) as server:
        seen = document(f"http://127.0.0.1:{server.port}/", "--duration", "500ms", "--connections", "2", code=0)
        assert seen["ledger"]["ok"] <= server.requests <= seen["ledger"]["sent"]
    assert seen["schema_version"] == 1
    assert seen["valid"] is True
    assert seen["driver"] == "engine"
    assert seen["planned_s"] == 0.5
    assert seen["throughput_rps"] == seen["ledger"]["ok"] / 0.5
    assert seen["service_time_ms"]["p50"] <= seen["service_time_ms"]["p90"] <= seen["service_time_ms"]["max"]
    assert seen["response_time_ms"] is None
    assert seen["schedule_lag_ms"] is None
    assert seen["generator"]["ceiling_share"] is None
    assert seen["generator"]["cpu_share"] > 0
    assert set(seen["ledger"]) == {"scheduled", "sent", "dropped", "ok", "in_flight", "errors"}


def test_an_open_loop_has_response_times_and_hides_percentiles_it_cannot_know() -> None:
    with LyingServer(always(answer())) as server:
        url = f"http://127.0.0.1:{server.port}/"
        seen = document(url, "--duration", "0.5", "--rate", "100", "--connections", "50", code=0)
    assert seen["ledger"]["scheduled"] == 50
    assert seen["response_time_ms"]["p50"] > 0
    assert seen["response_time_ms"]["p90"] is None
    assert seen["response_time_ms"]["max"] >= seen["response_time_ms"]["p50"]
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


def turn(ledger: Ledger, *, load_cpu_s: float = 0.1, times_us: int = 1000, lag_us: int | None = None) -> TurnReport:
    times = Histogram.of_us([times_us] * ledger.ok)
    lag = None if lag_us is None else Histogram.of_us([lag_us] * ledger.sent)
    response = None if lag_us is None else times
    order = TurnOrder(0, 1.0, 0, 0)
    return TurnReport(order, 0, 1.0, ledger, times, response, lag, Histogram({}), None, load_cpu_s, 1, 0)


def codes(seen: TurnReport, arrival: Arrival, *, valid: bool) -> list[ProblemCode]:
    ledger = seen.ledger
    report = BlockReport(1, (seen,), ledger.ok + ledger.error_count, ledger.error_count)
    outcome = judge_load("http://x/", arrival, 1, 1.0, report)
    assert outcome.valid is valid
    return [problem.code for problem in outcome.problems]


def test_a_sound_result_has_no_problem() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 1000)), Arrival(8), valid=True) == []


def test_few_errors_are_a_warning_and_more_make_the_result_invalid() -> None:
    few, many = Ledger(2000, 2000, 0, 1999, 0, {"reset": 1}), Ledger(2000, 2000, 0, 1990, 0, {"reset": 10})
    assert codes(turn(few), Arrival(8), valid=True) == [ProblemCode.ERRORS]
    assert codes(turn(many), Arrival(8), valid=False) == [ProblemCode.ERRORS]


def test_a_ledger_that_does_not_balance_is_invalid() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 999)), Arrival(8), valid=False) == [ProblemCode.LEDGER_UNBALANCED]


def test_statistics_of_locust_that_disagree_are_invalid() -> None:
    report = BlockReport(1, (turn(Ledger(1000, 1000, 0, 1000)),), 999, 0)
    outcome = judge_load("http://x/", Arrival(8), 1, 1.0, report)
    assert [problem.code for problem in outcome.problems] == [ProblemCode.LEDGER_UNBALANCED]


def test_a_load_side_at_its_ceiling_says_at_least() -> None:
    report = BlockReport(1, (turn(Ledger(1000, 1000, 0, 1000), load_cpu_s=0.95),), 1000, 0)
    outcome = judge_load("http://x/", Arrival(8), 1, 1.0, report)
    assert [problem.code for problem in outcome.problems] == [ProblemCode.GENERATOR_LIMITED]
    assert outcome.at_least


def test_in_an_open_loop_drops_and_lateness_count_and_cpu_does_not() -> None:
    arrival = Arrival(8, 1000.0)
    spinning = turn(Ledger(1000, 1000, 0, 1000), load_cpu_s=1.0, lag_us=5)
    dropping = turn(Ledger(1000, 980, 20, 980), lag_us=5)
    lagging = turn(Ledger(1000, 1000, 0, 1000), lag_us=20_000)
    assert codes(spinning, arrival, valid=True) == []
    assert codes(dropping, arrival, valid=False) == [ProblemCode.GENERATOR_LIMITED]
    assert codes(lagging, arrival, valid=False) == [ProblemCode.GENERATOR_LIMITED]


def test_more_in_service_than_connections_is_impossible() -> None:
    assert codes(turn(Ledger(1000, 1000, 0, 1000), times_us=20_000), Arrival(8), valid=False) == [
        ProblemCode.IMPOSSIBLE
    ]


def test_a_percentile_needs_ten_samples_beyond_it() -> None:
    assert table_ms(Histogram.of_us([500] * 99))["p90"] is None
    assert table_ms(Histogram.of_us([500] * 100))["p90"] == 0.5
    assert table_ms(Histogram({})) == {"p50": None, "p90": None, "p99": None, "p99.9": None, "max": None}
