"""``bench claims`` as a user runs it: real experiments in fresh interpreters."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..waiting import eventually
from .cli import bench, environment, family_of, living, start_bench

FACTS = {"id", "title", "source", "claimed", "measured", "unit", "verdict", "why", "readings", "interpreter"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    folder = tmp_path_factory.mktemp("claims")
    done = bench(
        "claims", "thread-memory", "validation", "--quick", "--seed", "7", "--json", "--output", "out", cwd=folder
    )
    assert done.code == 0, done.err
    return folder / "out", json.loads(done.out), done.err


def test_the_json_holds_what_is_promised(finished: tuple[Path, dict[str, Any], str]) -> None:
    _, found, _ = finished
    assert found["schema_version"] == 1
    assert [claim["id"] for claim in found["claims"]] == ["thread-memory", "validation"]
    for claim in found["claims"]:
        assert set(claim) >= FACTS
        assert claim["measured"]
        assert all(
            {"value", "low", "high", "n", "method", "unit"} <= set(figure) for figure in claim["measured"].values()
        )


def test_what_does_not_depend_on_the_machine_comes_out_as_it_is_known(
    finished: tuple[Path, dict[str, Any], str],
) -> None:
    _, found, _ = finished
    memory, validation = found["claims"]
    assert validation["verdict"] == "outdated", "Pydantic's words have changed since"
    agreed = {reading["measure"]: reading["agreement"] for reading in memory["readings"]}
    assert "fails" in agreed.values(), "no parked thread uses a megabyte"


def test_the_folder_holds_the_repetitions_and_the_pages(finished: tuple[Path, dict[str, Any], str]) -> None:
    folder, found, _ = finished
    rows = [json.loads(line) for line in (folder / "repetitions.jsonl").read_text().splitlines()]
    assert {row["claim"] for row in rows} >= {"thread-memory"}
    assert all(row["gave"] for row in rows)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert all(claim["id"] in page for claim in found["claims"])
    assert "def thread(" in page, "the code that ran"
    assert json.loads((folder / "claims.json").read_text(encoding="utf-8"))["status"] == "complete"
    assert (folder / "claims.md").read_text(encoding="utf-8").startswith("#")


def test_progress_goes_to_stderr_with_what_it_may_take(finished: tuple[Path, dict[str, Any], str]) -> None:
    _, _, said = finished
    assert "MiB of memory, half of what is free" in said
    assert "2 claims, about" in said
    assert "outdated" in said
    assert "\x1b" not in said


def test_a_stored_run_is_drawn_again(finished: tuple[Path, dict[str, Any], str], tmp_path: Path) -> None:
    folder, found, _ = finished
    done = bench("report", str(folder), "--json", "--output", "page.html", cwd=tmp_path)
    assert done.code == 0, done.err
    assert json.loads(done.out)["claims"] == found["claims"]
    assert (tmp_path / "page.html").read_text() == (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["claims", "thread-memry"], "did you mean 'thread-memory'?"),
        (["claims", "nonsense"], "bench list claims"),
        (["claims", "gather", "--python", "/nowhere"], "no Python interpreter"),
        (["claims", "gather", "--server-cores", "99"], "core 99 is not there"),
        (["claims", "gather", "--output", "/dev/null/x"], "cannot write /dev/null/x"),
        (["claims", "gather", "--output", "taken"], "taken already holds a run"),
        (["report", "broken"], "claims.json is damaged"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_one_message_with_code_2(
    arguments: list[str], says: str, tmp_path: Path
) -> None:
    for name, content in (("taken", "{}"), ("broken", '{"schema_version": 1}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "claims.json").write_text(content)
    done = bench(*arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_an_interpreter_that_is_too_old_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python3.10"
    answer = {"python": "3.10.4", "implementation": "CPython", "gil": True, "free_threaded": False, "installed": {}}
    old.write_text(f"#!/bin/sh\necho '{json.dumps(answer)}'\n")
    old.chmod(0o755)
    done = bench("claims", "gather", "--python", str(old), cwd=tmp_path)
    assert done.code == 2
    assert "is Python 3.10.4" in done.err
    assert "3.11 or newer" in done.err


def test_an_interpreter_without_packages_shows_what_it_can_and_says_what_it_lacks(tmp_path: Path) -> None:
    subprocess.run(["python3", "-m", "venv", "--without-pip", "bare"], cwd=tmp_path, check=True)
    done = bench(
        *("claims", "validation", "gather", "--quick", "--python", "bare", "--json", "--output", "out"), cwd=tmp_path
    )
    assert done.code == 0, done.err
    validation, gather = json.loads(done.out)["claims"]
    assert validation["verdict"] == "not measurable here"
    assert "pip install" in validation["problem"]
    assert gather["verdict"] != "not measurable here"


def test_few_files_and_one_core_are_no_hindrance_but_said(tmp_path: Path) -> None:
    def confined() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

    done = subprocess.run(
        [sys.executable, "-m", "sgibench", "claims", "cpu-bound", "asgi-10000", "--quick", "--json", "--output", "out"],
        cwd=tmp_path,
        env=environment(),
        preexec_fn=confined,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "there is one core" in done.stderr
    assert done.returncode == 0, done.stderr
    bound, held = json.loads(done.stdout)["claims"]
    assert "core" in json.dumps(bound["notes"]) + bound["problem"]
    assert "files" in json.dumps(held["notes"]) + held["problem"]


@pytest.mark.parametrize(
    ("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_no_process_is_left_and_the_verdicts_so_far_are_kept(signum: int, code: int, tmp_path: Path) -> None:
    # A shell that starts this in the background may have SIGINT ignored, which children inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = start_bench("claims", "gather", "blocking", "--output", "out", "--quick", cwd=tmp_path)
    stored = tmp_path / "out" / "claims.json"

    def first_is_over() -> bool:
        return stored.exists() and '"gather"' in stored.read_text(encoding="utf-8")

    assert eventually(first_is_over, 60)
    assert eventually(lambda: len(family_of(run.pid)) >= 3, 60)
    family = family_of(run.pid)
    os.kill(run.pid, signum)
    _, said = run.communicate(timeout=60)
    assert run.returncode == code, said
    assert "Traceback" not in said
    assert eventually(lambda: not living(family), 20), living(family)
    done = bench("report", "out", "--json", cwd=tmp_path)
    found = json.loads(done.out)
    assert found["status"] == "interrupted"
    assert [claim["id"] for claim in found["claims"]] == ["gather"]
