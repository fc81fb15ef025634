"""The apps that were named: the suite's own, or the user's."""

from collections.abc import Collection
from pathlib import Path

from ...apps.catalogue import APPS, APPS_ROOT
from ...results.errors import UsageError
from ..targets.interpreters import find_interface, interpreter
from ..targets.launch import App
from ..targets.setups import unknown
from .wish import Wish


def find_app(name: str, wish: Wish, python: str, here: Path) -> App:
    """An app of ours by name, or the user's own (``module:attr``), whose interface is found out.

    Raises UsageError, also when the interpreter lacks what the app needs; TargetError when it cannot be imported.
    """
    if name in APPS:
        missing = lacking(name, python)
        if missing:
            raise UsageError(
                f"app {name!r} needs {', '.join(sorted(missing))}, which {python} does not have",
                f"{python} -m pip install {' '.join(sorted(missing))}",
            )
        return own_app(name)
    check_own(name)
    interface = wish.interface
    if interface is None:
        interface = find_interface(python, name, here)
    return App(name, name, interface, here, ours=False)


def check_own(name: str) -> None:
    """Raise UsageError for what is not written ``module:attr``."""
    module, _, attribute = name.partition(":")
    if not (module and attribute):
        raise unknown("app", name, APPS, see="bench list apps; your own app is written module:attr")


def own_app(name: str) -> App:
    """An app of the suite's, by name. Raises KeyError when there is none."""
    info = APPS[name]
    return App(name, info.path, info.interface, APPS_ROOT, True, info.features, info.loops)


def lacking(name: str, python: str) -> Collection[str]:
    """The distributions that one of the suite's apps needs and an interpreter does not have."""
    return set(APPS[name].requires) - interpreter(python).installed.keys()
