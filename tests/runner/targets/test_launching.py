"""Real servers, and apps that fail in every way."""

import os
import signal
import socket
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import psutil
import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, Interface
from sgibench.results.errors import TargetError
from sgibench.results.records import ProblemCode
from sgibench.runner.measure import Interrupted, interruptible
from sgibench.runner.targets import launch
from sgibench.runner.targets.launch import App, LiveTarget, Target, free_ports, reason_in, settle, target_environment
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.files import built_in_scenario
from sgibench.scenarios.model import Expect, Load, Request, Scenario

from ..waiting import eventually

# Every way to have workers, with and without a master that listens, too; test_servers.py has every kind.
SETUPS = [
    *("uvicorn", "uvicorn-2", "gunicorn-sync", "gunicorn-sync-2", "gunicorn-gthread-2x4", "gunicorn-asgi-2"),
    *("hypercorn-2", "granian-asgi-2", "granian-wsgi-2x4", "daphne", "uwsgi", "uwsgi-threads-2x4", "waitress-1x4"),
]
ROOT = Scenario(name="root", title="root", request=Request(path="/"), load=Load(concurrency=[1]))


def our_target(setup_text: str) -> Target:
    setup = parse_setup(setup_text)
    name = "flask" if setup.kind.interface is Interface.WSGI else "fastapi"
    return Target(App(name, APPS[name].path, APPS[name].interface, APPS_ROOT, ours=True), setup)


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[TargetLauncher]:
    cores = sorted(os.sched_getaffinity(0))
    made = TargetLauncher(lambda name: tmp_path / f"{name}.log", cores, cores[:1], "/", ready_timeout_s=15)
    yield made
    made.stop()


def test_a_target_runs_its_workers_gives_the_right_answers_and_is_gone_afterwards(
    launcher: TargetLauncher,
) -> None:
    targets = [our_target(text) for text in SETUPS]
    outcomes = launcher.start(targets, 1, 42)
    lives = [outcome for outcome in outcomes if isinstance(outcome, LiveTarget)]
    assert [live.name for live in lives] == [target.name for target in targets], outcomes
    for live in lives:
        assert len(live.serving_processes()) == live.target.setup.workers, live.name
        assert live.condition() == []
        core = min(os.sched_getaffinity(0))
        for pid in live.pids:
            assert os.sched_getaffinity(pid) == {core}, f"{live.name} is pinned"
    scenarios = [built_in_scenario("json"), built_in_scenario("wait-50ms")]
    for live, proof in zip(lives, launcher.prove(lives, scenarios), strict=True):
        assert not isinstance(proof, TargetError), proof
        body = proof.expectations["json"][0].body
        assert body is not None
        assert "笔记本电脑" in body.decode(), live.name
        assert 0 < proof.service_s["json"] < 5
    pids = [pid for live in lives for pid in live.pids]
    launcher.stop()
    assert eventually(lambda: not any(psutil.pid_exists(pid) for pid in pids))


def user_target(tmp_path: Path, code: str, setup: str = "uvicorn-asyncio-h11", interface: str = "asgi") -> Target:
    (tmp_path / "mine.py").write_text(textwrap.dedent(code))
    return Target(App("mine:app", "mine:app", interface, tmp_path, ours=False), parse_setup(setup))


def why(launcher: TargetLauncher, target: Target) -> str:
    (outcome,) = launcher.start([target], 1, 1)
    assert isinstance(outcome, TargetError)
    return outcome.message


ANSWERS = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": STATUS, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""


def test_an_app_that_fails_to_import_is_named_with_its_own_error(launcher: TargetLauncher, tmp_path: Path) -> None:
    message = why(launcher, user_target(tmp_path, "import no_such_library"))
    assert "exited with code 1" in message
    assert "No module named 'no_such_library'" in message


def test_an_app_that_fails_to_import_under_gunicorn_too(launcher: TargetLauncher, tmp_path: Path) -> None:
    message = why(launcher, user_target(tmp_path, "raise ValueError('no config')", "gunicorn-sync", "wsgi"))
    assert "exited with code 3" in message
    assert "no config" in message


def test_an_app_that_raises_at_start_is_named_with_its_own_error(launcher: TargetLauncher, tmp_path: Path) -> None:
    code = """
    async def app(scope, receive, send):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
    """
    assert "no database" in why(launcher, user_target(tmp_path, code))


def test_an_app_that_never_answers_is_given_up(tmp_path: Path) -> None:
    code = "import time\ndef app(environ, start_response):\n    time.sleep(60)\n"
    launcher = TargetLauncher(lambda name: tmp_path / f"{name}.log", (), (), "/", ready_timeout_s=6)
    try:
        message = why(launcher, user_target(tmp_path, code, "gunicorn-sync", "wsgi"))
    finally:
        launcher.stop()
    assert "accepts connections, but gave no answer to / within 6 s" in message


def test_an_app_that_answers_only_errors_is_named_with_the_status(launcher: TargetLauncher, tmp_path: Path) -> None:
    target = user_target(tmp_path, ANSWERS.replace("STATUS", "503"))
    assert "answers / with status 503" in why(launcher, target)


def test_an_app_that_answers_wrongly_is_not_measured(launcher: TargetLauncher, tmp_path: Path) -> None:
    (live,) = launcher.start([user_target(tmp_path, ANSWERS.replace("STATUS", "404"))], 1, 1)
    assert isinstance(live, LiveTarget)
    (proof,) = launcher.prove([live], [ROOT])
    assert isinstance(proof, TargetError)
    assert "GET /: status 404, expected 200; body: 'ok'" in proof.message
    assert not live.process.running  # it would use the cores of those that are measured


