"""Keeps schemas in a PostgreSQL database, each with the shop in it, for exactly as long as it runs.

    DATABASE_URL=postgresql://… python -m apps.database.keeper SCHEMA…

It says ``ready`` when all are there, and waits. SIGTERM ends it, and its schemas with it. It also drops those of its
like that were left behind: the age of a schema stands in its name, ``sgibench_SECONDS_TOKEN_NUMBER``. Without any name
it only looks whether all of that could be done, and says how many connections are to be had, and the server's version:
``free N VERSION``.
"""

import os
import re
import signal
import sys
import time
from collections.abc import Sequence
from typing import Final, LiteralString

import psycopg
from psycopg import sql

from .postgresql import drop_schema
from .schema import in_schema, prepare

OURS: Final = re.compile(r"sgibench_(\d{10})_[0-9a-f]+_\d+")
LEFT_BEHIND_AFTER_S: Final = 86400
CONNECT_WITHIN_S: Final = 5
ENDS: Final = {signal.SIGTERM, signal.SIGINT}

FREE_CONNECTIONS: Final[LiteralString] = """
    SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
        - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
        split_part(current_setting('server_version'), ' ', 1)
"""


def drop(connection: "psycopg.Connection[tuple[str]]", schemas: Sequence[str]) -> None:
    """Drop these schemas, one at a time: together they could need more locks than the server has."""
    for schema in schemas:
        drop_schema(connection, schema)


def left_behind(connection: "psycopg.Connection[tuple[str]]") -> list[str]:
    """The schemas of keepers that were killed, or lost their server, longer than a day ago."""
    names = [name for (name,) in connection.execute("SELECT nspname FROM pg_namespace")]
    return [
        name for name in names if (made := OURS.fullmatch(name)) and int(made[1]) < time.time() - LEFT_BEHIND_AFTER_S
    ]


def look(url: str) -> None:
    """Make a schema and drop it, and tell how many connections are free, and whose."""
    name = f"sgibench_{int(time.time())}_{os.getpid():x}_0"
    with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_WITHIN_S) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        drop(connection, [name])
        found = connection.execute(FREE_CONNECTIONS).fetchone()
    sys.stdout.write(f"free {' '.join(map(str, found or ()))}\n")


def keep(url: str, schemas: Sequence[str]) -> None:
    """Make the schemas, fill them, wait for the end, and drop them, also when it comes before they are all there."""
    # Held back until it is waited for: an end in the middle of the work would leave what was made by then.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_WITHIN_S) as connection:
            drop(connection, left_behind(connection))
        for schema in schemas:
            prepare(in_schema(url, schema))
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        signal.sigwait(ENDS)
    finally:
        with psycopg.connect(url, autocommit=True, connect_timeout=CONNECT_WITHIN_S) as connection:
            drop(connection, schemas)


def main() -> None:
    """Keep what is named, or look. An error of the database's is its last line."""
    url, schemas = os.environ["DATABASE_URL"], sys.argv[1:]
    if schemas:
        keep(url, schemas)
    else:
        look(url)


if __name__ == "__main__":
    main()
