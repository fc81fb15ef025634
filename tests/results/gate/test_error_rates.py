"""How often the rule is wrong, on seeded made-up epochs. Bounds leave room for chance, and none for a wrong rule."""

from collections import Counter

import numpy as np
import pytest

from sgibench.results.gate.judge import judge
from sgibench.results.gate.looks import plan_looks
from sgibench.results.gate.records import GateEpoch
from sgibench.results.gate.settings import GateMetric, GateSettings

from .builders import epoch, gate_run

SPREADS = {
    GateMetric.THROUGHPUT: 1.1,
    GateMetric.CPU: 1.1,
    GateMetric.THROUGHPUT_TOTAL: 1.5,
    GateMetric.CPU_TOTAL: 1.5,
    GateMetric.P50: 1.8,
    GateMetric.P90: 3.5,
    GateMetric.MEMORY_IDLE: 0.3,
    GateMetric.MEMORY_PEAK: 0.3,
}


def drawn(count: int, slowdown: float, rng: np.random.Generator, heavy: bool = False) -> list[GateEpoch]:
    """Epochs whose throughput and CPU are worse by so many percent; `heavy`: one in eight is five times as noisy."""
    found = []
    for number in range(1, count + 1):
        scale = 5.0 if heavy and rng.random() < 0.125 else 1.0
        percents = {metric: scale * spread * float(rng.standard_normal()) for metric, spread in SPREADS.items()}
        percents[GateMetric.THROUGHPUT] = 0.9 * percents[GateMetric.CPU] + 0.44 * percents[GateMetric.THROUGHPUT]
        for metric in (GateMetric.THROUGHPUT, GateMetric.CPU):
            percents[metric] += slowdown
        found.append(epoch(number, percents))
    return found


def verdicts(settings: GateSettings, count: int, slowdown: float, runs: int, heavy: bool = False) -> Counter[str]:
    """How many of so many runs ended how."""
    rng = np.random.default_rng(20)
    settings = settings.looking(plan_looks(count, settings))
    return Counter(
        judge(gate_run(drawn(count, slowdown, rng, heavy), settings), final=True).verdict.value for _ in range(runs)
    )


@pytest.mark.parametrize("heavy", [False, True], ids=["normal", "heavy"])
def test_equal_versions_are_called_regressed_no_more_often_than_is_promised_even_without_a_margin(heavy: bool) -> None:
    # All looks of 31 epochs, eight metrics, and every chance of error at 20 %, so that 100 runs can tell: more than 32
    # of them come with a chance of 0.2 % if the bound holds, and surely if each metric and look had 20 % of its own.
    settings = GateSettings(margin_share=0.0, alpha=0.2, pass_alpha=0.0001)
    assert verdicts(settings, 31, 0.0, 100, heavy)["regressed"] <= 32


def test_a_slowdown_of_two_percent_is_caught_in_ninety_seconds_and_hardly_ever_passes() -> None:
    found = verdicts(GateSettings(), 15, 2.0, 60)
    assert found["regressed"] >= 54  # nearly all are expected
    assert found["pass"] <= 2


def test_equal_versions_pass_in_ninety_seconds() -> None:
    found = verdicts(GateSettings(), 15, 0.0, 60)
    assert found["pass"] >= 54  # nearly all are expected
    assert found["regressed"] == 0
