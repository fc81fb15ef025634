"""What is compared: two folders or git refs, each laid out in a folder of its own whose path is as long as the other's.

What is not a ref is copied, so that nothing is written into it, and changes to it while the gate runs do no harm.
"""

import contextlib
import os
import shutil
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...results.errors import UsageError
from ...results.gate.records import BASE, HEAD
from ..targets.scratch import scratch_folder
from .repository import Repository

COPY_LIMIT_BYTES = 200 * 2**20
NOT_COPIED = frozenset(
    (".git", ".hg", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache")
) | {"bench-results"}
WORKING_TREE = "."


@dataclass(frozen=True, slots=True)
class Named:
    """A side as it was named, and found: a folder, or (where that is None) a commit of `repository`."""

    side: str
    what: str
    folder: Path | None
    repository: Repository | None
    commit: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Tree:
    """A side laid out: its code is in `top`, the app is looked for in `root`; `origin` is where it was copied from."""

    named: Named
    top: Path
    root: Path
    origin: Path


def find_sides(base: str, head: str, here: Path, notes: list[str]) -> tuple[Named, Named]:
    """Both sides as a user named them, seen from a folder. Raises UsageError for what is neither folder nor ref."""
    return find_side(BASE, base, here, notes), find_side(HEAD, head, here, notes)


def find_side(side: str, text: str, here: Path, notes: list[str]) -> Named:
    """One side. A name that may be both is a ref; folders can be written ``./name``."""
    option, folder = f"--{side}", here / Path(text).expanduser()
    around = Repository.around(here)
    as_path = text.startswith((".", "/", "~"))
    commit = "" if as_path or around is None else around.commit(text)
    if commit:
        if folder.is_dir():
            notes.append(f"{option} {text} is taken as the git ref; the folder would be ./{text}")
        return Named(side, text, None, around, commit)
    if folder.is_dir():
        return _of_folder(side, text, folder.resolve())
    if folder.exists():
        raise UsageError(f"{option} {text!r} is a file", "name a folder, or a git ref")
    if around is not None and not as_path:
        raise around.unknown(option, text)
    where = "" if as_path else f", and {here} is not a git repository"
    raise UsageError(f"{option} {text!r}: no such folder{where}", "name a folder that is there, or a git ref")


def _of_folder(side: str, text: str, folder: Path) -> Named:
    repository = Repository.around(folder)
    if repository is None:
        return Named(side, text, folder, None)
    if repository.bare:
        hint = f"name a ref: --{side} REF"
        raise UsageError(f"--{side} {text!r}: {folder} is a bare git repository, it has no working tree", hint)
    return Named(side, text, folder, repository, repository.commit("HEAD"), repository.changed)


@contextmanager
def trees(base: Named, head: Named, notes: list[str]) -> Iterator[tuple[Tree, Tree]]:
    """Both sides laid out; all of it is gone afterwards, and what a killed gate left behind as well.

    Raises UsageError, or TargetError where there is no room for it.
    """
    with scratch_folder() as scratch, contextlib.ExitStack() as stack:
        for repository in {named.repository for named in (base, head) if named.repository is not None}:
            repository.remove_left_behind()
        found = [
            _laid_out(named, other, scratch / named.side, stack, notes) for named, other in ((base, head), (head, base))
        ]
        if len({len(str(tree.root)) for tree in found}) > 1:
            notes.append(f"the paths of both sides differ in length: {found[0].root}, {found[1].root}")
        yield found[0], found[1]


def _laid_out(named: Named, other: Named, to: Path, stack: contextlib.ExitStack, notes: list[str]) -> Tree:
    if named.folder is None:
        return _checked_out(named, to, stack, notes)
    folder, repository = named.folder, named.repository
    if other.folder is None and repository is not None:
        # As a checkout has it: without what git ignores, which the other side does not have either.
        files, top, prefix = repository.files(), repository.top, repository.prefix
        notes.append(f"{named.side}: the working tree is taken without the files that git ignores, as the ref is")
    else:
        files, top, prefix = list(_files_in(folder)), folder, ""
    if _bytes_of(top, files) > COPY_LIMIT_BYTES:
        size = COPY_LIMIT_BYTES // 2**20
        notes.append(f"{named.side}: {top} holds more than {size} MiB, and is used in place, not copied")
        return Tree(named, top, folder, top)
    _copy(top, files, to)
    return Tree(named, to, to / prefix, top)


def _checked_out(named: Named, to: Path, stack: contextlib.ExitStack, notes: list[str]) -> Tree:
    repository = named.repository
    assert repository is not None
    stack.callback(_removed, repository, to)
    repository.add_worktree(to, named.commit)
    root = to / repository.prefix
    if not root.is_dir():
        raise UsageError(f"--{named.side} {named.what!r} has no folder {repository.prefix!r}", "name a ref that has it")
    if (to / ".gitmodules").is_file():
        notes.append(f"{named.side}: submodules are not checked out: --prepare 'git submodule update --init' does so")
    return Tree(named, to, root, repository.top)


def _removed(repository: Repository, path: Path) -> None:
    with uninterrupted():
        repository.remove_worktree(path)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within: SIGINT and SIGTERM wait, as far as this thread may say so. What is cleared away is cleared away whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {signum: signal.signal(signum, signal.SIG_IGN) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _files_in(folder: Path) -> Iterator[str]:
    """All files below a folder but those of version control, caches and virtual environments."""
    for parent, names, files in os.walk(folder):
        kept = [name for name in names if name not in NOT_COPIED]
        names[:] = sorted(name for name in kept if not (Path(parent) / name / "pyvenv.cfg").exists())
        linked = [name for name in names if (Path(parent) / name).is_symlink()]
        yield from (os.path.relpath(Path(parent) / name, folder) for name in (*files, *linked))


def _bytes_of(top: Path, files: Iterable[str]) -> int:
    total = 0
    for name in files:
        with contextlib.suppress(OSError):
            total += (top / name).lstat().st_size
        if total > COPY_LIMIT_BYTES:
            break
    return total


def _copy(top: Path, files: Iterable[str], to: Path) -> None:
    """Copy those files; links stay links, and what is no file (a socket, a submodule, one that was deleted) is left."""
    try:
        to.mkdir(parents=True)
        for name in files:
            source, target = top / name, to / name
            if not (source.is_symlink() or source.is_file()):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    except OSError as error:
        where = error.filename or top
        raise UsageError(f"cannot copy {top}: {where}: {error.strerror or error}", "see its permissions") from error
