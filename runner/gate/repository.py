"""A git repository: which commit a ref is, what belongs to the working tree, and worktrees that go with the gate."""

import difflib
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...results.errors import UsageError
from ..targets.scratch import PREFIX

# They would take git elsewhere: a hook runs with them set.
ELSEWHERE = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR")
NO_REPOSITORY = "not a git repository"


@dataclass(frozen=True, slots=True)
class Repository:
    """The repository around a folder. `top` is the working tree's root (of a bare one, the repository itself), `prefix`
    the folder's path in it."""

    top: Path
    prefix: str
    bare: bool

    @classmethod
    def around(cls, folder: Path) -> "Repository | None":
        """The repository that a folder is in; None where it is in none. Raises UsageError where git is missing, or
        refuses it."""
        done = git(folder, "rev-parse", "--is-inside-work-tree")
        if done.returncode:
            if NO_REPOSITORY in done.stderr:
                return None
            raise UsageError(f"git cannot read the repository at {folder}: {last_line(done.stderr)}")
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

    @property
    def changed(self) -> bool:
        """Whether the working tree holds what is not committed."""
        return not self.bare and bool(asked(self.top, "status", "--porcelain", "--untracked-files=normal").strip())

    def unknown(self, option: str, ref: str) -> UsageError:
        """The error for a ref that does not exist: it says the nearest one, and what shallow clones lack."""
        names = asked(self.top, "for-each-ref", "--format=%(refname:short)").split()
        near = difflib.get_close_matches(ref, names, n=1, cutoff=0.5)
        hints = [f"did you mean {near[0]!r}?"] if near else []
        if asked(self.top, "rev-parse", "--is-shallow-repository").strip() == "true":
            remote, _, branch = ref.partition("/")
            remote, branch = (remote, branch) if branch else ("origin", ref)
            fetched = f"{branch}:refs/remotes/{remote}/{branch}"
            hints.append(f"this clone is shallow: git fetch --depth=1 {remote} {fetched}")
        if not hints:
            hints.append(f"known: {', '.join(names[:8])}" if names else "the repository has no commit yet")
        return UsageError(f"{option} {ref!r}: no such folder, and no such git ref in {self.top}", "; ".join(hints))

    def files(self) -> list[str]:
        """The working tree's files without those that git ignores, from its root."""
        listed = asked(self.top, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [name for name in listed.split("\0") if name]

    @property
    def has_submodules(self) -> bool:
        """Whether the working tree has submodules, which a worktree leaves empty."""
        return (self.top / ".gitmodules").is_file()

    def add_worktree(self, path: Path, commit: str) -> None:
        """Check a commit out into a new folder. No hook runs. Raises UsageError."""
        asked(self.top, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--quiet", "--detach", str(path), commit)

    def remove_worktree(self, path: Path) -> None:
        """Remove such a folder, and what the repository knows of it; fine where either is gone."""
        git(self.top, "worktree", "remove", "--force", "--force", str(path))

    def remove_left_behind(self) -> None:
        """Forget the worktrees of gates that were killed: their folders are gone, or nobody holds them any more."""
        for line in git(self.top, "worktree", "list", "--porcelain").stdout.splitlines():
            word, _, path = line.partition(" ")
            if word == "worktree" and Path(path).parent.name.startswith(PREFIX) and not Path(path).exists():
                self.remove_worktree(Path(path))


def git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """What git said. Raises UsageError where there is no git."""
    env = {name: value for name, value in os.environ.items() if name not in ELSEWHERE} | {"LC_ALL": "C"}
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    try:
        # In a session of its own: Ctrl-C is ours to handle, and cuts nothing off half way.
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
    except FileNotFoundError as error:
        raise UsageError("git is not installed, so that no ref can be checked out", "name two folders") from error


def asked(folder: Path, *arguments: str) -> str:
    """What git answered. Raises UsageError with its own words where it failed."""
    done = git(folder, *arguments)
    if done.returncode:
        raise UsageError(f"git {arguments[0]} failed in {folder}: {last_line(done.stderr)}")
    return done.stdout


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
