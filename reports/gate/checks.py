"""Whether a gate's verdict can be believed: noise, epochs left out, the load side, errors, and what differs besides."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from ...results.gate.records import SIDES, GateRun
from ...results.gate.settings import GateMetric
from ...results.gate.trust import LIMITED_SHARE_MAX, USUAL_NOISE_CORES, usual_noise_cores
from ...results.gate.verdicts import GateResult
from ...results.ledger import Ledger
from ...results.problems import Problem, ProblemCode, Severity
from ..format import counted, joined, number, percent, plain, shortlist, whole
from .words import change_of, counting, failure_words, sentence

LOAD_SIDE = frozenset(
    {ProblemCode.GENERATOR_LIMITED, ProblemCode.LOAD_LOST, ProblemCode.SHARED_CORE, ProblemCode.UNCALIBRATED}
)
ABOUT_SIDES = frozenset({ProblemCode.UNEQUAL, ProblemCode.SIDES})
NONE = "none"
RUN = "Run"
SPREAD_OF = (GateMetric.CPU, GateMetric.THROUGHPUT)


class State(StrEnum):
    """How a check came out. The values are the page's classes."""

    FINE = "fine"
    WARNING = "warning"
    INVALID = "invalid"


SIGNS = {State.FINE: "✓", State.WARNING: "!", State.INVALID: "✕"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a verdict rests upon."""

    name: str
    state: State
    text: str

    @property
    def sign(self) -> str:
        """For those who see no colours."""
        return SIGNS[self.state]


def checks(run: GateRun, result: GateResult) -> tuple[Check, ...]:
    """All of them, in an order that does not change."""
    found = [_complete(run), _noise(run, result), _dropped(run, result), _load_side(run, result), _answers(run)]
    return (*found, _sides(run, result))


def problems_of(run: GateRun, result: GateResult) -> tuple[tuple[Problem, int], ...]:
    """Each kind of problem once, as it was first told, with the number of epochs it was seen in; what invalidates
    comes first."""
    told: dict[tuple[str, ...], Problem] = {}
    seen: dict[tuple[str, ...], set[int]] = {}
    for problem in (*run.problems, *result.problems):
        told.setdefault((*_kind(problem), problem.message), problem)
    for epoch in run.epochs:
        for problem in epoch.problems:
            told.setdefault(_kind(problem), problem)
            seen.setdefault(_kind(problem), set()).add(epoch.number)
    found = [(problem, len(seen.get(kind, ()))) for kind, problem in told.items()]
    return tuple(sorted(found, key=lambda each: each[0].severity is Severity.WARNING))


def told_by(found: Iterable[Check], problem: Problem) -> bool:
    """Whether one of the checks says of a problem all that there is to say."""
    cut_short = problem.code is ProblemCode.INTERRUPTED  # which is what a check is about
    return any(check.name == RUN if cut_short else sentence(plain(problem.message)) in check.text for check in found)


def _kind(problem: Problem) -> tuple[str, ...]:
    return problem.code.value, problem.target, problem.scenario, problem.severity.value


def differences(run: GateRun) -> tuple[str, ...]:
    """What differs between the sides beside their code: versions, of the interpreter too."""
    base, head = run.base.versions, run.head.versions
    return tuple(
        f"{plain(name)} {plain(base.get(name, NONE))} against {plain(head.get(name, NONE))}"
        for name in sorted({*base, *head})
        if base.get(name) != head.get(name)
    )


def _complete(run: GateRun) -> Check:
    if run.status == "complete":
        return Check(RUN, State.FINE, f"It ran to its end, in {counted(len(run.epochs), 'epoch')}.")
    return Check(RUN, State.WARNING, f"It is {plain(run.status)}: the verdict is that of what was measured so far.")


def _noise(run: GateRun, result: GateResult) -> Check:
    noises = [epoch.noise for epoch in run.epochs]
    if not noises:
        return Check("Noise", State.WARNING, "No epoch was measured.")
    parts = [
        f"other programs took {_typical([each.foreign_cores for each in noises])} cores",
        f"the hypervisor {_typical([each.steal_cores for each in noises])}",
    ]
    pressures = [each.pressure for each in noises if each.pressure is not None]
    if pressures:
        worst = f" (at worst {percent(max(pressures))})" if len(pressures) > 1 else ""
        parts.append(f"something waited for a core {percent(median(pressures))} of the time{worst}")
    spread = _spread(run, result)
    loud = usual_noise_cores(run.epochs) > USUAL_NOISE_CORES or any(
        each.code is ProblemCode.NOISY_MACHINE for each, _ in problems_of(run, result)
    )
    return Check("Noise", State.WARNING if loud else State.FINE, f"{sentence(joined(parts))}{spread}")


def _typical(values: Sequence[float]) -> str:
    worst = f" (at worst {max(values):.2f})" if len(values) > 1 and max(values) >= 0.005 else ""
    return f"{median(values):.2f}{worst}"


def _spread(run: GateRun, result: GateResult) -> str:
    """How far epochs lie apart by what is measured best."""
    for metric in SPREAD_OF:
        for key in dict.fromkeys(key for epoch in run.epochs for key in epoch.values if key[1] is metric):
            kept = [e.values[key] for e in run.epochs if key in e.values and e.number in counting(run, result)]
            changes = [value for value in (change_of(pair, metric) for pair in kept) if value is not None]
            if len(changes) > 1:
                middle = median(changes)
                away = number(median(abs(value - middle) for value in changes))
                what = "CPU per request" if metric is GateMetric.CPU else "throughput"
                return f" Half of the epochs lie within {away} % of the middle change of {what}."
    return ""


def _dropped(run: GateRun, result: GateResult) -> Check:
    of = counted(result.epochs, "epoch")
    if not result.dropped:
        return Check("Epochs", State.FINE, f"None of {of} was left out.")
    numbers = joined(shortlist([str(each) for each in result.dropped], 8))
    text = f"{len(result.dropped)} of {of} left out for noise, by a rule that does not look at the outcome: {numbers}."
    return Check("Epochs", State.WARNING, text)


def _load_side(run: GateRun, result: GateResult) -> Check:
    found = [each for each in problems_of(run, result) if each[0].code in LOAD_SIDE]
    if not found:
        return Check("Load side", State.FINE, "It was never the limit.")
    problem, epochs = max(found, key=lambda each: (each[0].severity is Severity.INVALID, each[1]))
    where = f"In {epochs} of {counted(len(run.epochs), 'epoch')}, for example: " if epochs else ""
    often = not epochs or epochs > LIMITED_SHARE_MAX * len(run.epochs)
    bad = problem.severity is Severity.INVALID and often
    return Check("Load side", State.INVALID if bad else State.WARNING, f"{where}{sentence(plain(problem.message))}")


def _answers(run: GateRun) -> Check:
    totals = {side: Ledger.total(ledgers_of_side(run, side)) for side in SIDES}
    said = [
        f"{side} answered {whole(ledger.ok)} of {counted(ledger.sent, 'request')} rightly"
        + (f", with {counted(ledger.error_count, 'error')}" if ledger.error_count else "")
        for side, ledger in totals.items()
    ]
    if run.failures:
        return Check("Answers", State.INVALID, sentence("; ".join(failure_words(each) for each in run.failures[:3])))
    if not any(ledger.sent for ledger in totals.values()):
        return Check("Answers", State.WARNING, "No request was sent.")
    wrong = any(ledger.error_count for ledger in totals.values())
    return Check("Answers", State.WARNING if wrong else State.FINE, sentence("; ".join(said)))


def ledgers_of_side(run: GateRun, side: str) -> Iterator[Ledger]:
    """The ledgers of one side, of every epoch and scenario."""
    for epoch in run.epochs:
        yield from (ledger for (_, of), ledger in epoch.ledgers.items() if of == side)


def _sides(run: GateRun, result: GateResult) -> Check:
    about = [each for each, _ in problems_of(run, result) if each.code in ABOUT_SIDES]
    told = [sentence(plain(each.message)) for each in about]
    found = differences(run)
    if found and not any(each.code is ProblemCode.UNEQUAL for each in about):
        told.insert(0, f"Beside the code differ: {_list(found)}. A change may be theirs.")
    if told:
        return Check("Sides", State.WARNING, " ".join(told[:3]))
    known = "interpreter" + (" and versions" if run.base.versions or run.head.versions else "")
    return Check("Sides", State.FINE, f"Nothing is known to differ but the code: the same {known}.")


def _list(texts: Iterable[str]) -> str:
    return "; ".join(shortlist(list(texts), 6))
