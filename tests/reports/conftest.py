import os
from collections.abc import Iterator

import pytest

from .devtools import Tab, browser, executable


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    path = executable()
    if path is None:
        message = "NO CHROMIUM FOUND: the page was not looked at in a browser (apt-get install chromium)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    with browser(path, tmp_path_factory.mktemp("profile")) as found:
        yield found
