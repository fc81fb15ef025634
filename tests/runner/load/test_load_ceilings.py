"""Ceilings are remembered for what they were measured with, and whatever is wrong with the memory, nothing fails."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sgibench.runner.load.ceilings import KEPT_FOR_S, CeilingCache, Pressure, cache_path, here

HERE = {"cpu": "made up", "uvloop": "1.0"}
EIGHT = Pressure(8, 1, shared_core=False)


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "sgibench" / "ceilings.json"


def test_what_was_measured_is_found_again_by_another_command(path: Path) -> None:
    assert CeilingCache(path, HERE).find(EIGHT) is None
    assert CeilingCache(path, HERE).keep(EIGHT, 61_234.5) == 61_234.5
    assert CeilingCache(path, HERE).find(EIGHT) == 61_234.5
    assert [each.name for each in path.parent.iterdir()] == ["ceilings.json"], "no temporary file is left"


@pytest.mark.parametrize(
    "other",
    [
        replace(EIGHT, connections=16),
        replace(EIGHT, processes=2),
        replace(EIGHT, shared_core=True),
        replace(EIGHT, body_bytes=1024),
    ],
)
def test_a_ceiling_stands_for_its_own_pressure_only(other: Pressure, path: Path) -> None:
    cache = CeilingCache(path, HERE)
    cache.keep(EIGHT, 60_000.0)
    assert cache.find(other) is None
    cache.keep(other, 50_000.0)
    assert (cache.find(EIGHT), cache.find(other)) == (60_000.0, 50_000.0)


@pytest.mark.parametrize("name", HERE)
def test_a_ceiling_stands_for_its_own_machine_and_versions_only(name: str, path: Path) -> None:
    CeilingCache(path, HERE).keep(EIGHT, 60_000.0)
    assert CeilingCache(path, {**HERE, name: "another"}).find(EIGHT) is None


def test_the_machine_is_told_by_its_processor_kernel_python_and_packages() -> None:
    assert set(here()) == {"cpu", "kernel", "python", "compiler", "sgibench", "locust", "gevent", "uvloop", "httptools"}
    assert all(here().values())


def test_the_highest_that_was_seen_is_kept(path: Path) -> None:
    clock = Clock()
    cache = CeilingCache(path, HERE, clock)
    cache.keep(EIGHT, 60_000.0)
    assert cache.keep(EIGHT, 40_000.0) == 60_000.0, "the machine was slow"
    assert cache.find(EIGHT) == 60_000.0
    assert cache.keep(EIGHT, 70_000.0) == 70_000.0
    assert cache.find(EIGHT) == 70_000.0


@pytest.mark.parametrize("later_s", [KEPT_FOR_S + 1, -60.0])
def test_a_week_later_or_when_the_clock_was_set_back_it_is_measured_again(later_s: float, path: Path) -> None:
    clock = Clock()
    cache = CeilingCache(path, HERE, clock)
    cache.keep(EIGHT, 60_000.0)
    clock.now += KEPT_FOR_S
    assert cache.find(EIGHT) == 60_000.0
    clock.now += later_s - KEPT_FOR_S
    assert cache.find(EIGHT) is None
    assert cache.keep(EIGHT, 40_000.0) == 40_000.0, "what is too old does not count"
    assert cache.find(EIGHT) == 40_000.0
    assert len(json.loads(path.read_text())["ceilings"]) == 1


def entry(data: object) -> Callable[[str], str]:
    """A file whose one entry is this."""

    def edit(text: str) -> str:
        (key,) = json.loads(text)["ceilings"]
        return json.dumps({"ceilings": {key: data}})

    return edit


DAMAGES: dict[str, Callable[[str], str]] = {
    "empty": lambda text: "",
    "cut short": lambda text: text[: len(text) // 2],
    "no JSON": lambda text: "}{",
    "a list": lambda text: "[]",
    "a number": lambda text: "7",
    "no ceilings": lambda text: "{}",
    "ceilings are a list": lambda text: '{"ceilings": []}',
    "too deep": lambda text: "[" * 100_000,
    "an entry is none": entry(None),
    "an entry is empty": entry({}),
    "the ceiling is text": entry({"ceiling_rps": "60000", "measured_at": Clock.now}),
    "the ceiling is nothing": entry({"ceiling_rps": 0.0, "measured_at": Clock.now}),
    "the ceiling is endless": entry({"ceiling_rps": float("inf"), "measured_at": Clock.now}),
    "the ceiling is no number": entry({"ceiling_rps": float("nan"), "measured_at": Clock.now}),
    "the time is missing": entry({"ceiling_rps": 60_000.0}),
    "the time is no number": entry({"ceiling_rps": 60_000.0, "measured_at": float("nan")}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_as_none_and_written_anew(damage: str, path: Path) -> None:
    cache = CeilingCache(path, HERE, Clock())
    cache.keep(EIGHT, 60_000.0)
    path.write_text(DAMAGES[damage](path.read_text()))
    assert cache.find(EIGHT) is None
    assert cache.keep(EIGHT, 50_000.0) == 50_000.0
    assert cache.find(EIGHT) == 50_000.0


def test_one_damaged_entry_leaves_the_others(path: Path) -> None:
    cache = CeilingCache(path, HERE, Clock())
    cache.keep(EIGHT, 60_000.0)
    document = json.loads(path.read_text())
    document["ceilings"]["another"] = "nonsense"
    path.write_text(json.dumps(document))
    assert cache.find(EIGHT) == 60_000.0


def test_bytes_that_are_no_text_are_as_none(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe\x00")
    assert CeilingCache(path, HERE).find(EIGHT) is None


def test_a_place_that_cannot_be_written_or_read_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a regular file")
    cache = CeilingCache(tmp_path / "file" / "ceilings.json", HERE)
    assert cache.keep(EIGHT, 60_000.0) == 60_000.0
    assert cache.find(EIGHT) is None
    (tmp_path / "folder" / "ceilings.json").mkdir(parents=True)
    cache = CeilingCache(tmp_path / "folder" / "ceilings.json", HERE)
    assert cache.keep(EIGHT, 60_000.0) == 60_000.0
    assert cache.find(EIGHT) is None
    assert [each.name for each in (tmp_path / "folder").iterdir()] == ["ceilings.json"]


def test_the_file_is_in_the_user_s_cache_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_path() == tmp_path / "sgibench" / "ceilings.json"
    monkeypatch.setenv("HOME", str(tmp_path))
    for ignored in ("", "relative/folder"):
        monkeypatch.setenv("XDG_CACHE_HOME", ignored)
        assert cache_path() == tmp_path / ".cache" / "sgibench" / "ceilings.json"


def test_a_user_without_a_home_has_no_cache_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nowhere)
    cache = CeilingCache(None, HERE)
    assert cache.keep(EIGHT, 60_000.0) == 60_000.0
    assert cache.find(EIGHT) is None


@pytest.mark.parametrize(
    ("connections", "step"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (33, 64), (64, 64), (65, 64), (10_000, 64)]
)
def test_connections_go_in_powers_of_two_up_to_64(connections: int, step: int) -> None:
    assert Pressure.of(connections, 1).connections == step


@pytest.mark.parametrize(
    ("size", "step"),
    [(0, 256), (256, 256), (1023, 256), (1024, 1024), (5000, 4096), (1 << 20, 1 << 20), (10**9, 1 << 20)],
)
def test_bodies_go_in_powers_of_four_from_256_bytes_to_a_mebibyte(size: int, step: int) -> None:
    assert Pressure.of(8, 1, body_bytes=size).body_bytes == step


def test_every_load_process_has_a_connection_where_the_load_has_one_for_each() -> None:
    assert Pressure.of(100, 65).connections == 65
    assert Pressure.of(3, 3).connections == 4
    assert Pressure.of(1, 2).connections == 1, "which the load itself will be refused for"
