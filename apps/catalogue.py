"""Which applications there are, as data: what to start, with which kind of server, and what it needs."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

# As imported, links unresolved: a link's name, not its target's, is what makes `import apps` work.
APPS_ROOT: Final = Path(__file__).absolute().parent.parent
"""The folder that holds `apps/`: with it on PYTHONPATH, any interpreter can import `apps.flask_app`."""


class Interface(StrEnum):
    """How a server calls an application."""

    WSGI = "wsgi"
    ASGI = "asgi"


@dataclass(frozen=True, slots=True)
class AppInfo:
    """One application of the suite."""

    name: str
    """Its name on the command line and in reports."""
    path: str
    """What a server is given, `module:attribute`, with `APPS_ROOT` on PYTHONPATH."""
    interface: Interface
    requires: tuple[str, ...]
    """The distributions its interpreter must have, beside the server."""
    title: str
    """Its name in prose."""


def _by_name(*apps: AppInfo) -> dict[str, AppInfo]:
    return {app.name: app for app in apps}


APPS: Final = _by_name(
    AppInfo("flask", "apps.flask_app:app", Interface.WSGI, ("flask",), "Flask"),
    AppInfo("fastapi", "apps.fastapi_app:app", Interface.ASGI, ("fastapi", "jinja2"), "FastAPI"),
    AppInfo("starlette", "apps.starlette_app:app", Interface.ASGI, ("starlette", "jinja2"), "Starlette"),
    AppInfo("bare-wsgi", "apps.bare_wsgi_app:app", Interface.WSGI, ("jinja2",), "bare WSGI"),
    AppInfo("bare-asgi", "apps.bare_asgi_app:app", Interface.ASGI, ("jinja2",), "bare ASGI"),
)
"""Every application, by name."""
