"""``bench gate`` on real servers, from the command to the exit code."""

import errno
import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from sgibench.results.errors import BenchError, TargetError
from sgibench.results.gate.judge import judge
from sgibench.results.gate.records import HEAD, FailureKind
from sgibench.results.gate.settings import GateMetric
from sgibench.results.gate.store import GateStore, load_gate
from sgibench.results.gate.verdicts import GateVerdict
from sgibench.runner.cli import _add_commands, cli
from sgibench.runner.commands.gate import hand_out
from sgibench.runner.gate.carrying_out import Gate, carry_out
from sgibench.runner.gate.config import GateConfig
from sgibench.runner.gate.measuring import GateOutcome
from sgibench.runner.targets.scratch import PREFIX

from ...results.gate.builders import epochs, gate_run
from ..commands.cli import bench, family_of, living, start_bench
from ..waiting import eventually
from .repositories import app, git, repository, worktrees
from .running import launched


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return repository(tmp_path / "project", {"app.py": app()})


def carried_out(project: Path, epochs: int = 2, **config: object) -> GateOutcome:
    """A gate with short launches, which is content with two of them; in however much time a busy machine needs."""
    usual = {"base": "main", "app": "app:app", "alpha": "30%", "gate": ["cpu"], "budget": "120s"}
    said = GateConfig.model_validate({**usual, **config})
    gate = Gate.of(said, project, seed=1, share=0.1)
    store = GateStore(project.parent / "run")
    return carry_out(gate, store, Console(quiet=True), lambda run: judge(run, final=len(run.epochs) >= epochs))


def invoked(*arguments: str) -> Result:
    """``bench gate`` in this process."""
    if not cli.registered_commands:
        _add_commands()
    return CliRunner().invoke(cli, ["gate", *arguments])


def test_a_head_that_works_and_waits_more_is_regressed_beside_the_ref(project: Path) -> None:
    (project / "app.py").write_text("import asyncio\n" + app(work=20_000, extra="await asyncio.sleep(0.010)"))
    outcome = carried_out(project)
    assert outcome.result.verdict is GateVerdict.REGRESSED, outcome.run
    (worse,) = outcome.result.regressed
    assert worse.metric is GateMetric.CPU
    assert worse.change.value > 50
    assert outcome.run.base.commit == git(project, "rev-parse", "HEAD") == outcome.run.head.commit
    assert outcome.run.head.dirty
    assert worktrees(project) == []
    for epoch in outcome.run.epochs:
        base, head = (
            next(trial for trial in epoch.turns.trials if trial.level.rate_rps and trial.target == side)
            for side in ("base", HEAD)
            if epoch.turns is not None
        )
        assert base.response_time is not None
        assert head.response_time is not None
        assert head.response_time.percentile_us(50) > base.response_time.percentile_us(50)
        assert head.response_time.min_us > 8_000  # a loop that rounds its timers down wakes up a millisecond early
        assert epoch.turns is not None
        assert {mark.stretch for mark in epoch.turns.growth} == {1}


def test_a_head_that_cannot_be_imported_is_regressed_with_its_own_words(project: Path) -> None:
    (project / "app.py").write_text("import not_there\n")
    out = ("--base", "main", "--app", "app:app", "--json", "--junit", "j.xml", "--markdown", "m.md", "--output", "out")
    done = bench("gate", *out, cwd=project)
    assert done.code == 1, done.err
    document = json.loads(done.out)
    assert (document["verdict"], document["exit_code"], document["epochs"]) == ("regressed", 1, 0)
    assert "No module named 'not_there'" in document["reasons"][0]
    assert "not_there" in (project / "j.xml").read_text()
    assert "does not start" in (project / "m.md").read_text()
    again = invoked("--rejudge", str(project / "out"), "--json")
    assert again.exit_code == 1
    assert json.loads(again.stdout) == document
    full = bench("gate", "--rejudge", "out", "--junit", "/dev/full", "--json", cwd=project)
    assert (full.code, full.out) == (2, ""), "no verdict is shown that the exit code does not tell"
    assert "cannot write /dev/full" in full.err
    assert "--junit FILE" in full.err


def test_a_summary_that_cannot_be_written_is_a_warning_and_a_run_cut_short_no_line_of_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))
    history = tmp_path / "history.jsonl"
    run = gate_run(epochs(2))
    for status, lines in (("interrupted", 0), ("complete", 1)):
        hand_out(replace(run, status=status), judge(run, final=True), GateConfig(history=str(history)))
        assert len(history.read_text().splitlines() if history.exists() else []) == lines
    assert "::warning title=bench gate::no summary: cannot write" in capsys.readouterr().err


