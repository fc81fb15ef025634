"""Claim: a WSGI worker serves one request at a time, and concurrency comes from workers."""

from __future__ import annotations

from ...results.claims import Claimed, Figure, Measured, Reading
from .dots import dots
from .model import ARTICLE_A, Claim, Lab
from .serving import Asked

WAIT_MS = 50
CONNECTIONS = 16
PATH = f"/wait?ms={WAIT_MS}"
ONE, TWO, FOUR = (("flask", f"gunicorn-sync-{workers}") for workers in (1, 2, 4))
THREADS, GREENLETS = ("flask", "gunicorn-gthread-1x8"), ("flask", "gunicorn-gevent-1")
NAMES = {
    ONE: "1 sync worker",
    TWO: "2 sync workers",
    FOUR: "4 sync workers",
    THREADS: "1 worker with 8 threads",
    GREENLETS: "1 gevent worker",
}
QUICK = (ONE, FOUR, THREADS, GREENLETS)


def measure(lab: Lab) -> Measured:
    """The same waiting route behind more workers, and behind other kinds of worker, all pressed alike."""
    targets = QUICK if lab.quick else tuple(NAMES)
    asked = Asked(PATH, f'{{"waited_ms":{WAIT_MS}}}', WAIT_MS, turn_ms=6 * WAIT_MS)
    seen = lab.rotate(
        targets, [asked], [CONNECTIONS], launches=2 if lab.quick else 4, seconds=0.3 if lab.quick else 0.9
    )
    at_once = {
        NAMES[target]: [rate * WAIT_MS / 1000 for rate in seen.values(target, "requests/s").values()]
        for target in targets
    }
    figures = [
        Figure(f"{name}, at once", "requests", lab.mean(values), f"of {CONNECTIONS} connections")
        for name, values in at_once.items()
        if values
    ]
    for more in (TWO, FOUR):
        ratio = seen.ratio(more, ONE) if more in targets else None
        if ratio is not None:
            figures.append(Figure(f"{NAMES[more]} / {NAMES[ONE]}", "times", ratio, "requests per second"))
    chart = dots(
        "How many requests are served at the same time",
        "Each sync worker serves one; threads or greenlets let a single worker serve many.",
        f"requests in service at once, of {CONNECTIONS} connections",
        {name: lab.mean(values) for name, values in at_once.items() if values},
        (("claimed of any single worker", 1, 1),),
    )
    note = f"Requests in service at once are requests per second times the {WAIT_MS} ms that each waits."
    return Measured(tuple(figures), chart, (note, *seen.notes))


CLAIM = Claim(
    id="wsgi-one-at-a-time",
    title="A WSGI worker serves one request at a time, and concurrency comes from more workers",
    source=f"{ARTICLE_A}, 5",
    claimed="1 request per worker; gunicorn -w 4: 4",
    unit="requests",
    readings=(
        Reading("a sync worker, gunicorn's default: one at a time", "1 sync worker, at once", Claimed(1, 1)),
        Reading("four workers serve four times as much", "4 sync workers / 1 sync worker", Claimed(4, 4)),
        Reading("any worker under WSGI, one with threads too", "1 worker with 8 threads, at once", Claimed(1, 1)),
        Reading("any worker under WSGI, one with greenlets too", "1 gevent worker, at once", Claimed(1, 1)),
    ),
    measure=measure,
    why="Under WSGI an answer is what a call returns: each request takes a thread of control for as long as it lasts, "
    "of which a sync worker has one, a gthread worker several, and a gevent worker a greenlet for each.",
    quick_s=16,
    full_s=65,
)
