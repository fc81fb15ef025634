"""Tests that need PostgreSQL cannot be left out silently."""

import pytest

from . import postgres


def test_where_it_is_missing_its_tests_are_skipped_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "programs", lambda: None)
    monkeypatch.delenv("CI", raising=False)
    with (
        pytest.raises(pytest.skip.Exception, match=r"NO POSTGRESQL FOUND.*apt-get install postgresql"),
        postgres.cluster(),
    ):
        pass


def test_in_ci_they_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "programs", lambda: None)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match=r"NO POSTGRESQL FOUND"), postgres.cluster():
        pass
