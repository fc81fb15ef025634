"""Claim: startup and shutdown run around serving."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...results.claims import FACT, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_B, Claim, Lab
from .talking import NoAnswerError, talk

if TYPE_CHECKING:
    from ...results.estimate import Estimate
    from .proving import ServerKind
    from .serving import Served

APP = "lifespan:app"
WORKERS = 2
ALL_SERVE_WITHIN_S = 2.0
SAME_QUICK = ("uvicorn-", "hypercorn-")  # other loops and parsers of servers that are there


@dataclass(frozen=True, slots=True)
class Life:
    """What the workers of one launch saw, each in order: ``startup``, ``request``, ``shutdown``."""

    workers: dict[int, list[str]]

    @property
    def before(self) -> bool:
        """Whether startup came once and before any request, in each worker."""
        return bool(self.workers) and all(
            seen.count("startup") == 1 and seen[0] == "startup" for seen in self.workers.values()
        )

    @property
    def after(self) -> bool:
        """Whether shutdown came once and after all requests, in each worker."""
        return bool(self.workers) and all(
            seen.count("shutdown") == 1 and seen[-1] == "shutdown" for seen in self.workers.values()
        )


def ask_all(served: Served, workers: int) -> None:
    """Ask until each worker has answered, or long enough: who gets a connection is up to the system."""
    answered: set[bytes] = set()
    until = time.monotonic() + ALL_SERVE_WITHIN_S
    while len(answered) < workers and time.monotonic() < until:
        try:
            with talk(served) as line:
                answered.add(line.ask("/", Connection="close").body)
        except NoAnswerError:
            continue


def lives(lab: Lab, kinds: Sequence[ServerKind]) -> list[Life]:
    """Start them side by side, each with two workers where it can have them, ask them, and end them as is meant."""
    with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
        events = Path(folder) / "events"
        with lab.serve_all([(APP, kind.setup(WORKERS)) for kind in kinds], EVENTS=str(events)) as all_served:
            for kind, served in zip(kinds, all_served, strict=True):
                ask_all(served, 1 if kind.one_process else WORKERS)
            trees = [set(served.pids) for served in all_served]
            with ThreadPoolExecutor(len(kinds)) as pool:
                list(pool.map(lambda served: served.stop(), all_served))
        lines = [line.split() for line in events.read_text().splitlines()]
    seen: dict[int, list[str]] = {}
    for event, pid, _ in sorted(lines, key=lambda line: float(line[2])):
        seen.setdefault(int(pid), []).append(event)
    return [Life({pid: own for pid, own in seen.items() if pid in tree}) for tree in trees]


def measure(lab: Lab) -> Measured:
    """Each kind of server that is here, several fresh launches of each."""
    there = lab.there("asgi")
    kinds = [kind for kind in there.kinds if not (lab.quick and kind.name.startswith(SAME_QUICK))]
    rounds = [lives(lab, kinds) for _ in range(2 if lab.quick else 4)] if kinds else []
    by_kind = {kind: [each[at] for each in rounds] for at, kind in enumerate(kinds)}
    every = [life for each in rounds for life in each]
    uvicorns = [life for kind, of_kind in by_kind.items() if kind.server == "uvicorn" for life in of_kind]
    figures = (
        [
            Figure("startup before requests, Uvicorn", "share", share(lab, [life.before for life in uvicorns])),
            Figure("shutdown after requests, Uvicorn", "share", share(lab, [life.after for life in uvicorns])),
            Figure("startup before requests, all servers", "share", share(lab, [life.before for life in every])),
            Figure("shutdown after requests, all servers", "share", share(lab, [life.after for life in every])),
        ]
        if uvicorns
        else []
    )
    rows = {
        kind.name: share(lab, [life.before and life.after for life in of_kind]) for kind, of_kind in by_kind.items()
    }
    figures += [Figure(f"both, {name}", "share", each, "once in each of its workers") for name, each in rows.items()]
    chart = dots(
        "Startup first, shutdown last, once in each worker: in how many launches",
        "A server either has lifespan events, and then once per worker, or it has none at all.",
        "share of launches",
        rows,
    )
    notes = [
        f"{kind.name} never tells the app that it starts or ends."
        for kind, of_kind in by_kind.items()
        if not any("startup" in seen or "shutdown" in seen for life in of_kind for seen in life.workers.values())
    ]
    return Measured(tuple(figures), chart, (*notes, *there.missing))


def share(lab: Lab, so: list[bool]) -> Estimate:
    """How often it was so."""
    return lab.share(sum(so), len(so))


CLAIM = Claim(
    id="lifespan",
    title="Startup and shutdown events run around serving",
    source=f"{ARTICLE_B}, “ASGI components”, 3",
    claimed="startup, serving, shutdown",
    unit="share",
    readings=(
        Reading("under Uvicorn, startup comes before the first request", "startup before requests, Uvicorn", FACT),
        Reading("under Uvicorn, shutdown comes after the last", "shutdown after requests, Uvicorn", FACT),
        Reading("so does startup under every ASGI server", "startup before requests, all servers", FACT),
        Reading("and shutdown under every ASGI server", "shutdown after requests, all servers", FACT),
    ),
    measure=measure,
    why="Each worker process calls the app once with a scope of type lifespan and awaits its startup before it accepts "
    "connections; the specification leaves that to the server, and Daphne does not.",
    quick_s=6,
    full_s=21,
)
