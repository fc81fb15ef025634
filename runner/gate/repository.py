"""A git repository: which commit a ref is, what belongs to the working tree, and worktrees that go with the gate."""

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...results.errors import UsageError
from ...results.gate.store import GATE
from ..targets.scratch import PREFIX, remove_left_behind

# They would take git elsewhere: a hook runs with them set.
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
# Only looking: another git of the user's does not have to wait for us.
OURS = {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
ENVIRONMENT = "pyvenv.cfg"
TURNS = "turns"
NO_REPOSITORY = "not a git repository"
ALL_OF_CI = "in actions/checkout: fetch-depth: 0"


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a folder. `top` is the working tree's root (of a bare one, the repository itself), `prefix`
    the folder's path in it."""

    top: Path
    prefix: str
    bare: bool

    @classmethod
    def around(cls, folder: Path) -> "Repository | None":
        """The repository that a folder is in; None where it is in none, or there is no git to ask. Raises UsageError
        where git refuses it."""
        if not has_git():
            return None
        done = git(folder, "rev-parse", "--is-inside-work-tree")
        if done.returncode:
            if NO_REPOSITORY in done.stderr:
                return None
            cause, advice = cause_in(done.stderr), last_line(done.stderr).strip()
            raise UsageError(f"git cannot read the repository at {folder}: {cause}", advice if advice != cause else "")
        if done.stdout.strip() != "true":
            return cls(folder, "", bare=True)
        told = asked(folder, "rev-parse", "--show-toplevel", "--show-prefix").split("\n")
        return cls(Path(told[0]), told[1].rstrip("/"), bare=False)

    def commit(self, ref: str) -> str:
        """The commit that a ref means; empty where there is no such ref."""
        if ref.startswith("-"):
            return ""
        done = git(self.top, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return done.stdout.strip() if not done.returncode else ""

    def unknown(self, option: str, ref: str) -> UsageError:
        """The error for a ref that does not exist: it says the nearest one, and what shallow clones lack."""
        names = asked(self.top, "for-each-ref", "--format=%(refname:short)").split()
        remotes = asked(self.top, "remote").split()
        fetched = [f"{remote}/{ref}" for remote in remotes if f"{remote}/{ref}" in names]
        near = fetched or difflib.get_close_matches(ref, names, n=1, cutoff=0.5)
        hints = [f"did you mean {near[0]!r}?"] if near else []
        if not fetched and asked(self.top, "rev-parse", "--is-shallow-repository").strip() == "true":
            hints.append(f"this clone is shallow: {fetching(option, ref, remotes)}; {ALL_OF_CI}")
        if not hints:
            hints.append(f"known: {', '.join(names[:8])}" if names else "the repository has no commit yet")
        return UsageError(f"{option} {ref!r}: no such folder, and no such git ref in {self.top}", "; ".join(hints))

    def differing(self, besides: Iterable[str]) -> list[str]:
        """The working tree's files that are not as in its commit, from its root: changed, deleted, or not known to git
        (then without those that it ignores, and without folders of the names `besides`)."""
        changed = names_in(
            asked(self.top, "diff", "--name-only", "-z", "--no-renames", "--no-relative", "--no-ext-diff", "HEAD")
        )
        excluded = [f"--exclude={name}/" for name in sorted(besides)]
        new = names_in(asked(self.top, "ls-files", "-z", "--others", "--exclude-standard", *excluded))
        return [*changed, *(name for name in new if not self._apart(name))]

    def ignored(self) -> list[str]:
        """What git ignores in the working tree; of a folder that is ignored whole, its name with a slash."""
        listed = asked(self.top, "ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory")
        found: list[str] = []
        for name in names_in(listed):
            if not any(name.startswith(folder) for folder in found if folder.endswith("/")):
                found.append(name)
        return [name for name in found if not self._apart(f"{name.rstrip('/')}/x")]

    def ignores(self, folder: Path) -> bool:
        """Whether a folder of the working tree is one that git ignores."""
        return not git(self.top, "check-ignore", "--quiet", "--", str(folder)).returncode

    def _apart(self, name: str) -> bool:
        """Whether a file is part of a virtual environment, or of the folder of a gate's run."""
        return any(is_apart(self.top / parent) for parent in Path(name).parents)

    def add_worktree(self, path: Path, commit: str) -> None:
        """Check a commit out into a new folder. Raises UsageError."""
        done = git(self.top, "worktree", "add", "--quiet", "--detach", str(path), commit)
        if done.returncode:
            raise UsageError(
                f"git cannot check {commit[:7]} of {self.top} out into {path}: {cause_in(done.stderr)}",
                "where that has no room, TMPDIR names another folder",
            )

    def remove_worktree(self, path: Path) -> None:
        """Remove such a folder, and what the repository knows of it; fine where either is gone."""
        git(self.top, "worktree", "remove", "--force", "--force", str(path))

    def remove_left_behind(self) -> None:
        """Forget the worktrees of gates that were killed: their folders are gone, or nobody holds them any more."""
        for line in git(self.top, "worktree", "list", "--porcelain").stdout.splitlines():
            word, _, path = line.partition(" ")
            folder = Path(path).parent
            if word != "worktree" or not folder.name.startswith(PREFIX):
                continue
            remove_left_behind(folder.parent)  # which may be another than that of today: TMPDIR names it
            if not Path(path).exists():
                self.remove_worktree(Path(path))


def is_apart(folder: Path) -> bool:
    """Whether a folder is a virtual environment, or that of a gate's run: neither belongs to the app."""
    run = (folder / GATE).is_file() and (folder / TURNS).is_dir()  # an app may have a file of that name
    return run or (folder / ENVIRONMENT).is_file()


def fetching(option: str, ref: str, remotes: Sequence[str]) -> str:
    """The command that brings a ref into a shallow clone."""
    remote, _, branch = ref.partition("/")
    if not branch or remote not in remotes:
        remote, branch = "origin", ref
    if re.fullmatch(r"[0-9a-f]{40}", ref):
        return f"git fetch --depth=1 {remote} {ref}"
    if re.search(r"[\^~@:]|^[0-9a-f]{7,39}$", ref):
        return "git fetch --unshallow"
    fetched = f"git fetch --depth=1 {remote} {branch}:refs/remotes/{remote}/{branch}"
    return fetched if ref == f"{remote}/{branch}" else f"{fetched}, and {option} {remote}/{branch}"


def has_git() -> bool:
    """Whether git is installed."""
    return shutil.which("git") is not None


def git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What git said. Raises UsageError where there is no git."""
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE} | OURS
    command = ("git", "-c", "core.hooksPath=/dev/null", "-C", str(folder), *arguments)
    try:
        # No hook runs. In a session of its own: Ctrl-C is ours to handle, and cuts nothing off half way.
        return subprocess.run(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            start_new_session=True,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"git cannot be run: {error.strerror or error}", "without git, name two folders") from error


def asked(folder: Path, *arguments: str) -> str:
    """What git answered. Raises UsageError with its own words where it failed."""
    done = git(folder, *arguments)
    if done.returncode:
        raise UsageError(f"git {arguments[0]} failed in {folder}: {cause_in(done.stderr)}")
    return done.stdout


def names_in(listed: str) -> Iterator[str]:
    """Names that git ended with a zero each."""
    return (name for name in listed.split("\0") if name)


def cause_in(text: str) -> str:
    """The line of git's that says why."""
    told = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))]
    return told[0].partition(": ")[2] if told else last_line(text)


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
