"""A user's own locustfile: what Locust's events tell goes into the ledger, and what they do not is said."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from textwrap import dedent

import psutil
import pytest

from sgibench.results.errors import LoadError
from sgibench.results.ledger import ErrorKind
from sgibench.runner.load.drivers import LoadDriver
from sgibench.runner.load.orders import BlockReport, TurnReport
from sgibench.runner.load.session import LocustSession

from ...commands.cli import living
from ...waiting import eventually
from ..load_cases import block, check_books, endpoint, only_errors
from ..lying_server import Behaviour, LyingServer, Visit, always, answer, hang, late, once_then_close

FAST = """
from locust import FastHttpUser, task

class Visitor(FastHttpUser):
    @task
    def home(self):
        self.client.get("/")
"""


@contextmanager
def users(folder: Path, source: str) -> Iterator[LocustSession]:
    file = folder / "shop_users.py"
    file.write_text(dedent(source))
    with LocustSession(driver=LoadDriver.LOCUST, locustfile=file) as session:
        session.start()
        yield session


def one_turn(report: BlockReport) -> TurnReport:
    """A block's only turn; Locust's own statistics counted the same."""
    (turn,) = report.turns
    check_books(turn)
    assert report.locust_requests == turn.ledger.ok + turn.ledger.error_count
    assert report.locust_failures == turn.ledger.error_count
    return turn


def test_users_of_several_kinds_run_against_each_target_in_its_turn(tmp_path: Path) -> None:
    source = (
        FAST
        + """
from locust import HttpUser

class Buyer(HttpUser):
    fixed_count = 1

    def on_start(self):
        for _ in range(2):
            self.client.get("/login")

    @task
    def buy(self):
        self.client.post("/buy", data="x")
"""
    )
    with users(tmp_path, source) as session, LyingServer(late(answer(), 0.01)) as one:
        assert session.introduction["users"] == ["Visitor", "Buyer"]
        assert not session.introduction["waiting"]
        with LyingServer(always(answer(status="503 Busy"))) as other:
            report = session.run(
                block(endpoint(one.port, name="one"), endpoint(other.port, name="other"), turns=4, seconds=0.3)
            )
            counts = {0: one.requests, 1: other.requests}
    for turn in report.turns:
        check_books(turn)
        assert turn.order.seconds <= turn.elapsed_s
    for at, came in counts.items():
        ledgers = [turn.ledger for turn in report.turns if turn.order.endpoint == at]
        counted = sum(ledger.sent for ledger in ledgers)
        # Not in it: two requests of one on_start in each turn, and what was in flight at its end, or came after it.
        assert counted + 4 <= came
        assert sum(ledger.errors.get("status", 0) for ledger in ledgers) == (counted if at else 0)
    assert report.locust_requests == sum(turn.ledger.sent for turn in report.turns)


FAILING = """
from locust import FastHttpUser, HttpUser, task

class Fast(FastHttpUser):
    network_timeout = 0.1

    @task
    def look(self):
        self.client.get("/")

class Strict(HttpUser):
    @task
    def look(self):
        with self.client.get("/", timeout=0.1, catch_response=True) as response:
            if response.ok and response.text != "hallo":
                response.failure("it does not say hallo")
