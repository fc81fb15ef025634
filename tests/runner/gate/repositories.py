"""Small git repositories with an app in them, as a user has them."""

import os
import subprocess
from pathlib import Path

APP = """
import time

WORK = {work}


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    sum(range(WORK))
    {extra}
    await send({{"type": "http.response.start", "status": {status}, "headers": [(b"content-type", b"text/plain")]}})
    await send({{"type": "http.response.body", "body": {body}}})
"""


def app(work: int = 2000, extra: str = "pass", status: int = 200, body: str = 'b"hello"') -> str:
    """The source of a bare ASGI app: `work` is what each request costs, `extra` a statement of its own."""
    return APP.format(work=work, extra=extra, status=status, body=body)


def git(folder: Path, *arguments: str) -> str:
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *identity, "-C", str(folder), *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str], message: str = "more") -> str:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A new repository with one commit, on the branch ``main``."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, files, "first")
    return folder


def worktrees(folder: Path) -> list[str]:
    """The paths of a repository's worktrees besides itself."""
    listed = git(folder, "worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in listed if line.startswith("worktree ")][1:]
