"""The interpreters that targets run in, and what their targets are told apart by."""

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..targets.interpreters import Interpreter, find_python, interpreter

IMPLEMENTATIONS = {"CPython": "py", "PyPy": "pypy", "GraalVM": "graalpy"}


def find_pythons(texts: Sequence[str]) -> list[tuple[str, str]]:
    """The interpreters that were named, our own if none was, each with its label: empty for one that is alone.

    Raises UsageError for what is none.
    """
    paths = list(dict.fromkeys(find_python(text) for text in texts)) or [sys.executable]
    if len(paths) == 1:
        return [(paths[0], "")]
    found = [interpreter(path) for path in paths]
    return list(zip(paths, labels_of(found), strict=True))


def labels_of(pythons: Sequence[Interpreter]) -> list[str]:
    """A label for each: ``+py3.13``, or ``+py3.13t`` for a build that can do without the GIL.

    Where that does not tell them apart, it is the whole version, or the name of the environment's folder.
    """
    for name in (short, exact, folder):
        names = [name(python) for python in pythons]
        if max(Counter(names).values()) == 1:
            return [f"+{name}" for name in names]
    return [f"+{name}-{number}" for number, name in enumerate(names, 1)]


def short(python: Interpreter) -> str:
    """``py3.13``."""
    return _tag(python, ".".join(python.version.split(".")[:2]))


def exact(python: Interpreter) -> str:
    """``py3.13.1``."""
    return _tag(python, python.version)


def folder(python: Interpreter) -> str:
    """The name of its environment's folder, of characters that file names and shells take as they are."""
    path = Path(python.path)
    name = path.parent.parent.name if path.parent.name == "bin" else path.parent.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or short(python)


def _tag(python: Interpreter, version: str) -> str:
    name = IMPLEMENTATIONS.get(python.implementation, python.implementation.lower())
    return f"{name}{version}{'t' if python.free_threaded else ''}"
