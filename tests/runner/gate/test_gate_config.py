import os
from pathlib import Path

import pytest

from sgibench.results.errors import StoreError, UsageError
from sgibench.results.gate.settings import GateMetric, GateSettings
from sgibench.runner.gate.config import SHORT_NAMES, GateConfig, read_config, where_else
from sgibench.runner.gate.files import is_stream, write_file


def write(folder: Path, text: str) -> Path:
    (folder / "pyproject.toml").write_text(f"[project]\nname = 'x'\n\n[tool.sgibench.gate]\n{text}\n")
    return folder


def test_the_command_line_wins_over_the_table(tmp_path: Path) -> None:
    write(tmp_path, "base = 'main'\napp = 'app:app'\npath = ['/a', '/b']\nbudget = 90\nthreshold = '3%'")
    config = read_config(tmp_path, {"base": "v1", "path": [], "budget": None, "threshold": ["5"]})
    assert (config.base, config.app, config.path, config.budget) == ("v1", "app:app", ["/a", "/b"], "90")
    assert config.settings.threshold_percent == 5
    assert config.settings.budget_s == 90


def test_without_a_table_all_is_as_usual(tmp_path: Path) -> None:
    config = read_config(tmp_path, {})
    assert config == GateConfig()
    assert config.settings.threshold_percent == 2
    assert config.settings.budget_s == 180
    assert GateMetric.P99 not in config.settings.gated


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("treshold = '2%'", r"\[tool.sgibench.gate\]: unknown key 'treshold'", "did you mean 'threshold'"),
        ("base-python = 'x'", "it is written base_python", "did you mean 'base_python'"),
        ("concurrency = 'many'", "concurrency: .*not 'many'", "docs/ci.md"),
        ("expect = 'anything'", "expect: ", "docs/ci.md"),
        ("path = 3", "path: ", "docs/ci.md"),
        ("seed = 1", "seed is for a single run", "--seed"),
    ],
)
def test_what_the_table_cannot_say_is_told_with_its_key(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_config(write(tmp_path, text), {})
    assert hint in caught.value.hint


def test_a_file_that_is_no_toml_is_told(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool\n")
    with pytest.raises(UsageError, match=r"cannot read .*pyproject.toml"):
        read_config(tmp_path, {})


def test_a_metric_can_have_a_threshold_of_its_own_and_short_names_do() -> None:
    settings = GateConfig(threshold=["1.5%", "p90=12%"], gate=["cpu", "response_time_p90_ms"]).settings
    assert settings.threshold_percent == 1.5
    assert settings.threshold_of(GateMetric.P90) == 12
    assert settings.gated == (GateMetric.CPU, GateMetric.P90)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (GateConfig(gate=["cpus"]), "unknown metric 'cpus'"),
        (GateConfig(threshold=["-2%"]), "'-2%' is no percentage above zero"),
        (GateConfig(threshold=["p95=2%"]), "unknown metric 'p95'"),
        (GateConfig(threshold=["leak=2%"]), "has no percent"),
        (GateConfig(alpha="80%"), "a chance of error"),
        (GateConfig(budget="soon"), "'soon' is no duration"),
        (GateConfig(threshold=["0.02"]), r"a change of 0.02 % is less than can be told"),
        (GateConfig(threshold=["2%", "3%"]), r"--threshold 3%: that is said already, as 2 %"),
        (GateConfig(threshold=["p90=5%", "response_time_p90_ms=6%"]), "said already, as 5 %"),
    ],
)
def test_figures_that_decide_nothing_are_refused(config: GateConfig, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _ = config.settings


def test_a_table_in_a_folder_above_is_pointed_to(tmp_path: Path) -> None:
    below = write(tmp_path, "app = 'app:app'") / "src" / "shop"
    below.mkdir(parents=True)
    assert where_else(below) == f"{tmp_path / 'pyproject.toml'} has [tool.sgibench.gate]: run it in that folder"
    assert where_else(Path("/")) == "or app = … in [tool.sgibench.gate] of pyproject.toml"


def test_a_file_that_could_not_be_written_in_the_end_is_told_at_the_beginning(tmp_path: Path) -> None:
    GateConfig(junit=str(tmp_path / "new" / "junit.xml"), history=str(tmp_path / "history.jsonl")).check_files()
    (tmp_path / "file").touch()
    for name in (".", "file/junit.xml"):
        with pytest.raises(StoreError, match="cannot write") as caught:
            GateConfig(junit=str(tmp_path / name)).check_files()
        assert "another file: --junit FILE" in caught.value.hint


def test_a_pipe_and_what_is_open_already_are_written_to_and_stay_what_they_are(tmp_path: Path) -> None:
    pipe, file, link = tmp_path / "pipe", tmp_path / "file", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(file)
    GateConfig(junit=str(pipe), markdown="/dev/stdout", history="/dev/stderr").check_files()
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        for path in (pipe, link):
            write_file(path, "the verdict", "--junit")
        assert os.read(reader, 100) == b"the verdict"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert link.is_symlink()
    assert file.read_text() == "the verdict"
    for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        assert is_stream(Path(name)), "also where it leads to a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_is_replaced_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "junit.xml"
    file.parent.mkdir()
    file.touch()
    file.parent.chmod(0o555)
    with pytest.raises(StoreError, match="cannot write"):
        GateConfig(junit=str(file)).check_files()
    GateConfig(history=str(file)).check_files()


def test_the_documentation_has_every_key_and_metric() -> None:
    text = (Path(__file__).parents[3] / "docs" / "ci.md").read_text(encoding="utf-8")
    keys = text.partition("### All keys")[2].partition("### Metrics")[0]
    assert [key for key in GateConfig.model_fields if f"`{key}`" not in keys] == []
    metrics = text.partition("### Metrics")[2].partition("\n## ")[0]
    for name, metric in SHORT_NAMES.items():
        (row,) = (line for line in metrics.splitlines() if line.startswith(f"| `{name}` | `{metric.value}` |"))
        assert f" {GateSettings().threshold_of(metric):g} " in row
