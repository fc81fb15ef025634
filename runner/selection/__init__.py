"""From what a user names (suite, apps, setups, scenarios, interpreters) to targets and pieces.

Each question has a module of its own, and `choose` asks them in turn. A typo is answered with the nearest name.
"""

from .advice import default_setups, setup_for
from .apps import find_app
from .choice import choose
from .wish import Choice, Wish
from .workloads import find_scenario, find_suite, path_scenario, probe_path

__all__ = [
    "Choice",
    "Wish",
    "choose",
    "default_setups",
    "find_app",
    "find_scenario",
    "find_suite",
    "path_scenario",
    "probe_path",
    "setup_for",
]
