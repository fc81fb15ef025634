"""Asking an interpreter what it has: versions, and an app's interface. Each question is a process of its own."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ...apps.catalogue import Interface
from ...results.errors import TargetError, UsageError
from .servers import Kind
from .setups import program_of

PROBE = Path(__file__).with_name("probe_app.py")
PROBE_TIMEOUT_S = 60
# What makes any Python program slower, so that it shows what it does. What is left says how Python runs at all.
DEBUGGING = (
    *("PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONTRACEMALLOC", "PYTHONVERBOSE", "PYTHONPROFILEIMPORTTIME"),
    *("PYTHONMALLOCSTATS", "PYTHONINSPECT"),
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that targets run in, and the versions of the distributions it has, by their normalised names."""

    path: str
    version: str
    gil: bool
    installed: Mapping[str, str]
    implementation: str = "CPython"
    free_threaded: bool = False

    @property
    def description(self) -> str:
        """In words: ``CPython 3.13.1``, with what there is to say of its GIL where it is built to do without."""
        name = f"{self.implementation} {self.version}"
        if not self.free_threaded:
            return name
        return f"{name}, free-threaded" + (" build with the GIL on" if self.gil else "")

    def missing(self, kind: Kind) -> tuple[str, ...]:
        """The distributions that a kind of server needs and this interpreter lacks, or its program beside it."""
        missing = tuple(name for name in kind.requires if name not in self.installed)
        if not missing and kind.program and not Path(program_of(self.path, kind)).exists():
            return (program_of(self.path, kind),)
        return missing

    def install_command(self, kind: Kind) -> str:
        """The command that brings what a kind of server needs."""
        return f"{self.path} -m pip install {' '.join(quoted(word) for word in kind.install.split())}"


def quoted(word: str) -> str:
    """A pip requirement as a shell wants it."""
    return f'"{word}"' if "[" in word else word


def find_python(text: str) -> str:
    """The interpreter a user named: a path, a folder of a virtual environment, or a command. Raises UsageError."""
    path = Path(text).expanduser()
    if path.is_dir():
        path = path / "bin" / "python"
    # Not resolved: a virtual environment's python is a link, and it is the link that makes it one.
    found = shutil.which(str(path)) if os.sep in str(path) else shutil.which(text)
    if found is None:
        raise UsageError(
            f"no Python interpreter at {text!r}", "name an executable, for example --python .venv/bin/python"
        )
    return str(Path(found).absolute())


@cache
def interpreter(python: str) -> Interpreter:
    """What an interpreter has. Raises UsageError when it cannot be run."""
    answer = _ask(python, "-", Path.cwd(), os.environ)
    return Interpreter(
        python,
        str(answer["python"]),
        bool(answer["gil"]),
        _versions(answer["installed"]),
        str(answer["implementation"]),
        bool(answer["free_threaded"]),
    )


def with_root(env: Mapping[str, str], root: Path) -> dict[str, str]:
    """An environment in which modules are imported from `root` first."""
    inherited = env.get("PYTHONPATH")
    return {**env, "PYTHONPATH": os.pathsep.join([str(root), *([inherited] if inherited else [])])}


@dataclass(frozen=True, slots=True)
class Imported:
    """An app as it was imported: what it speaks, the file of its module, and of all modules that are not installed."""

    interface: Interface
    file: str
    files: tuple[str, ...]


def find_interface(python: str, app: str, root: Path) -> Interface:
    """Import `app` (``module:attr``) in `python` from `root`, and say what it speaks. Raises as `imported` does."""
    return imported(python, app, root).interface


def imported(python: str, app: str, root: Path, interface: Interface | None = None) -> Imported:
    """Import `app` (``module:attr``) in `python` from `root`; `interface` is what it speaks, where that is known.

    Raises TargetError when it cannot be imported (with the app's own error), UsageError when the interface cannot be
    told, or `python` is none.
    """
    interpreter(python)  # what is no Python is told as that, and not as the app's fault
    answer = _ask(python, app, root, with_root(os.environ, root))
    if "error" in answer:
        hint = str(answer.get("traceback", "")).strip()
        where = f"it is imported from {root}, by {python}"
        raise TargetError(f"cannot import {app!r}: {answer['error']}", f"{hint}\n{where}".strip())
    if not (interface or answer["interface"]):
        raise UsageError(
            f"{app!r} is a {answer['type']}: it is not clear whether it speaks WSGI, ASGI or RSGI",
            "say it with --interface wsgi, asgi or rsgi",
        )
    files = answer["files"]
    assert isinstance(files, list)
    return Imported(interface or Interface(str(answer["interface"])), str(answer["file"]), tuple(map(str, files)))


def gil_when_serving(python: str, app: str, root: Path, kind: Kind) -> bool:
    """Whether the GIL is on once an app and its server are imported: in a free-threaded Python, an extension that is
    not made for it turns it on. Raises TargetError when importing does not end."""
    modules = [name.replace("-", "_") for name in kind.requires]
    return bool(_ask(python, app, root, with_root(os.environ, root), modules)["gil"])


def _ask(
    python: str, app: str, root: Path, env: Mapping[str, str], modules: Sequence[str] = ()
) -> Mapping[str, object]:
    try:
        done = subprocess.run(
            [python, str(PROBE), app, *modules],
            cwd=root,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except OSError as error:
        raise UsageError(f"cannot run {python}: {error.strerror}", "name a Python interpreter: --python") from error
    except subprocess.TimeoutExpired as error:
        raise TargetError(
            f"importing {app!r} did not end within {PROBE_TIMEOUT_S} s", "an app must not serve or wait on import"
        ) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        if app != "-":
            raise TargetError(f"importing {app!r} ended the interpreter: {last}", f"it is imported by {python}")
        raise UsageError(f"{python} is not a Python that can be asked: {last}", "name one with --python")
    return answer


def _versions(value: object) -> Mapping[str, str]:
    assert isinstance(value, dict)
    return {str(name): str(version) for name, version in value.items()}
