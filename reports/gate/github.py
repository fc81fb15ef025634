"""What GitHub shows of a gate beside its log: annotations of the job, and the step's summary."""

from collections.abc import Iterator

from ...results.gate.records import GateRun
from ...results.gate.verdicts import GateResult, GateVerdict
from ..format import plain
from .markdown import render_gate_markdown
from .words import WORDS, headline, reasons

# Of a step GitHub shows ten annotations of each kind.
ANNOTATIONS_MAX = 10
LEVELS = {GateVerdict.PASS: "notice", GateVerdict.REGRESSED: "error"}


def annotations(run: GateRun, result: GateResult) -> str:
    """Workflow commands, a line each: errors where it regressed, a warning where it is inconclusive, else a notice."""
    return "".join(f"{line}\n" for line in _lines(run, result))


def step_summary(run: GateRun, result: GateResult) -> str:
    """The Markdown of the comment, without the marker that only a comment needs."""
    return render_gate_markdown(run, result).partition("\n")[2]


def _lines(run: GateRun, result: GateResult) -> Iterator[str]:
    level = LEVELS.get(result.verdict, "warning")
    title = f"bench gate: {WORDS[result.verdict]} ({plain(run.app)} on {plain(run.setup)})"
    why = reasons(run, result)
    if result.verdict is not GateVerdict.REGRESSED:
        yield command(level, title, f"{headline(run, result)} {' '.join(why[:ANNOTATIONS_MAX])}")
        return
    shown = why
    if len(why) > ANNOTATIONS_MAX:
        shown = (*why[: ANNOTATIONS_MAX - 1], f"{len(why) - ANNOTATIONS_MAX + 1} more.")
    for number, reason in enumerate(shown):
        yield command(level, title, reason if number else f"{headline(run, result)} {reason}")


def command(level: str, title: str, message: str) -> str:
    """A workflow command on one line; what would end it, or its title, is escaped."""
    return f"::{level} title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
