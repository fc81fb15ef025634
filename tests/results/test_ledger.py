"""The ledger balances exactly when every request is accounted for, once."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgibench.results.ledger import ErrorKind, Ledger

COUNTS = st.integers(0, 10**9)
ERRORS = st.dictionaries(st.sampled_from([kind.value for kind in ErrorKind]), COUNTS)


@st.composite
def balanced_ledgers(draw: st.DrawFn) -> Ledger:
    dropped, ok, in_flight, errors = draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(ERRORS)
    sent = ok + in_flight + sum(errors.values())
    return Ledger(sent + dropped, sent, dropped, ok, in_flight, errors)


WHOLE = Ledger(scheduled=12, sent=10, dropped=2, ok=6, in_flight=1, errors={"timeout": 2, "reset": 1})


def test_a_ledger_that_accounts_for_every_request_balances() -> None:
    assert WHOLE.balanced
    assert WHOLE.error_count == 3


def test_an_empty_ledger_balances() -> None:
    assert Ledger().balanced


@pytest.mark.parametrize("field", ["scheduled", "sent", "dropped", "ok", "in_flight"])
@pytest.mark.parametrize("step", [-1, 1])
def test_a_ledger_that_lost_or_doubled_a_request_does_not_balance(field: str, step: int) -> None:
    assert not replace(WHOLE, **{field: getattr(WHOLE, field) + step}).balanced


def test_a_ledger_that_lost_an_error_does_not_balance() -> None:
    assert not replace(WHOLE, errors={"timeout": 2}).balanced


@pytest.mark.parametrize(
    "negative",
    [
        Ledger(scheduled=0, sent=1, dropped=-1, ok=1),
        Ledger(scheduled=1, sent=1, ok=2, in_flight=-1),
        Ledger(scheduled=1, sent=1, ok=2, errors={"timeout": -1}),
        Ledger(scheduled=1, sent=1, ok=1, errors={"timeout": -1, "reset": 1}),
    ],
)
def test_sums_that_come_out_right_only_by_a_negative_count_do_not_balance(negative: Ledger) -> None:
    assert not negative.balanced


@given(balanced_ledgers(), balanced_ledgers())
def test_the_sum_of_balanced_ledgers_balances_and_adds_every_count(one: Ledger, other: Ledger) -> None:
    both = one + other
    assert both.balanced
    assert both.scheduled == one.scheduled + other.scheduled
    assert both.error_count == one.error_count + other.error_count
    assert both == other + one


@given(st.lists(balanced_ledgers(), max_size=5))
def test_a_total_is_the_sum_of_all_and_empty_for_none(ledgers: list[Ledger]) -> None:
    total = Ledger.total(ledgers)
    assert total.ok == sum(ledger.ok for ledger in ledgers)
    assert total.balanced
    assert Ledger.total([]) == Ledger()


@given(balanced_ledgers())
def test_a_ledger_survives_json(ledger: Ledger) -> None:
    again = Ledger.from_dict(ledger.to_dict())
    assert again.balanced
    assert again.to_dict() == ledger.to_dict()


def test_json_lists_every_kind_of_error_also_those_that_did_not_happen() -> None:
    assert WHOLE.to_dict()["errors"].keys() == {kind.value for kind in ErrorKind}
    assert WHOLE.to_dict()["errors"]["connect"] == 0


def test_an_error_of_a_kind_not_known_here_is_not_lost_in_json() -> None:
    odd = Ledger(scheduled=1, sent=1, errors={"from-a-newer-version": 1})
    assert Ledger.from_dict(odd.to_dict()) == odd
