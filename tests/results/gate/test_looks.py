"""Looks are planned beforehand, begin where they can decide, and never use up more than there is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.gate.looks import epochs_to_decide, largest_part, last_look, plan_looks, weight
from sgibench.results.gate.settings import GateMetric, GateSettings, Look
from sgibench.results.gate.statistics import fewest_epochs

USUAL = GateSettings()


@given(
    st.integers(0, 400),
    st.integers(1, 8),
    st.integers(0, 800),
    st.sampled_from([0.001, 0.01, 0.05]),
    st.sampled_from([0.005, 0.01, 0.05]),
)
def test_whenever_a_run_ends_it_has_used_up_no_more_than_there_is(
    expected: int, scenarios: int, ended: int, alpha: float, pass_alpha: float
) -> None:
    settings = GateSettings(alpha=alpha, pass_alpha=pass_alpha)
    settings = settings.looking(plan_looks(expected, settings, scenarios))
    made = [look for look in settings.looks if look.epochs < ended]
    made.append(last_look(settings, ended))
    assert math.fsum(look.alpha for look in made) <= alpha * (1 + 1e-9)
    assert math.fsum(look.pass_alpha for look in made) <= pass_alpha * (1 + 1e-9)
    assert made[-1].alpha >= 0.69 * alpha
    assert made[-1].pass_alpha >= 0.59 * pass_alpha


@given(st.integers(3, 300), st.integers(1, 6))
def test_no_look_is_made_or_paid_for_before_it_could_decide(expected: int, scenarios: int) -> None:
    part = largest_part(USUAL.gated, scenarios)
    looks = plan_looks(expected, USUAL, scenarios)
    assert [look.epochs for look in looks] == sorted({look.epochs for look in looks})
    for at, look in enumerate(looks):
        assert look.epochs < expected
        assert look.alpha == 0 or look.epochs > fewest_epochs(look.alpha * part)
        if at == 0:
            assert look.epochs >= fewest_epochs(look.pass_alpha)


def test_the_looks_of_the_usual_budgets_are_those_that_are_documented() -> None:
    assert [look.epochs for look in plan_looks(15)] == [9, 11]
    assert [look.epochs for look in plan_looks(31)] == [9, 11, 14, 18, 22, 28]
    assert [look.epochs for look in plan_looks(53)] == [9, 11, 14, 18, 22, 28, 35, 44]
    assert [look.alpha for look in plan_looks(15)] == [0, 0]
    assert [look.alpha for look in plan_looks(31)] == pytest.approx([0, 0, *[0.00075] * 4])
    assert [look.alpha for look in plan_looks(53)] == pytest.approx([0, 0, *[0.0005] * 6])


@pytest.mark.parametrize("expected", [-1, 0, 1, 9])
def test_a_run_too_short_for_two_looks_has_only_the_last(expected: int) -> None:
    assert plan_looks(expected) == ()
    assert last_look(USUAL, expected) == Look(expected, 0.01, 0.01)


def test_what_has_least_weight_can_still_be_found_in_eleven_epochs() -> None:
    least = min(weight(metric) for metric in USUAL.gated) / math.fsum(weight(metric) for metric in USUAL.gated)
    assert fewest_epochs(USUAL.alpha * least) == 11


def test_more_that_decides_needs_more_epochs() -> None:
    assert epochs_to_decide(USUAL) == 9
    assert epochs_to_decide(USUAL, scenarios=4) == 11
    assert epochs_to_decide(GateSettings(gated=(GateMetric.CPU,))) == 7


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"threshold_percent": 0.0}, "threshold"),
        ({"threshold_percent": math.nan}, "threshold"),
        ({"thresholds": {GateMetric.CPU: -1.0}}, "threshold"),
        ({"margin_share": 1.0}, "margin"),
        ({"alpha": 0.0}, "chance"),
        ({"pass_alpha": 0.7}, "chance"),
        ({"gated": ()}, "at least one metric"),
        ({"looks": (Look(9, 0, 0), Look(8, 0, 0))}, "one after another"),
        ({"looks": (Look(8, 0.02, 0),)}, "use up more"),
    ],
)
def test_settings_that_can_decide_nothing_are_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GateSettings(**bad)  # type: ignore[arg-type]


def test_thresholds_follow_from_the_one_that_is_asked_for_unless_they_are_their_own() -> None:
    settings = GateSettings(threshold_percent=3, thresholds={GateMetric.P90: 20})
    assert [settings.threshold_of(metric) for metric in (GateMetric.CPU, GateMetric.P50, GateMetric.P90)] == [3, 6, 20]
    assert settings.margin_of(GateMetric.CPU) == pytest.approx(3 / 16)
    assert (settings.threshold_of(GateMetric.LEAK), settings.margin_of(GateMetric.LEAK)) == (200, 100)
