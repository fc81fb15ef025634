"""What a scenario's figures are called: answers to requests, messages that came back, or starts."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..results.estimate import Estimate
from ..results.records import Level, ScenarioInfo, ScenarioKind
from ..results.summary import RESPONSES, Metric, Result

START_NOTE = (
    "Start: from the launch to the first right answer, so less is better. Its ratio is how many times as fast a target "
    "starts: the baseline's time over its own."
)
RESPONSE_NOTE = (
    "At the set rate response times are compared, at the median (p50) and at 90 of 100 requests (p90), so less is "
    "better. Their ratio is how many times as fast a target responds: the baseline's time over its own."
)


@dataclass(frozen=True, slots=True)
class Measure:
    """The figure by which targets are ranked, in words: `verb` goes before the figure, `than` after a ratio of it."""

    metric: Metric
    name: str
    unit: str
    verb: str
    one: str  # what a figure per something is per
    than: str = " "


ANSWERS = Measure(Metric.THROUGHPUT, "Throughput", "requests/s", "answers", "request")
MESSAGES = Measure(Metric.THROUGHPUT, "Throughput", "messages/s", "echoes", "message")
STARTS = Measure(Metric.START, "Start", "ms", "starts in", "start", " as fast as ")
# What a ratio is of, where the larger one is the better one.
RATIO_NAMES: Mapping[Metric, str] = {
    Metric.THROUGHPUT: "throughput",
    Metric.START: "speed of the start",
    **dict.fromkeys(RESPONSES, "response speed"),
}


def measure_of(scenario: ScenarioInfo) -> Measure:
    """What is counted in a scenario."""
    kinds = {ScenarioKind.WEBSOCKET: MESSAGES, ScenarioKind.COLD_START: STARTS}
    return kinds.get(scenario.kind, ANSWERS)


def metrics_of(scenario: ScenarioInfo, level: Level) -> tuple[Metric, ...]:
    """What targets are compared by there: where the rate was set, by how long they take to respond."""
    metric = measure_of(scenario).metric
    return RESPONSES if level.rate_rps and metric is not Metric.START else (metric,)


def percentile_name(metric: Metric) -> str:
    """``p50``; empty for what is no percentile."""
    return "" if metric.percentile is None else f"p{metric.percentile:g}"


def ratio_name(metric: Metric) -> str:
    """What a ratio is of, in full."""
    at = f" at the set rate, {percentile_name(metric)}," if metric.percentile is not None else ""
    return f"{RATIO_NAMES[metric]}{at}"


def held_one(scenario: ScenarioInfo) -> str:
    """What a scenario holds many of: open connections, or requests in flight."""
    return "connection" if scenario.kind is ScenarioKind.WEBSOCKET else "request"


def figure_of(result: Result) -> Estimate | None:
    """The figure by which it is ranked: milliseconds of a cold start, else right answers per second."""
    return result.throughput_rps if result.start_ms is None else result.start_ms


def inverted(estimate: Estimate) -> Estimate:
    """One over it: a ratio of times as a ratio of speeds."""
    low = None if estimate.high is None else 1 / estimate.high
    high = None if estimate.low is None else 1 / estimate.low
    return Estimate(1 / estimate.value, low, high, estimate.n, estimate.method)
