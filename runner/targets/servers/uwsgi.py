"""uWSGI: a master, an HTTP router, and workers in C that call the app, each with one thread or several."""

from pathlib import Path

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

LONGEST_QUEUE = Path("/proc/sys/net/core/somaxconn")
QUEUE = 1024


def queue_length() -> int:
    """How many requests may wait for a worker. The router opens a connection for each, and what finds uWSGI's usual 100
    places taken is sent again after a second. More than the system allows would keep uWSGI from starting."""
    try:
        return min(QUEUE, int(LONGEST_QUEUE.read_text()))
    except (OSError, ValueError):
        return 100


# What its documentation calls for where nothing stands in front: the router, which keeps connections; a master; an end
# on SIGTERM, which would otherwise restart it; failure where the app cannot be loaded; and threads of the app's own.
COMMAND = (
    *("--http", "{host}:{port}", "--http-keepalive", "--http-auto-chunked", "--add-header", "Connection: Keep-Alive"),
    *("--module", "{app}", "--processes", "{workers}"),
    *("--master", "--die-on-term", "--need-app", "--strict", "--single-interpreter", "--enable-threads"),
    *("--listen", str(queue_length()), "--disable-logging"),
)


def _uwsgi(name: str, summary: str, slot_rule: SlotRule, *threads: str) -> Kind:
    return Kind(
        name=name,
        server="uwsgi",
        interface=Interface.WSGI,
        summary=summary,
        arguments=(*COMMAND, *threads),
        slot_rule=slot_rule,
        requires=("uwsgi",),
        install="uwsgi",
        program="uwsgi",
        threaded=bool(threads),
        default_threads=16 if threads else 1,
        threads_from_start=bool(threads),
        behind_router=True,
        unset_env=("UWSGI_*",),
    )


KINDS = (
    _uwsgi("uwsgi", "one request per process, HTTP by a router process", SlotRule.PROCESSES),
    _uwsgi(
        "uwsgi-threads",
        "threads per process, HTTP by a router process",
        SlotRule.THREADS,
        *("--threads", "{threads}", "--thunder-lock"),
    ),
)