@pytest.mark.parametrize("fault", [BrokenPipeError(errno.EPIPE, "Broken pipe"), OSError(28, "full"), EOFError()])
def test_what_goes_wrong_outside_never_ends_with_the_code_of_a_regression(
    project: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise fault

    monkeypatch.chdir(project)
    monkeypatch.setattr("sgibench.runner.commands.gate.carry_out", broken)
    error = invoked("--base", "main", "--app", "app:app").exception
    assert isinstance(error, BenchError)
    assert error.exit_code == 2
    assert type(fault).__name__ in error.told


def test_a_base_that_cannot_be_imported_is_no_verdict(tmp_path: Path) -> None:
    project = repository(tmp_path / "project", {"app.py": "import not_there\n"})
    (project / "app.py").write_text(app())
    done = bench("gate", "--base", "main", "--app", "app:app", "--json", cwd=project)
    assert (done.code, done.out) == (2, "")
    assert "No module named 'not_there'" in done.err
    assert worktrees(project) == []


def test_a_head_that_answers_otherwise_is_regressed_before_anything_is_measured(project: Path) -> None:
    (project / "app.py").write_text(app(status=404))
    outcome = carried_out(project)
    assert outcome.result.verdict is GateVerdict.REGRESSED
    (failure,) = outcome.run.failures
    assert (failure.side, failure.kind) == (HEAD, FailureKind.WRONG_ANSWERS)
    assert "status 404, expected 200" in failure.message
    assert outcome.run.epochs == ()


def test_a_path_that_the_base_refuses_is_told(project: Path) -> None:
    (project / "app.py").write_text(app(status=404))
    git(project, "commit", "--quiet", "--all", "--message", "gone")
    outcome = carried_out(project, path="/gone")
    with pytest.raises(TargetError, match="the base answers GET /gone with status 404") as caught:
        _ = outcome.result
    assert "--expect-status" in caught.value.message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "a gate needs the app"),
        (("--app", "app:app"), "a gate needs what to compare with"),
        (("--app", "app:app", "--base", "mian"), "did you mean 'main'?"),
        (("--app", "app:app", "--base", "main", "--budget", "3s"), "a budget of 3 s is too small"),
        (("--app", "app:app", "--base", "main", "--gate", "speed"), "unknown metric 'speed'"),
        (("--app", "app:app", "--base", "main", "--scenario", "cold-start"), "is none for a gate"),
        (("--app", "fastapi", "--base", "main"), "is the suite's own"),
        (("--app", "fastpi", "--base", "main"), "did you mean 'fastapi'"),
        (("--app", "app:", "--base", "main"), "your own app is written module:attr"),
        (("--rejudge", "nowhere"), "is not the folder of a gate's run"),
        (("--rejudge", "nowhere", "--base", "main"), "--base does not go with it"),
        (("--rejudge", "nowhere", "--seed", "7"), "--seed does not go with it"),
    ],
)
def test_bad_input_is_told_with_exit_code_2(
    project: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    error = invoked(*arguments).exception
    assert isinstance(error, BenchError)
    assert message in error.told
    assert error.exit_code == 2


def test_ctrl_c_leaves_nothing_behind_but_a_run_that_says_so(project: Path) -> None:
    running = start_bench("gate", "--base", "main", "--app", "app:app", "--output", "out", "--json", cwd=project)
    assert eventually(lambda: launched(running), 60)
    family = family_of(running.pid)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 130, err
    document = json.loads(out)
    assert (document["verdict"], document["exit_code"]) == ("inconclusive", 130)
    stored = load_gate(project / "out")
    assert (stored.status, document["epochs"]) == ("interrupted", len(stored.epochs))
    assert living(family) == []
    assert worktrees(project) == []


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGHUP], ids=["ctrl-c", "terminal closed"])
def test_who_ends_a_gate_while_it_prepares_is_heard(project: Path, signum: signal.Signals) -> None:
    asked = ("--base", "main", "--app", "app:app", "--output", "out", "--prepare", "touch begun; sleep 60")
    running = start_bench("gate", *asked, cwd=project)
    assert eventually(lambda: any(Path(path, "begun").exists() for path in worktrees(project)), 60)
    family = family_of(running.pid)
    running.send_signal(signum)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, ""), err
    assert err.endswith("interrupted\n")
    assert eventually(lambda: living(family) == [], 20)
    assert worktrees(project) == []


def test_a_killed_gate_leaves_no_process_and_the_next_one_clears_its_worktree(project: Path) -> None:
    running = start_bench("gate", "--base", "main", "--app", "app:app", "--output", "out", cwd=project)
    assert eventually(lambda: launched(running), 60)
    family = family_of(running.pid)
    left = {Path(path).parent for path in worktrees(project)}
    assert [folder.name.startswith(PREFIX) for folder in left] == [True]
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    assert eventually(lambda: living(family) == [], 20)
    (project / "app.py").write_text("import not_there\n")
    assert bench("gate", "--base", "main", "--app", "app:app", cwd=project).code == 1
    assert worktrees(project) == []
    assert not any(folder.exists() for folder in left)