"""


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocustSession]:
    with users(tmp_path_factory.mktemp("failing"), FAILING) as session:
        yield session


@pytest.mark.parametrize(
    ("behaviour", "kinds"),
    [
        (always(answer()), {ErrorKind.OTHER}),
        (always(answer(status="500 Oops")), {ErrorKind.STATUS}),
        (once_then_close(b""), {ErrorKind.CLOSED}),
        (once_then_close(answer()[:-2]), {ErrorKind.TRUNCATED, ErrorKind.MALFORMED}),
        (hang, {ErrorKind.TIMEOUT}),
        (always(b"SSH-2.0-OpenSSH_9.2\r\n"), {ErrorKind.MALFORMED}),
    ],
)
def test_failures_are_told_apart_as_far_as_locust_s_exceptions_do(
    failing: LocustSession, behaviour: Behaviour, kinds: set[ErrorKind]
) -> None:
    with LyingServer(behaviour) as server:
        turn = one_turn(failing.run(block(endpoint(server.port), seconds=0.4)))
        assert server.requests >= turn.ledger.sent
    assert only_errors(turn) == kinds, turn.first_error
    assert turn.first_error
    assert bool(turn.ledger.ok) == (kinds == {ErrorKind.OTHER})  # the fast user checks nothing


def test_what_is_not_the_target_s_is_not_counted_and_said(tmp_path: Path) -> None:
    with LyingServer(always(answer())) as target, LyingServer(always(answer())) as other:
        source = FAST + f'        self.client.get("http://127.0.0.1:{other.port}/")\n        raise KeyError("basket")\n'
        with users(tmp_path, source) as session:
            report = session.run(block(endpoint(target.port, name="shop"), seconds=0.3))
    turn = one_turn(report)
    assert 0 < turn.ledger.sent <= target.requests
    elsewhere, raised = sorted(report.notes, reverse=True)
    assert elsewhere.startswith("shop: requests to other hosts, which are not counted: ")
    assert f"http://127.0.0.1:{other.port}/" in elsewhere
    assert raised.startswith("shop: exceptions of the users' own code: ")
    assert "the first: KeyError: 'basket' (shop_users.py, line 9)" in raised


def test_a_failing_on_start_leaves_nobody_and_a_ledger_without_answers(tmp_path: Path) -> None:
    source = FAST + "\n    def on_start(self):\n        self.client.get('/login')\n        1 / 0\n"
    with users(tmp_path, source) as session, LyingServer(always(answer())) as server:
        report = session.run(block(endpoint(server.port), seconds=30))
        assert server.requests == 2
    turn = one_turn(report)
    assert turn.ledger.sent == 0
    assert turn.first_error == "the users' own code raised ZeroDivisionError: division by zero (shop_users.py, line 11)"
    assert any("0 of 2" in note for note in report.notes)


def test_what_users_do_when_they_are_stopped_is_not_counted(tmp_path: Path) -> None:
    said: list[bytes] = []

    def behave(visit: Visit) -> None:
        while whole := visit.message():
            said.append(whole.split()[1])
            visit.send(answer())

    source = FAST + "\n    def on_stop(self):\n        self.client.get('/logout')\n"
    with users(tmp_path, source) as session, LyingServer(behave) as server:
        turn = one_turn(session.run(block(endpoint(server.port), seconds=0.2, turns=1)))
    assert said.count(b"/logout") == 2
    assert 0 < turn.ledger.sent <= said.count(b"/")


def test_a_user_that_ends_the_test_ends_only_its_turn(tmp_path: Path) -> None:
    source = FAST + "        self.environment.runner.quit()\n"
    with users(tmp_path, source) as session, LyingServer(always(answer())) as server:
        report = session.run(block(endpoint(server.port), seconds=0.1, turns=2))
    assert all(1 <= turn.ledger.ok <= 2 for turn in report.turns)
    assert any("fewer users" in note for note in report.notes)


def test_listeners_and_options_of_the_file_s_own_are_there(tmp_path: Path) -> None:
    source = """
        from locust import FastHttpUser, events, task

        @events.init_command_line_parser.add_listener
        def _(parser):
            parser.add_argument("--page", default="/front")

        @events.test_start.add_listener
        def _(environment, **_):
            Reader.page = environment.parsed_options.page

        class Reader(FastHttpUser):
            page = "/none"

            @task
            def read(self):
                self.client.get(self.page)
        """
    said: set[bytes] = set()

    def behave(visit: Visit) -> None:
        while whole := visit.message():
            said.add(whole.split()[1])
            visit.send(answer())

    with users(tmp_path, source) as session, LyingServer(behave) as server:
        assert one_turn(session.run(block(endpoint(server.port)))).ledger.ok > 0
    assert said == {b"/front"}


def test_whether_users_wait_is_found_out(tmp_path: Path) -> None:
    source = """
        from locust import FastHttpUser, TaskSet, between, constant, constant_pacing, task

        class Slow(TaskSet):
            wait_time = constant(3)
            @task
            def look(self): pass

        class User(FastHttpUser):
            abstract = True
            @task
            def look(self): pass

        class Quick(User): pass
        class AtOnce(User): wait_time = constant(0)
        class Hardly(User): wait_time = between(0, 0)
        class Waits(User): wait_time = between(1, 2)
        class Paced(User): wait_time = constant_pacing(1)
        class Odd(User):
            def wait_time(self): return self.pause
        class Nested(User): tasks = [Slow]
        """
    with users(tmp_path, source) as session:
        assert session.introduction["waiting"] == ["Waits", "Paced", "Odd", "Nested"]


UNUSABLE = {
    "package": ("import locust\nimport no_such_package.inner\n", "line 2: it needs no_such_package", "pip install"),
    "syntax": ("x = 1\ndef f(:\n", "syntax.py, line 2: the locustfile cannot be imported: SyntaxError", "interpreter"),
    "raises": ("\n\n1 / 0\n", "raises.py, line 3: the locustfile cannot be imported: ZeroDivisionError", "interpreter"),
    "exits": ("raise SystemExit(3)\n", "exits.py, line 1: the locustfile cannot be imported: SystemExit: 3", ""),
    "nobody": ("import locust\nclass Visitor: pass\n", "nobody.py has no User class to run", "@task"),
    "idle": ("from locust import HttpUser\nclass Idle(HttpUser): pass\n", "the user class Idle has no tasks", "@task"),
    "weightless": (FAST + "Visitor.weight = 0\n", "weightless.py has no User class to run", "@task"),
}
READ_ALL = """
import json, sys
from pathlib import Path
from sgibench.results.errors import UsageError
from sgibench.runner.load.plain import locustfile
for name in sys.argv[1:]:
    try:
        locustfile.read(Path(name))
    except UsageError as error:
        print(json.dumps([Path(name).stem, error.message, error.hint]))
