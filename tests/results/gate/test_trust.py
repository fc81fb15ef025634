"""What is left out, what is doubted and what is a failure follows from noise and errors, never from a change."""

import random
from dataclasses import replace

import pytest

from sgibench.results.gate.records import BASE, HEAD, EpochNoise, GateEpoch
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.trust import (
    dropped_epochs,
    head_errs,
    head_may_err,
    limited_epochs,
    noisy_epochs,
    unanswered_epochs,
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


@pytest.mark.parametrize(("kind", "needed"), [("status", 5), ("body", 5), ("timeout", 8), ("connect", 8)])
def test_errors_of_the_head_alone_are_sure_if_each_epoch_from_the_first_has_them(kind: str, needed: int) -> None:
    bad = ledger(900, **{kind: 100})
    assert head_errs(erring(head=[bad] * needed, count=needed - 1), look=False) == ""
    said = head_errs(erring(head=[bad] * needed, count=needed), look=False)
    assert "10.00%" in said
    assert f"{needed} of {needed} epochs ({needed}00 {kind}); the base errs in none" in said


def test_where_some_epochs_have_delays_alone_as_many_are_needed_as_of_delays() -> None:
    mixed = [ledger(900, status=100, timeout=3), *[ledger(900, timeout=100)] * 7]
    assert head_errs(erring(head=mixed, count=7), look=False) == ""
    assert head_errs(erring(head=mixed, count=8), look=False)


@pytest.mark.parametrize("base", [ledger(9999, status=1), ledger(9999, timeout=1)])
def test_with_a_single_error_of_the_base_nothing_is_sure_before_a_look(base: Ledger) -> None:
    bad = [ledger(900, status=100)] * 8
    epochs = erring(head=bad, base=[ledger(1000), base], count=8)
    assert head_errs(epochs, look=False) == ""
    assert f"the base errs in 1 of 8 (1 {next(iter(base.errors))})" in head_errs(epochs, look=True)


@pytest.mark.parametrize(("seen", "sure"), [(2, False), (7, False), (8, True)])
def test_errors_that_come_and_go_are_sure_if_a_coin_would_not_give_them_to_the_head(seen: int, sure: bool) -> None:
    epochs = erring(head=[ledger(1000), *[ledger(900, status=100)] * seen], count=27)
    assert bool(head_errs(epochs, look=True)) is sure
    assert head_errs(epochs, look=False) == ""
    assert f"in {seen} of 27 epochs" in head_may_err(epochs)


def test_an_app_that_errs_now_and_then_on_either_side_is_hardly_ever_called_a_failure_of_the_head() -> None:
    bad, right = ledger(900, status=100), ledger(1000)
    draw = random.Random(3)
    found = 0
    for often in (0.1, 0.5):
        for _ in range(200):
            sides = [[bad if draw.random() < often else right for _ in range(14)] for _ in range(2)]
            epochs = erring(head=sides[0], base=sides[1], count=14)
            found += any(head_errs(epochs[:count], look=count > 5) for count in (5, 9, 11, 14))
    assert found <= 4  # of 400: at once one of 1,000 at most, at a look of so few launches as seldom


def test_wrong_answers_in_one_epoch_are_a_doubt_where_the_base_gives_none_and_delays_are_not() -> None:
    bad = [ledger(900, status=100)]
    said = head_may_err(erring(head=bad))
    assert "in 1 of 12 epochs (100 status); the base errs in none: too seldom to be sure" in said
    assert "(2 status)" in head_may_err(erring(head=[ledger(998, status=2)]))  # few, and yet too large a share
    assert head_errs(erring(head=bad), look=True) == ""
    assert head_may_err(erring(head=[ledger(900, timeout=100)])) == ""
    assert head_may_err(erring(head=[ledger(900, timeout=100)] * 2))
    assert "the base errs in 1 of 12 (3 timeout)" in head_may_err(erring(head=bad, base=[ledger(997, timeout=3)]))
    assert head_may_err(erring(head=bad, base=[ledger(1000), ledger(999, status=1)])) == ""


def test_as_many_epochs_with_errors_at_the_base_are_no_doubt() -> None:
    bad, right = ledger(900, status=100), ledger(1000)
    assert head_may_err(erring(head=[bad, right] * 2, base=[right, bad] * 2)) == ""
    assert head_may_err([]) == head_errs([], look=True) == ""


def test_wrong_answers_in_a_noisy_epoch_let_nothing_pass_and_make_nothing_sure() -> None:
    bad = ledger(900, status=100)
    epochs = [
        epoch(at, {}, errors={HEAD: bad} if at <= 5 else {}, noise=EpochNoise(2.0 if at == 1 else 0.05))
        for at in range(1, 13)
    ]
    assert head_errs(epochs[:5], look=False) == ""  # four of them count
    assert "in 5 of 12 epochs" in head_may_err(epochs)
    assert "in 1 of 8 epochs" in head_may_err([epochs[0], *epochs[5:]])


@pytest.mark.parametrize(
    ("head", "doubt", "sure"), [(4, False, False), (5, True, False), (7, True, False), (8, True, True)]
)
def test_few_wrong_answers_are_counted_over_all_epochs(head: int, doubt: bool, sure: bool) -> None:
    epochs = erring(head=[ledger(9999, status=1)] * head)
    said = head_may_err(epochs)
    assert bool(said) is doubt
    assert bool(head_errs(epochs, look=True)) is sure
    if doubt:
        assert f"({head} status), wrongly in {head} of 12 epochs; the base errs in none" in said
        assert head_may_err(erring(head=[ledger(9999, status=1)] * head, base=[ledger(9999, status=1)])) == ""


def test_few_delays_are_no_doubt() -> None:
    epochs = erring(head=[ledger(9995, timeout=5)] * 12)
    assert head_errs(epochs, look=True) == head_may_err(epochs) == ""


def test_what_the_base_does_as_well_is_no_failure_of_the_head() -> None:
    flaky = [ledger(980, status=20), ledger(1000)] * 6
    assert head_errs(erring(head=flaky, base=flaky), look=True) == ""
    assert head_errs(erring(head=flaky, base=flaky[::-1]), look=True) == ""


def test_a_head_that_errs_far_more_than_an_erring_base_is_a_failure_and_the_base_is_told() -> None:
    often = [ledger(1000), *[ledger(950, status=50)] * 14]
    seldom = [ledger(990, status=10), *[ledger(1000)] * 14]
    said = head_errs(erring(head=often, base=seldom, count=15), look=True)
    assert "14 of 15 epochs (700 status); the base errs in 1 of 15 (10 status)" in said
    assert head_errs(erring(head=often[:4], base=seldom), look=True) == ""
    always = [ledger(990, status=10)] * 15
    assert "the base errs in 15 of 15 (150 status)" in head_errs(erring(head=often, base=always, count=15), look=True)


def test_sides_are_compared_within_each_scenario() -> None:
    """As where the base cannot do what the head can, and the other way round in another."""
    of = {
        ("json", BASE): ledger(1000), ("json", HEAD): ledger(950, status=50),
        ("page", BASE): ledger(900, status=100), ("page", HEAD): ledger(900, status=100),
    }  # fmt: skip
    epochs = [replace(each, ledgers=of) for each in erring(count=8)]
    said = head_errs(epochs, look=True)
    assert "answers 5.00% of its requests wrongly or not at all in 8 of 8 epochs (400 status)" in said
    assert "the base errs in 8 of 8 (800 status)" in said
    assert unanswered_epochs(epochs) == 8
