"""What an experiment may ask about apps and servers together: which there are, and whether a pair does what it should.

Standard library only, as all that a claim's file imports.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

InterfaceName = Literal["asgi", "wsgi"]


@dataclass(frozen=True, slots=True)
class ServerKind:
    """A kind of server of the registry: `name` as its setups begin (``uvicorn-uvloop-h11``), `server` the program."""

    name: str
    server: str
    loop: str = "asyncio"
    one_process: bool = False

    def setup(self, workers: int) -> str:
        """As a setup is written, with so many workers, or with one where it can have no more."""
        return self.name if self.one_process else f"{self.name}-{workers}"


@dataclass(frozen=True, slots=True)
class There:
    """What there is of one interface, in the lab's interpreter: the suite's apps, kinds of servers, and what is missing
    there, as sentences."""

    apps: tuple[str, ...]
    kinds: tuple[ServerKind, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What came of an app on a server. `wrong`: the first answer that was not the contract's, or why it did not start;
    empty where all were right. `left_out`: what this app can do on others and not here, and why."""

    app: str
    kind: str
    wrong: str = ""
    left_out: tuple[str, ...] = ()


class ProvingLab(Protocol):
    """The part of the lab that knows what apps owe, and how servers and browsers are spoken to."""

    @property
    def seed(self) -> int:
        """What a sample is drawn by."""

    def there(self, interface: InterfaceName) -> There:
        """The apps and servers of an interface. Raises ExperimentError when the interpreter cannot be asked."""

    def prove(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Proof]:
        """Launch each app on each kind of server, and ask it for all that the suite's contract holds: exchanges,
        stories, a WebSocket echo where the app has one. Several at a time, in the order of the pairs."""

    def echo(self, port: int, path: str, messages: Sequence[str | bytes]) -> str:
        """Have messages echoed over a WebSocket: what went wrong, empty when each came back as it was."""

    def page(self, url: str, wait_ms: int = 3000) -> str | None:
        """What a headless browser makes of a page once its scripts have run so long, as HTML; None without a browser
        or when it does not end."""
