"""Starts waitress for targets, in whatever interpreter they have: ``python waitress_start.py OPTIONS APP``.

waitress's command line has no option for its log. At its usual level it writes a line for every request that finds all
threads busy; under load that costs as much as an access log, which no target here writes.
"""

import importlib
import logging
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

if __name__ == "__main__":
    # As a script, this folder, its links resolved, is the first place Python imports from; the app's own has to be.
    sys.path[:] = [path for path in sys.path if Path(path).resolve() != HERE]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # waitress would say only the last words of an app that cannot be imported.
    importlib.import_module(sys.argv[-1].partition(":")[0])
    sys.exit(importlib.import_module("waitress.runner").run())
