"""A cold start: from the moment a server's command is run to its first right answer."""

import http.client
import time
from dataclasses import dataclass

from ...results.errors import TargetError
from ...scenarios.model import Request
from ..load.checks import fault
from ..load.orders import Expectation
from .launch import LiveTarget, cpu_seconds
from .requests import once

POLL_S = 0.002  # a start takes hundreds of milliseconds


@dataclass(frozen=True, slots=True)
class Start:
    """One start: when it was on the monotonic clock, how long its first right answer took to come, and the CPU time
    that all its processes had used by then (in steps of 10 ms)."""

    at: float
    elapsed_s: float
    cpu_s: float


def first_answer(live: LiveTarget, request: Request, expect: Expectation, timeout_s: float) -> Start:
    """Ask a target that was just started, again and again over new connections, until it answers rightly.

    An answer that says that it is not ready yet (5xx) is asked for again. Raises TargetError when it ends before, gives
    another answer, or the time is up.
    """
    began = live.process.began
    asked = once(request, live.port, expect)
    complaint = f"did not listen on its port within {timeout_s:g} s of its start"
    while (left_s := began + timeout_s - time.monotonic()) > 0:
        try:
            reply = live.ask(asked.path, request.method, left_s, asked.headers, asked.body)
        except TimeoutError:
            complaint = f"accepted a connection, and gave no answer within {timeout_s:g} s of its start"
        except (OSError, http.client.HTTPException):
            if not live.process.running:
                raise live.failure(f"exited with code {live.process.exit_code()} before it answered") from None
        else:
            elapsed_s = time.monotonic() - began
            wrong = fault(asked.expect, reply.status, reply.body)
            if not wrong:
                return Start(began, elapsed_s, cpu_seconds(process.pid for process in live.process.tree()))
            complaint = f"gave no right answer ({wrong})"
            if reply.status < 500:
                break
        time.sleep(POLL_S)
    raise TargetError(f"{live.name} {complaint}", f"its output is in {live.process.log}")
