"""What a scenario's figures are called: answers to requests, messages that came back, or starts."""

from dataclasses import dataclass

from ..results.estimate import Estimate
from ..results.records import ScenarioInfo, ScenarioKind
from ..results.summary import Metric, Result

START_NOTE = (
    "Start: from the launch to the first right answer, so less is better. Its ratio is how many times as fast a target "
    "starts: the baseline's time over its own."
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
    over: str = "throughput over the baseline's"


ANSWERS = Measure(Metric.THROUGHPUT, "Throughput", "requests/s", "answers", "request")
MESSAGES = Measure(Metric.THROUGHPUT, "Throughput", "messages/s", "echoes", "message")
STARTS = Measure(
    Metric.START, "Start", "ms", "starts in", "start", " as fast as ", "speed of the start over the baseline's"
)


def measure_of(scenario: ScenarioInfo) -> Measure:
    """What is counted in a scenario."""
    kinds = {ScenarioKind.WEBSOCKET: MESSAGES, ScenarioKind.COLD_START: STARTS}
    return kinds.get(scenario.kind, ANSWERS)


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
