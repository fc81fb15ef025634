"""waitress: one process, a pool of threads, HTTP by a selecting thread."""

from pathlib import Path

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

KINDS = (
    Kind(
        name="waitress",
        server="waitress",
        interface=Interface.WSGI,
        summary="a pool of threads in one process",
        arguments=(
            str(Path(__file__).parent.with_name("waitress_start.py")),
            *("--listen", "{host}:{port}", "--threads", "{threads}"),
            # It stops accepting at 100 connections, kept ones included; beyond select's 1024 it needs poll.
            *("--connection-limit", "1000", "--asyncore-use-poll", "{app}"),
        ),
        slot_rule=SlotRule.THREADS,
        requires=("waitress",),
        install="waitress",
        threaded=True,
        default_threads=4,
        one_process=True,
        threads_from_start=True,
        factory_argument="--call",
    ),
)
