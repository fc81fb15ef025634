"""What is written goes on being written, or is dropped: no command ends because nobody reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

TELLS = """
import sys
from sgibench.runner.streams import LastingConsole, write_out
console = LastingConsole(stderr=True)
for _ in range(3):
    console.print("a launch is over " * 1000)
    write_out("the verdict " * 10000)
    write_out("an annotation " * 10000, stderr=True)
sys.exit(75)
"""


def test_whoever_stops_reading_ends_no_gate_and_changes_no_exit_code() -> None:
    running = subprocess.Popen([sys.executable, "-c", TELLS], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout is not None
    assert running.stderr is not None
    running.stdout.close()
    running.stderr.close()
    assert running.wait(60) == 75


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("writes", ["write_out", "write_view"])
def test_a_verdict_that_finds_no_room_is_an_error_of_one_line(writes: str) -> None:
    told = f"from sgibench.runner.streams import {writes}\nfrom sgibench.results.errors import StoreError\n"
    told += f"import sys\ntry: {writes}('x')\nexcept StoreError as error: sys.exit(error.told)"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", told], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.stderr == "cannot write to stdout: No space left on device (make room where it leads to)\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
@pytest.mark.parametrize("arguments", [["gate", "--rejudge", "/nowhere"], ["gate", "--nonsense"], ["nonsense"]])
def test_an_error_that_finds_no_room_has_its_exit_code_all_the_same(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([sys.executable, "-m", "sgibench", *arguments], stdout=full, stderr=full, check=False)
    assert ended.returncode == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_where_the_output_goes_is_an_error_of_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "sgibench", "list"]
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "error: No space left on device, perhaps where the output goes\n"


def test_a_verdict_goes_nowhere_where_stdout_is_closed() -> None:
    told = "from sgibench.runner.streams import write_out; write_out('the verdict')"
    command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, told]
    ended = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    command = ["sh", "-c", 'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m sgibench list apps', sys.executable]
    ended = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: the folder that this was started in is gone\n")


def test_a_fault_of_the_gates_own_is_not_taken_for_a_verdict() -> None:
    """Python itself ends with 1."""
    broken = "from sgibench.runner import cli\ncli.cli = None\ncli.main()"
    ended = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "TypeError" in ended.stderr or "AttributeError" in ended.stderr
