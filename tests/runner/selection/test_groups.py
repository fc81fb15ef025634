"""A suite's groups, and its targets in several interpreters."""

import subprocess
import sys
from pathlib import Path

import pytest

from sgibench.results.errors import UsageError
from sgibench.runner.selection import Choice, Wish, choose

GROUPS = """
title = "two groups"
budget_s = 60
[[group]]
name = "equal"
title = "At equal slots"
slots = 4
targets = ["bare-wsgi@gunicorn-sync-4", "bare-asgi@uvicorn"]
[[group]]
name = "tuned"
title = "Tuned"
baseline = "bare-asgi@uvicorn-*"
targets = ["bare-wsgi@gunicorn-sync-*", "bare-asgi@uvicorn-*"]
[[scenario]]
name = "json"
seconds = 0.1
concurrency = [4, 8]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    (tmp_path / "groups.toml").write_text(GROUPS)
    return tmp_path / "groups.toml"


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Another environment that has all that this one has."""
    folder = tmp_path_factory.mktemp("twin") / "twin"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", "--system-site-packages", str(folder)], check=True)
    site = next((folder / "lib").glob("python*/site-packages"))
    ours = [path for path in sys.path if path.endswith("site-packages")]
    (site / "ours.pth").write_text("\n".join(ours))
    return str(folder)


def chosen(suite: Path, **more: object) -> Choice:
    return choose(Wish(suite=str(suite), **more), suite.parent, 1)  # type: ignore[arg-type]


def test_a_target_of_several_groups_is_measured_once(suite: Path) -> None:
    choice = chosen(suite)
    assert [target.name for target in choice.targets] == [
        "bare-wsgi@gunicorn-sync-4",
        "bare-asgi@uvicorn",
        "bare-wsgi@gunicorn-sync-3",
    ]
    equal, tuned = choice.groups
    assert (equal.name, equal.slots, equal.baseline) == ("equal", 4, "bare-wsgi@gunicorn-sync-4")
    assert (tuned.baseline, tuned.targets) == ("bare-asgi@uvicorn", ("bare-wsgi@gunicorn-sync-3", "bare-asgi@uvicorn"))
    assert choice.baseline == equal.baseline


def test_one_group_can_be_chosen_and_what_no_group_compares_is_left_out_and_told(suite: Path) -> None:
    choice = chosen(suite, groups=("equal",))
    assert [target.name for target in choice.targets] == ["bare-wsgi@gunicorn-sync-4", "bare-asgi@uvicorn"]
    assert [piece.label for piece in choice.pieces] == ["json, 4 connections"]
    assert choice.notes == ["json, 8 connections: left out: no group compares it"]


@pytest.mark.parametrize(
    ("groups", "says", "hint"),
    [
        (("equals",), "unknown group 'equals'", "did you mean 'equal'?"),
        (("x",), "unknown group 'x'", "known: equal, tuned"),
    ],
)
def test_a_group_that_is_not_there_is_refused(groups: tuple[str, ...], says: str, hint: str, suite: Path) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        chosen(suite, groups=groups)
    assert hint in caught.value.hint


def test_groups_of_a_suite_without_any_or_beside_apps_are_refused(suite: Path) -> None:
    with pytest.raises(UsageError, match="suite 'smoke' has no groups"):
        choose(Wish(suite="smoke", groups=("equal",)), suite.parent, 1)
    with pytest.raises(UsageError, match="--group chooses among a suite's own targets"):
        chosen(suite, groups=("equal",), apps=("flask",))


def test_a_target_with_fewer_slots_than_its_group_is_refused(suite: Path) -> None:
    suite.write_text(GROUPS.replace("gunicorn-sync-4", "gunicorn-sync-2"))
    with pytest.raises(UsageError, match="group 'equal': bare-wsgi@gunicorn-sync-2 holds 2 requests at once"):
        chosen(suite)


def test_a_target_on_a_setup_of_another_interface_is_refused(suite: Path) -> None:
    suite.write_text(GROUPS.replace('"bare-asgi@uvicorn"]', '"bare-asgi@gunicorn-sync-4"]'))
    with pytest.raises(UsageError, match="bare-asgi speaks ASGI, gunicorn-sync WSGI"):
        chosen(suite)


def test_every_target_is_measured_in_every_interpreter(suite: Path, twin: str) -> None:
    choice = chosen(suite, pythons=(sys.executable, twin))
    names = [target.name for target in choice.targets]
    assert len(set(names)) == len(names) == 6
    assert sum(name.endswith("+twin") for name in names) == 3
    assert {target.python for target in choice.targets} == {sys.executable, f"{twin}/bin/python"}
    equal, _ = choice.groups
    assert len(equal.targets) == 4
    assert equal.baseline == next(name for name in names if name.startswith("bare-wsgi@gunicorn-sync-4"))


def test_apps_that_were_named_run_in_every_interpreter_too(suite: Path, twin: str) -> None:
    wish = Wish(apps=("bare-asgi",), setups=("uvicorn",), pythons=(sys.executable, twin))
    assert len(choose(wish, suite.parent, 1).targets) == 2


def test_what_one_interpreter_lacks_is_left_out_of_it_and_told(suite: Path, bare_python: Path) -> None:
    choice = chosen(suite, pythons=(sys.executable, str(bare_python)))
    assert {target.python for target in choice.targets} == {sys.executable}
    assert any(f"is left out: {bare_python} lacks" in note for note in choice.notes)


def test_what_every_interpreter_lacks_is_an_error_with_the_command_that_installs_all_of_it(
    suite: Path, bare_python: Path
) -> None:
    with pytest.raises(UsageError, match="cannot be run") as caught:
        chosen(suite, pythons=(str(bare_python),))
    for name in ("jinja2", "gunicorn", "uvicorn"):
        assert name in caught.value.message
        assert name in caught.value.hint
    assert caught.value.hint.startswith(f"{bare_python} -m pip install ")
