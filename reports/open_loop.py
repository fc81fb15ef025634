"""What can be said of the open loop: who keeps up with what is offered, and how long answers take."""

from ..results.records import ProblemCode
from ..results.summary import Result
from .format import counted, joined, percent, plain, quantity, shortlist
from .panels import Panel, Row

KEEPING_UP = 0.98


def keeping_up(panel: Panel) -> str:
    """In the open loop throughput has a ceiling that is chosen, so that it tells who keeps up and not who is fast."""
    behind = [row for row in panel.ranked if falls_behind(row.result)]
    total = len(panel.ranked)
    if not behind:
        verb = panel.measure.verb
        lowest = f"{_name(panel.ranked[-1])}, {verb} {_rate(panel, panel.ranked[-1])}"
        if total == 1:
            return f"{_name(panel.ranked[0])} keeps up: {_rate(panel, panel.ranked[0])}."
        return f"all {total} targets keep up with what is offered; the lowest, {lowest}."
    told = [f"{_name(row)} ({_rate(panel, row)}, {percent(answered(row.result))} of what was due)" for row in behind]
    slow = joined(shortlist(told))
    verb = "does" if len(behind) == 1 else "do"
    return f"{total - len(behind)} of {counted(total, 'target')} keep up with what is offered; {slow} {verb} not."


def falls_behind(result: Result) -> bool:
    """Whether a target answers less than what is due."""
    overloaded = any(problem.code is ProblemCode.OVERLOADED for problem in result.problems)
    return overloaded or answered(result) < KEEPING_UP


def answered(result: Result) -> float:
    """What share of the requests that were due was answered rightly."""
    return result.ledger.ok / result.ledger.scheduled if result.ledger.scheduled else 0.0


def response_tails(panel: Panel) -> list[str]:
    """How long answers take at the 99th percentile, from the quickest target to the slowest."""
    tails = [(row, (row.result.response_time_ms or {}).get("p99")) for row in panel.ranked]
    known = sorted(
        ((row, tail) for row, tail in tails if tail is not None),
        key=lambda pair: pair[1].value,
    )
    if not known:
        return []
    texts = [f"{quantity(tail, 'ms')} for {_name(row)}" for row, tail in (known[0], known[-1])]
    spread = " to ".join(texts if len(known) > 1 else texts[:1])
    text = f"Response time from the planned instant, 99th percentile: {'from ' if len(known) > 1 else ''}{spread}."
    dropped = any(row.result.ledger.dropped for row in panel.ranked)
    return (
        [text, "Requests that could not be sent when due have none, and would have made it longer."]
        if dropped
        else [text]
    )


def _rate(panel: Panel, row: Row) -> str:
    return quantity(row.result.throughput_rps, panel.measure.unit)


def _name(row: Row) -> str:
    return plain(row.result.target)
