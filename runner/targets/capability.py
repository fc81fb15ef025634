"""What an app on a setup cannot do, and why: such a cell of a comparison is "not possible", never a zero."""

from collections.abc import Collection, Mapping
from typing import Final

from ...apps.catalogue import Feature, Interface
from .launch import App
from .setups import Setup

NAMES = {
    Feature.SHOP: "shop",
    Feature.UPSTREAM: "call to an upstream",
    Feature.UPLOAD: "upload",
    Feature.STREAM: "streamed answer",
    Feature.BLOCKING: "coroutine that could block",
    Feature.WEBSOCKET: "WebSocket",
    Feature.DOCS: "generated documentation",
}
"""Each feature, as it reads behind "no"."""

NOT_UNDER_WSGI = frozenset({Feature.BLOCKING, Feature.WEBSOCKET})
NOT_UNDER_TRIO = frozenset({Feature.SHOP})
NOT_TOGETHER: Final[Mapping[tuple[str, str, Feature], str]] = {
    ("quart", "daphne", Feature.WEBSOCKET): "quart needs a WebSocket's scheme, which daphne does not tell",
}
"""What one of our apps and one server cannot do together, though each can with others."""


def why_not(app: App, setup: Setup, needs: Collection[Feature]) -> str:
    """Why `app` on `setup` cannot do what is needed, in one sentence without a full stop; empty where it can."""
    return _not_together(app, setup) or next(filter(None, (_lacks(app, setup, need) for need in sorted(needs))), "")


def _not_together(app: App, setup: Setup) -> str:
    kind = setup.kind
    if kind.interface != app.interface:
        return f"{app.name} speaks {app.interface.upper()}, {kind.name} {kind.interface.upper()}"
    if app.path.endswith("()") and not kind.factories:
        return f"{kind.name} cannot call a factory, which {app.path} is"
    if app.interface == Interface.ASGI and kind.loop not in app.loops:
        return f"{app.name} runs on {' or '.join(sorted(app.loops))}, {kind.name} on {kind.loop}"
    return ""


def _lacks(app: App, setup: Setup, need: Feature) -> str:
    kind = setup.kind
    if app.interface == Interface.WSGI and need in NOT_UNDER_WSGI:
        return f"{app.name} speaks WSGI, which has no {NAMES[need]}"
    if need not in app.features:
        return f"{app.name} has no {NAMES[need]}"
    if need in kind.lacks:
        return f"{kind.name} has no {NAMES[need]}"
    if app.ours and (app.name, kind.name, need) in NOT_TOGETHER:
        return NOT_TOGETHER[app.name, kind.name, need]
    if app.ours and kind.loop == "trio" and need in NOT_UNDER_TRIO:
        return f"{kind.name} runs on trio, the drivers of the shop's databases on asyncio"
    return ""
