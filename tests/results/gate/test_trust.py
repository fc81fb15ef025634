"""What is left out, what is doubted and what is a failure follows from noise and errors, never from a change."""

import pytest

from sgibench.results.gate.records import BASE, HEAD, EpochNoise, GateEpoch
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.trust import dropped_epochs, head_errs, limited_epochs, noisy_epochs, usual_noise_cores
from sgibench.results.ledger import Ledger

from ..builders import ledger
from .builders import epoch, limited


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
    assert limited_epochs([epoch(1, {}, problems=[limited(), limited()]), epoch(2, {})]) == 1


def test_wrong_answers_of_the_head_alone_show_in_two_epochs() -> None:
    bad = ledger(900, status=100)
    assert head_errs(erring(head=[bad])) == ""
    said = head_errs(erring(head=[bad, bad]))
    assert "10.00%" in said
    assert "2 of 12 epochs" in said
    assert "200 status" in said


def test_missed_deadlines_need_a_third_epoch_since_the_machine_may_have_stood_still() -> None:
    late = ledger(990, timeout=10)
    assert head_errs(erring(head=[late, late])) == ""
    assert "timeout" in head_errs(erring(head=[late] * 3))


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
