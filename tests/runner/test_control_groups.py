from pathlib import Path

import pytest

from sgibench.runner import control_groups
from sgibench.runner.control_groups import memory_left_mib

V1 = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
V2 = ("memory.max", "memory.current", "inactive_file")


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(control_groups, "MOUNTED", tmp_path / "cgroup")
    monkeypatch.setattr(control_groups, "MEMBERSHIP", tmp_path / "membership")
    return tmp_path / "cgroup"


def member_of(mounted: Path, text: str) -> None:
    (mounted.parent / "membership").write_text(text)


def group(folder: Path, names: tuple[str, str, str], limit: str, used_mib: int, idle_mib: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    limit_file, used_file, idle = names
    (folder / limit_file).write_text(f"{limit}\n")
    (folder / used_file).write_text(f"{used_mib << 20}\n")
    (folder / "memory.stat").write_text(f"anon 1\n{idle} {idle_mib << 20}\nactive_file 3\n")


def test_a_group_of_the_second_version_bounds_what_is_left_and_idle_files_give_way(mounted: Path) -> None:
    member_of(mounted, "0::/app\n")
    group(mounted / "app", V2, str(500 << 20), used_mib=400, idle_mib=50)
    assert memory_left_mib() == pytest.approx(150)


def test_the_first_version_has_its_own_names(mounted: Path) -> None:
    member_of(mounted, "8:pids:/\n4:cpu,memory:/app\n0::/\n")
    group(mounted / "memory" / "app", V1, str(500 << 20), used_mib=400)
    assert memory_left_mib() == pytest.approx(100)


def test_the_tightest_of_nested_groups_decides(mounted: Path) -> None:
    member_of(mounted, "0::/all/some/one\n")
    group(mounted / "all", V2, str(300 << 20), used_mib=280)
    group(mounted / "all" / "some", V2, "max", used_mib=250)
    group(mounted / "all" / "some" / "one", V2, str(200 << 20), used_mib=100)
    assert memory_left_mib() == pytest.approx(20)


def test_a_container_that_sees_its_group_at_the_top_only(mounted: Path) -> None:
    member_of(mounted, "0::/kubepods/pod7/box\n")
    group(mounted, V2, str(200 << 20), used_mib=100)
    assert memory_left_mib() == pytest.approx(100)


@pytest.mark.parametrize("text", ["", "0::/\n", "4:memory:/gone\n"])
def test_without_a_limit_nothing_is_said(mounted: Path, text: str) -> None:
    member_of(mounted, text)
    group(mounted, V2, "max", used_mib=100)
    assert memory_left_mib() is None


def test_a_group_that_is_over_its_limit_leaves_nothing(mounted: Path) -> None:
    member_of(mounted, "0::/\n")
    group(mounted, V2, str(100 << 20), used_mib=120)
    assert memory_left_mib() == 0
