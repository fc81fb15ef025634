"""A user's own locustfile: imported into this process, and what is wrong with it in one sentence with file and line."""

import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from locust import TaskSet, argument_parser
from locust.user.users import User
from locust.util.load_locustfile import load_locustfile

from ....results.errors import UsageError
from .failures import said

TRIES = 5  # of a wait_time that may be random


@dataclass(frozen=True, slots=True)
class Locustfile:
    """What a locustfile defines: its users, those of them that wait between tasks, and its load shapes."""

    users: tuple[type[Any], ...]
    waiting: tuple[str, ...]
    shapes: tuple[str, ...]


def read(path: Path) -> Locustfile:
    """Import a locustfile as Locust does. Raises UsageError when that fails, or when it has nobody to run."""
    try:
        found, shapes = load_locustfile(str(path))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise _explained(path, error) from error
    users = tuple(user for user in found.values() if user.weight > 0 or user.fixed_count > 0)
    if not users:
        raise UsageError(
            f"{path} has no User class to run",
            "it needs a class that derives from locust.HttpUser or locust.FastHttpUser, with at least one @task",
        )
    for user in users:
        if not user.tasks:
            raise UsageError(f"{path}: the user class {user.__name__} has no tasks", "mark its methods with @task")
    return Locustfile(
        users=users,
        waiting=tuple(user.__name__ for user in users if any(map(_may_wait, _holders(user)))),
        shapes=tuple(type(shape).__name__ for shape in shapes),
    )


def options(path: Path) -> Any:
    """Locust's options, with the locustfile's own: at their defaults, or as locust.conf and LOCUST_… say. Raises
    UsageError."""
    try:
        return argument_parser.get_parser().parse_args(args=[])
    except SystemExit as error:
        raise UsageError(
            f"Locust cannot read its options for {path}", "look into locust.conf, ~/.locust.conf and LOCUST_… variables"
        ) from error


def place_of(error: BaseException, path: Path) -> str:
    """Where in the locustfile an exception came from; empty when it did not pass through it."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f"{path.name}, line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f"{path.name}, line {lines[-1]}" if lines else ""


def _explained(path: Path, error: BaseException) -> UsageError:
    place = place_of(error, path)
    where = str(path.parent / place) if place else str(path)
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return UsageError(
            f"{where}: it needs {error.name}, which {sys.executable} does not have",
            f"a locustfile runs in sgibench's own interpreter: {sys.executable} -m pip install {package}",
        )
    text = f"{type(error).__name__}: {error.msg}" if isinstance(error, SyntaxError) else said(error)
    return UsageError(f"{where}: the locustfile cannot be imported: {text}", "it runs in sgibench's own interpreter")


def _holders(holder: Any, seen: frozenset[Any] = frozenset()) -> Iterator[Any]:
    """A user class, and every TaskSet below it."""
    yield holder
    for task in holder.tasks:
        if isinstance(task, type) and issubclass(task, TaskSet) and task not in seen:
            yield from _holders(task, seen | {task})


def _may_wait(holder: Any) -> bool:
    """Whether a class waits between its tasks, or might: its wait_time is not plainly zero."""
    if holder.min_wait or holder.max_wait or holder.wait_function:
        return True
    if holder.wait_time in (User.wait_time, TaskSet.wait_time):
        return False
    try:
        return any(holder.wait_time(None) for _ in range(TRIES))
    except Exception:  # it wants to know of its user: a constant pacing, say
        return True
