"""What cannot be done: by the load side's driver, by this system, by a target. Told, and never a zero in a table."""

from collections.abc import Sequence

from ...results.errors import UsageError
from ...results.records import GroupInfo, NotPossible, ScenarioKind
from ..load.drivers import LoadDriver
from ..machine import SPARE_FILES, open_files
from ..pieces import Piece, compared, concerns, takes_part
from ..targets.capability import why_not
from ..targets.launch import Target
from ..targets.needs import required_by
from .wish import Wish

SHOWN_REASONS = 3


def drivable(pieces: list[Piece], wish: Wish, notes: list[str]) -> list[Piece]:
    """The pieces that the driver can carry out: plain Locust has no open loop, and more that it lacks.

    Raises UsageError when a scenario was named that it cannot, or nothing is left.
    """
    if wish.driver is LoadDriver.ENGINE:
        return pieces
    lacks = {piece.scenario.name: lack for piece in pieces if (lack := locust_lacks(piece))}
    left = [piece for piece in pieces if piece.scenario.name not in lacks]
    if lacks and (wish.scenarios or not left):
        lack = next(iter(lacks.values()))
        raise UsageError(f"Locust has {lack}", f"leave out {', '.join(lacks)}, or use --driver engine")
    notes += [f"{name} is left out: Locust has {lack}" for name, lack in lacks.items()]
    return left


def locust_lacks(piece: Piece) -> str:
    """What a piece needs and plain Locust does not have; empty where it can carry it out."""
    if piece.kind is ScenarioKind.COLD_START:
        return ""
    if piece.kind is ScenarioKind.WEBSOCKET:
        return "no WebSocket"
    if piece.level.rate_rps:
        return "no open loop"
    if piece.scenario.slow_clients:
        return "no slow clients"
    return "no mix of requests" if piece.scenario.mix else ""


def possible(
    pieces: Sequence[Piece], targets: Sequence[Target], groups: Sequence[GroupInfo], wish: Wish, notes: list[str]
) -> tuple[list[Piece], tuple[NotPossible, ...]]:
    """The pieces in which some target takes part, and what the targets cannot do of all of them.

    Raises UsageError when a scenario was named that none of them can do, or when nothing is left.
    """
    found = tuple(
        dict.fromkeys(
            item
            for piece in pieces
            for target in targets
            if compared(target.name, piece, groups) and (item := cannot(piece, target))
        )
    )
    left = [piece for piece in pieces if any(takes_part(target.name, piece, groups, found) for target in targets)]
    names_left = {piece.scenario.name for piece in left}
    for piece in pieces:
        if piece in left:
            continue
        concerning = [item for item in found if concerns(item, piece)]
        reasons = list(dict.fromkeys(item.reason for item in concerning)) or ["no group compares it"]
        why = "; ".join(reasons[:SHOWN_REASONS]) + ("; …" if len(reasons) > SHOWN_REASONS else "")
        if not left or (wish.scenarios and piece.scenario.name not in names_left):
            raise UsageError(
                f"{piece.label}: not possible: {why}", "`bench list apps` and `bench list setups` say who can do what"
            )
        notes.append(f"{piece.label}: left out: {why}")
    return left, found


def cannot(piece: Piece, target: Target) -> NotPossible | None:
    """What keeps a target out of a piece, if anything does."""
    scenario, level, setup = piece.scenario, piece.level, target.setup
    reason = why_not(target.app, setup, required_by(scenario, ours=target.app.ours))
    if reason:
        return NotPossible(target.name, scenario.name, reason)
    if scenario.holding and setup.slots is not None and setup.slots < level.concurrency:
        held = f"{setup.slots:,} request{'' if setup.slots == 1 else 's'}"
        return NotPossible(target.name, scenario.name, f"{setup.name} holds {held} at once", level)
    if scenario.holding and setup.connections is not None and setup.connections < level.concurrency:
        why = f"{setup.name} takes {setup.connections:,} connections at once"
        return NotPossible(target.name, scenario.name, why, level)
    slow = scenario.slow_clients.count if scenario.slow_clients else 0
    if level.concurrency + slow + SPARE_FILES > open_files():
        why = f"this system allows a process {open_files():,} open files (ulimit -Hn)"
        return NotPossible(target.name, scenario.name, why, level)
    return None
