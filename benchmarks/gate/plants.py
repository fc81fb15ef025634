"""What is planted in the head, by name, and how large a loop is.

A slowdown is a number of loops of pure Python before each request: it takes as much more of a slow machine's time as
the request itself does. How many are one percent of a request's CPU time is told from a pilot: a pool with about as
many loops as the plants that matter most, and so many epochs that it shows how much they are. Loops take time in a
straight line, but it does not go through zero (a first loop costs more than the next): a pilot of 20 % makes small
plants too large, one of 2 % makes large ones too small.
"""

from collections.abc import Mapping, Sequence

from sgibench.apps.planting import Plant
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.statistics import percent_estimate

from .pools import NO_PLANT, Calibration, Recorded, changes_of

PILOT = "pilot"
# Some 2 % of the CPU time of each app's request, as far as that is known beforehand.
PILOT_LOOPS = {"fastapi": 40, "flask": 93}
PILOT_EPOCHS = 60
CPU = {f"cpu-{percent}": float(percent) for percent in (1, 2, 3, 5, 10)}
OTHERS: Mapping[str, Plant] = {
    NO_PLANT: Plant(),
    "await-2ms": Plant(await_ms=2.0),
    "kept-10mib": Plant(kept_mib=10.0),
    "leak-1kb": Plant(leak_bytes=1024),
}
PLANTS = (*OTHERS, *CPU, PILOT)


def plant_of(app: str, name: str, calibration: Calibration | None) -> Plant:
    """What is planted in an app. Raises ValueError for an unknown name, or a slowdown whose loops are not known."""
    if name == PILOT:
        return Plant(loops=PILOT_LOOPS[app])
    if name in OTHERS:
        return OTHERS[name]
    if name not in CPU:
        raise ValueError(f"there is no plant {name!r}; there are {', '.join(PLANTS)}")
    if calibration is None:
        raise ValueError(f"{app}: how large a loop is has to be found first, from the pool {app}/{PILOT}/quiet")
    return Plant(loops=calibration.loops_for(CPU[name]))


def calibrated(app: str, pilot: Sequence[Recorded]) -> Calibration:
    """How large a loop is, as the pilot's epochs show it. Raises ValueError where they show nothing."""
    changes = changes_of(pilot, GateMetric.CPU)
    found = percent_estimate(changes)
    if found.value <= 0:
        raise ValueError(f"{app}: the pilot shows no slowdown ({found.value:+.1f} %)")
    return Calibration(app, PILOT_LOOPS[app], found.value, found.low, found.high, len(changes))
