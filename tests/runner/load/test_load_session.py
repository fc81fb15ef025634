"""The load processes behind a session: Locust drives them, they live and die with the session, and their sums agree."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from sgibench.results.errors import LoadError, LoadStartError, UsageError
from sgibench.results.records import ProblemCode
from sgibench.runner.load import session as session_module
from sgibench.runner.load.orders import Arrival, BlockReport, TurnOrder
from sgibench.runner.load.outcome import judge_load
from sgibench.runner.load.session import LocustSession

from .load_cases import block, check_books, endpoint, free_port
from .lying_server import LyingServer, always, answer, late

GONE_WITHIN_S = 10.0
CORES = tuple(sorted(os.sched_getaffinity(0)))


@pytest.fixture(scope="module")
def one_process() -> Iterator[LocustSession]:
    with LocustSession() as session:
        yield session


@pytest.fixture(scope="module")
def two_processes() -> Iterator[LocustSession]:
    with LocustSession(load_cores=CORES, processes=2) as session:
        yield session


def load_tree(session: LocustSession) -> list[psutil.Process]:
    assert session.pid is not None
    driver = psutil.Process(session.pid)
    return [driver, *driver.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    _, alive = psutil.wait_procs(processes, timeout=GONE_WITHIN_S)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def check_locust_agrees(report: BlockReport) -> None:
    ledgers = [turn.ledger for turn in report.turns]
    assert report.locust_requests == sum(ledger.ok + ledger.error_count for ledger in ledgers) > 0
    assert report.locust_failures == sum(ledger.error_count for ledger in ledgers)


@pytest.mark.parametrize("name", ["one_process", "two_processes"])
def test_blocks_are_carried_out_and_locust_s_statistics_agree(name: str, request: pytest.FixtureRequest) -> None:
    session: LocustSession = request.getfixturevalue(name)
    for number in (1, 2):
        with LyingServer(always(answer())) as right, LyingServer(always(answer(b"wrong"))) as wrong:
            endpoints = (endpoint(right.port, name="right"), endpoint(wrong.port, name="wrong"))
            work = block(*endpoints, endpoint(free_port(), name="dead"), turns=6, connections=5, number=number)
            report = session.run(work)
            assert report.id == number
            assert [turn.order for turn in report.turns] == list(work.turns)
            for turn in report.turns:
                check_books(turn)
            assert sum(turn.ledger.ok for turn in report.turns) == right.requests
            assert sum(turn.ledger.errors.get("body", 0) for turn in report.turns) == wrong.requests
            assert right.visits == 5
            check_locust_agrees(report)


@pytest.mark.parametrize("name", ["one_process", "two_processes"])
def test_turns_of_a_quarter_second_are_announced_and_shorter_ones_are_not(
    name: str, request: pytest.FixtureRequest
) -> None:
    session: LocustSession = request.getfixturevalue(name)
    seen: list[TurnOrder] = []
    with LyingServer(always(answer())) as server:
        long = block(endpoint(server.port), seconds=0.25, turns=2, connections=2)
        session.run(long, seen.append)
        session.run(block(endpoint(server.port), seconds=0.05, connections=2), seen.append)
    assert seen == list(long.turns)


def test_two_processes_share_the_planned_requests_of_the_open_loop(two_processes: LocustSession) -> None:
    with LyingServer(always(answer())) as server:
        report = two_processes.run(block(endpoint(server.port), seconds=0.5, rate_rps=100, connections=60))
        (turn,) = report.turns
        assert turn.ledger.scheduled == 50
        assert turn.ledger.ok == server.requests == 50
    check_books(turn)
    check_locust_agrees(report)


def test_turns_of_several_processes_do_not_overlap(two_processes: LocustSession) -> None:
    with LyingServer(late(answer(), 0.05)) as one, LyingServer(always(answer())) as two:
        endpoints = (endpoint(one.port), endpoint(two.port))
        turns = two_processes.run(block(*endpoints, seconds=0.03, turns=6, connections=2)).turns
    for before, after in pairwise(turns):
        assert before.started_ns + before.elapsed_s * 1e9 <= after.started_ns


@pytest.mark.parametrize("name", ["one_process", "two_processes"])
def test_long_turns_are_announced_while_they_last(name: str, request: pytest.FixtureRequest) -> None:
    session: LocustSession = request.getfixturevalue(name)
    heard: list[tuple[TurnOrder, int]] = []
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port), seconds=0.4, turns=2)
        report = session.run(work, lambda order: heard.append((order, time.monotonic_ns())))
    assert [order for order, _ in heard] == list(work.turns)
    for (_, at_ns), turn in zip(heard, report.turns, strict=True):
        assert at_ns < turn.started_ns + turn.elapsed_s * 1e9


def test_load_processes_stay_on_their_cores_with_all_their_threads(two_processes: LocustSession) -> None:
    two_processes.start()
    driver, *workers = load_tree(two_processes)
    wanted = {driver.pid: set(CORES)}
    wanted |= {worker.pid: {CORES[at % len(CORES)]} for at, worker in enumerate(workers)}
    for process in (driver, *workers):
        assert process.num_threads() > 1
        for thread in process.threads():
            assert os.sched_getaffinity(thread.id) == wanted[process.pid]


@pytest.mark.parametrize("processes", [1, 2])
def test_closing_ends_every_load_process_and_may_be_repeated(processes: int) -> None:
    session = LocustSession(processes=processes)
    session.start()
    tree = load_tree(session)
    assert len(tree) == (1 if processes == 1 else 3)
    session.close()
    session.close()
    assert all_gone(tree)


@pytest.mark.parametrize("processes", [1, 2])
def test_load_processes_end_when_the_process_that_started_them_is_killed(processes: int) -> None:
    script = (
        "import sys\n"
        "from sgibench.runner.load.session import LocustSession\n"
        f"session = LocustSession(processes={processes})\n"
        "session.start()\n"
        "print(session.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        driver = psutil.Process(int(parent.stdout.readline()))
        tree = [driver, *driver.children(recursive=True)]
        parent.kill()
    assert all_gone(tree)


def run_and_meanwhile(session: LocustSession, action: Callable[[], None], seconds: float = 20) -> BlockReport:
    """Run a long block, and do something to the load processes when it has begun."""
    begun = threading.Event()

    def act() -> None:
        begun.wait(30)
        action()

    acting = threading.Thread(target=act)
    acting.start()
    try:
        with LyingServer(always(answer())) as server:
            return session.run(block(endpoint(server.port), seconds=seconds, timeout_s=20), lambda order: begun.set())
    finally:
        begun.set()
        acting.join()


def test_a_driver_that_is_killed_makes_the_block_fail() -> None:
    with LocustSession() as session:
        session.start()
        driver = load_tree(session)[0]
        with pytest.raises(LoadError, match="died"):
            run_and_meanwhile(session, driver.kill)


def test_a_worker_that_is_killed_makes_the_block_fail_and_the_others_end() -> None:
    with LocustSession(processes=2) as session:
        session.start()
        tree = load_tree(session)
        with pytest.raises(LoadError, match=r"load process \d died"):
            run_and_meanwhile(session, tree[1].kill)
        assert all_gone(tree)


def check_invalid(report: BlockReport, planned_s: float) -> None:
    outcome = judge_load("http://x/", Arrival(2), 1, planned_s, report)
    assert not outcome.valid
    assert ProblemCode.GENERATOR_LIMITED in [problem.code for problem in outcome.problems]
    assert any("did not run for" in problem.message for problem in outcome.problems)


def stop_for(process: psutil.Process, seconds: float) -> None:
    process.suspend()
    time.sleep(seconds)
    with contextlib.suppress(psutil.NoSuchProcess):  # the session did not wait for it
        process.resume()


@pytest.mark.parametrize(("name", "which"), [("one_process", 0), ("two_processes", 1)])
def test_a_load_process_that_is_stopped_for_a_second_makes_a_short_block_invalid(
    name: str, which: int, request: pytest.FixtureRequest
) -> None:
    session: LocustSession = request.getfixturevalue(name)
    session.start()
    process = load_tree(session)[which]
    report = run_and_meanwhile(session, lambda: stop_for(process, 1), seconds=2)
    check_invalid(report, 2)
    with LyingServer(always(answer())) as server:
        assert session.run(block(endpoint(server.port))).paused_s < 1


def test_a_worker_that_is_stopped_for_six_seconds_gives_no_figure_that_counts(two_processes: LocustSession) -> None:
    two_processes.start()
    tree = load_tree(two_processes)
    failures: list[str] = []
    try:
        check_invalid(run_and_meanwhile(two_processes, lambda: stop_for(tree[2], 6), seconds=7.5), 7.5)
    except LoadError as error:  # Locust noticed in time
        failures.append(error.message)
    if failures:
        assert failures == ["load process 1 does not answer any more"]
        assert all_gone(tree)


def test_a_driver_that_is_stopped_for_good_is_given_up_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "SILENT_FOR_S", 2.0)
    monkeypatch.setattr(session_module, "GRACE_S", 0.2)
    with LocustSession() as session:
        session.start()
        tree = load_tree(session)
        with pytest.raises(LoadError, match="has said nothing for 2 s"):
            run_and_meanwhile(session, tree[0].suspend)
        assert all_gone(tree)


def test_after_a_failure_the_next_block_gets_new_load_processes() -> None:
    with LyingServer(always(answer())) as server, LocustSession() as session:
        session.start()
        first = session.pid
        load_tree(session)[0].kill()
        with pytest.raises(LoadError):
            session.run(block(endpoint(server.port)))
        assert session.run(block(endpoint(server.port))).turns[0].ledger.ok > 0
        assert session.pid != first


def test_an_interrupt_while_a_block_runs_leaves_no_process() -> None:
    session = LocustSession()
    session.start()
    tree = load_tree(session)
    with pytest.raises(KeyboardInterrupt):
        run_and_meanwhile(session, lambda: os.kill(os.getpid(), signal.SIGINT))
    assert all_gone(tree)


def test_a_fault_in_a_listener_ends_the_load_processes() -> None:
    session = LocustSession()
    session.start()
    tree = load_tree(session)

    def listen(order: TurnOrder) -> None:
        raise ZeroDivisionError

    with LyingServer(always(answer())) as server, pytest.raises(ZeroDivisionError):
        session.run(block(endpoint(server.port), seconds=5), listen)
    assert all_gone(tree)


def test_the_last_words_of_a_driver_that_cannot_start_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with LocustSession() as session, pytest.raises(LoadStartError, match=r"died \(exit status 1\): (.|\n)*encodings"):
        session.start()


# A driver that says this, and then no more.
TELLS = "import sys, time; print('{}', flush=True); time.sleep(60)"
READY = '{"event": "ready"}'


@pytest.mark.parametrize(
    ("said", "missing"),
    [
        ("{}", "event"),
        ('{"ready": true}', "event"),
        ('{"event": "failed"}', "message"),
        ('{"event": "failed", "message": "no more files", "hint": "raise the limit"}', ""),
        (READY + "\\n{}", "event"),
        (READY + '\\n{"event": "report"}', "report"),
        (READY + '\\n{"event": "turn"}', "order"),
    ],
)
def test_a_document_that_lacks_something_is_a_failure_of_the_load_side(
    said: str, missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "GRACE_S", 0.2)
    monkeypatch.setattr(session_module, "DRIVER", (sys.executable, "-c", TELLS.replace("{}", said)))
    with LocustSession() as session:
        with pytest.raises(LoadError) as caught:
            session.run(block(endpoint(9)), lambda order: None)
        assert session.pid is None, "it was ended"
    if missing:
        assert caught.value.message.startswith(f"a message of the load driver has no '{missing}': ")
    else:
        assert (caught.value.message, caught.value.hint) == ("no more files", "raise the limit")


def test_a_driver_that_was_begun_gets_ready_by_itself_and_is_waited_for_when_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    may = tmp_path / "may-go-on"
    waits = f"import os, time\nwhile not os.path.exists({str(may)!r}): time.sleep(0.01)\n" + TELLS.replace("{}", READY)
    monkeypatch.setattr(session_module, "DRIVER", (sys.executable, "-c", waits))
    monkeypatch.setattr(session_module, "GRACE_S", 0.2)
    with LocustSession() as session:
        session.begin()
        begun = session.pid
        assert begun is not None
        assert session.introduction == {}, "it cannot be ready yet"
        may.touch()
        session.start()
        assert session.introduction == {"event": "ready"}
        session.start()
        assert session.pid == begun


def test_impossible_orders_are_refused_before_anything_starts() -> None:
    with pytest.raises(UsageError):
        LocustSession(processes=0)
    session = LocustSession(processes=3)
    here = endpoint(9)
    for work in (
        block(here, connections=2),
        block(here, connections=50_000_000),
        block(here, connections=3, seconds=0),
        block(here, connections=3, timeout_s=0),
        block(replace(here, host="localhost"), connections=3),
    ):
        with pytest.raises(UsageError):
            session.run(work)
    assert session.pid is None
