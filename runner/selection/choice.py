"""From a wish to a choice."""

from collections.abc import Sequence
from pathlib import Path

from ...results.errors import UsageError
from ...results.records import GroupInfo
from ..pieces import check_names
from ..targets.launch import Target
from .possible import drivable, possible
from .pythons import find_pythons
from .targets import crossed, of_suite
from .wish import Choice, Wish
from .workloads import find_suite, pieces_for, users_pieces, with_floors


def choose(wish: Wish, here: Path, server_cores: int) -> Choice:
    """Resolve a wish; a user's own app is imported from `here`. Raises UsageError or TargetError."""
    _check_users(wish)
    suite = find_suite(wish.suite or "default")
    pythons = find_pythons(wish.pythons)
    notes: list[str] = []
    groups: tuple[GroupInfo, ...] = ()
    if wish.own_targets:
        _check_groups(wish)
        targets = crossed(wish, suite, pythons, here, server_cores, notes)
        baseline = _baseline(suite.baseline, targets)
    else:
        targets, baseline, groups = of_suite(suite, wish.groups, pythons, server_cores, notes)
    if wish.locustfile is not None:
        pieces = users_pieces(wish, wish.locustfile, notes)
    else:
        ours = all(target.app.ours for target in targets)
        pieces = drivable(with_floors(pieces_for(wish, suite, ours=ours), wish.upstream, targets), wish, notes)
    check_names(pieces)
    pieces, not_possible = possible(pieces, targets, groups, wish, notes)
    return Choice(suite, targets, baseline, pieces, groups, not_possible, notes)


def _baseline(written: str | None, targets: Sequence[Target]) -> str:
    """The target that the others are compared with: the suite's choice while it takes part, else the first."""
    names = [target.name for target in targets]
    return written if written in names else names[0]


def _check_groups(wish: Wish) -> None:
    if wish.groups:
        raise UsageError("--group chooses among a suite's own targets", "leave out --app and --setup, or --group")


def _check_users(wish: Wish) -> None:
    """Raise UsageError for what does not go with a locustfile, or only with one."""
    if wish.locustfile is None:
        if wish.users is not None:
            raise UsageError("--users needs --locustfile", "give --concurrency for the suite's own scenarios")
        return
    if wish.scenarios:
        raise UsageError("--locustfile is a scenario itself", "leave out --scenario")
    if wish.concurrency:
        raise UsageError("--concurrency does not go with --locustfile", "say how many users: --users N")
    if len(wish.paths) > 1:
        raise UsageError("--locustfile takes one --path: what an app must answer beforehand", "leave out the others")
