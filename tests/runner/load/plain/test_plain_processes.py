"""The driver process of plain Locust lives and dies with the command, and ``bench load`` drives with it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from sgibench.results.errors import LoadError
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.load.orders import BlockReport
from sgibench.runner.load.session import LocustSession

from ...commands.cli import living
from ...waiting import eventually
from ..load_cases import block, check_books, endpoint
from ..lying_server import LyingServer, always, answer, late


def bench_load(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "sgibench", "load", *arguments, "--driver", "locust", "--no-calibrate"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_bench_load_says_which_driver_it_was() -> None:
    with LyingServer(late(answer(), 0.01)) as server:
        url = f"http://127.0.0.1:{server.port}/"
        with bench_load(url, "--duration", "400ms", "--connections", "2", "--json") as done:
            out, err = done.communicate(timeout=60)
        seen = json.loads(out)
        assert seen["ledger"]["ok"] <= server.requests <= seen["ledger"]["sent"]
    assert done.returncode == (0 if seen["valid"] else 3), err
    assert seen["driver"] == "locust"
    assert seen["throughput_rps"] == seen["ledger"]["ok"] / 0.4
    assert seen["response_time_ms"] is None


def test_an_open_loop_is_a_usage_error_that_says_what_to_do() -> None:
    with bench_load("http://127.0.0.1:9/", "--rate", "10") as done:
        out, err = done.communicate(timeout=60)
    assert (done.returncode, out) == (2, "")
    assert "Locust has no open loop" in err
    assert "leave out --rate, or use --driver engine" in err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_however_the_command_ends_no_process_is_left(signum: int, code: int) -> None:
    with LyingServer(always(answer())) as server:
        with bench_load(f"http://127.0.0.1:{server.port}/", "--duration", "60") as bench:
            while not server.requests:
                assert bench.poll() is None
                time.sleep(0.01)
            children = psutil.Process(bench.pid).children(recursive=True)
            assert children
            os.kill(bench.pid, signum)
            _, err = bench.communicate(timeout=20)
        assert bench.returncode == code
        assert "Traceback" not in err
        assert eventually(lambda: not living(children))


def test_a_turn_can_be_ended_before_its_time() -> None:
    reports: list[BlockReport] = []
    with LyingServer(always(answer())) as server, LocustSession(driver=LoadDriver.LOCUST) as session:
        begun = threading.Event()
        stopping = threading.Thread(target=lambda: begun.wait(30) and session.stop())
        stopping.start()
        reports.append(session.run(block(endpoint(server.port), seconds=60), lambda order: begun.set()))
        stopping.join()
        # And the next block is as any other.
        reports.append(session.run(block(endpoint(server.port), seconds=0.1)))
    stopped, after = (report.turns[0] for report in reports)
    assert stopped.elapsed_s < 30
    for turn in (stopped, after):
        check_books(turn)
        assert turn.ledger.ok > 0


def test_a_driver_that_is_killed_makes_the_block_fail() -> None:
    with LyingServer(always(answer())) as server, LocustSession(driver=LoadDriver.LOCUST) as session:
        session.start()
        assert session.pid is not None
        killing = threading.Timer(0.3, psutil.Process(session.pid).kill)
        killing.start()
        with pytest.raises(LoadError, match="died"):
            session.run(block(endpoint(server.port), seconds=20))
        killing.join()
