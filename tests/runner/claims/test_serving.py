"""Servers for experiments: real ones, small."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sgibench.results.errors import UsageError
from sgibench.results.records import Problem, ProblemCode, Severity
from sgibench.runner.claims import holding
from sgibench.runner.claims.holding import allowed
from sgibench.runner.claims.rotated import only, sentences
from sgibench.runner.claims.serving import Serving
from sgibench.runner.claims.sides import ExperimentError
from sgibench.runner.claims.targets import setup_with_arguments, target_of
from sgibench.runner.machine import choose_cores
from sgibench.scenarios.claims.model import NotHereError
from sgibench.scenarios.claims.serving import Asked

from ..waiting import eventually

HOLDING = "holding_asgi:app"
ITEM = ("item_asgi:app", "uvicorn")


def serving_in(folder: Path, python: str = sys.executable) -> Serving:
    return Serving(python, choose_cores(None, None), folder, seed=1)


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    made = serving_in(tmp_path)
    yield made
    made.close()


def test_a_server_answers_is_measured_and_is_gone_afterwards(serving: Serving) -> None:
    before = os.sched_getaffinity(0)
    with serving.serve(HOLDING, "uvicorn", ARTICLE="A") as served:
        pids = served.pids
        assert served.ask("/held").body == b"0"
        memory = served.memory()
        assert 0 < memory["uss_mib"] <= memory["pss_mib"] <= memory["rss_mib"]
        assert served.threads() >= 1
        assert b"ARTICLE=A" in Path(f"/proc/{pids[0]}/environ").read_bytes().split(b"\0")
        code = served.stop()
        assert code is not None
        with pytest.raises(ExperimentError, match="no answer to GET /held"):
            served.ask("/held")
        with pytest.raises(ExperimentError, match="ended with code"):
            served.memory()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert os.sched_getaffinity(0) == before


def test_requests_are_really_held_and_all_of_them_answered_after_the_release(serving: Serving) -> None:
    with serving.serve(HOLDING, "uvicorn") as served:
        with serving.hold(served, "/hold", 50, release="/release") as held:
            assert (held.count, held.stopped) == (50, "")
            assert served.ask("/held").body == b"50"
        assert served.ask("/held").body == b"0"
        with (
            pytest.raises(ExperimentError, match="answered one meanwhile: 200"),
            serving.hold(served, "/held", 5, release="/release"),
        ):
            pytest.fail("nothing is held there")


def test_what_waits_in_the_backlog_is_not_held(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "TAKEN_WITHIN_S", 1.0)
    with (
        serving.serve("holding_wsgi:app", "gunicorn-sync-1") as served,
        pytest.raises(ExperimentError, match="took 1 of 4 requests at once"),
        serving.hold(served, "/hold", 4),
    ):
        pytest.fail("a sync worker serves one")


def test_fewer_are_held_where_the_system_allows_no_more_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert allowed(10).stopped == ""
    monkeypatch.setattr(holding, "open_files", lambda: 256)
    few = allowed(10_000)
    assert few.count == 128
    assert few.stopped == "128 requests were held instead of 10,000: a process may open 256 files here (ulimit -Hn)"
    monkeypatch.setattr(holding, "limits", lambda: {"local_ports": 200})
    assert allowed(10_000).count == 72


def test_a_setup_may_have_further_arguments_of_its_server() -> None:
    setup, label = setup_with_arguments("gunicorn-sync-2 --preload")
    assert (setup.name, label) == ("gunicorn-sync-2", "+preload")
    command = setup.command(sys.executable, "app:app", "127.0.0.1", 1)
    assert "--preload" in command
    assert target_of("flask", "gunicorn-sync-2 --preload", sys.executable).name == "flask@gunicorn-sync-2+preload"
    with pytest.raises(UsageError, match="there is no app 'flusk'"):
        target_of("flusk", "gunicorn-sync-2", sys.executable)
    with pytest.raises(ExperimentError):
        target_of("flask", "uvicorn", sys.executable)


def test_what_an_interpreter_lacks_is_said_with_what_to_install(tmp_path: Path, bare_python: Path) -> None:
    serving = serving_in(tmp_path, str(bare_python))
    said = serving.missing(["fastapi"], ["uvicorn-asyncio-h11"])
    assert said == f"{bare_python} lacks fastapi, uvicorn ({bare_python} -m pip install fastapi uvicorn)"
    assert serving_in(tmp_path).missing(["fastapi"], ["uvicorn"]) == ""
    with pytest.raises(NotHereError, match="lacks httptools, uvicorn, uvloop"), serving.serve(HOLDING, "uvicorn"):
        pytest.fail("it has no uvicorn")
    with pytest.raises(NotHereError, match="lacks httptools, uvicorn, uvloop"):
        serving.rotate([ITEM], [Asked("/items/1")], [1], 1, 0.1)


def test_a_server_that_cannot_start_is_told_with_its_own_words(serving: Serving) -> None:
    with (
        pytest.raises(ExperimentError, match=r"has no attribute|not found in module"),
        serving.serve("holding_asgi:nothing", "uvicorn"),
    ):
        pytest.fail("there is no such app")


def test_load_in_turns_gives_figures_or_says_why_there_are_none(serving: Serving, tmp_path: Path) -> None:
    starlette = ("item_starlette:app", "uvicorn")
    text = '"name":"mechanical keyboard"'
    seen = serving.rotate([ITEM, starlette], [Asked("/items/1", text)], [2], launches=1, seconds=0.1)
    rates = [seen.values(target, "requests/s", "/items/1", 2) for target in (ITEM, starlette)]
    assert all(rate.keys() == {1} and rate[1] > 0 for rate in rates) or any("Not used" in note for note in seen.notes)
    if all(rates):
        ratio, estimate = seen.ratio(ITEM, starlette), seen.estimate(ITEM, "requests/s")
        assert ratio is not None
        assert estimate is not None
        assert ratio.value > 0
        assert estimate.value == pytest.approx(rates[0][1])
    assert list(tmp_path.glob("runs/*/trials/*.json"))
    with pytest.raises(KeyError):
        seen.values(ITEM, "requests/s", "/nowhere")


def test_an_app_that_answers_wrongly_is_not_measured(serving: Serving) -> None:
    with pytest.raises(ExperimentError, match="answers wrongly"):
        serving.rotate([ITEM], [Asked("/items/1", "another text")], [1], launches=1, seconds=0.1)


def test_what_was_invalid_and_what_disturbed_is_told_in_sentences() -> None:
    invalid = Problem(ProblemCode.ERRORS, "3 of 100 failed", "a@b", "json")
    noisy = Problem(ProblemCode.NOISY_MACHINE, "others took a core", severity=Severity.WARNING)
    minor = Problem(ProblemCode.UNCALIBRATED, "not calibrated", severity=Severity.WARNING)
    assert list(sentences((invalid, noisy, minor))) == [
        "Not used (a@b, json): 3 of 100 failed.",
        "Others took a core.",
    ]
    with pytest.raises(ValueError, match="say which"):
        only([1, 2])


HOLDS_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from sgibench.runner.claims.serving import Serving
from sgibench.runner.machine import choose_cores
serving = Serving(sys.executable, choose_cores(None, None), Path(sys.argv[1]), seed=1)
with serving.serve("holding_asgi:app", "uvicorn") as served, serving.hold(served, "/hold", 5):
    print(served.port, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_it_is_ended_from_outside(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-c", HOLDS_UNTIL_KILLED, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 4  # server and client, each with its guard
        process.send_signal(how)
        process.wait(20)
    assert eventually(lambda: not any(child.is_running() for child in children), 20)
