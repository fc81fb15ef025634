"""What targets lean on: a database of their own for each launch, an address of their own at the upstream, and nothing
of it left afterwards."""

import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT, Feature
from sgibench.apps.database.books import Books
from sgibench.results.errors import TargetError
from sgibench.runner.targets.launch import App, Target, own_services, target_environment
from sgibench.runner.targets.scratch import PREFIX, scratch_folder
from sgibench.runner.targets.services import ServiceOptions, Services
from sgibench.runner.targets.setups import parse_setup
from sgibench.runner.targets.upstream import UpstreamOptions

ALL = frozenset(Feature)


def a_target(name: str = "flask", setup: str = "gunicorn-sync-2", *, ours: bool = True) -> Target:
    return Target(App(name, APPS[name].path, APPS[name].interface, APPS_ROOT, ours), parse_setup(setup))


FLASK, FASTAPI = a_target(), a_target("fastapi", "uvicorn")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def log_path(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: tmp_path / f"{name}.log"


@pytest.fixture
def services(temporary: Path, log_path: Callable[[str], Path]) -> Iterator[Services]:
    with Services.start(ALL, log_path, ServiceOptions(upstream=UpstreamOptions(0))) as started:
        yield started


def database_of(services: Services, target: Target, epoch: int = 1) -> Path:
    return Path(services.environment(target, epoch)["DATABASE_URL"].removeprefix("sqlite:///"))


def stock_of_the_last_one(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT stock FROM items WHERE id = 23").fetchone()[0])


def test_each_launch_has_a_database_of_its_own_filled_alike(services: Services) -> None:
    services.prepare([FLASK, FASTAPI], 1)
    one, other = (database_of(services, target) for target in (FLASK, FASTAPI))
    assert one != other
    with closing(sqlite3.connect(one)) as connection, connection:
        connection.execute("UPDATE items SET stock = 0 WHERE id = 23")
    assert (stock_of_the_last_one(one), stock_of_the_last_one(other)) == (0, 1)
    services.release()
    assert not one.exists()
    services.prepare([FLASK, FASTAPI], 2)
    assert stock_of_the_last_one(database_of(services, FLASK, 2)) == 1


def test_targets_may_have_equally_many_connections_however_many_processes_they_are(services: Services) -> None:
    many = a_target(setup="gunicorn-sync-40")
    services.prepare([FLASK, FASTAPI, many], 1)
    sizes = [int(services.environment(target, 1)["DATABASE_POOL_SIZE"]) for target in (FLASK, FASTAPI, many)]
    assert sizes == [8, 16, 1]


def test_calls_are_counted_for_each_launch(services: Services) -> None:
    services.prepare([FLASK, FASTAPI], 1)
    services.prepare([FLASK, FASTAPI], 2)
    for _ in range(3):
        with urlopen(services.environment(FLASK, 2)["UPSTREAM_URL"] + "/price/1") as answer:
            assert answer.status == 200
    assert [services.hits(target, epoch) for epoch in (1, 2) for target in (FLASK, FASTAPI)] == [0, 0, 3, 0]


def test_the_books_are_those_of_one_launchs_database(services: Services) -> None:
    services.prepare([FLASK, FASTAPI], 1)
    with closing(sqlite3.connect(database_of(services, FLASK))) as connection, connection:
        connection.execute("INSERT INTO orders (item_id, quantity, status) VALUES (23, 1, 'accepted')")
    of_shops = [services.books(target, 1) for target in (FLASK, FASTAPI)]
    assert [books and books.open for books in of_shops] == [1, 0]
    assert services.books(FLASK, 1, 23) == Books(stock=1, open=1)
    database_of(services, FASTAPI).unlink()
    with pytest.raises(TargetError, match="there is no database at"):
        services.books(FASTAPI, 1)


def test_nothing_is_left_afterwards(temporary: Path, log_path: Callable[[str], Path]) -> None:
    services = Services.start(ALL, log_path)
    services.prepare([FLASK], 1)
    assert list(temporary.glob(f"{PREFIX}*"))
    services.close()
    services.close()
    assert not list(temporary.glob(f"{PREFIX}*"))


def test_only_what_is_needed_is_started(temporary: Path, log_path: Callable[[str], Path]) -> None:
    with Services.start({Feature.STREAM}, log_path) as services:
        services.prepare([FLASK], 1)
        assert services.environment(FLASK, 1) == {}
        assert services.hits(FLASK, 1) == 0
        assert services.books(FLASK, 1) is None
    assert not list(temporary.iterdir())


def test_what_a_killed_run_left_behind_goes_with_the_next_one_and_a_live_ones_stays(temporary: Path) -> None:
    code = """
        import sys, time
        from sgibench.runner.targets.scratch import scratch_folder
        with scratch_folder() as folder:
            print(folder, flush=True)
            time.sleep(60)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, env={"TMPDIR": str(temporary)}
    ) as holder:
        assert holder.stdout is not None
        theirs = Path(holder.stdout.readline().decode().strip())
        with scratch_folder() as ours:
            assert theirs.is_dir()
            assert ours.is_dir()
        holder.kill()
    assert theirs.is_dir()
    with scratch_folder():
        assert not theirs.exists()


def test_no_place_for_the_databases_is_said_with_the_cause(
    services: Services, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder,) = temporary.glob(f"{PREFIX}*")
    shutil.rmtree(folder)
    with pytest.raises(TargetError, match=rf"cannot make the targets' databases in {folder}: .*No such file") as caught:
        services.prepare([FLASK], 1)
    assert "TMPDIR" in caught.value.hint
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "absent"))
    with pytest.raises(TargetError, match="no folder for the targets' files: No such file or directory"):
        Services.start(ALL, lambda name: temporary / name)


def test_an_app_of_ours_never_sees_the_users_database_and_the_users_own_app_sees_it_first() -> None:
    env = {"PATH": "/bin", "DATABASE_URL": "postgresql://theirs", "UPSTREAM_URL": "http://theirs"}
    given = {"DATABASE_URL": "sqlite:////ours", "DATABASE_POOL_SIZE": "16"}
    ours = target_environment(env, FLASK, 1, given)
    assert ours["DATABASE_URL"] == "sqlite:////ours"
    assert "UPSTREAM_URL" not in ours
    theirs = target_environment(env, a_target(ours=False), 1, given)
    assert theirs["DATABASE_URL"] == "postgresql://theirs"
    assert theirs["UPSTREAM_URL"] == "http://theirs"
    assert theirs["DATABASE_POOL_SIZE"] == "16"
    assert own_services(env, FLASK) == frozenset()
    assert own_services(env, a_target(ours=False)) == {"DATABASE_URL", "UPSTREAM_URL"}
