"""What holds for all tests of the load path."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _small_heap() -> Iterator[None]:
    """The engine collects garbage before every block: that need not look through all that the tests have imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
