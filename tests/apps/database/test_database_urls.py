"""Where the database is: what a URL may look like, what the environment says, and how the data gets in."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS_ROOT
from sgibench.apps.database.errors import DatabaseError
from sgibench.apps.database.schema import Backend, drop, in_schema, locate, pool_size, prepare
from sgibench.apps.database.seeds import SEEDS
from sgibench.apps.shop import PAGE_SIZE

from .looking import counters, rows

READ = "from apps.database.blocking import database; print(len(database.list_items()))"
WITHOUT_DRIVERS = """
import sys

class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name in ("psycopg", "psycopg_pool", "asyncpg"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, NotInstalled())
from apps.database.__main__ import main
sys.exit(main())
"""


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(APPS_ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_path_is_what_stands_behind_three_slashes() -> None:
    found = locate("sqlite:////var/lib/my shop%20.db")
    assert (found.backend, found.path) == (Backend.SQLITE, Path("/var/lib/my shop%20.db"))


@pytest.mark.parametrize(
    ("url", "understood", "schema"),
    [
        ("postgresql://u:p%40@h:1/db", "postgresql://u:p%40@h:1/db", None),
        ("postgres://h/db?sslmode=disable", "postgres://h/db?sslmode=disable", None),
        ("postgresql://h/db?options=-csearch_path=x", "postgresql://h/db?options=-csearch_path%3Dx", "x"),
        ("postgresql://h/db?options=-c%20search_path%3Dx_1", "postgresql://h/db?options=-c%20search_path%3Dx_1", "x_1"),
    ],
)
def test_postgresqls_urls_are_brought_into_the_form_that_every_driver_takes(
    url: str, understood: str, schema: str | None
) -> None:
    found = locate(url)
    assert (found.url, found.backend, found.path, found.schema) == (understood, Backend.POSTGRESQL, None, schema)


@pytest.mark.parametrize("url", ["", "shop.db", "sqlite://shop.db", "sqlite:///shop.db", "mysql://root:secret@h/db"])
def test_other_urls_are_refused_with_what_would_do(url: str) -> None:
    with pytest.raises(
        DatabaseError, match=r"no database that the shop can use: it takes sqlite:////.* or postgres"
    ) as refused:
        locate(url)
    assert "secret" not in str(refused.value)


def test_a_schema_is_chosen_beside_other_options() -> None:
    assert in_schema("postgresql://h/db", "a_1") == "postgresql://h/db?options=-csearch_path%3Da_1"
    longer = in_schema("postgresql://h/db?options=-cgeqo=off&sslmode=disable", "b")
    assert longer == "postgresql://h/db?options=-cgeqo%3Doff%20-csearch_path%3Db&sslmode=disable"
    assert locate(longer).schema == "b"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:////tmp/x.db", "a"),
        ("postgresql://h/db?options=-csearch_path%3Db", "a"),
        ("postgresql://h/db", 'a"; DROP'),
        ("postgresql://h/db", ""),
        ("postgresql://h/db", "a" * 64),
    ],
)
def test_where_no_schema_can_be_chosen_it_says_so(url: str, name: str) -> None:
    with pytest.raises(DatabaseError):
        in_schema(url, name)


def test_the_size_of_the_pool_is_ten_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABASE_POOL_SIZE", raising=False)
    assert pool_size() == 10
    monkeypatch.setenv("DATABASE_POOL_SIZE", "3")
    assert pool_size() == 3
    for text in ("0", "-1", "x", "1001", "1.5", "9" * 5000):
        monkeypatch.setenv("DATABASE_POOL_SIZE", text)
        with pytest.raises(DatabaseError, match=r"DATABASE_POOL_SIZE is .* must be a whole number from 1 to 1000"):
            pool_size()


def test_what_was_prepared_can_be_prepared_again_and_keeps_what_happened(url: str) -> None:
    assert [counters(url, item["id"]) for item in SEEDS] == [(item["stock"], 0) for item in SEEDS]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(prepare, [url] * 4))
    assert rows(url, "SELECT count(*) FROM items") == [(len(SEEDS),)]


def test_several_may_prepare_at_the_same_time(tmp_path: Path, postgresql_server: str) -> None:
    urls = (f"sqlite:///{tmp_path / 'new.db'}", in_schema(postgresql_server, "several"))
    for url in urls:
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(prepare, [url] * 8))
        assert rows(url, "SELECT count(*) FROM items") == [(len(SEEDS),)]
        drop(url)
    assert list(tmp_path.iterdir()) == []


def test_without_a_url_a_file_is_made_where_temporary_ones_are(tmp_path: Path) -> None:
    environment = {"DATABASE_URL": "", "TMPDIR": str(tmp_path)}
    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(lambda _: run("-c", READ, environment=environment), range(4)))
    assert [(each.stdout, each.stderr) for each in done] == [(f"{PAGE_SIZE}\n", "")] * 4
    with closing(sqlite3.connect(tmp_path / "sgibench-shop.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_command_makes_a_database_and_removes_it(tmp_path: Path, postgresql_server: str) -> None:
    for url in (f"sqlite:///{tmp_path / 'shop.db'}", in_schema(postgresql_server, "by_command")):
        made = run("-m", "apps.database", url)
        assert (made.returncode, made.stdout, made.stderr) == (0, "", "")
        assert counters(url, 1) == (10, 0)
        dropped = run("-m", "apps.database", "--drop", url)
        assert (dropped.returncode, dropped.stdout, dropped.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
    assert rows(postgresql_server, "SELECT 1 FROM pg_namespace WHERE nspname = 'by_command'") == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["sqlite:////nowhere/at/all/shop.db"], "the database /nowhere/at/all/shop.db cannot be made: "),
        (["postgresql://me:secret@127.0.0.1:1/db"], "the tables cannot be made in PostgreSQL: "),
        (
            ["--drop", "postgresql://me:secret@127.0.0.1:1/db"],
            "chooses no schema: only one of the shop's own is dropped",
        ),
        (["mysql://me:secret@h/db"], "'mysql://me:…@h/db' is no database that the shop can use"),
        ([], "the following arguments are required: url"),
    ],
    ids=["folder", "server", "drop", "kind", "nothing"],
)
def test_the_command_says_in_a_sentence_what_is_wrong(arguments: list[str], sentence: str) -> None:
    done = run("-m", "apps.database", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_without_a_driver_it_says_what_to_install() -> None:
    done = run("-c", WITHOUT_DRIVERS, "postgresql://127.0.0.1/db")
    assert done.returncode == 2
    assert done.stderr == "PostgreSQL needs psycopg, which this Python lacks: pip install 'sgibench[postgresql]'\n"


def test_a_file_that_is_no_database_is_not_touched(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("Dear reader, " * 100)
    with pytest.raises(DatabaseError, match=r"letter\.txt cannot be made: file is not a database"):
        prepare(f"sqlite:///{letter}")
    assert letter.read_text() == "Dear reader, " * 100


def test_somebody_elses_tables_are_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE items (sku TEXT)")
    with pytest.raises(DatabaseError, match=r"cannot be made: .*no column named"):
        prepare(f"sqlite:///{path}")
    assert rows(f"sqlite:///{path}", "SELECT name FROM sqlite_master") == [("items",)]
