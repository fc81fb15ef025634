"""What all tests have in common: what is measured while they run stays out of the user's own cache."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .postgres import cluster

# A shell that starts the tests in the background has them ignore Ctrl-C, which some of them are about.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache directory for this session; matplotlib keeps its own, since looking for fonts takes long."""
    patch = pytest.MonkeyPatch()
    usual = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    patch.setenv("MPLCONFIGDIR", os.environ.get("MPLCONFIGDIR") or str(usual / "matplotlib"))
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    yield
    patch.undo()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL of a PostgreSQL of this session's own; each test chooses a schema of its own in it."""
    with cluster() as url:
        yield url
