"""Which pools are recorded, how many epochs of each, and which of them is next."""

import random
import tomllib
from collections.abc import Mapping
from pathlib import Path

from .plants import CPU, PILOT, PILOT_EPOCHS, PLANTS
from .pools import APPS, NO_PLANT, Neighbour, Pool

Plan = Mapping[Pool, int]

# A run of 90 s meets 15 or 16 epochs, one of 3 min 31, one of 5 min 53. Within 90 s nothing is called worse before the
# last look, so that a pool has to fill them. Where a limit is promised it has far more, most of all where that is the
# hardest to keep (2 % within 90 s); what is plain to see has little more than one decision needs, so that a draw is
# nearly all of it.
_ONE_APP = {
    f"{NO_PLANT}/quiet": 60,
    "cpu-1/quiet": 60,
    "cpu-2/quiet": 80,
    "cpu-3/quiet": 18,
    "cpu-5/quiet": 18,
    "cpu-10/quiet": 18,
    "await-2ms/quiet": 18,
    "kept-10mib/quiet": 18,
    "leak-1kb/quiet": 18,
    f"{NO_PLANT}/steady": 60,
    f"{NO_PLANT}/bursts": 60,
    "cpu-5/steady": 20,
    "cpu-5/bursts": 20,
}
_TINY = {f"{NO_PLANT}/quiet": 4, "cpu-10/quiet": 4, f"{NO_PLANT}/bursts": 2}


def _both(of_one: Mapping[str, int]) -> dict[Pool, int]:
    return {Pool.parse(f"{app}/{rest}"): count for rest, count in of_one.items() for app in APPS}


PLANS: Mapping[str, Plan] = {
    "proof": _both(_ONE_APP),
    "tiny": _both(_TINY),
    "pilot": _both({f"{PILOT}/quiet": PILOT_EPOCHS}),
}


def read_plan(text: str) -> Plan:
    """A plan by its name, or a TOML file of lines ``"fastapi/none/quiet" = 40``. Raises ValueError or OSError."""
    if text in PLANS:
        return PLANS[text]
    path = Path(text)
    if not path.is_file():
        raise ValueError(f"{text!r} is no plan ({', '.join(PLANS)}), and no file")
    plan = {Pool.parse(name): int(count) for name, count in tomllib.loads(path.read_text(encoding="utf-8")).items()}
    for pool in plan:
        if pool.plant not in PLANTS:
            raise ValueError(f"{path}: there is no plant {pool.plant!r}; there are {', '.join(PLANTS)}")
    return plan


def pilots_for(plan: Plan, known: Mapping[str, object]) -> Plan:
    """The pilots that a plan needs before its slowdowns can be planted; `known` are the apps that need none."""
    apps = dict.fromkeys(pool.app for pool in plan if pool.plant in CPU and pool.app not in known)
    return {Pool(app, PILOT, Neighbour.QUIET): PILOT_EPOCHS for app in apps}


def next_pool(plan: Plan, have: Mapping[Pool, int], seed: int) -> Pool | None:
    """The pool that is furthest behind, by its share; None once all have enough. So all pools grow together, a chunk
    of one after a chunk of another, and what the machine does in an hour meets all of them alike."""
    behind = [pool for pool, count in plan.items() if have.get(pool, 0) < count]
    order = random.Random(f"{seed}/{sum(have.values())}")
    order.shuffle(behind)
    return min(behind, key=lambda pool: have.get(pool, 0) / plan[pool], default=None)
