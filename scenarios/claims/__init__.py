"""Claims about threads, coroutines, servers and frameworks, each put to the test by a small file of its own.

A claim's file is loaded twice: by sgibench, which reads the claim and has its experiment carried out, and by the fresh
interpreters in which the sides of an experiment run. Those may be other Pythons that have nothing installed. So these
files import nothing at the top but the standard library and what itself imports no more than that.
"""

import importlib
from difflib import get_close_matches

from ...results.errors import UsageError
from .model import Claim

# In the order of the articles.
IDS = (
    "thread-memory",
    "creation-time",
    "switch-time",
    "how-many",
    "gather",
    "blocking",
    "wsgi-one-at-a-time",
    "wsgi-1000",
    "asgi-10000",
    "uvloop",
    "httptools",
    "framework-cost",
    "background-tasks",
    "coroutine-safety",
    "preemption",
    "cpu-bound",
    "decoupled",
    "validation",
    "docs-generated",
    "closes-connection",
    "streaming-body",
    "lifespan",
    "dependency-yield",
    "protocols",
)


def find(claim_id: str) -> Claim:
    """The claim of that name. Raises UsageError, with the nearest name, where there is none."""
    if claim_id not in IDS:
        near = get_close_matches(claim_id, IDS, 1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"there is no claim {claim_id!r}", f"{hint}`bench list claims` shows all")
    module = importlib.import_module(f".{claim_id.replace('-', '_')}", __package__)
    claim: Claim = module.CLAIM
    return claim
