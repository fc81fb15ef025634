"""gunicorn: a master and its workers, of every class."""

from pathlib import Path

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

COMMAND = ("-m", "gunicorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}")
ALONE = (
    *("--config", str(Path(__file__).parent.with_name("gunicorn_defaults.py"))),
    *("--log-level", "warning"),
)
ENV = ("GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "SENDFILE", "FORWARDED_ALLOW_IPS")


def _gunicorn(
    name: str,
    worker_class: str,
    interface: Interface,
    summary: str,
    slot_rule: SlotRule,
    *,
    needs: tuple[str, ...] = (),
    threads: int = 1,
) -> Kind:
    threaded = slot_rule is SlotRule.THREADS
    return Kind(
        name=name,
        server="gunicorn",
        interface=interface,
        summary=summary,
        arguments=(
            *COMMAND,
            *("--worker-class", worker_class),
            *(("--threads", "{threads}") if threaded else ()),
            *ALONE,
        ),
        slot_rule=slot_rule,
        requires=("gunicorn", *needs),
        install=" ".join(("gunicorn", *needs)),
        threaded=threaded,
        default_threads=threads,
        unset_env=ENV,
    )


KINDS = (
    _gunicorn("gunicorn-sync", "sync", Interface.WSGI, "one request per process, no keep-alive", SlotRule.PROCESSES),
    _gunicorn(
        "gunicorn-gthread", "gthread", Interface.WSGI, "a pool of threads per process", SlotRule.THREADS, threads=16
    ),
    _gunicorn(
        "gunicorn-gevent",
        "gevent",
        Interface.WSGI,
        "greenlets, standard library patched",
        SlotRule.GREENLETS,
        needs=("gevent",),
    ),
    _gunicorn("gunicorn-asgi", "asgi", Interface.ASGI, "gunicorn's own coroutine worker", SlotRule.UNBOUNDED),
    _gunicorn(
        "gunicorn-uvicorn",
        "uvicorn_worker.UvicornWorker",
        Interface.ASGI,
        "uvicorn's worker under gunicorn's master",
        SlotRule.UNBOUNDED,
        needs=("uvicorn-worker", "uvicorn", "uvloop", "httptools"),
    ),
)
