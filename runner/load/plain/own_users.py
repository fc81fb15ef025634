"""A user's own locustfile: its users run, turn by turn, and Locust's events say what came of it."""

from collections import Counter
from pathlib import Path
from typing import Any

import locust
from locust.env import Environment

from ....results.errors import UsageError
from ..orders import Block, BlockReport, Json
from ..rules import Rules
from . import locustfile
from .failures import said
from .own_turn import OwnTurn
from .turn import Began, Press


class OwnPress(Press):
    """Runs a locustfile's users, and listens to Locust's events."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when the file cannot be used."""
        self._path = path
        self._file = locustfile.read(path)
        self._turn: OwnTurn | None = None
        self._notes: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        try:
            self.environment = Environment(
                user_classes=[self._gated(user) for user in self._file.users],
                events=locust.events,
                parsed_options=locustfile.options(path),
                locustfile=path.name,
                stop_timeout=0.0,
            )
        except ValueError as error:
            raise UsageError(f"{path}: {error}", "Locust refuses these user classes") from error
        self.runner: Any = self.environment.create_local_runner()
        events = self.environment.events
        events.request.add_listener(self._requested)
        events.user_error.add_listener(self._user_erred)
        events.init.fire(environment=self.environment, runner=self.runner, web_ui=None)

    def introduction(self) -> Json:
        """Whom it runs."""
        return {
            "users": [user.__name__ for user in self._file.users],
            "waiting": self._file.waiting,
            "shapes": self._file.shapes,
        }

    def carry_out(self, block: Block, began: Began) -> BlockReport:
        """All turns of a block; `connections` is how many users there are."""
        self._notes.clear()
        reports, counts = [], []
        for order in block.turns:
            rules = Rules(order, block.timeout_s, block.drain)
            endpoint = block.endpoints[order.endpoint]
            self.turn = self._turn = OwnTurn(rules, endpoint, block.arrival.connections, self)
            reports.append(self._turn.run(began))
            counts.append(self._turn.locust_counts)
        self.turn = self._turn = None
        return BlockReport(
            id=block.id,
            turns=tuple(reports),
            locust_requests=sum(requests for requests, _ in counts),
            locust_failures=sum(failures for _, failures in counts),
            notes=tuple(f"{what}: {count:,}{self._examples[what]}" for what, count in self._notes.items()),
        )

    def note(self, what: str, example: str = "") -> None:
        """Something to be told with the report, once, with how often it was and the first example."""
        where = self._turn.endpoint.name if self._turn is not None else self._path.name
        key = f"{where}: {what}"
        if not self._notes[key]:
            self._examples[key] = f"; the first: {example}" if example else ""
        self._notes[key] += 1

    def _gated(self, user_class: type[Any]) -> type[Any]:
        """The class, with users that wait after on_start until all are ready. It goes by the same name."""

        def on_start(user: Any) -> None:
            user_class.on_start(user)
            if self._turn is not None:
                self._turn.await_clock()

        metaclass: Any = type(user_class)
        own = {
            "on_start": on_start,
            "abstract": False,
            "__module__": user_class.__module__,
            "__qualname__": user_class.__qualname__,
        }
        gated: type[Any] = metaclass(user_class.__name__, (user_class,), own)
        return gated

    def _requested(
        self,
        response_time: float | None = None,
        exception: BaseException | None = None,
        url: str | None = None,
        **_: Any,
    ) -> None:
        if self._turn is not None:
            self._turn.heard(response_time, exception, url)

    def _user_erred(self, user_instance: Any, exception: BaseException, tb: Any) -> None:
        if self._turn is None:
            return
        place = locustfile.place_of(exception, self._path)
        example = said(exception) + (f" ({place})" if place else "")
        self.note("exceptions of the users' own code", example)
        self._turn.raised(exception)
        tally = self._turn.tally
        tally.first_error = tally.first_error or f"the users' own code raised {example}"