"""


def test_a_file_that_cannot_be_used_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    for name, (source, _, _) in UNUSABLE.items():
        (tmp_path / f"{name}.py").write_text(source)
    files = [str(tmp_path / f"{name}.py") for name in UNUSABLE]
    done = subprocess.run(
        [sys.executable, "-c", READ_ALL, *files], capture_output=True, text=True, timeout=60, check=True
    )
    told = {name: (message, hint) for name, message, hint in map(json.loads, done.stdout.splitlines())}
    assert told.keys() == UNUSABLE.keys()
    for name, (_, message, hint) in UNUSABLE.items():
        assert message in told[name][0]
        assert hint in told[name][1]
        assert "Traceback" not in told[name][0]


def test_the_driver_tells_why_it_cannot_run_a_file(tmp_path: Path) -> None:
    source = FAST.replace("FastHttpUser, task", "FastHttpUser, task\nimport no_such_package")
    with pytest.raises(LoadError, match=r"shop_users.py, line 3: it needs no_such") as caught, users(tmp_path, source):
        pass
    assert caught.value.hint.endswith("-m pip install no_such_package")


def test_users_that_never_yield_do_not_outlive_who_started_them(tmp_path: Path) -> None:
    file = tmp_path / "greedy.py"
    file.write_text(FAST.replace('self.client.get("/")', "while True: pass"))
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from sgibench.runner.load.drivers import LoadDriver\n"
        "from sgibench.runner.load.session import LocustSession\n"
        "from tests.runner.load.load_cases import block, endpoint\n"
        "session = LocustSession(driver=LoadDriver.LOCUST, locustfile=Path(sys.argv[1]))\n"
        "session.start()\n"
        "print(session.pid, flush=True)\n"
        "session.run(block(endpoint(9), seconds=60))\n"
    )
    root = Path(__file__).parents[4]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as parent:
        assert parent.stdout is not None
        driver = psutil.Process(int(parent.stdout.readline()))
        before_s = driver.cpu_times().user
        while driver.cpu_times().user < before_s + 0.3:
            assert parent.poll() is None
            time.sleep(0.02)
        parent.kill()
    assert eventually(lambda: not living([driver]))
