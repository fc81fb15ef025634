"""Two sides of which one may have a plant: an app of the suite's in two folders, each with its own."""

from pathlib import Path
from typing import Literal

from ...apps.catalogue import APPS, Interface
from ...apps.planting import Plant
from ...results.gate.records import BASE, HEAD
from ...results.store import unwritable

MODULE = "planted"
APP = f"{MODULE}:app"
WRAPPERS = {Interface.ASGI: "asgi", Interface.WSGI: "wsgi"}


def write_sides(folder: Path, app: Literal["fastapi", "flask"], base: Plant, head: Plant) -> tuple[Path, Path]:
    """Make ``folder/base`` and ``folder/head``, each with a ``planted.py`` whose ``app`` is that app with its plant.

    So ``bench gate --base folder/base --head folder/head --app planted:app --path /json`` compares them. Raises
    StoreError.
    """
    sides = folder / BASE, folder / HEAD
    for side, plant in zip(sides, (base, head), strict=True):
        _write(side / f"{MODULE}.py", source_of(app, plant))
    return sides


def source_of(app: str, plant: Plant) -> str:
    """A module whose ``app`` is the suite's, with a plant."""
    info = APPS[app]
    module, _, name = info.path.partition(":")
    wrap = WRAPPERS[info.interface]
    return (
        f'"""{app}, with a plant."""\n\n'
        f"from sgibench.{module} import {name} as planted_in\n"
        f"from sgibench.apps.planting import Plant, {wrap}\n\n"
        f"app = {wrap}(planted_in, {plant!r})\n"
    )


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from error
