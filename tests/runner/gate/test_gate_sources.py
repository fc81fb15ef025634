import shutil
import subprocess
from pathlib import Path

import pytest

from sgibench.results.errors import TargetError, UsageError
from sgibench.results.problems import ProblemCode
from sgibench.runner.gate import sources
from sgibench.runner.gate.building import Building, build, import_root, prepare, python_in
from sgibench.runner.gate.repository import Repository, is_apart
from sgibench.runner.gate.sources import Note, Tree, find_side, find_sides, trees
from sgibench.runner.targets.scratch import LOCK, PREFIX

from .repositories import app, commit, git, repository, worktrees


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project whose working tree has changed since its only commit."""
    found = repository(tmp_path / "project", {"app.py": app(), ".gitignore": "*.log\n"})
    (found / "app.py").write_text(app(work=1))
    (found / "new.py").write_text("x = 1\n")
    (found / "ignored.log").write_text("a long story")
    return found


def test_a_ref_and_the_working_tree_lie_under_paths_of_one_length_and_nothing_is_left(project: Path) -> None:
    notes: list[Note] = []
    with trees(*find_sides("main", ".", project, notes), notes) as (base, head):
        assert (base.root / "app.py").read_text() == app()
        assert (head.root / "app.py").read_text() == app(work=1)
        assert (head.root / "new.py").is_file()
        assert not (head.root / "ignored.log").exists(), "the other side has no such file either"
        assert len(str(base.root)) == len(str(head.root))
        assert worktrees(project) == [str(base.root), str(head.root)], "both know their history"
        scratch = base.root.parent
    assert worktrees(project) == []
    assert not scratch.exists()
    assert git(project, "status", "--porcelain").split() == ["M", "app.py", "??", "new.py"], "as it was"


def test_what_is_not_committed_comes_along_whatever_it_was_before(tmp_path: Path) -> None:
    files = {"folder/inner/x.py": "", "folder/y.py": "", "file": "", "gone.py": "", "app.py": app()}
    project = repository(tmp_path / "project", files)
    shutil.rmtree(project / "folder")
    (project / "folder").write_text("a file now")
    for name in ("file", "gone.py"):
        (project / name).unlink()
    (project / "file").mkdir()
    (project / "file" / "new.py").write_text("y = 1\n")
    (project / "staged.py").write_text("z = 1\n")
    git(project, "add", "staged.py")
    (project / "app.py").unlink()
    (project / "app.py").symlink_to("staged.py")
    with trees(*find_sides("main", ".", project, []), []) as (base, head):
        there = sorted(str(path.relative_to(head.root)) for path in head.root.rglob("*") if path.name != ".git")
        assert there == ["app.py", "file", "file/new.py", "folder", "staged.py"]
        assert (head.root / "folder").read_text() == "a file now"
        assert (head.root / "app.py").is_symlink()
        assert git(head.root, "rev-parse", "HEAD") == git(base.root, "rev-parse", "HEAD") == head.named.commit


def test_what_git_ignores_is_left_out_and_named_unless_no_app_misses_it(project: Path) -> None:
    (project / ".gitignore").write_text("*.log\n.env\nenv/\n__pycache__/\n_version.py\n")
    for name in (".env", "env/pyvenv.cfg", "__pycache__/x.pyc", "_version.py", "bench-results/run/gate.json"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text("x")
    notes: list[Note] = []
    with trees(*find_sides("main", ".", project, notes), notes) as (_, head):
        assert not (head.root / ".env").exists()
        assert not (head.root / "bench-results").exists(), "what the gate wrote before is no part of the app"
    told = "head: what git ignores is left out, as it is from a ref: .env, _version.py"
    assert notes == [Note(told, ProblemCode.SIDES)]


def test_results_of_earlier_gates_do_not_change_a_side_and_equal_sides_are_told(tmp_path: Path) -> None:
    project = repository(tmp_path / "project", {"app.py": app()})
    for name in ("bench-results/run/gate.json", "out/gate.json", "out/turns/e001.json"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    notes: list[Note] = []
    _, head = find_sides("main", ".", project, notes)
    assert not head.changed
    assert notes == [Note(f"both sides are commit {head.commit[:7]}: they are the same", ProblemCode.SIDES)]


def test_an_app_may_have_a_file_of_the_name_that_a_run_has(tmp_path: Path) -> None:
    (tmp_path / "gate.json").touch()
    assert not is_apart(tmp_path)
    (tmp_path / "turns").mkdir()
    assert is_apart(tmp_path)


def test_a_folder_that_git_ignores_is_taken_as_it_is(project: Path) -> None:
    (project / ".gitignore").write_text("dist/\n")
    (project / "dist").mkdir()
    (project / "dist" / "app.py").write_text(app(work=7))
    with trees(*find_sides("main", "./dist", project, []), []) as (_, head):
        assert (head.root / "app.py").read_text() == app(work=7)


def test_without_git_two_folders_are_compared_and_a_ref_says_what_is_missing(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with trees(*find_sides(".", ".", project, []), []) as found:
        assert all((tree.root / "ignored.log").is_file() for tree in found)
    with pytest.raises(UsageError, match=r"'main': no such folder, and git is not installed"):
        find_side("base", "main", project, [])


def test_what_is_known_of_a_side_is_its_commit_and_whether_it_was_changed(project: Path) -> None:
    base, head = find_sides("main", ".", project, [])
    commit_id = git(project, "rev-parse", "main")
    assert (base.commit, base.changed) == (commit_id, False)
    assert (head.commit, head.changed) == (commit_id, True)


def test_a_folder_inside_a_repository_is_the_same_folder_of_the_ref(tmp_path: Path) -> None:
    project = repository(tmp_path / "many", {"services/api/app.py": app(), "shared/x.py": ""})
    here = project / "services" / "api"
    with trees(*find_sides("main", ".", here, []), []) as found:
        for tree in found:
            assert tree.root == tree.top / "services" / "api"
            assert (tree.root / "app.py").is_file()
            assert (tree.top / "shared" / "x.py").is_file()


def test_a_ref_without_that_folder_is_told(tmp_path: Path) -> None:
    project = repository(tmp_path / "many", {"README": ""})
    commit(project, {"services/api/app.py": app()})
    with (
        pytest.raises(UsageError, match="'main~1' has no folder 'services/api'"),
        trees(*find_sides("main~1", ".", project / "services" / "api", []), []),
    ):
        pass
    assert worktrees(project) == []


def test_two_folders_without_git_are_copied_without_caches_and_environments(tmp_path: Path) -> None:
    for name in ("old", "newer"):
        (tmp_path / name / "venv").mkdir(parents=True)
        (tmp_path / name / "app.py").write_text(app())
        (tmp_path / name / "venv" / "pyvenv.cfg").touch()
        (tmp_path / name / "__pycache__").mkdir()
        (tmp_path / name / "link.py").symlink_to("app.py")
    with trees(*find_sides("old", "./newer", tmp_path, []), []) as found:
        for tree in found:
            assert sorted(path.name for path in tree.root.iterdir()) == ["app.py", "link.py"]
            assert (tree.root / "link.py").is_symlink()
        assert len({len(str(tree.root)) for tree in found}) == 1


def test_a_folder_too_large_to_copy_is_used_in_place_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "COPY_LIMIT_BYTES", 1000)
    for name, size in (("small", 10), ("large-one", 5000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "data").write_bytes(b"x" * size)
    notes: list[Note] = []
    with trees(*find_sides("small", "large-one", tmp_path, notes), notes) as (_, head):
        assert head.root == tmp_path / "large-one"
    assert (tmp_path / "large-one" / "data").is_file()
    (told,) = (note for note in notes if "used in place" in note.text)
    assert told.code is ProblemCode.SIDES, "the report tells it too"


@pytest.mark.parametrize(
    ("base", "message", "hint"),
    [
        ("", "--base is empty", "name a folder"),
        ("mian", "no such folder, and no such git ref", "did you mean 'main'"),
        ("./nowhere", "no such folder", "a folder that is there"),
        ("app.py", "is a file", "name a folder"),
        ("--upload-pack=x", "no such git ref", "known: main"),
    ],
)
def test_what_is_neither_folder_nor_ref_is_told_with_a_way_out(
    project: Path, base: str, message: str, hint: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        find_side("base", base, project, [])
    assert hint in caught.value.hint


def test_outside_of_a_repository_there_are_no_refs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no such folder, and .* is not a git repository"):
        find_side("base", "main", tmp_path, [])


def test_a_shallow_clone_says_what_to_fetch(project: Path, tmp_path: Path) -> None:
    commit(project, {"more": ""})
    subprocess.run(
        ["git", "clone", "--quiet", "--depth=1", f"file://{project}", str(tmp_path / "clone")],
        check=True,
        capture_output=True,
    )
    fetch = "git fetch --depth=1 origin"
    for ref, advice in {
        "origin/release": f"{fetch} release:refs/remotes/origin/release; in actions/checkout: fetch-depth: 0",
        "topic/new": f"{fetch} topic/new:refs/remotes/origin/topic/new, and --base origin/topic/new",
        "0123456789" * 4: f"{fetch} {'0123456789' * 4}",
        "HEAD^": "git fetch --unshallow",
    }.items():
        with pytest.raises(UsageError) as caught:
            find_side("base", ref, tmp_path / "clone", [])
        assert f"this clone is shallow: {advice}" in caught.value.hint


def test_a_branch_that_only_the_remote_has_is_named(project: Path, tmp_path: Path) -> None:
    git(project, "branch", "release")
    git(tmp_path, "clone", "--quiet", str(project), str(tmp_path / "clone"))
    with pytest.raises(UsageError) as caught:
        find_side("base", "release", tmp_path / "clone", [])
    assert caught.value.hint == "did you mean 'origin/release'?"


def test_a_bare_repository_has_refs_but_no_working_tree(project: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    git(project, "clone", "--quiet", "--bare", str(project), str(bare))
    with pytest.raises(UsageError, match="is a bare git repository") as caught:
        find_side("head", ".", bare, [])
    assert caught.value.hint == "name a ref: --head REF"
    with trees(*find_sides("main", "main", bare, []), []) as found:
        assert all((tree.root / "app.py").is_file() for tree in found)
    assert worktrees(bare) == []


def test_what_a_killed_gate_left_behind_goes_with_the_next_one(project: Path, tmp_path: Path) -> None:
    lost = tmp_path / f"{PREFIX}killed"
    other = tmp_path / "of-the-user"
    for path in (lost / "base", other):
        git(project, "worktree", "add", "--quiet", "--detach", str(path), "main")
    subprocess.run(["rm", "-r", str(lost), str(other)], check=True)
    with trees(*find_sides("main", ".", project, []), []):
        pass
    assert worktrees(project) == [str(other)], "a user's own worktree is the user's to forget"


def test_what_a_killed_gate_left_behind_elsewhere_goes_too(project: Path, tmp_path: Path) -> None:
    """TMPDIR named another folder then."""
    left = tmp_path / "elsewhere" / f"{PREFIX}killed"
    left.mkdir(parents=True)
    (left / LOCK).touch()
    git(project, "worktree", "add", "--quiet", "--detach", str(left / "base"), "main")
    with trees(*find_sides("main", ".", project, []), []):
        pass
    assert worktrees(project) == []
    assert not left.exists()


def test_a_name_that_is_both_is_the_ref(project: Path) -> None:
    (project / "main").mkdir()
    notes: list[Note] = []
    assert find_side("base", "main", project, notes).folder is None
    assert "./main" in notes[0].text
    assert find_side("base", "./main", project, []).folder == project / "main"


def tree_of(folder: Path) -> Tree:
    return Tree(sources.Named("base", str(folder), folder, None), folder, folder, folder / "origin")


def test_a_side_is_prepared_in_its_own_folder_and_knows_where_it_came_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "of-a-hook"))
    monkeypatch.setenv("GIT_INDEX_FILE", "index")
    tree = Tree(sources.Named("head", ".", tmp_path, None), tmp_path, tmp_path / "api", Path("/shop"))
    tree.root.mkdir()
    told = 'echo "$SGIBENCH_SIDE $SGIBENCH_ORIGIN ${GIT_DIR-none} ${GIT_INDEX_FILE-none}" > made'
    prepare(tree, told, tmp_path / "log")
    assert (tree.root / "made").read_text() == "head /shop/api none none\n"


def test_nothing_is_written_into_a_folder_that_is_used_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "COPY_LIMIT_BYTES", 1000)
    for name, size in (("small", 10), ("large", 5000)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(app())
        (tmp_path / name / "never_imported.py").touch()
        (tmp_path / name / "data").write_bytes(b"x" * size)
    with trees(*find_sides("small", "large", tmp_path, []), []) as found:
        with pytest.raises(UsageError, match="too large to be copied"):
            built(found, Building("app:app", prepare="touch hurt"), tmp_path)
        built(found, Building("app:app"), tmp_path)
        for tree in found:
            assert not (tree.root / "hurt").exists()
            assert not list(tree.root.rglob("never_imported.*.pyc")), "else one side only would be byte-compiled"


def test_a_side_that_cannot_be_prepared_says_why(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="ended with code 3: error: no such package") as caught:
        prepare(tree_of(tmp_path), "echo 'error: no such package' >&2; exit 3", tmp_path / "log")
    assert str(tmp_path / "log") in caught.value.hint


def test_an_interpreter_named_by_a_path_is_the_sides_own_where_it_has_one(tmp_path: Path, bare_python: Path) -> None:
    (tmp_path / "side" / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / "side" / ".venv" / "bin" / "python").symlink_to(bare_python)
    own = python_in(tree_of(tmp_path / "side"), ".venv/bin/python")
    assert own == str(tmp_path / "side" / ".venv" / "bin" / "python")
    assert python_in(tree_of(tmp_path / "side"), ".venv") == own, "the folder of an environment will do"
    assert python_in(tree_of(tmp_path), str(bare_python)) == str(bare_python)


def test_an_app_below_src_is_imported_from_there(tmp_path: Path) -> None:
    (tmp_path / "src" / "shop").mkdir(parents=True)
    assert import_root(tmp_path, "shop.main:app") == tmp_path / "src"
    (tmp_path / "shop.py").touch()
    assert import_root(tmp_path, "shop:app") == tmp_path


def built(found: tuple[Tree, Tree], how: Building, tmp_path: Path) -> list[Note]:
    """Builds both sides, and returns what was noted."""
    noted: list[Note] = []
    build(found, how, lambda name: tmp_path / f"{name}.log", print, noted.append)
    return noted


def test_submodules_are_missed_as_long_as_nothing_checks_them_out(tmp_path: Path) -> None:
    logic = repository(tmp_path / "logic", {"logic.py": "x = 1"})
    shop = repository(tmp_path / "shop", {"app.py": app()})
    git(shop, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(logic), "logic")
    commit(shop, {})
    checks_out = "git -c protocol.file.allow=always submodule --quiet update --init"
    for command, missed in ((None, 2), (checks_out, 0)):
        with trees(*find_sides("main", ".", shop, []), []) as found:
            noted = built(found, Building("app:app", prepare=command), tmp_path)
        assert ["submodules are not checked out" in note.text for note in noted] == [True] * missed


def build_pair(tmp_path: Path, base: str, head: str) -> None:
    for name, text in (("old", base), ("new", head)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(text)
    with trees(*find_sides("old", "new", tmp_path, []), []) as found:
        built(found, Building("app:app"), tmp_path)


def test_a_side_that_runs_the_others_code_is_found_out(tmp_path: Path) -> None:
    """As where the working tree is installed with ``pip install -e``."""
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "shop_logic.py").write_text("x = 1\n")
    borrowed = f"import sys\nsys.path.append({str(tmp_path / 'new')!r})\nimport shop_logic\n" + app()
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "app.py").write_text(borrowed)
    (tmp_path / "new" / "app.py").write_text(app())
    with (
        trees(*find_sides("old", "new", tmp_path, []), []) as found,
        pytest.raises(UsageError, match=r"the base imports .*shop_logic.py, which is not its own copy"),
    ):
        built(found, Building("app:app"), tmp_path)


def test_a_base_that_cannot_be_imported_is_an_error_with_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="ModuleNotFoundError: No module named 'not_there'"):
        build_pair(tmp_path, "import not_there\n", app())


def test_a_setup_of_another_interface_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(app())
    with (
        trees(*find_sides(".", ".", tmp_path, []), []) as found,
        pytest.raises(UsageError, match="the app speaks ASGI, and gunicorn-sync does not"),
    ):
        built(found, Building("app:app", setup="gunicorn-sync"), tmp_path)


def test_a_folder_in_no_repository_has_none(tmp_path: Path) -> None:
    assert Repository.around(tmp_path) is None
