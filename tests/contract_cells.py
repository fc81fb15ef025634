"""The cells of the contract's matrix: every app on every kind of server that can run it, alone and with two workers."""

import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from sgibench.apps.catalogue import APPS, APPS_ROOT, AppInfo, Feature, Interface
from sgibench.runner.targets.capability import why_not
from sgibench.runner.targets.interpreters import interpreter
from sgibench.runner.targets.launch import App, Target
from sgibench.runner.targets.servers import KINDS, Kind, kinds_for
from sgibench.runner.targets.setups import Setup, parse_setup

THREADS = 4
# What each interface's apps prove themselves on with PostgreSQL: usual servers, with several processes.
WITH_POSTGRESQL = {"wsgi": "gunicorn-gthread", "asgi": "uvicorn", "rsgi": "granian-rsgi"}


@dataclass(frozen=True)
class Cell:
    """One app on one setup, with one kind of database."""

    app: App
    setup: Setup
    database: str = "sqlite"

    def __str__(self) -> str:
        name = f"{self.app.name}@{self.setup.name}"
        return name if self.database == "sqlite" else f"{name}-{self.database}"

    @property
    def target(self) -> Target:
        return Target(self.app, self.setup)

    @property
    def missing(self) -> list[str]:
        """The distributions that it needs and this interpreter lacks."""
        needed = {*self.setup.kind.requires, *APPS[self.app.name].requires}
        return sorted(needed - interpreter(sys.executable).installed.keys())

    @property
    def features(self) -> list[Feature]:
        """What it can do."""
        return [feature for feature in Feature if not why_not(self.app, self.setup, {feature})]


def app_of(info: AppInfo) -> App:
    return App(info.name, info.path, info.interface, APPS_ROOT, True, info.features, info.loops)


def setup_of(kind: Kind, workers: int = 1) -> Setup:
    numbers = f"-{workers}x{THREADS}" if kind.threaded else f"-{workers}"
    return parse_setup(f"{kind.name}{numbers}")


def every_app_on_every_server() -> Iterator[Cell]:
    for info in APPS.values():
        for kind in kinds_for(info.interface):
            cell = Cell(app_of(info), setup_of(kind))
            if not why_not(cell.app, cell.setup, ()):
                yield cell


def every_server_with_two_workers() -> Iterator[Cell]:
    """One app on each; those of an interface take turns."""
    for interface in Interface:
        apps = deque(app_of(info) for info in APPS.values() if info.interface is interface)
        for setup in (setup_of(kind, 2) for kind in kinds_for(interface) if not kind.one_process):
            app = next(app for app in apps if not why_not(app, setup, ()))
            apps.remove(app)
            apps.append(app)
            yield Cell(app, setup)


def every_app_with_postgresql() -> Iterator[Cell]:
    for info in APPS.values():
        yield Cell(app_of(info), setup_of(KINDS[WITH_POSTGRESQL[info.interface]], 2), "postgresql")


CELLS = (*every_app_on_every_server(), *every_server_with_two_workers(), *every_app_with_postgresql())
