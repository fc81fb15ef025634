"""From what a user names (suite, apps, setups, scenarios) to targets and pieces, with the nearest name for a typo."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from ..apps.catalogue import APPS, APPS_ROOT, Interface
from ..results.errors import UsageError
from ..scenarios import files
from ..scenarios.model import Load, Request, Scenario, Suite, SuiteScenario
from .load.drivers import LoadDriver
from .locustfile import SECONDS, find_locustfile
from .plan import Piece, check_names, pieces_of
from .targets.checking import exchange_named
from .targets.interpreters import find_interface, find_python, interpreter
from .targets.launch import App, Target
from .targets.setups import Setup, parse_setup, unknown

USER_CONCURRENCY = (1, 16, 64)
USER_SECONDS = 0.75
URL_CHARACTERS = "/?&=%:@!$'()*+,;~-._[]"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asked for; empty fields were left open."""

    suite: str | None = None
    apps: tuple[str, ...] = ()
    setups: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    concurrency: tuple[int, ...] = ()
    interface: Interface | None = None
    python: str | None = None
    driver: LoadDriver = LoadDriver.ENGINE
    locustfile: Path | None = None
    users: int | None = None

    @property
    def is_own(self) -> bool:
        """Whether anything but a suite as it is was asked for."""
        asked = (self.apps, self.setups, self.scenarios, self.paths, self.concurrency, self.locustfile)
        return any(asked)


@dataclass(slots=True)
class Choice:
    """What will be measured, and what was left out and why (`notes`)."""

    suite: Suite
    targets: list[Target]
    pieces: list[Piece]
    notes: list[str] = field(default_factory=list)


def choose(wish: Wish, here: Path, server_cores: int) -> Choice:
    """Resolve a wish; a user's own app is imported from `here`. Raises UsageError or TargetError."""
    _check_users(wish)
    suite = find_suite(wish.suite or "default")
    python = find_python(wish.python) if wish.python else sys.executable
    notes: list[str] = []
    if wish.apps or wish.setups:
        targets = _targets(wish, suite, python, here, server_cores, notes)
    else:
        targets = [_suite_target(text, python) for text in suite.targets]
    _check_installed(targets)
    if wish.locustfile is not None:
        pieces = _users_pieces(wish, wish.locustfile, notes)
    else:
        pieces = _drivable(_pieces(wish, suite, targets), wish, notes)
    check_names(pieces)
    return Choice(suite, targets, pieces, notes)


def find_suite(name: str) -> Suite:
    """A suite by name, or from a TOML file. Raises UsageError (with the nearest name)."""
    if name.endswith(".toml"):
        return files.read_suite(Path(name))
    try:
        return files.built_in_suite(name)
    except KeyError:
        raise unknown("suite", name, files.suite_names(), see="bench list suites") from None


def find_scenario(name: str, folder: Path = Path()) -> Scenario:
    """A scenario by name, or from a TOML file (seen from `folder`). Raises UsageError (with the nearest name)."""
    if name.endswith(".toml"):
        scenario = files.read_scenario(folder / name)
    else:
        try:
            scenario = files.built_in_scenario(name)
        except KeyError:
            raise unknown("scenario", name, files.scenario_names(), see="bench list scenarios") from None
    if scenario.expect.exchange is not None:
        exchange_named(scenario.expect.exchange)
    return scenario


def find_app(name: str, wish: Wish, python: str, here: Path) -> App:
    """An app of ours by name, or the user's own (``module:attr``), whose interface is found out."""
    if name in APPS:
        info = APPS[name]
        missing = set(info.requires) - interpreter(python).installed.keys()
        if missing:
            raise UsageError(
                f"app {name!r} needs {', '.join(sorted(missing))}, which {python} does not have",
                f"{python} -m pip install {' '.join(sorted(missing))}",
            )
        return App(name, info.path, info.interface, APPS_ROOT, ours=True)
    if ":" not in name:
        raise unknown("app", name, APPS, see="bench list apps; your own app is written module:attr")
    interface = wish.interface
    if interface is None:
        interface = find_interface(python, name, here)
    return App(name, name, interface, here, ours=False)


