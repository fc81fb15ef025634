"""From a side's files to a side that can be launched: prepared, byte-compiled, imported, told apart from the other."""

import contextlib
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ...apps.catalogue import APPS, APPS_ROOT, Interface
from ...results.errors import TargetError, UsageError
from ...results.gate.records import BASE, HEAD, Source
from ...results.problems import Problem, ProblemCode, Severity
from ..selection.apps import lacking, own_app
from ..targets.interpreters import Imported, find_python, imported, interpreter
from ..targets.launch import App, Target, reason_in
from ..targets.process import GuardedProcess
from ..targets.servers import Kind
from ..targets.setups import Setup, parse_setup
from .repository import ELSEWHERE
from .sources import Note, Tree, lacks_submodules

LOOK_EVERY_S = 0.05
COMPILE_WITHIN_S = 120.0
SHOWN_PACKAGES = 3
SHOWN_LINES = 12
NOT_COMPILED = r"[\\/](\.git|\.venv|venv|node_modules|site-packages)[\\/]"
# What one process does best: the gate compares code, and more workers only make it noisier.
DEFAULT_SETUPS = {
    Interface.ASGI: ("uvicorn", "uvicorn-asyncio-h11"),
    Interface.WSGI: ("gunicorn-gthread-1x16",),
    Interface.RSGI: ("granian-rsgi",),
}


@dataclass(frozen=True, slots=True)
class Side:
    """A side that can be launched. `unable` is why it cannot be imported at all, where that is so."""

    source: Source
    target: Target
    unable: TargetError | None = None

    @property
    def name(self) -> str:
        """``base`` or ``head``."""
        return self.source.side


@dataclass(frozen=True, slots=True)
class Building:
    """How sides are built: `app` as it was named, the rest as far as it was said."""

    app: str
    setup: str | None = None
    interface: Interface | None = None
    prepare: str | None = None
    python: str | None = None
    pythons: tuple[str | None, str | None] = (None, None)  # of base, and of head

    def python_of(self, side: str) -> str | None:
        """The interpreter that was named for a side."""
        return self.pythons[side == HEAD] or self.python


def prepare(tree: Tree, command: str, log: Path) -> None:
    """Run the user's command in a side's folder, to its end. Raises TargetError where it fails."""
    # Called from a git hook, git would work on the user's own repository.
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE}
    env |= {"SGIBENCH_SIDE": tree.named.side, "SGIBENCH_ORIGIN": str(tree.came_from)}
    with GuardedProcess(["/bin/sh", "-c", command], log, cwd=tree.root, env=env) as process:
        while process.running:
            time.sleep(LOOK_EVERY_S)
        code = process.exit_code()
    if code:
        reason = reason_in(process.log_tail(40))
        raise TargetError(
            f"the {tree.named.side} cannot be prepared: {command!r} ended with code {code}"
            + (f": {reason}" if reason else ""),
            f"{process.log_tail(SHOWN_LINES)}\nits output is in {log}; it ran in a copy of {tree.named.what}".strip(),
        )


def check_copied(tree: Tree) -> None:
    """Raise UsageError for a side that is used in place: no command is to change what is the user's."""
    if tree.in_place:
        raise UsageError(
            f"the {tree.named.side} cannot be prepared: {tree.top} is too large to be copied, and is the folder itself",
            "commit or ignore its large files, name refs, or leave --prepare out",
        )


def build(
    trees: Sequence[Tree],
    how: Building,
    log_path: Callable[[str], Path],
    tell: Callable[[str], None],
    note: Callable[[Note], None],
) -> tuple[Side, Side]:
    """Both sides, base first; what takes long is told, and what the verdict is to be read with noted. Raises
    UsageError, or TargetError where the base cannot be imported; that the head cannot is told by its `unable`."""
    for tree in trees if how.prepare is not None else ():
        check_copied(tree)
    for tree in trees:
        if how.prepare is not None:
            tell(f"preparing the {tree.named.side}: {how.prepare}")
            prepare(tree, how.prepare, log_path(f"prepare-{tree.named.side}"))
    for tree in trees:
        if lacks_submodules(tree):
            advice = "--prepare 'git submodule update --init' does so"
            note(Note(f"{tree.named.side}: submodules are not checked out: {advice}", ProblemCode.SIDES))
    pythons = [python_in(tree, how.python_of(tree.named.side)) for tree in trees]
    if not any(tree.in_place for tree in trees):  # of both or of none: else the sides would differ
        for tree, python in zip(trees, pythons, strict=True):
            byte_compile(tree.top, python)
    base, head = (import_root(tree.root, how.app) for tree in trees)
    of_base = _import_base(pythons[0], how, base)
    unable = None
    try:
        of_head = imported(pythons[1], how.app, head, how.interface or of_base.interface)
    except TargetError as error:
        # The traceback is for the log; what reports say of it is said more than once.
        tell(f"the head: {error.message}\n{error.hint}")
        unable, of_head = TargetError(error.message, "" if "\n" in error.hint else error.hint), None
    check_apart(trees, of_base, of_head, how.app)
    setup = find_setup(how.setup, of_base.interface, pythons[0])
    check_installed(setup, pythons)
    sides = [
        Side(
            source_of(tree, python, setup.kind),
            Target(App(tree.named.side, how.app, of_base.interface, root, ours=False), setup, python),
        )
        for tree, python, root in zip(trees, pythons, (base, head), strict=True)
    ]
    return sides[0], replace(sides[1], unable=unable)


def _import_base(python: str, how: Building, root: Path) -> Imported:
    try:
        return imported(python, how.app, root, how.interface)
    except TargetError as error:
        advice = "" if how.python_of(BASE) else "; with --python, another interpreter has the app's packages"
        raise TargetError(f"the base: {error.message}", f"{error.hint}{advice}") from error


