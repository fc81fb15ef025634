"""Carries out one side of an experiment, once, in whatever interpreter it is run by. Prints one JSON document, last.

Usage: ``python child.py FOLDER FILE FUNCTION ARGUMENTS``: FOLDER is where sgibench's folders lie, ARGUMENTS is JSON.
Only sgibench becomes importable, not what is installed beside it: that may be for another version of Python. FILE is
loaded as if it lay among the claims.
"""

import importlib.util
import json
import os
import sys
import traceback
import types
from pathlib import Path


def main() -> None:
    """Run the function, and print what it returns, or what went wrong."""
    folder, file, function, arguments = sys.argv[1:]
    package = types.ModuleType("sgibench")
    package.__path__ = [folder]
    sys.modules["sgibench"] = package
    try:
        name = f"sgibench.scenarios.claims.{Path(file).stem}"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        answer: dict[str, object] = {"figures": dict(getattr(module, function)(**json.loads(arguments)))}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")
    sys.stdout.flush()
    sys.stderr.flush()
    # What Python says when it clears away, of an error that nobody fetched for example, is no part of the answer.
    os._exit(0)


if __name__ == "__main__":
    main()
