"""What is left out, what is doubted and what is a failure follows from noise and errors, never from a change."""

import random

import pytest

from sgibench.results.gate.records import BASE, HEAD, EpochNoise, GateEpoch
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.trust import (
    dropped_epochs,
    head_errs,
    head_may_err,
    limited_epochs,
    noisy_epochs,
    usual_noise_cores,
)
from sgibench.results.ledger import Ledger

from ..builders import ledger
from .builders import epoch


def noisy(cores: list[float], percent: float = 0.0) -> list[GateEpoch]:
    return [
        epoch(number, {GateMetric.CPU: percent * number}, noise=EpochNoise(each * 0.75, each * 0.25))
        for number, each in enumerate(cores, 1)
    ]


def erring(*, head: list[Ledger] | None = None, base: list[Ledger] | None = None, count: int = 12) -> list[GateEpoch]:
    """Epochs whose first ones have those ledgers."""
    sides = {HEAD: head or [], BASE: base or []}
    return [
        epoch(
            number,
            {},
            errors={side: those[number - 1] for side, those in sides.items() if number <= len(those)},
        )
        for number in range(1, count + 1)
    ]


def test_epochs_far_noisier_than_the_others_are_left_out() -> None:
    assert dropped_epochs(noisy([0.05, 0.06, 1.2, 0.04, 0.05, 0.05, 0.9, 0.07, 0.05, 0.05])) == (3, 7)


@pytest.mark.parametrize("cores", [[0.0] * 10, [0.05, 0.2] * 5, [1.0, 1.1, 0.95, 1.05] * 3, []])
def test_noise_that_is_always_there_leaves_nothing_out(cores: list[float]) -> None:
    assert dropped_epochs(noisy(cores)) == ()


def test_no_more_than_a_fifth_is_left_out_the_worst_of_them() -> None:
    epochs = noisy([0.05] * 6 + [1.0, 1.3, 1.1, 1.2])
    assert noisy_epochs(epochs) == (8, 10, 9, 7)
    assert dropped_epochs(epochs) == (8, 10)


def test_what_is_left_out_does_not_depend_on_the_changes() -> None:
    cores = [0.05, 0.06, 1.2, 0.04, 0.05, 0.05, 0.9, 0.07, 0.05, 0.05]
    assert dropped_epochs(noisy(cores, 5.0)) == dropped_epochs(noisy(cores, -5.0)) == dropped_epochs(noisy(cores))


def test_the_usual_noise_is_that_of_the_middle_epoch() -> None:
    assert usual_noise_cores(noisy([0.2, 0.4, 2.0])) == pytest.approx(0.4)
    assert usual_noise_cores([]) == 0


def test_epochs_in_which_the_load_side_was_the_limit_are_counted_once() -> None:
    assert limited_epochs([epoch(1, {}, limited=["json", "page"]), epoch(2, {}, late=["json"])]) == 1


@pytest.mark.parametrize("kind", ["status", "timeout"])
def test_errors_of_the_head_alone_are_sure_if_each_of_three_epochs_has_them(kind: str) -> None:
    bad = ledger(900, **{kind: 100})
    assert head_errs(erring(head=[bad] * 2, count=2)) == ""
    said = head_errs(erring(head=[bad] * 3, count=3))
    assert "10.00%" in said
    assert "3 of 3 epochs" in said
    assert f"300 {kind}" in said


@pytest.mark.parametrize(("seen", "sure"), [(2, False), (7, False), (8, True)])
def test_errors_that_come_and_go_are_sure_if_a_coin_would_not_give_them_to_the_head(seen: int, sure: bool) -> None:
    epochs = erring(head=[ledger(1000), *[ledger(900, status=100)] * seen], count=27)
    assert bool(head_errs(epochs)) is sure
    assert f"in {seen} of 27 epochs" in head_may_err(epochs)


def test_an_app_that_errs_now_and_then_on_either_side_is_hardly_ever_called_a_failure_of_the_head() -> None:
    bad, right = ledger(900, status=100), ledger(1000)
    draw = random.Random(3)
    found = 0
    for _ in range(300):
        sides = [[bad if draw.random() < 0.1 else right for _ in range(14)] for _ in range(2)]
        epochs = erring(head=sides[0], base=sides[1], count=14)
        found += any(head_errs(epochs[:count]) for count in range(1, 15))
    assert found <= 3  # a chance of 0.1 % each makes more than three of 300 once in ten thousand times


def test_one_epoch_with_errors_or_as_many_at_the_base_is_no_doubt() -> None:
    bad = [ledger(900, status=100)]
    assert head_may_err(erring(head=bad)) == ""
    assert head_may_err(erring(head=[*bad, ledger(1000)] * 2, base=[ledger(1000), *bad] * 2)) == ""
    assert head_may_err([]) == head_errs([]) == ""


def test_few_errors_are_no_failure() -> None:
    assert head_errs(erring(head=[ledger(9995, status=5)] * 12)) == ""


def test_what_the_base_does_as_well_is_no_failure_of_the_head() -> None:
    flaky = [ledger(980, status=20), ledger(1000)] * 6
    assert head_errs(erring(head=flaky, base=flaky)) == ""
    assert head_errs(erring(head=flaky, base=flaky[::-1])) == ""


def test_a_head_that_errs_far_more_than_an_erring_base_is_a_failure() -> None:
    often = [ledger(1000), *[ledger(950, status=50)] * 14]
    seldom = [ledger(990, status=10), *[ledger(1000)] * 14]
    assert "14 of 15 epochs" in head_errs(erring(head=often, base=seldom, count=15))
    assert head_errs(erring(head=often[:4], base=seldom)) == ""
