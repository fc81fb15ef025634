"""What the sides of an experiment measure with, in their own interpreters: memory, durations, and a quiet collector.

Standard library only, on Linux: it reads /proc/self.
"""

import contextlib
import gc
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Memory(NamedTuple):
    """The memory of this process in KiB: address space reserved, pages in RAM, its share of them, those it has alone.

    And the tables in which the kernel keeps where its pages are, which count as none of these.
    """

    virtual_kib: int
    rss_kib: int
    pss_kib: int
    uss_kib: int
    page_tables_kib: int

    def since(self, before: "Memory") -> dict[str, int]:
        """What was added since `before`, by name."""
        return {name: now - then for name, now, then in zip(self._fields, self, before, strict=True)}


def memory() -> Memory:
    """This process's memory now."""
    status = kib_fields("/proc/self/status")
    pages = kib_fields("/proc/self/smaps_rollup")
    uss = pages["Private_Clean"] + pages["Private_Dirty"]
    return Memory(status["VmSize"], pages["Rss"], pages["Pss"], uss, status.get("VmPTE", 0))


def rss_kib() -> int:
    """The pages that this process has in RAM, in KiB: cheap to ask often."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024


def kib_fields(path: str) -> dict[str, int]:
    """The fields of such a file that are in KiB."""
    fields = {}
    for line in Path(path).read_text().splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if len(words) == 2 and words[1] == "kB":
            fields[name] = int(words[0])
    return fields


def spread(values: Iterable[float]) -> dict[str, float]:
    """The distribution of durations or counts, by name: ``median``, ``p10``, ``p90``, ``p99``. Needs one or more."""
    ordered = sorted(values)
    places = {"median": 0.5, "p10": 0.1, "p90": 0.9, "p99": 0.99}
    return {name: ordered[min(int(place * len(ordered)), len(ordered) - 1)] for name, place in places.items()}


def pin_to_one_core() -> str:
    """Bind this process to one of its cores. What kept it from that, in words; empty when nothing did."""
    try:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    except OSError as error:
        return f"not pinned to one core: {error.strerror}"
    return ""


@contextlib.contextmanager
def no_collector() -> Iterator[None]:
    """Within: the garbage collector has just run, and does not run again. It would walk all that was made so far, at
    moments of its own."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
