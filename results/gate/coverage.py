"""Whether what is to decide was measured often enough: what was seldom seen never passes in silence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .metrics import NOT_NEEDED, OF_MEMORY
from .records import WHOLE, GateEpoch, Key
from .settings import GateMetric, GateSettings

# A metric that has a value in fewer of the epochs is no figure of theirs: where it is missing may be where it is bad.
MEASURED_SHARE_MIN = 0.8


@dataclass(frozen=True, slots=True)
class Gap:
    """A metric that lacks values in `missing` of so many `epochs`; in `late` of those the load side was late."""

    key: Key
    missing: int
    epochs: int
    late: int


def gaps(epochs: Sequence[GateEpoch], scenarios: Sequence[str], settings: GateSettings) -> tuple[Gap, ...]:
    """What is to decide, and was measured in too few of those epochs to pass, in the order of the metrics.

    Memory that was measured in none is what this machine does not tell: it decides nothing, and that is said elsewhere.
    """
    found = []
    for key in _expected(epochs, scenarios, settings):
        without = [epoch for epoch in epochs if key not in epoch.values]
        some = len(without) < len(epochs)
        if len(epochs) - len(without) < MEASURED_SHARE_MIN * len(epochs) and (some or key[1] not in OF_MEMORY):
            found.append(Gap(key, len(without), len(epochs), sum(key[0] in epoch.late for epoch in without)))
    return tuple(found)


def _expected(epochs: Sequence[GateEpoch], scenarios: Sequence[str], settings: GateSettings) -> Iterator[Key]:
    seen = (scenario for epoch in epochs for scenario, _ in epoch.values if scenario != WHOLE)
    every = list(dict.fromkeys([*scenarios, *seen]))
    for metric in settings.gated:
        if metric not in NOT_NEEDED:
            yield from ((scenario, metric) for scenario in ([WHOLE] if metric.of_launch else every))


def why_missing(found: Sequence[Gap], settings: GateSettings) -> Iterator[str]:
    """Each gap with its cause and what to do, in words; those of one scenario and cause together."""
    without = {gap.key[1] for gap in found}
    left = [metric for metric in settings.gated if metric not in without]
    instead = " ".join(f"--gate {short_name(metric)}" for metric in left)
    grouped: dict[tuple[str, int, bool], list[Gap]] = {}
    for gap in found:
        grouped.setdefault((gap.key[0], gap.missing, 2 * gap.late > gap.missing), []).append(gap)
    for (scenario, missing, late), those in grouped.items():
        names = " and ".join(gap.key[1].value for gap in those)
        of = f" of {scenario}" if scenario else ""
        timed = all(gap.key[1].percentile is not None for gap in those)
        why = "the load side was late" if late else "too few answers" if timed else "no figure of both sides"
        steps = ["give it a core of its own"] if late else []
        steps += [f"do without: {instead}"] if instead else []
        yield f"{names}{of} could not be measured in {missing} of {those[0].epochs} epochs: {why}" + (
            f"; {', or '.join(steps)}" if steps else ""
        )


def short_name(metric: GateMetric) -> str:
    """The name of a metric on the command line."""
    return metric.name.lower().replace("_", "-")
