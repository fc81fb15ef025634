"""Turns of the suite's own requests through Locust's FastHttpUser."""

from time import monotonic_ns
from typing import Any

import gevent
from gevent.event import Event
from locust.env import Environment

from ....results.errors import LoadError
from ....results.ledger import ErrorKind
from ..checks import describe, judge
from ..closed_loop import BACKOFF_PER_LANE_S, BACKOFF_S
from ..limits import OUR_OWN_LIMITS
from ..orders import Block, BlockReport, Endpoint, Json
from ..rules import Rules
from .endpoint_user import EndpointUser
from .turn import Began, Press, Turn

SLACK_S = 5.0


class Seat:
    """An endpoint's users, and the turn that they have."""

    def __init__(self, endpoint: Endpoint, timeout_s: float) -> None:
        self.endpoint = endpoint
        self.timeout_s = timeout_s
        self.users: list[EndpointUser] = []
        self._turn: EndpointTurn | None = None
        self._bell = Event()

    def call(self, turn: "EndpointTurn") -> None:
        """Wake the users: it is their turn."""
        self._turn = turn
        bell, self._bell = self._bell, Event()
        bell.set()

    def turn_under_way(self) -> "EndpointTurn":
        """The turn, as soon as there is one with time left."""
        while True:
            bell = self._bell
            if self._turn is not None and monotonic_ns() < self._turn.end_ns:
                return self._turn
            bell.wait()


class EndpointTurn(Turn):
    """All users of an endpoint are busy until the time is up."""

    def __init__(self, rules: Rules, seat: Seat) -> None:
        super().__init__(rules, seat.endpoint)
        self._seat = seat
        self._timeout_ns = round(rules.timeout_s * 1e9)
        self._closed = False
        self._left = 0
        self._settled = Event()

    @property
    def elapsed_s(self) -> float:
        """With drain, from first send to last outcome; else the planned window."""
        return (self.last_ns - self.started_ns) / 1e9 if self.rules.drain else self.window_s

    def prepare(self) -> None:
        """Open all connections that do not stand."""
        opening = [gevent.spawn(user.line.open) for user in self._seat.users if not user.line.stands]
        gevent.joinall(opening, timeout=self.rules.timeout_s)
        gevent.killall(opening)

    def begin(self) -> None:
        """Wake the users."""
        self._seat.call(self)

    def ask(self, user: EndpointUser) -> None:
        """One request of one user, from before its send to its entry in the ledger and in Locust's statistics."""
        agent = user.agent
        agent.compose()
        self.sent += 1
        user.asked_ns = agent.sent_ns
        with gevent.Timeout(self.rules.timeout_s):  # caught in the client, as any failure is
            answer = user.client.request(
                self.endpoint.method, agent.target, name=self.endpoint.name, allow_redirects=False, catch_response=True
            )
        now = monotonic_ns()
        if self._closed:
            return
        user.asked_ns = 0
        if not self.rules.drain and now >= self.end_ns:
            self._unanswered(user, now)
            return
        kind = self._book(user, answer, now)
        with answer:  # at its end Locust hears of it
            if kind is None:
                answer.success()
            else:
                answer.failure(kind.value)
        self._one_settled()
        if kind is ErrorKind.CONNECT:
            gevent.sleep(max(BACKOFF_S, BACKOFF_PER_LANE_S * len(self._seat.users)))

    def settle(self) -> None:
        """With drain, wait for the last outcomes. Without, what is in flight stays so."""
        if self.rules.drain:
            self._left = sum(user.asked_ns != 0 for user in self._seat.users)
            if self._left and not self._settled.wait(self.rules.timeout_s + SLACK_S):
                self.fail(LoadError(f"{self._left} requests did not end at their deadline"))
            return
        self._closed = True
        now = monotonic_ns()
        for user in self._seat.users:
            if user.asked_ns:
                self._unanswered(user, now)
                self.tally.waiting_ns = max(self.tally.waiting_ns, now - user.agent.sent_ns)
                user.asked_ns = 0
                user.line.cut()

    def leave(self) -> None:
        """Rest, on connections that have served."""
        for user in self._seat.users:
            user.line.rest()
            connects, reopened = user.line.taken()
            self.tally.connects += connects
            self.tally.reopened += reopened

    def _book(self, user: EndpointUser, answer: Any, now: int) -> ErrorKind | None:
        """Judge an answer, or the failure to get one, and enter it. After a failure the next goes over a new one."""
        agent, error = user.agent, answer.request_meta["exception"]
        latency_ns = now - agent.sent_ns
        self.last_ns = now
        if error is not None:
            kind: ErrorKind | None = user.line.kind_of(error)
            self._check_limits(error)
        else:
            kind = judge(agent.expect, answer.status_code, answer.content or b"")
        if latency_ns > self._timeout_ns and kind is not ErrorKind.CONNECT:
            kind = ErrorKind.TIMEOUT
        if kind is None:
            self.tally.service.waiting.append(latency_ns)
            return None
        self.tally.error(kind, latency_ns, "" if self.tally.first_error else self._reason(kind, agent, answer, error))
        user.line.cut()
        return kind

    def _reason(self, kind: ErrorKind, agent: Any, answer: Any, error: BaseException | None) -> str:
        if kind is ErrorKind.CONNECT:
            why = getattr(error, "original", None) or error
            return f"no connection to {self.endpoint.host}:{self.endpoint.port}: {why}"
        return describe(kind, agent.expect, answer.status_code, answer.content or b"")

    def _check_limits(self, error: BaseException) -> None:
        if isinstance(error, OSError) and error.errno in OUR_OWN_LIMITS:
            self.fail(LoadError(f"the load side cannot open more connections: {error}"))

    def _unanswered(self, user: EndpointUser, now: int) -> None:
        self.tally.unanswered(now, user.agent.sent_ns, 0)

    def _one_settled(self) -> None:
        """While the last outcomes are waited for: one fewer is due."""
        if self._left:
            self._left -= 1
            if not self._left:
                self._settled.set()


