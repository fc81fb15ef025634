"""The action for GitHub: its structure, and each of its shell steps carried out by bash, in real repositories."""

import importlib
import os
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = importlib.import_module("yaml").safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: dict[str, dict[str, Any]] = {step["id"]: step for step in ACTION["runs"]["steps"]}
GIT = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b.c", "GIT_COMMITTER_NAME": "a",
       "GIT_COMMITTER_EMAIL": "a@b.c"}  # fmt: skip
# Says what it was asked, and answers as the test wants: the gate itself has tests of its own.
BENCH = """#!/usr/bin/env bash
printf '%s\\n' "$@" > "$RUNNER_TEMP/asked"
printf '%s' "$SAYS"
exit "$ENDS"
"""
# Keeps comments as files, and knows no more of GitHub's interface than the step uses.
GH = """#!/usr/bin/env bash
[ "${GH_FAILS:-}" ] && exit 1
words="$*"; file="${words##*body=@}"
case "$words" in
  *--paginate*) for each in "$COMMENTS"/*; do
      [ -e "$each" ] && case "$(cat "$each")" in "$MARKER"*) basename "$each" ;; esac
    done; exit 0 ;;
  *PATCH*) id="${words##*comments/}"; cp "$file" "$COMMENTS/${id%% *}" ;;
  *POST*) cp "$file" "$COMMENTS/$(( $(ls "$COMMENTS" | wc -l) + 100 ))" ;;
esac
"""