def default_setups(interface: str, server_cores: int) -> list[Setup]:
    """The setups to try for an app: each server's usual worker kinds, sized by its own advice for these cores."""
    cores = max(server_cores, 1)
    names = {
        # gunicorn's documentation: (2 x cores) + 1 sync workers
        Interface.WSGI: (f"gunicorn-sync-{2 * cores + 1}", f"gunicorn-gthread-{cores}x64", f"gunicorn-gevent-{cores}"),
        Interface.ASGI: (f"uvicorn-{cores}", f"gunicorn-uvicorn-{cores}", f"gunicorn-asgi-{cores}"),
    }
    return [parse_setup(name) for name in names[Interface(interface)]]


def _targets(wish: Wish, suite: Suite, python: str, here: Path, server_cores: int, notes: list[str]) -> list[Target]:
    names = wish.apps or tuple(dict.fromkeys(text.partition("@")[0] for text in suite.targets))
    setups = [parse_setup(text) for text in dict.fromkeys(wish.setups)]
    targets: list[Target] = []
    for name in dict.fromkeys(names):
        app = find_app(name, wish, python, here)
        if setups:
            fitting = [setup for setup in setups if setup.kind.interface == app.interface]
            others = [setup.name for setup in setups if setup.kind.interface != app.interface]
            if others and wish.apps:
                notes.append(f"{name} speaks {app.interface.upper()}: not on {', '.join(others)}")
        else:
            fitting = _available(app, python, server_cores, notes)
        targets += [Target(app, setup, python) for setup in fitting]
    if not targets:
        raise UsageError(
            "none of the setups fits any of the apps: " + "; ".join(notes or ["another interface is needed"]),
            "`bench list setups` says which interface each speaks",
        )
    return targets


def _available(app: App, python: str, server_cores: int, notes: list[str]) -> list[Setup]:
    """The default setups that the interpreter can run; plain uvicorn where the fast one lacks its libraries."""
    has = interpreter(python)
    fitting, commands = [], []
    for setup in default_setups(app.interface, server_cores):
        missing = has.missing(setup.kind)
        if not missing:
            fitting.append(setup)
            continue
        commands.append(has.install_command(setup.kind))
        notes.append(f"{setup.name} is left out: {python} lacks {', '.join(missing)} ({commands[-1]})")
        if setup.kind.name == "uvicorn":
            plain = parse_setup(f"uvicorn-asyncio-h11-{setup.workers}")
            fitting += [] if has.missing(plain.kind) else [plain]
    if not fitting:
        raise UsageError(f"{python} has no server that runs a {app.interface.upper()} app", commands[0])
    return fitting


def _suite_target(text: str, python: str) -> Target:
    name, at, setup_text = text.partition("@")
    if not at:
        raise UsageError(f"target {text!r} is not written APP@SETUP", "for example flask@gunicorn-gthread-2x16")
    setup = parse_setup(setup_text)
    app = find_app(name, Wish(), python, Path.cwd())
    if setup.kind.interface != app.interface:
        raise UsageError(
            f"target {text!r}: {name} speaks {app.interface.upper()}, {setup.kind.name} {setup.kind.interface.upper()}",
            "`bench list setups` says which interface each speaks",
        )
    return Target(app, setup, python)


def _check_installed(targets: Sequence[Target]) -> None:
    for target in targets:
        has = interpreter(target.python)
        missing = has.missing(target.setup.kind)
        if missing:
            raise UsageError(
                f"{target.setup.name} is not installed: {target.python} lacks {', '.join(missing)}",
                has.install_command(target.setup.kind),
            )


