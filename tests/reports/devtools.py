"""A real, headless browser, driven over the DevTools protocol."""

import json
import os
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import websocket

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
START_S = 30.0
ANSWER_S = 30.0

Json = dict[str, Any]


def executable() -> str | None:
    """Where the browser is."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Tab:
    """One page of the browser, with the events that it sent."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection
        self._last = 0
        self.events: list[Json] = []
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Json:
        """The result of a command; events that come meanwhile are kept."""
        self._last += 1
        self._connection.send(json.dumps({"id": self._last, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._last:
                assert "error" not in message, message
                result: Json = message["result"]
                return result

    def open(self, path: Path, width: int = 1200, scheme: str = "light") -> str:
        """Load a file, wait until it is loaded, and return its address. Events of before are forgotten."""
        self.resize(width)
        self.scheme(scheme)
        self.events.clear()
        address = path.as_uri()
        self.call("Page.navigate", url=address)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self._receive()
        return address

    def resize(self, width: int) -> None:
        """Give the page this width."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)

    def scheme(self, scheme: str) -> None:
        """Make the page believe that its reader prefers light or dark."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def seen(self, method: str) -> list[Mapping[str, Any]]:
        """What came with the events of this name."""
        self.evaluate("0")  # whatever was under way has arrived after this
        return [event["params"] for event in self.events if event["method"] == method]

    def _receive(self) -> Json:
        message: Json = json.loads(self._connection.recv())
        if "method" in message:
            self.events.append(message)
        return message


@contextmanager
def browser(path: str, profile: Path) -> Iterator[Tab]:
    """A tab of a browser that ends with the block, whatever happens in it."""
    process = subprocess.Popen(
        [path, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        connection = websocket.create_connection(_address(process, profile), timeout=ANSWER_S, suppress_origin=True)
        try:
            yield Tab(connection)
        finally:
            connection.close()
    finally:
        # The session's group, for chromium is many processes.
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def _address(process: subprocess.Popen[bytes], profile: Path) -> str:
    """Where the first tab listens."""
    file, deadline = profile / "DevToolsActivePort", time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) > 1:
            with urllib.request.urlopen(f"http://127.0.0.1:{lines[0]}/json", timeout=ANSWER_S) as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError(f"the browser did not listen within {START_S:g} s")
