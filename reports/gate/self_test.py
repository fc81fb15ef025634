"""A self-test of the gate in a terminal: a line for each part, and what follows from them."""

from collections.abc import Mapping
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from ...results.gate.self_test import Judgement, Part, PartName, SelfTest
from ...results.gate.settings import GateMetric
from ...results.gate.verdicts import GateVerdict
from ...results.store import REPORT
from ..format import counted, duration, joined, plain
from .words import bounds, metric_name, readable, sentence, signed

SIGNS: Mapping[Judgement, tuple[str, str]] = {
    Judgement.RIGHT: ("✓", "bold green"),
    Judgement.WRONG: ("✕", "bold red"),
    Judgement.INCONCLUSIVE: ("?", "bold yellow"),
}
VERBS: Mapping[GateVerdict, str] = {
    GateVerdict.PASS: "passes",
    GateVerdict.REGRESSED: "is regressed",
}
UNDECIDED = "is not decided"
REASONS_MAX = 3
AGAIN = (
    "Run it once more: the gate may be wrong in one run of a hundred. Wrong twice, and it is a fault of this machine's "
    "or of sgibench's: please report it with that folder."
)
NOTHING_PLANTED = "Nothing was planted: what a request takes of the CPU is not known."
REST = "Let the machine rest and try again, or give each part more time: --budget 3m."


def self_test_view(test: SelfTest) -> RenderableType:
    """Two lines and a conclusion."""
    _, style = SIGNS[test.judgement]
    first, *rest = conclusion(test)
    return Group(*(_line(part, test) for part in test.parts), Text(first, style), *map(Text, rest))


def _line(part: Part, test: SelfTest) -> Text:
    return Text.assemble(SIGNS[part.judgement], " ", (said(part, test), "bold"), "  ", figures(part))


def said(part: Part, test: SelfTest) -> str:
    """``A against A passes``."""
    what = "A against A" if part.name is PartName.SAME else f"some {test.planted_percent:g} % planted"
    return f"{what} {VERBS.get(part.verdict, UNDECIDED)}"


def figures(part: Part) -> str:
    """What was measured, and what caught it."""
    cpu = metric_name(GateMetric.CPU)
    change = (
        f"{cpu} was not measured" if part.change is None else f"{cpu} {signed(part.change, '%')} {bounds(part.change)}"
    )
    caught = joined([metric_name(metric) for metric in part.regressed])
    epochs = counted(part.epochs, "epoch")
    return f"{change}, {epochs}, {duration(part.elapsed_s)}" + (f"; caught by {caught}" if caught else "")


def conclusion(test: SelfTest) -> tuple[str, ...]:
    """Whether the gate is to be believed here; where it is not, why, where to look, and what to do."""
    percent = f"some {test.planted_percent:g} %"
    if test.interrupted:
        return ("Interrupted before it could be told.",)
    if test.judgement is Judgement.RIGHT:
        return (f"The gate works on this machine: equal code passes, and a slowdown of {percent} is caught.",)
    found = list(test.judged(test.judgement))
    looked = [f"What was measured: {Path(part.run) / REPORT}" for part in found]
    if test.judgement is Judgement.WRONG:
        faults = joined([_fault(part, percent) for part in found])
        return (f"The gate is wrong on this machine: {faults}.", *_reasons(found), *looked, AGAIN)
    missing = () if len(test.parts) == len(PartName) else (NOTHING_PLANTED,)
    return ("Whether the gate works on this machine could not be told.", *_reasons(found), *missing, *looked, REST)


def _fault(part: Part, percent: str) -> str:
    if part.name is PartName.SAME:
        return "it calls equal code regressed"
    if part.verdict is GateVerdict.PASS:
        return f"it lets a slowdown of {percent} pass"
    return f"it blames a slowdown of {percent} on something else"


def _reasons(parts: list[Part]) -> list[str]:
    """The weightiest of all parts, each once."""
    said = dict.fromkeys(sentence(readable(plain(reason))) for part in parts for reason in part.reasons)
    return list(said)[:REASONS_MAX]
