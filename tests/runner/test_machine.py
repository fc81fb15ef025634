import json
import subprocess
import sys
from types import SimpleNamespace

import pytest

from sgibench.results.errors import UsageError
from sgibench.runner import machine
from sgibench.runner.machine import (
    CpuReading,
    Noise,
    choose_cores,
    environment,
    free_memory_mib,
    parse_cores,
)


@pytest.mark.parametrize(
    ("text", "cores"), [("0", (0,)), ("0,2", (0, 2)), ("0-2", (0, 1, 2)), (" 3 , 0-1 ", (0, 1, 3)), ("1,1", (1,))]
)
def test_cores_are_read_as_taskset_reads_them(text: str, cores: tuple[int, ...]) -> None:
    assert parse_cores(text, range(4), "--server-cores") == cores


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x", "not a list of cores"),
        ("", "not a list"),
        ("2-1", "runs backwards"),
        ("7", "core 7 is not there"),
        ("0-99999999", "is not there"),
    ],
)
def test_cores_that_make_no_sense_or_do_not_exist_are_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse_cores(text, range(4), "--server-cores")


@pytest.mark.parametrize(
    ("available", "server", "load", "expected"),
    [
        ((0, 1), None, None, ((0,), (1,))),
        ((0,), None, None, ((0,), (0,))),
        ((0, 1, 2, 3), None, None, ((0, 1, 2), (3,))),
        ((0, 1), "1", None, ((1,), (0,))),
        ((0, 1), None, "0", ((1,), (0,))),
        ((0, 1), "0,1", None, ((0, 1), (1,))),
        ((0, 1, 2, 3), "0-1", "2-3", ((0, 1), (2, 3))),
    ],
)
def test_the_load_gets_a_core_of_its_own_where_there_is_one(
    available: tuple[int, ...],
    server: str | None,
    load: str | None,
    expected: tuple[tuple[int, ...], tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "available_cores", lambda: available)
    cores = choose_cores(server, load)
    assert (cores.server, cores.load) == expected
    assert cores.shared == bool(set(expected[0]) & set(expected[1]))


def test_noise_is_what_neither_we_nor_idleness_used() -> None:
    noise = Noise.between(
        CpuReading(10.0, 1.0, {(1, 0.0): 5.0, (2, 0.0): 50.0}, 100.0),
        CpuReading(30.0, 2.0, {(1, 0.0): 15.0, (3, 1.0): 5.0}, 110.0),
    )
    assert (noise.foreign_cores, noise.steal_cores) == pytest.approx((0.5, 0.1))


def test_children_that_ended_are_no_noise_as_far_as_they_ran_in_between() -> None:
    # The parent was told of 9 s of its child, of which 7 s were over before.
    noise = Noise.between(
        CpuReading(10.0, 0.0, {(1, 0.0): 5.0, (2, 0.0): 7.0}, 100.0, 4.0),
        CpuReading(30.0, 0.0, {(1, 0.0): 15.0}, 110.0, 13.0),
    )
    assert noise.foreign_cores == pytest.approx(0.8)


def test_what_a_child_did_is_known_when_it_has_ended() -> None:
    before = CpuReading.now()
    subprocess.run([sys.executable, "-c", "sum(range(3_000_000))"], check=True)
    assert CpuReading.now().ended_s > before.ended_s


def test_a_reading_of_this_machine_moves_forward() -> None:
    before = CpuReading.now()
    sum(number * number for number in range(2_000_000))
    after = CpuReading.now()
    assert sum(after.ours_s.values()) > sum(before.ours_s.values())
    assert after.busy_s >= before.busy_s


def test_the_environment_names_what_a_reader_must_know_and_is_json() -> None:
    found = json.loads(json.dumps(environment()))
    assert found["cpu"]["cores"] >= 1
    assert found["system"]["kernel"]
    assert found["python"]["version"]
    assert found["limits"]["open_files"] > 0
    assert found["memory_mib"] > 0


def forbidden(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def test_where_no_process_may_be_bound_to_a_core_both_sides_have_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_setaffinity", forbidden)
    monkeypatch.setattr(machine, "available_cores", lambda: (0, 1))
    cores = choose_cores(None, None)
    assert (cores.server, cores.load, cores.shared) == ((0, 1), (0, 1), True)
    with pytest.raises(UsageError, match="lets no process be bound"):
        choose_cores("0", None)


@pytest.mark.parametrize(("left", "free_mib"), [(None, 4000), (150.0, 150), (9e9, 4000), (0.0, 0)])
def test_free_memory_is_that_of_the_machine_or_of_a_tighter_control_group(
    monkeypatch: pytest.MonkeyPatch, left: float | None, free_mib: float
) -> None:
    monkeypatch.setattr(machine, "memory_left_mib", lambda: left)
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=4000 << 20))
    assert free_memory_mib() == pytest.approx(free_mib)
