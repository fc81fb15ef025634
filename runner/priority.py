"""Giving way: what only watches must not take time from what drives the load on the same core."""

import contextlib
import os


def give_way() -> None:
    """Let this thread run only when nobody else wants its core; threads and processes begun before are not touched.

    On Linux by the idle scheduling policy: whatever wakes up on the core goes first, at once. Where there is no such
    policy, nothing happens. Processes started by this thread afterwards would inherit it.
    """
    if hasattr(os, "sched_setscheduler") and hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
