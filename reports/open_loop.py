"""What can be said of the open loop: who keeps up with what is offered, and how long answers take."""

from ..results.summary import Metric
from .format import counted, joined, percent, plain, quantity, ratio, shortlist
from .measures import percentile_name
from .panels import Panel, Row, rank_of
from .standing import answered, falls_behind


def keeping_up(panel: Panel) -> str:
    """In the open loop throughput has a ceiling that is chosen, so that it tells who keeps up and not who is fast."""
    behind = [row for row in panel.ranked if falls_behind(row.result)]
    total = len(panel.ranked)
    if not behind:
        lowest = max(panel.ranked, key=lambda row: rank_of(row.result, panel.measure.metric))
        if total == 1:
            return f"{_name(lowest)} keeps up: {_rate(panel, lowest)}."
        least = f"{_name(lowest)}, {panel.measure.verb} {_rate(panel, lowest)}"
        every = "both" if total == 2 else f"all {total}"
        return f"{every} targets keep up with what is offered; the lowest, {least}."
    told = [f"{_name(row)} ({_rate(panel, row)}, {percent(answered(row.result))} of what was due)" for row in behind]
    slow = joined(shortlist(told))
    verb = "does" if len(behind) == 1 else "do"
    return f"{total - len(behind)} of {counted(total, 'target')} keep up with what is offered; {slow} {verb} not."


def responses(panel: Panel) -> list[str]:
    """How targets stand to the baseline by their response times, the best first."""
    told = [text for metric in panel.metrics if (text := _responses(panel, metric))]
    return [f"Response time at the set rate, against {plain(panel.baseline)}: {'; '.join(told)}."] if told else []


def _responses(panel: Panel, metric: Metric) -> str:
    found = [comparison for row in panel.ranked if (comparison := row.over(metric)) is not None]
    found.sort(key=lambda comparison: -comparison.ratio.value)
    told = [f"{plain(each.target)} is {ratio(each.ratio)} as fast ({each.verdict.value})" for each in found]
    return f"at {percentile_name(metric)} {joined(shortlist(told))}" if told else ""


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
