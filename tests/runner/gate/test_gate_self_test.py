"""``bench gate --self-test``. That it comes out right on a real machine is seen in CI, which runs it."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.results.gate.records import GateEpoch, Pair
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.store import load_gate
from sgibench.results.gate.verdicts import GateVerdict
from sgibench.runner.gate.self_test import COLD, Pricing, loop_ns, loops_for

from ...results.gate.builders import epochs, gate_run
from ..commands.cli import family_of, living, start_bench
from ..waiting import eventually
from .running import launched


def taking(*cpu_us: float) -> list[GateEpoch]:
    """Launches whose base took so much CPU per request, and the head twice that."""
    values = [{("json", GateMetric.CPU): Pair(us, 2 * us)} for us in cpu_us]
    return [replace(epoch, values=value) for epoch, value in zip(epochs(len(cpu_us)), values, strict=True)]


def test_the_loops_are_that_share_of_what_a_request_took() -> None:
    assert loops_for(10, taking(150.0), [50.0]) == 300
    assert loops_for(5, taking(150.0), [50.0]) == 150


def test_each_launch_is_held_against_the_price_beside_it_and_one_wild_price_moves_nothing() -> None:
    of_a_machine_that_slows_down = taking(100.0, 150.0, 200.0)
    assert loops_for(10, of_a_machine_that_slows_down, [40.0, 60.0, 80.0]) == 250
    assert loops_for(10, taking(150.0, 150.0, 150.0), [50.0, 5000.0, 50.0]) == 300


def test_nothing_can_be_planted_where_no_request_was_measured() -> None:
    assert loops_for(10, [], []) == 0
    assert loops_for(10, [replace(epoch, values={}) for epoch in epochs(2)], [50.0, 50.0]) == 0


def test_a_loop_has_a_price_without_what_the_clock_costs() -> None:
    assert loop_ns() > 0
    times = iter(range(0, 10**9, 1000))
    assert loop_ns(lambda: next(times)) == 0


def test_the_price_is_taken_once_after_each_launch_and_the_gate_judges_as_ever() -> None:
    pricing = Pricing(iter([40.0, 50.0]).__next__)
    runs = [gate_run(epochs(count)) for count in (1, 2)]
    assert [pricing(run).verdict for run in runs] == [GateVerdict.GO_ON] * 2
    assert pricing.seen == pytest.approx([COLD * 40.0, COLD * 50.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--base", "main"), "--base does not go with it"),
        (("--app", "flask", "--path", "/json"), "--app, --path does not go with it"),
        (("--gate", "cpu", "--junit", "j.xml"), "--gate, --junit does not go with it"),
        (("--rejudge", "out"), "--rejudge does not go with it"),
        (("--budget", "5s"), "a budget of 5 s is too small"),
        (("--budget", "soon"), "'soon' is no duration"),
    ],
)
def test_what_makes_no_sense_beside_it_is_refused_by_name_before_anything_is_made(
    tmp_path: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from sgibench.results.errors import BenchError
    from sgibench.runner.cli import _add_commands, cli

    if not cli.registered_commands:
        _add_commands()
    monkeypatch.chdir(tmp_path)
    error = CliRunner().invoke(cli, ["gate", "--self-test", *arguments]).exception
    assert isinstance(error, BenchError)
    assert message in error.told
    assert error.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_tells_what_there_is_and_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.sgibench.gate]\nbase = "no-such-ref"\n')
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    running = start_bench("gate", "--self-test", "--output", "out", "--json", cwd=tmp_path)
    assert eventually(lambda: launched(running), 60)
    family = family_of(running.pid)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    document = json.loads(out)
    assert (document["verdict"], document["exit_code"]) == ("inconclusive", 130)
    (told,) = document["parts"]
    assert (told["part"], told["expected"], told["verdict"]) == ("a-against-a", "pass", "inconclusive")
    assert told["run"] == "out/a-against-a"
    assert told["epochs"] == len(load_gate(tmp_path / told["run"]).epochs)
    assert living(family) == []
    assert not list((tmp_path / "temporary").glob("sgibench-*"))
