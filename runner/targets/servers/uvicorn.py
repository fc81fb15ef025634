"""uvicorn: coroutines on uvloop or asyncio, HTTP by httptools or h11."""

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

COMMAND = ("-m", "uvicorn", "{app}", "--host", "{host}", "--port", "{port}", "--workers", "{workers}")
LOG = ("--no-access-log", "--log-level", "warning")


def _uvicorn(name: str, loop: str, parser: str) -> Kind:
    extras = tuple(library for library in (loop, parser) if library in ("uvloop", "httptools"))
    return Kind(
        name=name,
        server="uvicorn",
        interface=Interface.ASGI,
        summary=f"coroutines on {loop}, HTTP by {parser}",
        arguments=(*COMMAND, "--loop", loop, "--http", parser, *LOG),
        slot_rule=SlotRule.UNBOUNDED,
        requires=("uvicorn", *extras),
        install="uvicorn[standard]" if extras else "uvicorn",
        factory_argument="--factory",
        unset_env=("WEB_CONCURRENCY", "UVICORN_*", "FORWARDED_ALLOW_IPS"),
    )


KINDS = (
    _uvicorn("uvicorn", "uvloop", "httptools"),
    _uvicorn("uvicorn-uvloop-h11", "uvloop", "h11"),
    _uvicorn("uvicorn-asyncio-httptools", "asyncio", "httptools"),
    _uvicorn("uvicorn-asyncio-h11", "asyncio", "h11"),
)