class EndpointPress(Press):
    """Carries blocks out with as many users for each endpoint as there are connections: each block a Locust test."""

    def introduction(self) -> Json:
        """Nothing: the blocks say all."""
        return {}

    def carry_out(self, block: Block, began: Began) -> BlockReport:
        """All turns of a block."""
        seats = [Seat(endpoint, block.timeout_s) for endpoint in block.endpoints]
        count = block.arrival.connections
        environment = Environment(
            user_classes=[_user_class(at, seat, count) for at, seat in enumerate(seats)], catch_exceptions=False
        )
        environment.events.user_error.add_listener(self._user_failed)
        runner: Any = environment.create_local_runner()
        runner.start(count * len(seats), count * len(seats))
        runner.spawning_greenlet.join()
        try:
            if runner.user_count != count * len(seats):
                raise LoadError(f"Locust spawned {runner.user_count} of {count * len(seats)} users")
            reports = []
            for order in block.turns:
                self.turn = EndpointTurn(Rules(order, block.timeout_s, block.drain), seats[order.endpoint])
                reports.append(self.turn.run(began))
        finally:
            self.turn = None
            runner.quit()
            for seat in seats:
                for user in seat.users:
                    user.line.cut()
        total = environment.stats.total
        return BlockReport(block.id, tuple(reports), total.num_requests, total.num_failures)

    def _user_failed(self, user_instance: Any, exception: BaseException, tb: Any) -> None:
        if self.turn is not None:
            self.turn.fail(LoadError(f"plain Locust failed: {exception!r}"))


def _user_class(at: int, seat: Seat, count: int) -> type[EndpointUser]:
    host = f"[{seat.endpoint.host}]" if ":" in seat.endpoint.host else seat.endpoint.host
    own = {
        "abstract": False,
        "seat": seat,
        "host": f"http://{host}:{seat.endpoint.port}",
        "fixed_count": count,
    }
    return type(f"Endpoint{at}", (EndpointUser,), own)
