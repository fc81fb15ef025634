"""What a user asked for, and what will be measured."""

from dataclasses import dataclass, field
from pathlib import Path

from ...apps.catalogue import Interface
from ...results.records import GroupInfo, NotPossible
from ...scenarios.suite import Suite
from ..load.drivers import LoadDriver
from ..pieces import Piece
from ..targets.launch import Target
from ..targets.upstream import UpstreamOptions


@dataclass(frozen=True, slots=True)
class Wish:
    """What a user asked for; empty fields were left open."""

    suite: str | None = None
    apps: tuple[str, ...] = ()
    setups: tuple[str, ...] = ()
    scenarios: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    concurrency: tuple[int, ...] = ()
    groups: tuple[str, ...] = ()
    interface: Interface | None = None
    pythons: tuple[str, ...] = ()
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)
    driver: LoadDriver = LoadDriver.ENGINE
    locustfile: Path | None = None
    users: int | None = None

    @property
    def own_targets(self) -> bool:
        """Whether apps or setups were named, so that the suite's targets are not what is measured."""
        return bool(self.apps or self.setups)

    @property
    def is_own(self) -> bool:
        """Whether anything but a suite as it is, or groups of it, was asked for."""
        asked = (self.own_targets, self.scenarios, self.paths, self.concurrency, self.locustfile)
        return any(asked)


@dataclass(slots=True)
class Choice:
    """What will be measured; what was left out and why (`notes`), and what some of the targets cannot do."""

    suite: Suite
    targets: list[Target]
    baseline: str
    pieces: list[Piece]
    groups: tuple[GroupInfo, ...] = ()
    not_possible: tuple[NotPossible, ...] = ()
    notes: list[str] = field(default_factory=list)
