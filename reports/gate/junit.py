"""A gate's verdict as JUnit XML: a test case for each figure that decides, and one for each failure."""

import unicodedata
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from ...results.gate.metrics import NOT_NEEDED
from ...results.gate.records import GateFailure, GateRun
from ...results.gate.verdicts import GateResult, GateVerdict, MetricResult, MetricVerdict
from ..format import plain
from .words import change_words, facts, failure_words, headline, limit_words, reasons, side_name

CLASS = "sgibench.gate"
OUTCOMES = ("failure", "error", "skipped")


@dataclass(frozen=True, slots=True)
class Case:
    """A test case. `outcome` is empty where it passed, else one of `OUTCOMES`."""

    classname: str
    name: str
    outcome: str = ""
    kind: str = ""
    message: str = ""
    details: str = ""


def render_gate_junit(run: GateRun, result: GateResult) -> str:
    """The document. Something fails if, and only if, the gate says regressed; inconclusive is skipped."""
    cases = _cases(run, result)
    counts = {outcome: sum(case.outcome == outcome for case in cases) for outcome in OUTCOMES}
    numbers = {
        "tests": str(len(cases)),
        "failures": str(counts["failure"]),
        "errors": str(counts["error"]),
        "skipped": str(counts["skipped"]),
        "time": f"{max(result.elapsed_s, 0.0):.3f}",
    }
    root = Element("testsuites", {"name": "sgibench gate", **numbers})
    name = _xml(f"bench gate {run.app} on {run.setup}")
    suite = SubElement(root, "testsuite", {"name": name, **numbers, "timestamp": _xml(run.started_at)})
    properties = SubElement(suite, "properties")
    for name, value in _properties(run, result):
        SubElement(properties, "property", {"name": name, "value": _xml(value)})
    for case in cases:
        _add(suite, case)
    SubElement(suite, "system-out").text = _xml("\n".join((headline(run, result), *reasons(run, result))))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _properties(run: GateRun, result: GateResult) -> list[tuple[str, str]]:
    return [
        ("verdict", result.verdict.value),
        ("base", side_name(run.base)),
        ("base commit", run.base.commit),
        ("head", side_name(run.head)),
        ("head commit", run.head.commit),
        ("seed", str(run.seed)),
        ("run", run.run_id),
        ("facts", "; ".join(facts(run, result))),
    ]


def _cases(run: GateRun, result: GateResult) -> list[Case]:
    cases = [_of_failure(failure) for failure in run.failures]
    cases += [_of_metric(each, run, result) for each in result.metrics if each.gating]
    told = {case.outcome for case in cases}
    why = " ".join(reasons(run, result))
    if result.verdict is GateVerdict.REGRESSED:
        if "failure" not in told:
            cases.insert(0, Case(f"{CLASS}.answers", "answers", "failure", "regressed", why))
    elif result.verdict is not GateVerdict.PASS and "skipped" not in told:
        cases.insert(0, Case(f"{CLASS}.verdict", "verdict", "skipped", "", why))
    return cases


def _of_failure(failure: GateFailure) -> Case:
    """Of the head: where the base fails there is no verdict."""
    name = f"{failure.side} {failure.kind.value}"
    message = failure_words(failure)
    return Case(_class(failure.scenario), name, "failure", failure.kind.value, message, failure.message)


def _of_metric(each: MetricResult, run: GateRun, result: GateResult) -> Case:
    figures = f"{change_words(each)}; threshold {limit_words(each.threshold, each.unit)}, margin "
    figures += f"{limit_words(each.margin, each.unit)}; {each.verdict.value}"
    outcome, kind, message = _outcome(each, run, result)
    told = f"{message}{figures}" if outcome else ""
    return Case(_class(each.scenario), each.metric.value, outcome, kind, told, figures)


def _outcome(each: MetricResult, run: GateRun, result: GateResult) -> tuple[str, str, str]:
    """Outcome, kind, and what its message begins with."""
    if each.verdict is MetricVerdict.PASS:
        return "", "", ""
    if each.verdict is MetricVerdict.REGRESSED and result.verdict is GateVerdict.REGRESSED:
        return "failure", "regressed", f"{each.metric.value} regressed: "
    if result.verdict is GateVerdict.PASS and each.metric in NOT_NEEDED:
        return "skipped", "", "not found, and a pass does not wait until it is sure that there is none: "
    why = reasons(run, result)[0] if result.verdict is GateVerdict.INCONCLUSIVE else "not decided"
    return "skipped", "", f"{why.rstrip('.')}: "


def _class(scenario: str) -> str:
    """Dots part the class's name into folders, so a scenario has none."""
    return f"{CLASS}.{plain(scenario).replace('.', '_') or 'launch'}"


def _add(suite: Element, case: Case) -> None:
    found = SubElement(suite, "testcase", {"classname": _xml(case.classname), "name": _xml(case.name), "time": "0.000"})
    if case.outcome:
        attributes = {"message": _xml(case.message)}
        if case.outcome != "skipped":
            attributes["type"] = _xml(case.kind)
        SubElement(found, case.outcome, attributes).text = _xml(case.details or case.message)
    elif case.details:
        SubElement(found, "system-out").text = _xml(case.details)


def _xml(text: str) -> str:
    """Text that XML 1.0 can hold: no control characters, no halves of surrogates, lines ended by one sign."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return "".join(sign if sign in "\n\t" or _allowed(sign) else "\ufffd" for sign in text)


def _allowed(sign: str) -> bool:
    return unicodedata.category(sign) not in ("Cc", "Cs") and ord(sign) not in (0xFFFE, 0xFFFF)
