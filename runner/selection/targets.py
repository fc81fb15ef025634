"""The targets: apps crossed with setups as a user named them, or those of a suite, in every interpreter."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from ...apps.catalogue import APPS
from ...results.errors import UsageError
from ...results.records import GroupInfo
from ...scenarios.suite import Group, Suite
from ..targets.capability import why_not
from ..targets.interpreters import interpreter
from ..targets.launch import App, Target
from ..targets.setups import Setup, parse_setup, unknown
from .advice import default_setups, setup_for, split_target
from .apps import find_app, lacking
from .wish import Wish

Pythons = Sequence[tuple[str, str]]


def crossed(
    wish: Wish, suite: Suite, pythons: Pythons, here: Path, server_cores: int, notes: list[str]
) -> list[Target]:
    """The apps on the setups that fit them; what was not named is the suite's, or by default. Raises UsageError."""
    written = [split_target(text)[0] for text in suite.all_targets]
    names = dict.fromkeys(wish.apps or written)
    setups = list(dict.fromkeys(setup_for(text, server_cores) for text in wish.setups))
    targets: list[Target] = []
    misfits: list[str] = []
    for python, label in pythons:
        for name in names:
            app = find_app(name, wish, python, here)
            fitting = _fitting(app, setups, misfits) if setups else _available(app, python, server_cores, notes)
            targets += [Target(app, setup, python, label) for setup in fitting]
    if not targets:
        raise UsageError(
            "none of the setups fits any of the apps: " + "; ".join(dict.fromkeys(misfits)), _way_out(names, setups)
        )
    notes += misfits if wish.apps else []  # of a suite, all that fit were meant
    _check_installed(targets)
    notes[:] = dict.fromkeys(notes)  # each interpreter says the same
    return targets


def of_suite(
    suite: Suite, groups: Collection[str], pythons: Pythons, server_cores: int, notes: list[str]
) -> tuple[list[Target], str, tuple[GroupInfo, ...]]:
    """The targets of a suite, or of the groups of it that were named; their baseline, and the groups.

    What an interpreter lacks is an error, unless another one has it. Raises UsageError.
    """
    chosen = _chosen(suite, groups)
    written = dict.fromkeys(text for group in chosen for text in group.targets) if chosen else suite.all_targets
    found: dict[str, list[Target]] = {text: [] for text in written}
    missing: dict[str, dict[str, None]] = defaultdict(dict)
    for text in written:
        name, setup = split_target(text)[0], setup_for(split_target(text)[1], server_cores)
        for python, label in pythons:
            lacks = {**_app_lacks(name, python), **_setup_lacks(setup, python)}
            if lacks:
                missing[python] |= lacks
                notes += [f"{name}@{setup.name}{label} is left out: {python} lacks {', '.join(lacks)}"] if label else []
            else:
                found[text].append(Target(_app_on(name, setup, python), setup, python, label))
    nowhere = [text for text, targets in found.items() if not targets]
    if nowhere:
        raise _not_installed(nowhere, missing)
    infos = tuple(_info(suite, group, found) for group in chosen)
    targets = list({target.name: target for text in written for target in found[text]}.values())
    first = found[suite.baseline or next(iter(written))][0].name
    return targets, infos[0].baseline if infos else first, infos


def _chosen(suite: Suite, names: Collection[str]) -> list[Group]:
    known = {group.name: group for group in suite.group}
    for name in names:
        if not known:
            raise UsageError(f"suite {suite.name!r} has no groups", "leave out --group")
        if name not in known:
            raise unknown("group", name, known, see="bench list suites")
    return [group for group in suite.group if not names or group.name in names]


def _fitting(app: App, setups: Sequence[Setup], notes: list[str]) -> list[Setup]:
    """The setups that an app can run on at all."""
    others = [setup.name for setup in setups if setup.kind.interface != app.interface]
    if others:
        notes.append(f"{app.name} speaks {app.interface.upper()}: not on {', '.join(others)}")
    fitting = []
    for setup in setups:
        why = "" if setup.name in others else why_not(app, setup, ())
        if why:
            notes.append(f"{app.name}@{setup.name} is left out: {why}")
        elif setup.name not in others:
            fitting.append(setup)
    return fitting


def _way_out(names: Iterable[str], setups: Sequence[Setup]) -> str:
    """What to do where none of these setups fits any of these apps."""
    interfaces = {APPS[name].interface for name in names if name in APPS}
    loops = {setup.kind.loop for setup in setups if setup.kind.interface in interfaces} - {"asyncio"}
    able = [name for name, info in APPS.items() if info.loops & loops]
    if not able:
        return "`bench list setups` says which interface each speaks"
    return f"--app {' or '.join(able)} runs on {' and '.join(loops)}; or take another setup (`bench list setups`)"


def _app_on(name: str, setup: Setup, python: str) -> App:
    """The app of a suite's target. Raises UsageError for one that cannot be on this setup."""
    app = find_app(name, Wish(), python, Path.cwd())
    why = why_not(app, setup, ())
    if why:
        raise UsageError(
            f"target {name + '@' + setup.name!r}: {why}", "`bench list setups` says which interface each speaks"
        )
    return app


def _app_lacks(name: str, python: str) -> dict[str, None]:
    return dict.fromkeys(sorted(lacking(name, python)) if name in APPS else ())


def _setup_lacks(setup: Setup, python: str) -> dict[str, None]:
    return dict.fromkeys(interpreter(python).missing(setup.kind))


def _not_installed(texts: Sequence[str], missing: dict[str, dict[str, None]]) -> UsageError:
    python, lacks = next(iter(missing.items()))
    names = ", ".join(texts[:3]) + (f" and {len(texts) - 3} more of its targets" if len(texts) > 3 else "")
    return UsageError(
        f"the suite's {names} cannot be run: {python} lacks {', '.join(lacks)}",
        f"{python} -m pip install {' '.join(lacks)}",
    )


def _info(suite: Suite, group: Group, found: dict[str, list[Target]]) -> GroupInfo:
    """A group as it is recorded. Raises UsageError where a target cannot hold what the group compares."""
    targets = [target for text in group.targets for target in found[text]]
    for target in targets:
        slots = target.setup.slots
        if group.slots is not None and slots is not None and slots < group.slots:
            raise UsageError(
                f"suite {suite.name!r}, group {group.name!r}: {target.name} holds {slots} requests at once, fewer than "
                f"the group's {group.slots} slots",
                "give it as many workers or threads, or leave out slots",
            )
    baseline = found[group.baseline or group.targets[0]][0].name
    names = tuple(dict.fromkeys(target.name for target in targets))
    return GroupInfo(group.name, group.title, baseline, names, group.slots, tuple(group.without))


def _check_installed(targets: Sequence[Target]) -> None:
    for target in targets:
        has = interpreter(target.python)
        missing = has.missing(target.setup.kind)
        if missing:
            raise UsageError(
                f"{target.setup.name} is not installed: {target.python} lacks {', '.join(missing)}",
                has.install_command(target.setup.kind),
            )


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
