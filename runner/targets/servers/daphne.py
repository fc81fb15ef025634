"""Daphne: one process, coroutines on asyncio, HTTP by Twisted."""

from ....apps.catalogue import Interface
from .kind import Kind, SlotRule

KINDS = (
    Kind(
        name="daphne",
        server="daphne",
        interface=Interface.ASGI,
        summary="coroutines on asyncio, HTTP by Twisted, one process",
        # From verbosity 1 on it writes an access log.
        arguments=("-m", "daphne", "--bind", "{host}", "--port", "{port}", "--verbosity", "0", "{app}"),
        slot_rule=SlotRule.UNBOUNDED,
        requires=("daphne",),
        install="daphne",
        one_process=True,
        drops_empty_messages=True,
        lifespan=False,
        factories=False,
    ),
)
