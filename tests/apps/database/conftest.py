"""A prepared database for each test, of either kind."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from sgibench.apps.database.schema import drop, in_schema, prepare

_NUMBERS = count(1)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    prepare(url)
    return url


@pytest.fixture
def postgresql_url(postgresql_server: str) -> Iterator[str]:
    url = in_schema(postgresql_server, f"shop_{next(_NUMBERS)}")
    prepare(url)
    yield url
    drop(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found
