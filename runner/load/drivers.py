"""Which program sends the requests: our engine under Locust's direction, or Locust's own clients."""

import os
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum

from ...results.errors import UsageError
from ..machine import installed_versions
from .ceilings import CeilingCache, here
from .orders import Endpoint

# What plain Locust cannot do for an endpoint.
LACKS: Mapping[str, Callable[[Endpoint], bool]] = {
    "WebSocket": lambda endpoint: endpoint.websocket is not None,
    "mix of requests": lambda endpoint: bool(endpoint.mix),
    "slow clients": lambda endpoint: endpoint.slow is not None,
}
SKIP_PATCH = "LOCUST_SKIP_MONKEY_PATCH"


class LoadDriver(StrEnum):
    """What sends the requests: our `engine`, or plain `locust` with its own HTTP client."""

    ENGINE = "engine"
    LOCUST = "locust"

    @property
    def module(self) -> str:
        """What the driver process runs."""
        return "sgibench.runner.load.driver" if self is LoadDriver.ENGINE else "sgibench.runner.load.plain.driver"

    def environment(self) -> dict[str, str]:
        """The environment of the driver process: the engine's Locust leaves the standard library as it is."""
        kept = {name: value for name, value in os.environ.items() if name != SKIP_PATCH}
        return {**kept, SKIP_PATCH: "1"} if self is LoadDriver.ENGINE else kept

    def ceilings(self) -> CeilingCache:
        """Its ceilings, apart from the other's."""
        if self is LoadDriver.ENGINE:
            return CeilingCache()
        return CeilingCache(surroundings={**here(), "driver": self.value, **installed_versions(("geventhttpclient",))})

    def check(self, processes: int, rate_rps: float = 0.0, endpoints: Iterable[Endpoint] = ()) -> None:
        """Raise UsageError for what this driver cannot do."""
        if self is LoadDriver.ENGINE:
            return
        for endpoint in endpoints:
            for lack, needed in LACKS.items():
                if needed(endpoint):
                    raise UsageError(f"Locust has no {lack}", "use --driver engine")
        if rate_rps:
            raise UsageError("Locust has no open loop", "leave out --rate, or use --driver engine")
        if processes > 1:
            raise UsageError(
                f"plain Locust drives with one process here, not with {processes}",
                "leave out --processes, or use --driver engine",
            )
