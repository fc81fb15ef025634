"""A PostgreSQL of the tests' own, from Debian's packages: a cluster in a temporary folder, gone at the end."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MISSING = "NO POSTGRESQL FOUND: nothing was tried with it (apt-get install postgresql)"
USER = "sgibench"
START_S = 60.0
ATTEMPTS = 5
# A test's data need not survive a loss of power.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
}


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs: Debian keeps them out of PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    newest = max(found, key=lambda path: float(path.parent.name), default=None)
    on_path = shutil.which("initdb")
    return newest or (Path(on_path).parent if on_path else None)


@contextmanager
def cluster() -> Iterator[str]:
    """A running server's URL. Skips the test where PostgreSQL is not installed; in CI, that is a failure."""
    bin_folder = programs()
    if bin_folder is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    # Not below pytest's own folder: that is closed to the user which the server runs as. And short, for the socket.
    folder = Path(tempfile.mkdtemp(prefix="sgibench-pg-"))
    try:
        identity = _unprivileged(folder)
        _run(bin_folder, "initdb", "--pgdata", folder / "data", identity=identity)
        with _server(bin_folder, folder, identity) as port:
            yield f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(folder)


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in known else "nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _run(bin_folder: Path, program: str, *arguments: object, identity: dict[str, Any]) -> None:
    options = ("--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync")
    command = [str(bin_folder / program), *map(str, arguments), *options]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True, timeout=START_S, check=False, **identity)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _server(bin_folder: Path, folder: Path, identity: dict[str, Any]) -> Iterator[int]:
    log = folder / "log"
    for _ in range(ATTEMPTS):
        port = _free_port()
        settings = {**SETTINGS, "port": str(port), "unix_socket_directories": str(folder)}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(bin_folder / "postgres"), "-D", str(folder / "data"), *flags]
        with log.open("ab") as output:
            process = subprocess.Popen(command, cwd="/", stdout=output, stderr=output, **identity)
        try:
            if _answers(bin_folder, process, folder, port):
                yield port
                return
        finally:
            process.send_signal(signal.SIGINT)  # "fast": whoever is connected is disconnected
            process.wait(timeout=START_S)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")


def _answers(bin_folder: Path, process: subprocess.Popen[bytes], folder: Path, port: int) -> bool:
    """Whether it came up; not where somebody else took the port meanwhile. Asked over the socket, which is ours."""
    command = [str(bin_folder / "pg_isready"), "--quiet", "--host", str(folder), "--port", str(port)]
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if subprocess.run(command, timeout=START_S, check=False).returncode == 0:
            return True
        time.sleep(0.05)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