def carried_out(step: str, folder: Path, temp: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A step's script, run by bash as GitHub's runner does; every variable of its own is there."""
    own = dict.fromkeys(STEPS[step].get("env", {}), "")
    path = f"{temp / 'bin'}:{os.environ['PATH']}"
    variables = {**own, **GIT, "HOME": str(temp), "RUNNER_TEMP": str(temp), "GITHUB_OUTPUT": str(temp / "output")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[step]["run"]],
        cwd=folder, env={"PATH": path, **variables, **environment}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def outputs(temp: Path) -> dict[str, str]:
    lines = (temp / "output").read_text(encoding="utf-8").splitlines() if (temp / "output").exists() else []
    return dict(line.split("=", 1) for line in lines)


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *words]
    environment = {**os.environ, **GIT}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A checkout of depth 1, as actions/checkout makes it: on `topic`, with `main` and v1 at origin only."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "--quiet")
    for number in range(3):
        (origin / "app.py").write_text(f"# {number}\n", encoding="utf-8")
        git(origin, "add", "app.py")
        git(origin, "commit", "--quiet", "--message", f"commit {number}")
        if number == 0:
            git(origin, "tag", "v1")
        if number == 1:
            git(origin, "branch", "topic")
    git(origin, "checkout", "--quiet", "topic")
    (origin / "app.py").write_text("# topic\n", encoding="utf-8")
    git(origin, "commit", "--quiet", "--all", "--message", "topic")
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=topic", f"file://{origin}", "clone")
    return tmp_path / "clone"


def test_every_step_names_its_shell_and_is_valid_bash() -> None:
    assert ACTION["runs"]["using"] == "composite"
    for step in STEPS.values():
        assert step["shell"] == "bash"
        checked = subprocess.run(["bash", "-n"], input=step["run"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_nothing_is_pasted_into_a_script_where_it_would_be_carried_out() -> None:
    assert not [step["id"] for step in STEPS.values() if "${{" in step["run"]]


def test_expressions_name_inputs_and_steps_that_exist_and_every_input_is_used() -> None:
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"inputs\.([\w-]+)", text)) == set(ACTION["inputs"])
    written = {name for step in STEPS.values() for name in re.findall(r"'([\w-]+)=%s", step["run"])}
    for step, name in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", text):
        assert step in STEPS
        assert name in written
    assert all(each["description"] for each in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))


def test_the_documentation_names_every_input_and_output() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert [name for name in (*ACTION["inputs"], *ACTION["outputs"]) if f"`{name}`" not in text] == []


def test_the_examples_in_the_documentation_can_be_parsed() -> None:
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    found = [importlib.import_module("yaml").safe_load(example) for example in examples]
    assert len(found) == 4
    used = next(step["with"] for step in found[0]["jobs"]["gate"]["steps"] if "sgibench" in step.get("uses", ""))
    assert set(used) <= set(ACTION["inputs"])
    (shell,) = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    assert subprocess.run(["bash", "-n"], input=shell, text=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("asked", "environment", "found", "is_what"),
    [
        ("", {"GITHUB_BASE_REF": "main"}, "origin/main", "main"),
        ("", {}, "HEAD^", "topic^"),
        ("main", {}, "origin/main", "main"),
        ("origin/main", {}, "origin/main", "main"),
        ("v1", {}, "v1", "v1"),
        ("topic", {}, "topic", "topic"),
    ],
)
def test_the_base_is_fetched_where_it_is_not_there(
    clone: Path, tmp_path: Path, asked: str, environment: Mapping[str, str], found: str, is_what: str
) -> None:
    ended = carried_out("base", clone, tmp_path, BASE=asked, DEPTH="1", **environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert outputs(tmp_path) == {"base": found}
    expected = git(tmp_path / "origin", "rev-parse", f"{is_what}^{{commit}}")
    assert git(clone, "rev-parse", f"{found}^{{commit}}") == expected


def test_a_pull_request_is_compared_with_the_base_that_it_was_merged_into(clone: Path, tmp_path: Path) -> None:
    """The branch goes on meanwhile: that is no change of the pull request's."""
    origin, merged = tmp_path / "origin", tmp_path / "merged"
    git(origin, "checkout", "--quiet", "-b", "merge", "main")
    then = git(origin, "rev-parse", "main")
    git(origin, "merge", "--quiet", "--strategy=ours", "--message", "parent a\n\nparent b", "topic")
    git(origin, "checkout", "--quiet", "main")
    git(origin, "commit", "--quiet", "--allow-empty", "--message", "of others")
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=merge", f"file://{origin}", "merged")
    pull = {"BASE": "", "DEPTH": "1", "GITHUB_BASE_REF": "main", "GITHUB_SHA": git(merged, "rev-parse", "HEAD")}
    ended = carried_out("base", merged, tmp_path, **pull)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert outputs(tmp_path) == {"base": "HEAD^1"}
    assert git(merged, "rev-parse", "HEAD^1") == then
    # Of another checkout, whose merges are the branch's own, the first parent is no base.
    (tmp_path / "output").unlink()
    assert carried_out("base", merged, tmp_path, **{**pull, "GITHUB_SHA": then}).returncode == 0
    assert outputs(tmp_path) == {"base": "origin/main"}


def test_a_branch_whose_name_begins_like_head_is_a_branch(clone: Path, tmp_path: Path) -> None:
    git(tmp_path / "origin", "branch", "HEADER", "main")
    assert carried_out("base", clone, tmp_path, BASE="HEADER", DEPTH="1").returncode == 0
    assert outputs(tmp_path) == {"base": "origin/HEADER"}


def test_a_commit_and_a_folder_are_bases_too(clone: Path, tmp_path: Path) -> None:
    commit = git(tmp_path / "origin", "rev-parse", "v1")
    (clone / "old").mkdir()
    for base in (commit, "old"):
        (tmp_path / "output").unlink(missing_ok=True)
        assert carried_out("base", clone, tmp_path, BASE=base, DEPTH="1").returncode == 0
        assert outputs(tmp_path) == {"base": base}


def test_a_base_that_is_nowhere_is_said_and_is_no_pass(clone: Path, tmp_path: Path) -> None:
    ended = carried_out("base", clone, tmp_path, BASE="no-such; touch hurt", DEPTH="1")
    assert ended.returncode == 2
    assert "::error title=bench gate::the base no-such; touch hurt was not found" in ended.stdout
    assert not (clone / "hurt").exists()


@pytest.mark.parametrize(
    ("says", "ends", "verdict"),
    [
        ('{"verdict": "pass"}', 0, "pass"),
        ('{"verdict": "regressed"}', 1, "regressed"),
        ('{"verdict": "inconclusive"}', 75, "inconclusive"),
        ("", 2, "error"),
        ("", 0, "error"),
        ("", 1, "error"),  # Python itself ends with 1 where it cannot even start
        ('{"verdict": "pass"}', 1, "error"),
        ('{"verdict": "inconclusive"}', 130, "error"),
        ('{"verdict": "pa', 0, "error"),
    ],
)
def test_only_a_verdict_and_its_own_exit_code_together_are_believed(
    tmp_path: Path, says: str, ends: int, verdict: str
) -> None:
    script(tmp_path / "sgibench-venv" / "bin" / "bench", BENCH)
    ended = carried_out("gate", tmp_path, tmp_path, BASE="origin/main", SAYS=says, ENDS=str(ends))
    assert ended.returncode == 0, ended.stderr
    found = outputs(tmp_path)
    assert (found["verdict"], found["exit-code"]) == (verdict, str(ends))
    assert (Path(found["folder"]) / "verdict.json").read_text(encoding="utf-8") == says


def test_inputs_become_options_and_stay_whole(tmp_path: Path) -> None:
    script(tmp_path / "sgibench-venv" / "bin" / "bench", BENCH)
    given = {
        "BASE": "origin/main", "HEAD": "feature; rm -rf .", "APP": "shop:app", "PATHS": "/a\n  /b?c=$(id) d\r\n\n",
        "SCENARIOS": "json", "SETUP": "uvicorn", "BUDGET": "90s", "THRESHOLD": "2%", "APP_PYTHON": "/opt/py",
        "ARGS": "--seed 7\n--gate cpu",
    }  # fmt: skip
    ended = carried_out("gate", tmp_path, tmp_path, SAYS='{"verdict": "pass"}', ENDS="0", **given)
    assert ended.returncode == 0, ended.stderr
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    folder = outputs(tmp_path)["folder"]
    assert asked == [
        "gate", "--base", "origin/main", "--json", "--output", f"{folder}/run", "--junit", f"{folder}/junit.xml",
        "--markdown", f"{folder}/comment.md", "--head", "feature; rm -rf .", "--app", "shop:app", "--path", "/a",
        "--path", "/b?c=$(id) d", "--scenario", "json", "--setup", "uvicorn", "--budget", "90s", "--threshold", "2%",
        "--python", "/opt/py", "--seed", "7", "--gate", "cpu",
    ]  # fmt: skip


def test_what_is_not_said_is_left_to_pyproject(tmp_path: Path) -> None:
    script(tmp_path / "sgibench-venv" / "bin" / "bench", BENCH)
    carried_out("gate", tmp_path, tmp_path, BASE="main", SAYS='{"verdict": "pass"}', ENDS="0")
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert [word for word in asked if word.startswith("--")] == [
        "--base", "--json", "--output", "--junit", "--markdown", "--python",
    ]  # fmt: skip


def test_the_python_of_pyproject_is_not_overruled_by_the_jobs(tmp_path: Path) -> None:
    script(tmp_path / "sgibench-venv" / "bin" / "bench", BENCH)
    (tmp_path / "sgibench-venv" / "bin" / "python").symlink_to(sys.executable)
    for text, given, found in (
        ('[tool.sgibench.gate]\npython = ".venv/bin/python"\n', "", []),
        ('[tool.sgibench.gate]\npython = ".venv/bin/python"\n', "/opt/py", ["--python"]),
        ('[tool.sgibench.gate]\napp = "app:app"\n', "", ["--python"]),
    ):
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        carried_out("gate", tmp_path, tmp_path, BASE="main", SAYS="", ENDS="2", APP_PYTHON=given)
        asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
        assert [word for word in asked if word == "--python"] == found


@pytest.mark.parametrize(
    ("verdict", "code", "policy", "ends"),
    [
        ("pass", "0", "warn", 0),
        ("regressed", "1", "warn", 1),
        ("inconclusive", "75", "warn", 0),
        ("inconclusive", "75", "fail", 75),
        ("error", "2", "warn", 2),
        ("error", "0", "warn", 2),
        ("error", "1", "warn", 2),
        ("error", "130", "warn", 130),
        ("", "", "warn", 2),
    ],
)
def test_only_inconclusive_can_be_let_through(tmp_path: Path, verdict: str, code: str, policy: str, ends: int) -> None:
    ended = carried_out("policy", tmp_path, tmp_path, VERDICT=verdict, CODE=code, INCONCLUSIVE=policy)
    assert ended.returncode == ends
    assert ("::error" in ended.stdout) is (verdict in ("error", ""))


@pytest.mark.parametrize(("name", "value"), [("INCONCLUSIVE", "soft"), ("ID", "a --> b"), ("ID", "a--b")])
def test_inputs_that_mean_nothing_are_refused(tmp_path: Path, name: str, value: str) -> None:
    ended = carried_out("prepare", tmp_path, tmp_path, **{"INCONCLUSIVE": "warn", "ID": "", name: value})
    assert ended.returncode == 2
    assert ended.stdout.startswith("::error title=bench gate::")


def test_sgibench_is_installed_once_in_a_job(tmp_path: Path) -> None:
    script(tmp_path / "sgibench-venv" / "bin" / "bench", BENCH)
    ended = carried_out("prepare", tmp_path, tmp_path, INCONCLUSIVE="warn", ID="two gates", INSTALL="/does/not/exist")
    assert ended.returncode == 0, ended.stderr


def comment(tmp_path: Path, text: str, verdict: str = "pass", **environment: str) -> subprocess.CompletedProcess[str]:
    script(tmp_path / "bin" / "gh", GH)
    (tmp_path / "comments").mkdir(exist_ok=True)
    (tmp_path / "comment.md").write_text(f"<!-- sgibench-gate -->\n{text}\n", encoding="utf-8")
    return carried_out(
        "comment", tmp_path, tmp_path, FOLDER=str(tmp_path), NUMBER="5", GH_TOKEN="t", GITHUB_REPOSITORY="a/b",
        COMMENTS=str(tmp_path / "comments"), VERDICT=verdict, **environment,
    )  # fmt: skip


def test_a_comment_is_written_once_and_then_kept_up_to_date(tmp_path: Path) -> None:
    (tmp_path / "comments").mkdir()
    (tmp_path / "comments" / "1").write_text("what somebody said of <!-- sgibench-gate -->", encoding="utf-8")
    for text in ("first", "second"):
        assert comment(tmp_path, text).returncode == 0
    assert comment(tmp_path, "of another gate", ID="flask").returncode == 0
    found = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "comments").iterdir()}
    assert found == {
        "1": "what somebody said of <!-- sgibench-gate -->",
        "101": "<!-- sgibench-gate -->\nsecond\n",
        "102": "<!-- sgibench-gate: flask -->\nof another gate\n",
    }


