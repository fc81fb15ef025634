"""What physics says of each result: held, broken, or why it cannot be asked."""

from collections.abc import Sequence

from ..results.records import ProblemCode
from ..results.validity import Check, checks_of
from .format import joined
from .panels import Panel, Row
from .standing import Standing
from .tables import Cell, Tone


def physics_cell(panel: Panel, row: Row) -> Cell:
    """Whether a result keeps to the checks that can be made of it."""
    if any(problem.code is ProblemCode.IMPOSSIBLE for problem in row.result.problems):
        return Cell("broken", tone=Tone.BAD)
    why = _not_applicable(panel, row)
    return Cell(f"not applicable: {why}", tone=Tone.MUTED) if why else Cell("held")


def _not_applicable(panel: Panel, row: Row) -> str:
    """What keeps the checks from saying anything; empty where nothing does. A lower bound never exceeds a limit."""
    if not row.result.ledger.ok:
        return "no right answer"
    if row.standing is Standing.INVALID:
        return "no valid figure"
    if panel.cold:
        return "nothing presses on a start"
    if not checks_of(panel.scenario, panel.level):
        return "open loop" if panel.open_loop else "its users set how many are in flight"
    return "a lower bound only" if row.standing is Standing.AT_LEAST else ""


def physics_note(panel: Panel) -> str:
    """What was checked of the figures, and why the rest cannot be."""
    if panel.cold:
        return "Physics: nothing presses on a start, so neither Little's law nor slots over wait can be checked."
    checks: Sequence[Check] = checks_of(panel.scenario, panel.level)
    whys = (
        (panel.open_loop, "Little's law and slots over wait, in the open loop, where answers of the drain count too"),
        (bool(panel.scenario.locustfile), "Little's law, since a user may have several requests in flight"),
        (Check.SOONEST not in checks, "slots over wait, for want of a known wait that is long enough"),
    )
    gaps = [why for applies, why in whys if applies]
    held = joined([check.value for check in checks]) or "nothing"
    return f"Physics, checked: {held}." + (f" Not checked: {'; '.join(gaps)}." if gaps else "")
