"""What is written goes on being written, or is dropped: a gate does not end because nobody reads it."""

import subprocess
import sys
from pathlib import Path

import pytest

TELLS = """
import sys
from sgibench.runner.gate.telling import LastingConsole, write_out
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
def test_a_verdict_that_finds_no_room_is_an_error_of_one_line() -> None:
    told = "from sgibench.runner.gate.telling import write_out\nfrom sgibench.results.errors import StoreError\n"
    told += "import sys\ntry: write_out('x')\nexcept StoreError as error: sys.exit(error.told)"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", told], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.stderr == "cannot write to stdout: No space left on device (make room where it leads to)\n"


def test_a_fault_of_the_gates_own_is_not_taken_for_a_verdict() -> None:
    """Python itself ends with 1."""
    broken = "from sgibench.runner import cli\ncli.cli = None\ncli.main()"
    ended = subprocess.run([sys.executable, "-c", broken], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "TypeError" in ended.stderr or "AttributeError" in ended.stderr
