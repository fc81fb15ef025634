"""Granian: HTTP in Rust, the app called as ASGI, WSGI or RSGI."""

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

# Granian stops accepting at so many connections per worker, kept ones included. By default its 1024 are divided among
# the workers, so that a further one would take connections away; its documentation warns of that where connections are
# kept, and advises a larger number.
CONNECTIONS = 1024


def _granian(interface: Interface, summary: str, slot_rule: SlotRule) -> Kind:
    threaded = slot_rule is SlotRule.THREADS
    coroutines = interface is not Interface.WSGI
    return Kind(
        name=f"granian-{interface}",
        server="granian",
        interface=interface,
        summary=summary,
        arguments=(
            *("-m", "granian", "--interface", interface.value, "--host", "{host}", "--port", "{port}"),
            *("--workers", "{workers}", "--backpressure", str(CONNECTIONS)),
            *(("--blocking-threads", "{threads}") if threaded else ()),
            *(("--loop", "uvloop") if coroutines else ()),
            *("--no-access-log", "--log-level", "warning", "{app}"),
        ),
        slot_rule=slot_rule,
        requires=("granian", *(("uvloop",) if coroutines else ())),
        install="granian[uvloop]" if coroutines else "granian",
        connections=CONNECTIONS,
        threaded=threaded,
        default_threads=512 if threaded else 1,  # what Granian itself takes for one worker, shared out among several
        shares_threads=threaded,
        factory_argument="--factory",
        unset_env=("GRANIAN_*",),
    )


KINDS = (
    _granian(Interface.ASGI, "coroutines on uvloop, HTTP in Rust", SlotRule.UNBOUNDED),
    _granian(Interface.WSGI, "threads as requests need them, HTTP in Rust", SlotRule.THREADS),
    _granian(Interface.RSGI, "coroutines on uvloop, HTTP in Rust, called without ASGI", SlotRule.UNBOUNDED),
)