def build_ours(how: Building) -> tuple[Side, Side]:
    """An app of the suite's against itself, from where it is installed: to try the gate out. Raises UsageError."""
    info = APPS[how.app]
    pythons = [find_python(named) if (named := how.python_of(side)) else find_python_here() for side in (BASE, HEAD)]
    for python in pythons:
        if missing := lacking(how.app, python):
            hint = f"{python} -m pip install {' '.join(sorted(missing))}"
            raise UsageError(f"app {how.app!r} needs {', '.join(sorted(missing))}, which {python} does not have", hint)
    setup = find_setup(how.setup, Interface(info.interface), pythons[0])
    check_installed(setup, pythons)
    base, head = (
        Side(
            Source(side, how.app, str(APPS_ROOT), python=python, versions=versions_of(python, setup.kind)),
            Target(replace(own_app(how.app), name=side), setup, python),
        )
        for side, python in zip((BASE, HEAD), pythons, strict=True)
    )
    return base, head


def find_python_here() -> str:
    """The interpreter that targets have unless told otherwise: our own."""
    import sys

    return sys.executable


def python_in(tree: Tree, named: str | None) -> str:
    """The interpreter of a side. One that is named by a path is looked for in the side's folder first, where `prepare`
    may have made it. Raises UsageError."""
    if named is None:
        return find_python_here()
    own = tree.root / Path(named).expanduser()
    return find_python(str(own) if own.exists() and (os.sep in named or own.is_dir()) else named)


def byte_compile(top: Path, python: str) -> None:
    """So that no launch has to. What cannot be compiled shows when it is imported."""
    command = [python, "-m", "compileall", "-qq", "-x", NOT_COMPILED, str(top)]
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(
            command, cwd=top, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMPILE_WITHIN_S, check=False
        )


def import_root(root: Path, app: str) -> Path:
    """Where the app's module is imported from: the folder, or its ``src``, where the module is only there."""
    module = app.partition(":")[0].partition(".")[0]
    for folder in (root, root / "src"):
        if (folder / module).is_dir() or (folder / f"{module}.py").is_file():
            return folder
    return root


def check_apart(trees: Sequence[Tree], base: Imported, head: Imported | None, app: str) -> None:
    """Raise UsageError where a side runs code that is not its own: such a gate could not fail.

    An installation that leads back to the working tree (``pip install -e``) does that.
    """
    hint = "install each side where it lies: --prepare 'python -m venv .venv && …' --python .venv/bin/python"
    if head is not None and base.file == head.file:
        raise UsageError(f"both sides import {app!r} from {base.file}: they are the same code", hint)
    for tree, found in zip(trees, (base, head), strict=True):
        for file in found.files if found is not None else ():
            at = Path(file)
            others = [each.origin for each in trees if not tree.top.is_relative_to(each.origin)]
            if not at.is_relative_to(tree.top) and any(at.is_relative_to(origin) for origin in others):
                raise UsageError(f"the {tree.named.side} imports {file}, which is not its own copy", hint)


def find_setup(text: str | None, interface: Interface, python: str) -> Setup:
    """The setup that was named, or the default of an interface. Raises UsageError."""
    if text is not None:
        setup = parse_setup(text)
        if setup.kind.interface != interface:
            names = ", ".join(DEFAULT_SETUPS[interface])
            raise UsageError(
                f"the app speaks {interface.upper()}, and {setup.name} does not", f"for example --setup {names}"
            )
        return setup
    setups = [parse_setup(name) for name in DEFAULT_SETUPS[interface]]
    has = interpreter(python)
    return next((setup for setup in setups if not has.missing(setup.kind)), setups[0])


def check_installed(setup: Setup, pythons: Sequence[str]) -> None:
    """Raise UsageError where an interpreter lacks the server."""
    for python in pythons:
        has = interpreter(python)
        if missing := has.missing(setup.kind):
            raise UsageError(
                f"{setup.name} is not installed: {python} lacks {', '.join(missing)}", has.install_command(setup.kind)
            )


def source_of(tree: Tree, python: str, kind: Kind) -> Source:
    """What is recorded of a side."""
    named = tree.named
    return Source(
        named.side, named.what, str(tree.root), named.commit, named.changed, python, versions_of(python, kind)
    )


def versions_of(python: str, kind: Kind) -> dict[str, str]:
    """The interpreter's version, and those of what the server is made of."""
    has = interpreter(python)
    return {"python": has.description, **{name: has.installed[name] for name in kind.requires if name in has.installed}}


def differences(base: Side, head: Side) -> Iterator[Problem]:
    """What differs between the sides besides their code: a change may be theirs."""
    if base.target.python == head.target.python:
        return
    of_base, of_head = (interpreter(side.target.python) for side in (base, head))
    if of_base.description != of_head.description:
        yield _difference(f"the base runs in {of_base.description}, the head in {of_head.description}")
    theirs = set(base.target.setup.kind.requires)
    names = sorted(of_base.installed.keys() | of_head.installed.keys(), key=lambda name: (name not in theirs, name))
    differing = [
        f"{name} {of_base.installed.get(name, 'none')} and {of_head.installed.get(name, 'none')}"
        for name in names
        if of_base.installed.get(name) != of_head.installed.get(name)
    ]
    if differing:
        more = len(differing) - SHOWN_PACKAGES
        shown = ", ".join(differing[:SHOWN_PACKAGES]) + (f", and {more} more" if more > 0 else "")
        yield _difference(f"the sides have different packages (base and head: {shown})")


def _difference(what: str) -> Problem:
    return Problem(ProblemCode.UNEQUAL, f"{what}: a change may be theirs", severity=Severity.WARNING)
