"""Real load processes among strangers: who else talks to their port changes no figure, and is told."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sgibench.results.errors import LoadError
from sgibench.results.histogram import Histogram
from sgibench.results.ledger import Ledger
from sgibench.results.records import ProblemCode, Severity
from sgibench.runner.load import session as session_module
from sgibench.runner.load.calibration import Calibration
from sgibench.runner.load.ceilings import CeilingCache
from sgibench.runner.load.orders import Arrival, Block, BlockReport, TurnOrder, TurnReport
from sgibench.runner.load.outcome import judge_load
from sgibench.runner.load.session import LocustSession
from sgibench.runner.machine import choose_cores

from .load_cases import block, check_books, endpoint
from .lying_server import LyingServer, always, answer

MEMORY_LIMIT_MIB = 150
SAID_BY_STRANGERS = 18

# A program of somebody else on this machine: it says what a Locust worker says, and what nobody says.
STRANGER = """
import socket, sys, time, zmq
from msgpack import dumps
port, whom, how = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = zmq.Context()

def peer(name):
    made = context.socket(zmq.DEALER)
    made.setsockopt(zmq.IDENTITY, name)
    made.connect(f"tcp://127.0.0.1:{port}")
    return made

entry = {"name": "/", "method": "GET", "num_requests": 1000000, "num_failures": 0, "response_times": {1: 1000000}}
stats = {"stats": [entry], "stats_total": entry, "errors": {}, "user_count": 9, "user_classes_count": {"EngineUser": 9}}
said = [
    ("client_ready", "2.47.0", "stranger"),
    ("locustfile", {"version": "2.47.0"}, "stranger"),
    ("stats", stats, "stranger"),
    ("stats", stats, whom),
    ("bench:report", {"number": 1, "block": 1, "parts": 0, "counted": {}, "paused_s": 0, "rejected": {}}, whom),
    ("client_stopped", None, whom),
    ("quit", None, whom),
]
if how == "forge":
    strangers = [peer(b"stranger"), peer(whom.encode())]
    for stranger in strangers:
        for message in said:
            stranger.send(dumps(message))
        stranger.send(b"garbage")
        stranger.send_multipart([whom.encode(), dumps(said[2])])
    for garbage in (b"GET / HTTP/1.1\\r\\n\\r\\n", bytes(1000), b"\\xff" * 1000):
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(garbage)
    answered = sum(stranger.poll(300) for stranger in strangers)
    print("answered" if answered else "silence", flush=True)
else:
    flood, large = peer(b"flood"), peer(b"large")
    large.send(bytes(64 * 2**20))
    until = time.monotonic() + 1
    while time.monotonic() < until:
        if flood.poll(50, zmq.POLLOUT):
            flood.send(b"x" * 2**18)
    print("flooded", flush=True)
context.destroy(linger=0)
"""

# A load process whose messages do not go as they should: with what it sends, `{bent}` is done.
BENT_DRIVER = """
import sys
from sgibench.runner.load import fleet
from sgibench.runner.load.driver import main
fleet.WORKER = (sys.executable, "-c", {worker!r})
main()
"""
BENT_WORKER = """
from locust.rpc.zmqrpc import zmq
from sgibench.runner.load import sealed
from sgibench.runner.load.worker import main

class BentSocket(sealed.WorkerSocket):
    def send(self, message):
        frame = self._seal.close(message.serialize())
        {bent}

sealed.WorkerSocket = BentSocket
main()
"""
TWICE = "for _ in range(2): self.socket.send(frame, zmq.NOBLOCK)"
LAST_REPORT_LOST = "'parts' in (message.data or '') or self.socket.send(frame, zmq.NOBLOCK)"

# A load process that carries blocks out and never says so.
SILENT_DRIVER = """
from sgibench.runner.load import driver, locust_side
driver.SLACK_S = 0.5
locust_side.EngineUser._report = lambda self, message: None
driver.main()
"""


@pytest.fixture(scope="module")
def two_processes() -> Iterator[LocustSession]:
    with LocustSession(processes=2) as session:
        session.start()
        yield session


def bent_session(bent: str, monkeypatch: pytest.MonkeyPatch) -> LocustSession:
    driver = BENT_DRIVER.format(worker=BENT_WORKER.format(bent=bent))
    monkeypatch.setattr(session_module, "DRIVER", (sys.executable, "-c", driver))
    return LocustSession(processes=2)


def listeners(process: psutil.Process) -> list[tuple[str, int]]:
    """Where it can be reached over the network."""
    found = [each.laddr for each in process.net_connections("inet") if each.status == psutil.CONN_LISTEN]
    return [(str(address), int(port)) for address, port in found]


def peak_kib(process: psutil.Process) -> int:
    """The most memory that it ever held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    assert found
    return int(found[1])


def driver_of(session: LocustSession) -> psutil.Process:
    assert session.pid is not None
    return psutil.Process(session.pid)


