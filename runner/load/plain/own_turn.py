"""A turn of a user's own locustfile."""

from time import monotonic_ns
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

from ....results.errors import LoadError
from ....results.ledger import ErrorKind
from ..orders import Endpoint
from ..rules import Rules
from .failures import kind_of, said
from .turn import Turn

if TYPE_CHECKING:
    from .own_users import OwnPress

READY_WITHIN_S = 60.0
GONE_WITHIN_S = 30.0


class OwnTurn(Turn):
    """All users run at once against one target, from their on_start to the end of the turn.

    The clock starts when every on_start is over; what came before is not counted. At the end users are stopped in the
    middle of what they do, and their on_stop runs, which is not counted either.
    """

    def __init__(self, rules: Rules, endpoint: Endpoint, users: int, press: "OwnPress") -> None:
        super().__init__(rules, endpoint)
        host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
        self._base = f"http://{host}:{endpoint.port}"
        self._users = users
        self._press = press
        self._runner: Any = press.runner
        self._ready = 0
        self._gate = Event()
        self._counting = False
        self._closed_ns = 0
        self._seen = (0, 0)
        self.locust_counts = (0, 0)

    @property
    def elapsed_s(self) -> float:
        """As long as events were counted; the planned window where there was nobody to press."""
        return (self._closed_ns - self.started_ns) / 1e9 if self._ready else self.window_s

    def prepare(self) -> None:
        """Spawn all users, and wait until each has been through its on_start."""
        self._press.environment.host = self._base
        self._runner.start(self._users, self._users)
        spawning = self._runner.spawning_greenlet
        spawning.join()
        if spawning.exception is not None:
            raise LoadError(f"the users of the locustfile cannot be made: {said(spawning.exception)}")
        deadline_ns = monotonic_ns() + round(READY_WITHIN_S * 1e9)
        while self._ready < self._runner.user_count:
            if monotonic_ns() > deadline_ns:
                late = self._runner.user_count - self._ready
                raise LoadError(f"{late} of {self._users} users did not end their on_start in {READY_WITHIN_S:g} s")
            gevent.sleep(0.005)
        if not self._ready:
            self._over.set()  # whoever was there has failed

    def await_clock(self) -> None:
        """A user is ready; it goes on when the clock starts."""
        self._ready += 1
        self._gate.wait()

    def begin(self) -> None:
        """Let the users run."""
        self._seen = self._locusts()
        self._counting = True
        self._gate.set()

    def settle(self) -> None:
        """Stop counting. What is in flight, Locust does not tell."""
        self._closed_ns = self.last_ns = monotonic_ns()
        if self._counting:
            self._counting = False
            now, before = self._locusts(), self._seen
            self.locust_counts = (now[0] - before[0], now[1] - before[1])

    def leave(self) -> None:
        """Stop the users, whatever they are doing."""
        if self._runner.user_count < self._users:
            self._press.note(
                "turns that ended with fewer users than they should have begun with",
                f"{self._runner.user_count} of {self._users}",
            )
        with gevent.Timeout(GONE_WITHIN_S, LoadError(f"users did not stop within {GONE_WITHIN_S:g} s (on_stop?)")):
            self._runner.stop()

    def heard(self, response_time_ms: float | None, exception: BaseException | None, url: str | None) -> None:
        """Locust says that a request is over."""
        if not self._counting:
            return
        if url is not None and not url.startswith(self._base):
            self._leave_out("requests to other hosts, which are not counted", url, exception)
        elif response_time_ms is None:
            self._leave_out("requests without a response time, which are not counted", url or "", exception)
        else:
            self._count(round(response_time_ms * 1e6), exception)

    def raised(self, exception: BaseException) -> None:
        """A task ended in an exception. The client lets some failures out, of which Locust then tells nothing else."""
        if self._counting and kind_of(exception) not in (ErrorKind.OTHER, ErrorKind.STATUS):
            self._count(0, exception)
            self._seen = (self._seen[0] - 1, self._seen[1] - 1)

    def _count(self, latency_ns: int, exception: BaseException | None) -> None:
        self.sent += 1  # Locust tells of nothing before it is over
        if exception is None:
            self.tally.service.waiting.append(latency_ns)
        else:
            self.tally.error(kind_of(exception), latency_ns, "" if self.tally.first_error else said(exception))

    def _leave_out(self, what: str, example: str, exception: BaseException | None) -> None:
        """Count it neither here nor in what is compared with Locust's own count."""
        self._press.note(what, example)
        self._seen = (self._seen[0] + 1, self._seen[1] + (exception is not None))

    def _locusts(self) -> tuple[int, int]:
        total = self._press.environment.stats.total
        return total.num_requests, total.num_failures
