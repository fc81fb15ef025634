"""What the laboratory knows of apps and servers: which there are, what a pair proves, what a browser shows."""

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from sgibench.apps.catalogue import APPS, Interface
from sgibench.runner.claims import proving
from sgibench.runner.targets.servers import kinds_for


def test_what_there_is_is_what_the_registry_has_for_an_interface() -> None:
    found = proving.there(sys.executable, "wsgi")
    assert set(found.apps) <= {name for name, info in APPS.items() if info.interface is Interface.WSGI}
    assert {"flask", "bare-wsgi"} <= set(found.apps)
    names = [kind.name for kind in found.kinds]
    assert names == [kind.name for kind in kinds_for(Interface.WSGI) if kind.name in names]
    assert {kind.loop for kind in proving.there(sys.executable, "asgi").kinds} <= {"asyncio", "trio"}


def test_what_an_interpreter_lacks_is_named_and_left_out(bare_python: Path) -> None:
    found = proving.there(str(bare_python), "asgi")
    assert (found.apps, found.kinds) == ((), ())
    assert f"uvicorn needs uvicorn, uvloop, httptools, which {bare_python} does not have." in found.missing
    assert any(sentence.startswith("fastapi needs ") for sentence in found.missing)


def test_a_pair_proves_the_contract_and_says_what_was_left_out() -> None:
    pairs = [("bare-asgi", "uvicorn"), ("bare-wsgi", "gunicorn-sync")]
    proofs = proving.prove(sys.executable, os.sched_getaffinity(0), pairs)
    assert [(proof.app, proof.kind) for proof in proofs] == pairs
    assert all(proof.wrong == "" and proof.left_out == () for proof in proofs)


def test_a_pair_that_does_not_start_is_told_with_its_reason(bare_python: Path) -> None:
    (proof,) = proving.prove(str(bare_python), os.sched_getaffinity(0), [("bare-asgi", "uvicorn")])
    assert "bare-asgi@uvicorn exited with code 1 before it answered" in proof.wrong
    assert "No module named uvicorn" in proof.wrong


def test_what_answers_an_upgrade_in_another_way_does_not_echo() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert proving.echo_fault(listener.getsockname()[1], "/", ["a text"]) != ""
        thread.join()


def test_without_a_browser_there_is_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "BROWSERS", ("no-such-browser",))
    assert proving.page("http://127.0.0.1:9/", 100) is None


def test_a_browser_that_does_not_end_shows_nothing_and_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sleeping = tmp_path / "sleeping-browser"
    sleeping.write_text("#!/bin/sh\nexec sleep 100\n")
    sleeping.chmod(0o755)
    monkeypatch.setattr(proving, "BROWSERS", (str(sleeping),))
    monkeypatch.setattr(proving, "BROWSER_TIMEOUT_S", 0.3)
    assert proving.page("http://127.0.0.1:9/", 100) is None


def test_a_page_is_what_the_browser_prints_between_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatty = tmp_path / "chatty-browser"
    chatty.write_text(
        '#!/bin/sh\necho "[1:2:ERROR] no bus"\necho "<html><body>$7</body></html>"\necho "[3:ERROR] bye"\n'
    )
    chatty.chmod(0o755)
    monkeypatch.setattr(proving, "BROWSERS", (str(chatty),))
    shown = proving.page("http://127.0.0.1:9/", 100)
    assert shown is not None
    assert shown.startswith("<html><body>")
    assert shown.endswith("</body></html>")