def stranger(session: LocustSession, how: str) -> str:
    """What became of a stranger that knows the port, and calls itself as a worker may be called."""
    ((_, port),) = listeners(driver_of(session))
    done = subprocess.run(
        [sys.executable, "-c", STRANGER, str(port), "load-0-00", how], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def carry_out_during(session: LocustSession, work: Block, action: Callable[[], None]) -> BlockReport:
    """Carry out a block, and do something when it has begun."""
    begun = threading.Event()

    def act() -> None:
        begun.wait(30)
        action()

    acting = threading.Thread(target=act)
    acting.start()
    try:
        return session.run(work, lambda order: begun.set())
    finally:
        begun.set()
        acting.join()


def check_figures(report: BlockReport, server: LyingServer) -> None:
    ledgers = [turn.ledger for turn in report.turns]
    assert sum(ledger.ok for ledger in ledgers) <= server.requests <= sum(ledger.sent for ledger in ledgers)
    assert report.locust_requests == sum(ledger.ok + ledger.error_count for ledger in ledgers) < 900_000
    assert report.locust_failures == sum(ledger.error_count for ledger in ledgers)
    for turn in report.turns:
        check_books(turn)


def test_the_only_port_is_the_driver_s_on_loopback_and_not_locust_s_usual_one(two_processes: LocustSession) -> None:
    driver = driver_of(two_processes)
    ((address, port),) = listeners(driver)
    assert address == "127.0.0.1"
    assert port != 5557
    workers = driver.children(recursive=True)
    assert len(workers) == 2
    assert [listeners(worker) for worker in workers] == [[], []]


def test_a_single_load_process_listens_nowhere() -> None:
    with LocustSession() as session:
        session.start()
        assert listeners(driver_of(session)) == []


def test_what_strangers_say_while_the_load_side_is_calibrated_is_told_too(
    two_processes: LocustSession, tmp_path: Path
) -> None:
    assert stranger(two_processes, "forge") == "silence"
    with Calibration(
        two_processes, choose_cores(None, None), 2, CeilingCache(tmp_path / "ceilings.json")
    ) as calibration:
        assert [*calibration.noted] == []
        assert calibration.ceiling_rps(8) > 0
    (problem,) = calibration.noted
    assert (problem.code, problem.severity) == (ProblemCode.REJECTED_MESSAGES, Severity.WARNING)
    assert problem.message.startswith("in the calibration: rejected ")


def test_what_strangers_forge_changes_nothing_and_is_told(two_processes: LocustSession) -> None:
    became = []
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port), seconds=1.5, connections=4, drain=False)
        report = carry_out_during(two_processes, work, lambda: became.append(stranger(two_processes, "forge")))
        assert became == ["silence"]
        check_figures(report, server)
        assert report.turns[0].connects == 4
        after, later = [two_processes.run(block(endpoint(server.port))) for _ in range(2)]
    notes = [*report.notes, *after.notes]  # on a slow machine the block was over before they had said all
    assert all("from unknown senders" in note for note in notes)
    assert sum(int(note.split()[1]) for note in notes) >= SAID_BY_STRANGERS
    assert later.notes == ()


def test_a_warning_says_what_was_rejected() -> None:
    ledger = Ledger(1000, 1000, 0, 1000)
    times = Histogram.of_us([1000] * 1000)
    turn = TurnReport(TurnOrder(0, 1.0, 0, 0), 0, 1.0, ledger, times, None, None, Histogram({}), None, 0.1, 1, 0)
    outcome = judge_load("http://x/", Arrival(4), 2, 1.0, BlockReport(1, (turn,), 1000, 0, ("rejected 3 messages",)))
    assert outcome.valid
    assert [(problem.code, problem.message, problem.severity) for problem in outcome.problems] == [
        (ProblemCode.REJECTED_MESSAGES, "rejected 3 messages", Severity.WARNING)
    ]


def test_a_flood_neither_stops_a_block_nor_fills_the_memory(two_processes: LocustSession) -> None:
    driver = driver_of(two_processes)
    before_kib = peak_kib(driver)
    became = []
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port), seconds=1.5, drain=False)
        report = carry_out_during(two_processes, work, lambda: became.append(stranger(two_processes, "flood")))
        check_figures(report, server)
        after = two_processes.run(block(endpoint(server.port)))
    assert became == ["flooded"]
    assert report.notes or after.notes
    assert peak_kib(driver) - before_kib < MEMORY_LIMIT_MIB * 2**10


def test_two_processes_send_what_was_planned_over_the_connections_asked_for(two_processes: LocustSession) -> None:
    for rate_rps, connections in ((0.0, 7), (400.0, 7), (301.0, 2)):
        with LyingServer(always(answer())) as server:
            work = block(endpoint(server.port), seconds=0.5, connections=connections, rate_rps=rate_rps, drain=False)
            report = two_processes.run(work)
            (turn,) = report.turns
            check_figures(report, server)
            assert turn.connects == server.visits == connections
            if rate_rps:
                assert abs(turn.ledger.scheduled - rate_rps * 0.5) <= 2  # each of the two may round


def test_messages_that_come_twice_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with bent_session(TWICE, monkeypatch) as session, LyingServer(always(answer())) as server:
        for number in (1, 2):
            report = session.run(block(endpoint(server.port), turns=2, number=number))
        ledgers = [turn.ledger for turn in report.turns]
    assert report.locust_requests == sum(ledger.ok for ledger in ledgers) > 0
    (note,) = report.notes
    assert note.endswith("replayed): no figure holds them")


def test_a_last_report_that_is_lost_makes_the_block_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        bent_session(LAST_REPORT_LOST, monkeypatch) as session,
        LyingServer(always(answer())) as server,
        pytest.raises(LoadError, match=r"messages of load process \d were lost on the way"),
    ):
        session.run(block(endpoint(server.port)))


def test_a_report_that_does_not_come_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "DRIVER", (sys.executable, "-c", SILENT_DRIVER))
    with (
        LocustSession() as session,
        LyingServer(always(answer())) as server,
        pytest.raises(LoadError, match="load process 0 did not report in time"),
    ):
        session.run(block(endpoint(server.port), turns=2, timeout_s=0.2))


def test_a_worker_that_is_killed_between_blocks_is_missed_in_the_next(two_processes: LocustSession) -> None:
    with LyingServer(always(answer())) as server:
        work = block(endpoint(server.port))
        assert two_processes.run(work).turns[0].ledger.ok > 0
        worker = driver_of(two_processes).children()[1]
        worker.kill()
        worker.wait(10)
        with pytest.raises(LoadError, match=r"load process \d died"):
            two_processes.run(work)
