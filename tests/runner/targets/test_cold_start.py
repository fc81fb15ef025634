"""Real starts: timed from the moment the command runs to the first right answer."""

import os
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sgibench.results.errors import TargetError
from sgibench.runner.load.orders import Expectation
from sgibench.runner.targets.cold_start import Start
from sgibench.runner.targets.launch import App, LiveTarget, Target
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.model import Load, Request, Scenario

from ..waiting import eventually

SLEEP_S = 0.4
OK = Expectation(200, contains=b"ready")
APP = """
    import os, time
    ALONE = os.path.exists("alone")
    {on_import}
    began = time.monotonic()
    def app(environ, start_response):
        status = {status}
        start_response(status, [("Content-Type", "text/plain")])
        return [b"ready"]
"""


def asked(timeout_s: float = 20.0) -> Scenario:
    load = Load(concurrency=[1], timeout_s=timeout_s)
    return Scenario(name="start", title="start", request=Request(path="/up"), load=load)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[TargetLauncher]:
    cores = sorted(os.sched_getaffinity(0))
    made = TargetLauncher(lambda name: tmp_path / f"{name}.log", cores, cores[:1], "/up", ready_timeout_s=15)
    yield made
    made.stop()


def running(launcher: TargetLauncher, tmp_path: Path, on_import: str = "", status: str = '"200 OK"') -> LiveTarget:
    """A target that runs, and of which one more can be started: that one finds the file `alone`."""
    (tmp_path / "mine.py").write_text(textwrap.dedent(APP.format(on_import=on_import, status=status)))
    app = App("mine", "mine:app", "wsgi", tmp_path, ours=False)
    (live,) = launcher.start([Target(app, parse_setup("waitress-1x2"))], 1, 42)
    assert isinstance(live, LiveTarget), live
    (tmp_path / "alone").touch()
    return live


def test_a_start_takes_what_the_app_takes_to_be_imported_and_more(launcher: TargetLauncher, tmp_path: Path) -> None:
    live = running(launcher, tmp_path, f"ALONE and time.sleep({SLEEP_S})")
    before = time.monotonic()
    start = launcher.start_alone(live.target, 1, 42, asked(), OK)
    after = time.monotonic()
    assert isinstance(start, Start), start
    assert SLEEP_S < start.elapsed_s < after - before, "the guard's own start is not in it"
    assert before < start.at < after - start.elapsed_s
    assert 0 < start.cpu_s < start.elapsed_s
    assert live.condition() == [], "the one that runs is not disturbed"


def test_what_was_started_alone_is_gone_and_the_rest_stays(launcher: TargetLauncher, tmp_path: Path) -> None:
    live = running(launcher, tmp_path)
    ours = psutil.Process()
    before = {child.pid for child in ours.children(recursive=True)}
    assert isinstance(launcher.start_alone(live.target, 1, 42, asked(), OK), Start)
    assert eventually(lambda: {child.pid for child in ours.children(recursive=True)} == before)
    assert set(live.pids) <= before


def test_its_output_is_not_mixed_with_that_of_the_one_that_runs(launcher: TargetLauncher, tmp_path: Path) -> None:
    live = running(launcher, tmp_path, 'print("alone" if ALONE else "beside others", flush=True)')
    for _ in range(2):
        assert isinstance(launcher.start_alone(live.target, 1, 42, asked(), OK), Start)
    alone = tmp_path / f"e001-{live.name}-alone.log"
    assert live.process.log == tmp_path / f"e001-{live.name}.log"
    assert "beside others" in live.process.log.read_text()
    assert "alone" not in live.process.log.read_text()
    assert alone.read_text().count("alone") == 1, "the last start's"


def test_an_app_that_is_not_ready_yet_is_asked_again(launcher: TargetLauncher, tmp_path: Path) -> None:
    busy = f'"503 Busy" if ALONE and time.monotonic() < began + {SLEEP_S} else "200 OK"'
    live = running(launcher, tmp_path, status=busy)
    start = launcher.start_alone(live.target, 1, 42, asked(), OK)
    assert isinstance(start, Start), start
    assert start.elapsed_s > SLEEP_S


@pytest.mark.parametrize(
    ("on_import", "status", "timeout_s", "says"),
    [
        ("ALONE and os._exit(3)", '"200 OK"', 20.0, "exited with code 3 before it answered"),
        ("", '"404 No" if ALONE else "200 OK"', 20.0, "gave no right answer (status 404, expected 200; body: 'ready')"),
        ("ALONE and time.sleep(30)", '"200 OK"', 0.8, "did not listen on its port within 0.8 s"),
    ],
)
def test_a_start_without_a_right_answer_is_an_error_in_words(
    on_import: str, status: str, timeout_s: float, says: str, launcher: TargetLauncher, tmp_path: Path
) -> None:
    live = running(launcher, tmp_path, on_import, status)
    outcome = launcher.start_alone(live.target, 1, 42, asked(timeout_s), OK)
    assert isinstance(outcome, TargetError), outcome
    assert says in outcome.message
    assert "its output is in" in outcome.hint


def test_a_body_that_is_not_the_right_one_is_no_first_right_answer(launcher: TargetLauncher, tmp_path: Path) -> None:
    live = running(launcher, tmp_path)
    outcome = launcher.start_alone(live.target, 1, 42, asked(), Expectation(200, body=b"other"))
    assert isinstance(outcome, TargetError)
    assert "another body of the expected length: 'ready'" in outcome.message
