"""Which processes of a target's tree serve, and whether as many workers and threads run as its setup says."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence

import psutil

from .servers import Kind
from .setups import Setup


def serving_processes(tree: Sequence[psutil.Process], port: int, kind: Kind) -> list[int]:
    """The processes that serve, of a tree whose first is the program that was started.

    They are all that listen on the port, without a master that only supervises them. Where a router alone listens, they
    are the master's other children.
    """
    if not tree:
        return []
    master = tree[0].pid
    listening = [process.pid for process in tree if _listens(process, port)]
    if kind.behind_router:
        return [process.pid for process in _children(tree, master) if process.pid not in listening] if listening else []
    return [pid for pid in listening if pid != master] or listening


def thread_counts(pids: Iterable[int]) -> dict[int, int]:
    """How many threads each process runs, the main one included; a process that is gone has no entry."""
    counts = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            counts[pid] = psutil.Process(pid).num_threads()
    return counts


def thread_shortfall(setup: Setup, counts: Mapping[int, int], held: int = 0) -> str:
    """What is missing of the threads that a setup says, from the `thread_counts` of its serving processes; empty where
    nothing is.

    Pools that are filled from the start are whole in every worker. Others grow with the requests: together they have a
    thread for each of the requests, `held`, that are known to have been in service at once.
    """
    kind = setup.kind
    if not kind.threaded or not counts:
        return ""
    if kind.threads_from_start:
        short = {pid: count for pid, count in counts.items() if count < setup.threads}
        if not short:
            return ""
        return f"{len(short)} of its workers run fewer than {setup.threads} threads ({min(short.values())})"
    wanted, running = min(held, setup.workers * setup.threads), sum(counts.values())
    return f"runs {running} threads in all while {wanted} requests are in service" if running < wanted else ""


def _children(tree: Sequence[psutil.Process], parent: int) -> list[psutil.Process]:
    children = []
    for process in tree:
        with contextlib.suppress(psutil.Error):
            if process.ppid() == parent:
                children.append(process)
    return children


def _listens(process: psutil.Process, port: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in process.net_connections("tcp")
        )
    return False
