"""Looks at an app in the interpreter it will run in, where sgibench need not be installed. Prints one JSON document.

Usage: ``python probe_app.py MODULE:ATTR [MODULE...]``, or ``-`` to ask only what is installed (standard library only).
The modules are imported too: whether the GIL is on depends on what a free-threaded Python has to load. Which
interface an app speaks is found as servers find it: an object with ``__rsgi__`` is RSGI; a coroutine function, or an
object whose ``__call__`` is one, is ASGI; Flask's and Django's own types, or a callable of two arguments, are WSGI.
"""

import contextlib
import importlib
import importlib.metadata
import inspect
import io
import json
import os
import platform
import re
import sys
import sysconfig
import traceback


def interface_of(app: object) -> str:
    """``rsgi``, ``asgi``, ``wsgi``, or an empty string when it cannot be told."""
    if callable(getattr(app, "__rsgi__", None)):
        return "rsgi"
    call = getattr(app, "__call__", None)  # noqa: B004 - its signature is wanted, not whether it is there
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(call):
        return "asgi"
    if callable(getattr(app, "wsgi_app", None)) or type(app).__name__ == "WSGIHandler":
        return "wsgi"
    if not callable(app):
        return ""
    with contextlib.suppress(TypeError, ValueError):
        required = [
            parameter
            for parameter in inspect.signature(app).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ]
        return {2: "wsgi", 3: "asgi"}.get(len(required), "")
    return ""


def installed() -> "dict[str, str]":
    """The versions of all distributions, by their normalised names; of two with one name, the one that is imported."""
    versions: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a broken installation may leave a folder without one
            versions.setdefault(re.sub(r"[-_.]+", "-", name).lower(), distribution.version)
    return dict(sorted(versions.items()))


def own_files() -> "list[str]":
    """The files of all modules that were imported, besides Python's own and what is installed."""
    standard = sysconfig.get_paths()["stdlib"] + os.sep
    found = set()
    for module in list(sys.modules.values()):
        name = getattr(module, "__dict__", {}).get("__file__")  # a lazy module must not be woken
        if isinstance(name, str) and not name.startswith(standard):
            found.add(os.path.realpath(name))
    installed_in = {f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}"}
    return sorted(name for name in found if not any(part in name for part in installed_in))


def where_in_the_app(error: BaseException) -> str:
    """The last lines of the traceback, without what imports; empty where none of it is the app's."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename not in (__file__, importlib.__file__) and not frame.filename.startswith("<frozen importlib")
    ]
    if not frames and not isinstance(error, SyntaxError):
        return ""
    return "".join([*traceback.format_list(frames[-2:]), *traceback.format_exception_only(type(error), error)])


def look_at(path: str) -> "dict[str, object]":
    """Import the app: its interface and the files it came from, or the error that importing it gave."""
    module_name, _, attribute = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except BaseException as error:
        return {"error": f"{type(error).__name__}: {error}", "traceback": where_in_the_app(error)}
    app: object = module
    factory = attribute.endswith("()")
    for part in (attribute[:-2] if factory else attribute or "app").split("."):
        if not hasattr(app, part):
            names = [name for name, value in vars(module).items() if interface_of(value) and not name.startswith("_")]
            known = f"; it has {', '.join(names)}" if names else ""
            return {"error": f"module {module_name!r} has no attribute {part!r}{known}"}
        app = getattr(app, part)
    if factory:
        try:
            app = app()  # type: ignore[operator]
        except BaseException as error:
            return {"error": f"{attribute} raised {type(error).__name__}: {error}"}
    return {
        "interface": interface_of(app),
        "type": type(app).__name__,
        "file": os.path.realpath(getattr(module, "__file__", None) or ""),
        "files": own_files(),
    }


def main() -> None:
    """Answer for the app named on the command line, or for the interpreter."""
    path = sys.argv[1]
    # What the app prints on import must not mix with the answer.
    with contextlib.redirect_stdout(io.StringIO()):
        answer: dict[str, object] = dict(look_at(path)) if path != "-" else {}
        for module in sys.argv[2:]:
            with contextlib.suppress(Exception):
                importlib.import_module(module)
    if path == "-":
        answer["installed"] = installed()
    answer["python"] = platform.python_version()
    answer["implementation"] = platform.python_implementation()
    gil = getattr(sys, "_is_gil_enabled", None)
    answer["gil"] = gil() if gil else True
    answer["free_threaded"] = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    # A thread that the app started on import must not keep this process, which only looks.
    os._exit(0)


if __name__ == "__main__":
    # As a script, this folder is the first place Python imports from; the app's own folder has to be.
    here = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - nothing that an app might shadow
    sys.path[:] = [path for path in sys.path if os.path.realpath(path) != here]
    main()