def _pieces(wish: Wish, suite: Suite, targets: Sequence[Target]) -> list[Piece]:
    ours = all(target.app.ours for target in targets)
    pieces: list[Piece] = []
    for name in dict.fromkeys(wish.scenarios):
        pieces += _sized(pieces_of(find_scenario(name), None, USER_SECONDS), wish)
    for scenario in path_scenarios(wish.paths):
        pieces += _sized(pieces_of(scenario, None, USER_SECONDS), wish)
    if pieces:
        return pieces
    if not ours:
        return _sized(pieces_of(path_scenario("/"), None, USER_SECONDS), wish)
    folder = Path(wish.suite).parent if wish.suite and wish.suite.endswith(".toml") else Path()
    for place in suite.scenario:
        pieces += _sized(pieces_of(find_scenario(place.name, folder), place, place.seconds), wish)
    return pieces


def _check_users(wish: Wish) -> None:
    """Raise UsageError for what does not go with a locustfile, or only with one."""
    if wish.locustfile is None:
        if wish.users is not None:
            raise UsageError("--users needs --locustfile", "give --concurrency for the suite's own scenarios")
        return
    if wish.scenarios:
        raise UsageError("--locustfile is a scenario itself", "leave out --scenario")
    if wish.concurrency:
        raise UsageError("--concurrency does not go with --locustfile", "say how many users: --users N")
    if len(wish.paths) > 1:
        raise UsageError("--locustfile takes one --path: what an app must answer beforehand", "leave out the others")


def _users_pieces(wish: Wish, path: Path, notes: list[str]) -> list[Piece]:
    """The one piece that a locustfile is."""
    asked = path_scenario(wish.paths[0]).request.path if wish.paths else None
    scenario, found = find_locustfile(path, wish.users, asked)
    notes += found
    return pieces_of(scenario, None, SECONDS)


def _drivable(pieces: list[Piece], wish: Wish, notes: list[str]) -> list[Piece]:
    """The pieces that the driver can carry out: plain Locust has no open loop."""
    if wish.driver is LoadDriver.ENGINE:
        return pieces
    open_loop = list(dict.fromkeys(piece.scenario.name for piece in pieces if piece.level.rate_rps))
    closed = [piece for piece in pieces if not piece.level.rate_rps]
    if open_loop and (wish.scenarios or not closed):
        raise UsageError("Locust has no open loop", f"leave out {', '.join(open_loop)}, or use --driver engine")
    notes += [f"{name} is left out: Locust has no open loop" for name in open_loop]
    return closed


def _sized(pieces: list[Piece], wish: Wish) -> list[Piece]:
    """The pieces at the levels a user asked for, where one did."""
    if not wish.concurrency or any(piece.level.rate_rps for piece in pieces):
        return pieces
    first = pieces[0]
    place = SuiteScenario(name=first.scenario.name, seconds=first.seconds, concurrency=list(wish.concurrency))
    return pieces_of(first.scenario, place, first.seconds)


def path_scenarios(paths: Sequence[str]) -> list[Scenario]:
    """One scenario for each path, all with names of their own."""
    scenarios: dict[str, Scenario] = {}
    for path in dict.fromkeys(paths):
        scenario = path_scenario(path)
        name, count = scenario.name, 1
        while name in scenarios:
            count += 1
            name = f"{scenario.name}-{count}"
        scenarios[name] = scenario.model_copy(update={"name": name})
    return list(scenarios.values())


def path_scenario(path: str) -> Scenario:
    """The scenario for a path of a user's own app: it has to answer 200. Raises UsageError when it is no path."""
    if not path.startswith("/") or any(character.isspace() for character in path):
        raise UsageError(f"--path {path!r} is not a path", "write it as in a URL, for example --path /items?limit=10")
    slug = "".join(character if character.isalnum() else "-" for character in path.lower()).strip("-") or "root"
    return Scenario(
        name="path-" + slug.encode("ascii", "ignore").decode()[:50],
        title=f"GET {path}",
        request=Request(path=quote(path, safe=URL_CHARACTERS)),
        load=Load(concurrency=list(USER_CONCURRENCY)),
    )


def probe_path(pieces: Sequence[Piece]) -> str:
    """What a target is asked until it answers: the first request that only reads."""
    return next((piece.scenario.request.path for piece in pieces if piece.scenario.request.method == "GET"), "/")