def test_a_missing_text_is_a_wrong_answer(launcher: TargetLauncher, tmp_path: Path) -> None:
    (live,) = launcher.start([user_target(tmp_path, ANSWERS.replace("STATUS", "200"))], 1, 1)
    assert isinstance(live, LiveTarget)
    wanting = ROOT.model_copy(update={"expect": Expect(text="welcome")})
    right, wrong = launcher.prove([live], [ROOT])[0], launcher.prove([live], [wanting])[0]
    assert not isinstance(right, TargetError)
    assert isinstance(wrong, TargetError)
    assert "the expected text 'welcome' is not in the body: 'ok'" in wrong.message


def test_an_app_of_ours_that_breaks_the_contract_is_found_out(launcher: TargetLauncher, tmp_path: Path) -> None:
    code = ANSWERS.replace("STATUS", "200")
    liar = user_target(tmp_path, code)
    liar = Target(App("flask", "mine:app", Interface.ASGI, tmp_path, ours=True), liar.setup)
    (live,) = launcher.start([liar], 1, 1)
    assert isinstance(live, LiveTarget)
    (proof,) = launcher.prove([live], [built_in_scenario("json")])
    assert isinstance(proof, TargetError)
    assert "answers wrongly: json (GET /json)" in proof.message


SILENT = """
import pathlib, time
def app(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        pathlib.Path("asked").touch()
        time.sleep(300)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""


def test_who_interrupts_the_proof_does_not_wait_for_a_silent_target(launcher: TargetLauncher, tmp_path: Path) -> None:
    target = user_target(tmp_path, SILENT, "waitress-1x2", "wsgi")
    (live,) = launcher.start([target], 1, 42)
    assert isinstance(live, LiveTarget), live
    slow = Scenario(name="slow", title="slow", request=Request(path="/slow"), load=Load(concurrency=[1], timeout_s=200))

    def interrupt() -> None:
        assert eventually((tmp_path / "asked").exists)
        os.kill(os.getpid(), signal.SIGINT)

    def waiting() -> list[threading.Thread]:
        return [thread for thread in threading.enumerate() if thread.name.startswith("prove")]

    thread = threading.Thread(target=interrupt)
    began = time.monotonic()
    thread.start()
    with pytest.raises(Interrupted), interruptible():
        launcher.prove([live], [slow])
    thread.join()
    launcher.stop()
    assert eventually(lambda: not waiting()), "whoever asked has gone, too"
    assert time.monotonic() - began < 100, "half of the deadline, of which nothing was waited for"


def test_a_server_that_exits_half_way_is_seen(launcher: TargetLauncher, tmp_path: Path) -> None:
    (live,) = launcher.start([user_target(tmp_path, ANSWERS.replace("STATUS", "200"))], 1, 1)
    assert isinstance(live, LiveTarget)
    psutil.Process(live.process.pid).kill()
    assert eventually(lambda: not live.process.running)
    ((code, message),) = live.condition()
    assert code is ProblemCode.SERVER_DIED
    assert "ended with code -9" in message


def test_a_worker_that_was_replaced_is_seen(launcher: TargetLauncher) -> None:
    (live,) = launcher.start([our_target("gunicorn-sync-2")], 1, 1)
    assert isinstance(live, LiveTarget)
    before = live.serving_processes()
    psutil.Process(before[0]).kill()
    found: list[tuple[ProblemCode, str]] = []

    def something_is_wrong() -> bool:
        found.extend(live.condition())
        return bool(found)

    assert eventually(something_is_wrong)
    assert {code for code, _ in found} <= {ProblemCode.WORKER_DIED, ProblemCode.WORKER_COUNT}


def test_a_port_that_was_taken_meanwhile_is_replaced_by_another(
    launcher: TargetLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as occupied:
        occupied.bind(("127.0.0.1", 0))
        occupied.listen()
        taken = occupied.getsockname()[1]
        ports = iter([[taken], free_ports(1)])
        monkeypatch.setattr("sgibench.runner.targets.launcher.free_ports", lambda _count: next(ports))
        (live,) = launcher.start([our_target("uvicorn")], 1, 1)
        assert isinstance(live, LiveTarget)
        assert live.port != taken


def test_targets_are_left_alone_until_they_use_next_to_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used_s = iter([0.0, 0.09, 0.15, 0.156, 0.158])  # the last look finds less than 5 % of a core
    monkeypatch.setattr(launch, "cpu_seconds", lambda _pids: next(used_s))
    settle([cast(LiveTarget, SimpleNamespace(pids=(1,)))])
    assert list(used_s) == []


def test_settings_from_the_environment_do_not_reach_the_server_unseen() -> None:
    env = {"PATH": "/bin", "WEB_CONCURRENCY": "8", "UVICORN_LOOP": "asyncio", "PYTHONPATH": "/lib"}
    found = target_environment(env, our_target("uvicorn"), 7, {})
    assert "WEB_CONCURRENCY" not in found
    assert "UVICORN_LOOP" not in found
    assert found["PATH"] == "/bin"
    assert found["PYTHONPATH"].split(os.pathsep) == [str(APPS_ROOT), "/lib"]
    assert found["PYTHONHASHSEED"] == "7"


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", ""),
        ("Traceback\n  File x\nModuleNotFoundError: No module named 'x'\nShutting down", "No module named 'x'"),
        ("starting\n[ERROR] could not bind\nbye", "[ERROR] could not bind"),
        ("just this", "just this"),
    ],
)
def test_the_line_that_says_why_is_found_in_a_log(log: str, reason: str) -> None:
    assert reason_in(log).endswith(reason)
