"""Claim: a thread costs a thousand times the memory of a coroutine."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any

from ...results.claims import Chart, Claimed, Figure, Measured, Reading, Series
from .measuring import memory, no_collector
from .model import ARTICLE_A, Claim, Lab, Repetitions, Side

COUNTS, QUICK_COUNTS = (100, 1_000, 10_000), (1_000, 4_000)
ALLOWED_KIB = 64  # for each thread, its part in the kernel included: several times what they take
KINDS = {"virtual": "virtual_kib", "resident": "rss_kib", "PSS": "pss_kib", "USS": "uss_kib"}


def thread(count: int) -> dict[str, Any]:
    """Park so many threads, and see what they have added."""
    parked, never = threading.Semaphore(0), threading.Event()

    def park() -> None:
        parked.release()
        never.wait()

    threads, stopped = [], ""
    with no_collector():
        before = memory()
        try:
            for _ in range(count):
                starting = threading.Thread(target=park, daemon=True)
                starting.start()
                threads.append(starting)
        except RuntimeError as error:  # threads-max, a cgroup's pids.max, or no address space left
            stopped = f"threads stopped at {len(threads):,}: {error}"
        for _ in threads:
            parked.acquire()
        added = memory().since(before)
    # They end with the process: woken together, they would fight for the interpreter's lock for minutes.
    return {**added, "count": len(threads), "stopped": stopped}


def coroutine(count: int, deep: int = 1) -> dict[str, Any]:
    """Park so many tasks in one loop, each so many awaits deep, and see what they have added."""

    async def park(event: asyncio.Event, levels: int) -> None:
        await (park(event, levels - 1) if levels > 2 else event.wait())

    async def park_all() -> dict[str, Any]:
        enough = asyncio.Event()
        with no_collector():
            before = memory()
            tasks = [asyncio.create_task(park(enough, deep) if deep > 1 else enough.wait()) for _ in range(count)]
            await asyncio.sleep(0)  # each runs up to its wait
            added = memory().since(before)
        enough.set()
        await asyncio.gather(*tasks)
        return {**added, "count": count}

    return asyncio.run(park_all())


def each_further(seen: Repetitions, few: str, many: str, figure: str) -> list[float]:
    """What one more adds, from few to many of them, in each repetition: what they have in common drops out."""
    counts = zip(seen.values(few, "count"), seen.values(many, "count"), strict=True)
    totals = zip(seen.values(few, figure), seen.values(many, figure), strict=True)
    return [
        (high - low) / (more - less) if more > less else high / more
        for (less, more), (low, high) in zip(counts, totals, strict=True)
    ]


def measure(lab: Lab) -> Measured:
    """Threads and tasks, parked, at several counts; what each further one adds up to the largest."""
    most = lab.memory_mib * 1024 // ALLOWED_KIB
    wanted = QUICK_COUNTS if lab.quick else COUNTS
    counts = [count for count in wanted if count <= most] or [most // 2, most]
    threads = [Side(f"{count} threads", thread, {"count": count}) for count in counts]
    tasks = [Side(f"{count} coroutines", coroutine, {"count": count}) for count in counts]
    deep = [Side(f"{count} deep", coroutine, {"count": count, "deep": 5}) for count in counts[-2:]]
    seen = lab.alternate([*threads, *tasks, *deep], 3 if lab.quick else 5)
    few, many = counts[-2:] if len(counts) > 1 else (counts[-1], counts[-1])
    of_thread, of_task, of_deep = (
        {name: each_further(seen, f"{few} {what}", f"{many} {what}", name) for name in memory()._fields}
        for what in ("threads", "coroutines", "deep")
    )
    each = f"each further one, from {few:,} to {many:,}, parked"
    figures = [
        *(Figure(f"thread, {kind}", "KiB", lab.mean(of_thread[name]), each) for kind, name in KINDS.items()),
        Figure("thread, page tables", "KiB", lab.mean(of_thread["page_tables_kib"]), "of its stack; not in resident"),
        *(Figure(f"coroutine, {kind}", "KiB", lab.mean(of_task[name]), each) for kind, name in KINDS.items()),
        Figure("coroutine five awaits deep, resident", "KiB", lab.mean(of_deep["rss_kib"]), each),
    ]
    for ratio, name in (("reserved / reserved", "virtual_kib"), ("resident / resident", "rss_kib")):
        if min(of_task[name]) > 0:  # too few of them fit into memory that was there already
            figures.append(Figure(ratio, "times", lab.ratio(of_thread[name], of_task[name])))
    notes = [
        f"At small counts a thread seems to reserve more: the C library adds up to {8 * (os.cpu_count() or 1)} heaps "
        "of 64 MiB of address space, shared by all threads, so the figures are what each further one adds.",
        "The kernel keeps a stack of its own for each thread besides (16 KiB on most machines), which counts as no "
        "process's memory.",
        "What a request costs in a real server is neither of these: the claims wsgi-1000 and asgi-10000 hold some.",
        *([f"{many:,} at most, for want of memory."] if many < wanted[-1] else []),
        *filter(None, [seen.stopped(f"{many} threads")]),
    ]
    return Measured(tuple(figures), chart(lab, seen, counts), tuple(notes))


def chart(lab: Lab, seen: Repetitions, counts: list[int]) -> Chart:
    """What each of so many costs on average, address space and memory."""
    lines = []
    for what, title, name in (
        ("threads", "thread, virtual", "virtual_kib"),
        ("threads", "thread, resident", "rss_kib"),
        ("coroutines", "coroutine, resident", "rss_kib"),
    ):
        sides = [f"{count} {what}" for count in counts]
        costs = [
            [max(total, 1) / of for total, of in zip(seen.values(side, name), seen.values(side, "count"), strict=True)]
            for side in sides
        ]
        lines.append(Series(title, tuple(lab.points(counts, costs))))
    return Chart(
        "Memory of one more thread and one more coroutine",
        "A thread reserves megabytes of address space, and touches a few pages of it.",
        "how many there are",
        "KiB for each",
        tuple(lines),
        log_x=True,
        log_y=True,
        bands=(("claimed of a thread", 1024, 8192), ("claimed of a coroutine", 1, 4)),
    )


CLAIM = Claim(
    id="thread-memory",
    title="A thread costs 1000 to 2000 times the memory of a coroutine",
    source=f"{ARTICLE_A}, 4.4",
    claimed="thread 1–8 MB, coroutine 1–4 KB: 1000–2000×",
    unit="KiB",
    readings=(
        Reading("the address space that a thread reserves", "thread, virtual", Claimed(1024, 8192)),
        Reading("the memory that a thread uses", "thread, resident", Claimed(1024, 8192)),
        Reading("the memory that a coroutine uses", "coroutine, resident", Claimed(1, 4)),
        Reading("address space of a thread, over a coroutine's", "reserved / reserved", Claimed(1000, 2000)),
        Reading("memory used by a thread, over a coroutine's", "resident / resident", Claimed(1000, 2000)),
    ),
    measure=measure,
    why="A thread's stack is reserved as address space at once and backed by memory page by page as it is touched, "
    "and a parked Python thread has touched few; a coroutine keeps its frames on the heap.",
    quick_s=6,
    full_s=19,
)
