"""PostgreSQL for targets: a schema for each launch, none left however the run ends, clear words where it cannot be."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from sgibench.apps.catalogue import APPS, APPS_ROOT
from sgibench.results.errors import TargetError, UsageError
from sgibench.runner.targets.databases import (
    Launch,
    PostgresDatabases,
    checked_url,
    connections_of,
    connections_told,
    look_at,
    pool_size,
)
from sgibench.runner.targets.launch import App, Target
from sgibench.runner.targets.services import ServiceOptions, Services
from sgibench.runner.targets.setups import parse_setup

from ..waiting import eventually

ROOT = Path(__file__).parents[3]
OLD, NEW = f"sgibench_{int(time.time()) - 90_000}_abcd_1", f"sgibench_{int(time.time()) - 3600}_abcd_2"


def a_target(name: str = "flask", setup: str = "gunicorn-sync-2", python: str = sys.executable) -> Target:
    return Target(App(name, APPS[name].path, APPS[name].interface, APPS_ROOT, True), parse_setup(setup), python)


@pytest.fixture
def log_path(tmp_path: Path) -> Callable[[str], Path]:
    return lambda name: tmp_path / f"{name}.log"


def schemas(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'sgibench%'")
        return {name for (name,) in found}


def items_in(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM items").fetchone()
        assert row is not None
        return int(row[0])


def test_every_target_has_16_connections_or_the_next_number_that_its_processes_can_share() -> None:
    totals = {workers: connections_of(a_target(setup=f"gunicorn-sync-{workers}")) for workers in range(1, 41)}
    for workers, total in totals.items():
        assert total % workers == 0
        assert 16 <= total < 16 + workers, "no process could do with one less"
    assert (totals[1], totals[3], totals[9], totals[40]) == (16, 18, 18, 40)
    assert pool_size(3) == 6


def test_what_they_have_is_told_in_words() -> None:
    four, three = a_target(setup="gunicorn-sync-4"), a_target(setup="gunicorn-sync-3")
    assert connections_told([four]) == "up to 16 for each target"
    assert connections_told([four, three]) == "up to 16 for each target, but flask@gunicorn-sync-3 18"


def test_each_launch_has_a_schema_of_its_own_which_goes_with_it(
    postgresql_server: str, log_path: Callable[[str], Path]
) -> None:
    before = schemas(postgresql_server)
    targets = [a_target(), a_target("fastapi", "uvicorn")]
    options = ServiceOptions(postgresql_server).checked(targets)
    with Services.start((), log_path, options) as services:
        assert services.told["database"].startswith("PostgreSQL 1")
        services.prepare(targets, 1)
        urls = [services.environment(target, 1)["DATABASE_URL"] for target in targets]
        with psycopg.connect(urls[0]) as connection:
            connection.execute("DELETE FROM items WHERE id = 1")
        assert [items_in(url) for url in urls] == [23, 24]
        services.release()
        assert schemas(postgresql_server) == before
        services.prepare(targets, 2)
        assert items_in(services.environment(targets[0], 2)["DATABASE_URL"]) == 24
    assert schemas(postgresql_server) == before


def test_nothing_is_left_when_the_run_is_killed(postgresql_server: str, tmp_path: Path) -> None:
    before = schemas(postgresql_server)
    code = f"""
        import time
        from pathlib import Path
        from sgibench.runner.targets.databases import Launch, PostgresDatabases
        from tests.runner.targets.test_databases import a_target
        target = a_target()
        databases = PostgresDatabases({postgresql_server!r}, lambda name: Path({str(tmp_path)!r}, name))
        databases.make([Launch("e1t0", target)])
        print("made", flush=True)
        time.sleep(60)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == b"made\n"
        assert len(schemas(postgresql_server)) == len(before) + 1
        run.kill()
    assert eventually(lambda: schemas(postgresql_server) == before)


def test_what_was_left_behind_a_day_ago_is_dropped_and_nothing_else(
    postgresql_server: str, log_path: Callable[[str], Path]
) -> None:
    others = {NEW, "sgibench_notes", "sgibench"}
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        for name in (OLD, *others):
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        try:
            databases = PostgresDatabases(postgresql_server, log_path)
            databases.make([Launch("e1t0", a_target())])
            databases.drop()
            assert schemas(postgresql_server) >= others
            assert OLD not in schemas(postgresql_server)
        finally:
            for name in others:
                connection.execute(f'DROP SCHEMA "{name}"'.encode())


def test_a_database_that_cannot_be_reached_is_said_with_the_cause() -> None:
    with pytest.raises(UsageError, match=r"^the database cannot be used: .*port 1 failed.*[Cc]onnection refused"):
        look_at("postgresql://someone:secret@127.0.0.1:1/shop", [a_target()])


def test_a_database_that_is_not_there_is_said_with_the_cause(postgresql_server: str) -> None:
    with pytest.raises(UsageError, match=r'database "absent" does not exist'):
        look_at(postgresql_server.replace("/postgres", "/absent"), [a_target()])


def test_more_connections_than_the_server_has_are_told_beforehand(postgresql_server: str) -> None:
    targets = [a_target(setup=f"gunicorn-gthread-1x{threads}") for threads in range(1, 31)]
    with pytest.raises(
        UsageError, match=r"has \d+ connections free, and 30 targets, and who looks at their orders, may open 481"
    ) as caught:
        look_at(postgresql_server, targets)
    assert "max_connections" in caught.value.hint


def test_an_interpreter_without_drivers_is_named(postgresql_server: str, bare_python: Path) -> None:
    with pytest.raises(UsageError, match="PostgreSQL needs psycopg, psycopg-pool, which") as caught:
        look_at(postgresql_server, [a_target(python=str(bare_python))])
    assert str(bare_python) in caught.value.message
    assert '"psycopg[binary,pool]"' in caught.value.hint


def test_a_database_that_is_gone_by_the_time_of_a_launch_is_told(
    postgresql_server: str, log_path: Callable[[str], Path]
) -> None:
    with psycopg.connect(postgresql_server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE fleeting")
        databases = PostgresDatabases(postgresql_server.replace("/postgres", "/fleeting"), log_path)
        connection.execute("DROP DATABASE fleeting")
    try:
        with pytest.raises(TargetError, match=r"schemas for this launch could not be made: .*does not exist"):
            databases.make([Launch("e1t0", a_target())])
    finally:
        databases.drop()


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite:////tmp/x.db", "shop", "", "postgresql:/x"])
def test_only_postgresql_is_taken(url: str) -> None:
    with pytest.raises(UsageError, match="takes the URL of a PostgreSQL database"):
        checked_url(url)


def test_a_url_that_chooses_a_schema_is_refused() -> None:
    with pytest.raises(UsageError, match="theirs"):
        checked_url("postgresql://someone@host/shop?options=-csearch_path=theirs")
