"""Hypercorn: coroutines on asyncio, uvloop or trio, HTTP by h11."""

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule


def _hypercorn(name: str, library: str) -> Kind:
    extra = "" if library == "asyncio" else library
    return Kind(
        name=name,
        server="hypercorn",
        interface=Interface.ASGI,
        summary=f"coroutines on {library}, HTTP by h11",
        arguments=(
            *("-m", "hypercorn", "{app}", "--bind", "{host}:{port}", "--workers", "{workers}"),
            *("--worker-class", library, "--log-level", "warning"),
        ),
        slot_rule=SlotRule.UNBOUNDED,
        requires=("hypercorn", *filter(None, [extra])),
        install=f"hypercorn[{extra}]" if extra else "hypercorn",
        loop="trio" if library == "trio" else "asyncio",
    )


KINDS = (
    _hypercorn("hypercorn", "uvloop"),
    _hypercorn("hypercorn-asyncio", "asyncio"),
    _hypercorn("hypercorn-trio", "trio"),
)
