"""What is compared: two folders or git refs, each laid out in a folder of its own whose path is as long as the other's.

Nothing is written into what is not a ref, and changes to it while the gate runs do no harm: it is copied. Beside a ref,
the working tree is checked out too, with what was changed in it: so both sides know their history, if they ask for it.
"""

import contextlib
import errno
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
from ...results.problems import ProblemCode
from ..signals import handled
from ..targets.scratch import scratch_folder
from .repository import Repository, git, has_git

COPY_LIMIT_BYTES = 200 * 2**20
NOT_COPIED = frozenset(
    (".git", ".hg", "__pycache__", "node_modules", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache")
) | {"bench-results"}
HERE = "."
# Ignored by git like the names above, and missed by no app: what building leaves behind.
NOT_MISSED = (".egg-info", ".pyc", ".log", ".coverage", "build", "dist", ".eggs")
SHOWN_FILES = 4


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
class Note:
    """What is told before the gate begins. With a code it is a warning of the report's too: the verdict is to be read
    with it."""

    text: str
    code: ProblemCode | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A side laid out: its code is in `top`, the app is looked for in `root`; `origin` is where it was copied from."""

    named: Named
    top: Path
    root: Path
    origin: Path

    @property
    def in_place(self) -> bool:
        """Whether it is no copy, but what the user has: nothing may be written there."""
        return self.top == self.origin

    @property
    def came_from(self) -> Path:
        """The folder of the user's that `root` is a copy of."""
        return self.origin / self.root.relative_to(self.top)


def find_sides(base: str, head: str, here: Path, notes: list[Note]) -> tuple[Named, Named]:
    """Both sides as a user named them, seen from a folder. Raises UsageError for what is neither folder nor ref."""
    found = find_side(BASE, base, here, notes), find_side(HEAD, head, here, notes)
    one_commit = found[0].commit == found[1].commit != "" and found[0].repository == found[1].repository
    one_commit = one_commit and not (found[0].changed or found[1].changed)
    if one_commit or found[0].folder == found[1].folder is not None:
        what = f"commit {found[0].commit[:7]}" if one_commit else str(found[0].folder)
        notes.append(Note(f"both sides are {what}: they are the same", ProblemCode.SIDES))
    return found


def find_side(side: str, text: str, here: Path, notes: list[Note]) -> Named:
    """One side. A name that may be both is a ref; folders can be written ``./name``."""
    option, folder = f"--{side}", here / Path(text).expanduser()
    if not text.strip():
        # An empty variable of a CI job: taken as a folder, it would compare the head with itself.
        raise UsageError(f"{option} is empty", "name a folder, or a git ref")
    around = Repository.around(here)
    as_path = text.startswith((".", "/", "~"))
    commit = "" if as_path or around is None else around.commit(text)
    if commit:
        if folder.is_dir():
            notes.append(Note(f"{option} {text} is taken as the git ref; the folder would be ./{text}"))
        return Named(side, text, None, around, commit)
    if folder.is_dir():
        return _of_folder(side, text, folder.resolve())
    if folder.exists():
        raise UsageError(f"{option} {text!r} is a file", "name a folder, or a git ref")
    if around is not None and not as_path:
        raise around.unknown(option, text)
    no_git = f"{here} is not a git repository" if has_git() else "git is not installed, so that there are no refs"
    where = "" if as_path else f", and {no_git}"
    raise UsageError(f"{option} {text!r}: no such folder{where}", "name a folder that is there, or a git ref")


def _of_folder(side: str, text: str, folder: Path) -> Named:
    repository = Repository.around(folder)
    if repository is None:
        return Named(side, text, folder, None)
    if repository.bare:
        hint = f"name a ref: --{side} REF"
        raise UsageError(f"--{side} {text!r}: {folder} is a bare git repository, it has no working tree", hint)
    if repository.ignores(folder):
        return Named(side, text, folder, None)  # it only happens to lie there
    commit = repository.commit("HEAD")
    return Named(side, text, folder, repository, commit, not commit or bool(repository.differing(NOT_COPIED)))


@contextmanager
def trees(base: Named, head: Named, notes: list[Note]) -> Iterator[tuple[Tree, Tree]]:
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
            differing = f"the paths of both sides differ in length: {found[0].root}, {found[1].root}"
            notes.append(Note(differing, ProblemCode.UNEQUAL))
        yield found[0], found[1]


def _laid_out(named: Named, other: Named, to: Path, stack: contextlib.ExitStack, notes: list[Note]) -> Tree:
    repository = named.repository
    if repository is not None and named.commit and (named.folder is None or other.folder is None):
        return _checked_out(named, repository, to, stack, notes)
    folder = named.folder
    assert folder is not None
    files = list(_files_in(folder))
    if _too_large(named.side, folder, files, notes):
        return Tree(named, folder, folder, folder)
    _copy(folder, files, to)
    return Tree(named, to, to, folder)


def _checked_out(
    named: Named, repository: Repository, to: Path, stack: contextlib.ExitStack, notes: list[Note]
) -> Tree:
    """A commit in a worktree of its own; of a working tree, with all that is not committed."""
    differing: list[str] = []
    if named.folder is not None:
        differing = repository.differing(NOT_COPIED)
        if _too_large(named.side, repository.top, differing, notes):
            return Tree(named, repository.top, named.folder, repository.top)
        if missed := [name for name in repository.ignored() if not _not_missed(name)]:
            more = f", and {len(missed) - SHOWN_FILES} more" if len(missed) > SHOWN_FILES else ""
            named_files = ", ".join(missed[:SHOWN_FILES]) + more
            left_out = f"{named.side}: what git ignores is left out, as it is from a ref: {named_files}"
            notes.append(Note(left_out, ProblemCode.SIDES))
    stack.callback(_removed, repository, to)
    repository.add_worktree(to, named.commit)
    _copy(repository.top, differing, to)
    root = to / repository.prefix
    if not root.is_dir():
        raise UsageError(f"--{named.side} {named.what!r} has no folder {repository.prefix!r}", "name a ref that has it")
    return Tree(named, to, root, repository.top)


def lacks_submodules(tree: Tree) -> bool:
    """Whether a side was checked out without the submodules that it has."""
    listed = git(tree.top, "submodule", "status").stdout if (tree.top / ".gitmodules").is_file() else ""
    return any(line.startswith("-") for line in listed.splitlines())


def _not_missed(name: str) -> bool:
    parts = Path(name).parts
    return parts[-1].endswith(NOT_MISSED) or not NOT_COPIED.isdisjoint(parts)


def _too_large(side: str, top: Path, files: Iterable[str], notes: list[Note]) -> bool:
    """Whether those files are too many to be copied, which is noted."""
    if _bytes_of(top, files) <= COPY_LIMIT_BYTES:
        return False
    in_place = f"{side}: {top} holds more than {COPY_LIMIT_BYTES // 2**20} MiB, and is used in place, not copied"
    notes.append(Note(f"{in_place}; so neither side is byte-compiled before", ProblemCode.SIDES))
    return True


def _removed(repository: Repository, path: Path) -> None:
    with uninterrupted():
        repository.remove_worktree(path)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Within: Ctrl-C is ignored, as far as this thread may say so. What is cleared away is cleared away whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with handled(signal.SIG_IGN):
        yield


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
    """Make those files in `to` what they are in `top`: links stay links, what was deleted is gone, and what is no file
    (a socket, a submodule) is left as it is."""
    names = list(files)
    there = [name for name in names if (top / name).is_symlink() or (top / name).is_file()]
    try:
        to.mkdir(parents=True, exist_ok=True)
        for name in set(names).difference(there):
            _remove(to, to / name)
        for name in there:
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)  # what is a link would be followed
            shutil.copy2(top / name, target, follow_symlinks=False)
    except OSError as error:
        where = error.filename or top
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        hint = "name a folder on a disk with room with TMPDIR" if full else "see its permissions"
        raise UsageError(f"cannot copy {top}: {where}: {error.strerror or error}", hint) from error


def _remove(top: Path, path: Path) -> None:
    """Remove a file, and the folders that are empty without it."""
    if path.is_symlink() or path.is_file():
        path.unlink()
        for parent in path.parents:
            if parent == top or any(parent.iterdir()):
                break
            parent.rmdir()