def test_a_comment_that_cannot_be_written_is_a_warning(tmp_path: Path) -> None:
    ended = comment(tmp_path, "text", GH_FAILS="1")
    assert ended.returncode == 0
    assert ended.stdout.startswith("::warning title=bench gate::the comment could not be written")


@pytest.mark.parametrize("verdict", ["error", ""])
def test_without_a_verdict_the_comment_says_so_and_no_pass_of_an_earlier_push_stands_there(
    tmp_path: Path, verdict: str
) -> None:
    comment(tmp_path, "### ✓ PASS", ID="flask")
    assert comment(tmp_path, "### ✓ PASS", verdict, ID="flask", CODE="2", GITHUB_RUN_ID="7").returncode == 0
    (found,) = (tmp_path / "comments").iterdir()
    lines = found.read_text(encoding="utf-8").splitlines()
    assert lines[:2] == ["<!-- sgibench-gate: flask -->", "### ✕ NO VERDICT: the gate did not work, exit code 2."]
    assert lines[-1].endswith("https://github.com/a/b/actions/runs/7")


def test_a_step_that_failed_does_not_keep_the_comment_from_being_written_nor_outputs_from_saying_so() -> None:
    assert "!cancelled()" in STEPS["comment"]["if"]
    assert "|| 'error'" in ACTION["outputs"]["verdict"]["value"]
    assert "|| '2'" in ACTION["outputs"]["exit-code"]["value"]
