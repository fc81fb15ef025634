"""What the base answers is right, asked from real servers."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sgibench.apps.catalogue import Interface
from sgibench.results.errors import LoadStartError, TargetError
from sgibench.results.gate.records import BASE
from sgibench.runner.gate.expecting import AsBase, Wanted
from sgibench.runner.load.orders import Expectation
from sgibench.runner.selection.workloads import path_scenario
from sgibench.runner.targets.checking import Conformity
from sgibench.runner.targets.launch import App, LiveTarget, Target
from sgibench.runner.targets.launcher import TargetLauncher
from sgibench.runner.targets.setups import parse_setup
from sgibench.scenarios.model import Scenario

from .repositories import app

ROOT = path_scenario("/")
HASHED = 'str(hash("{}")).zfill(24).encode()'


@pytest.fixture
def launcher(tmp_path: Path) -> Iterator[TargetLauncher]:
    launcher = TargetLauncher(lambda name: tmp_path / f"{name}.log", (), (), "/")
    yield launcher
    launcher.stop()


def targets_of(folder: Path, base: str, head: str) -> list[Target]:
    for name, text in (("base", base), ("head", head)):
        (folder / name).mkdir()
        (folder / name / "app.py").write_text(text)
    setup = parse_setup("uvicorn")
    return [Target(App(name, "app:app", Interface.ASGI, folder / name, ours=False), setup) for name in ("base", "head")]


def at_once() -> None:
    """The load side is ready."""


def proofs_of(as_base: AsBase, targets: list[Target], launch: int) -> list[Conformity | TargetError]:
    lives = as_base.start(targets, launch, hash_seed=launch + 1)
    try:
        return as_base.prove([live for live in lives if not isinstance(live, TargetError)], [ROOT])
    finally:
        as_base.stop()


def expected(proof: Conformity | TargetError) -> Expectation:
    assert isinstance(proof, Conformity), proof
    return proof.expectations["path-root"][0]


def test_a_body_that_is_the_same_in_two_launches_is_what_the_head_must_answer(
    launcher: TargetLauncher, tmp_path: Path
) -> None:
    as_base = AsBase(launcher, Wanted(), at_once)
    targets = targets_of(tmp_path, app(status=201), app(status=201, body='b"good day"'))
    first = proofs_of(as_base, targets, 0)
    assert [expected(proof) for proof in first] == [Expectation(201)] * 2, "it may still be chance"
    base, head = proofs_of(as_base, targets, 1)
    assert expected(base) == Expectation(201, body=b"hello")
    assert isinstance(head, TargetError)
    assert "otherwise than the base: a body of 8 bytes, expected 5" in head.message
    assert "--expect status" in head.hint
    assert as_base.service_s["path-root", BASE] > 0


def test_a_body_that_the_base_changes_from_launch_to_launch_is_not_compared(
    launcher: TargetLauncher, tmp_path: Path
) -> None:
    as_base = AsBase(launcher, Wanted(), at_once)
    targets = targets_of(tmp_path, app(body=HASHED.format("x")), app(body=HASHED.format("y")))
    for launch in range(2):
        assert [expected(proof) for proof in proofs_of(as_base, targets, launch)] == [Expectation(200)] * 2
    assert as_base.unheld == ("GET /",), "which is told"


def test_where_the_status_is_all_that_counts_bodies_may_differ_and_another_status_may_not(
    launcher: TargetLauncher, tmp_path: Path
) -> None:
    as_base = AsBase(launcher, Wanted(body=False), at_once)
    targets = targets_of(tmp_path, app(), app(status=202, body='b"good day"'))
    base, head = proofs_of(as_base, targets, 0)
    assert expected(base) == Expectation(200)
    assert isinstance(head, TargetError)
    assert "status 202, expected 200" in head.message


def test_a_base_that_refuses_is_asked_for_unless_that_is_meant(launcher: TargetLauncher, tmp_path: Path) -> None:
    targets = targets_of(tmp_path, app(status=404), app(status=404))
    base, _ = proofs_of(AsBase(launcher, Wanted(), at_once), targets, 0)
    assert isinstance(base, TargetError)
    assert base.message == "the base answers GET / with status 404"
    meant = AsBase(launcher, Wanted(404), at_once)
    assert [expected(proof).status for proof in proofs_of(meant, targets, 1)] == [404, 404]


class Telling(TargetLauncher):
    """Tells when it is asked to prove."""

    def __init__(self, inner: TargetLauncher, told: list[str]) -> None:
        self.inner, self.told = inner, told

    def start(self, targets: Sequence[Target], epoch: int, hash_seed: int) -> list[LiveTarget | TargetError]:
        return self.inner.start(targets, epoch, hash_seed)

    def prove(self, targets: Sequence[LiveTarget], scenarios: Sequence[Scenario]) -> list[Conformity | TargetError]:
        self.told.append("proved")
        return self.inner.prove(targets, scenarios)

    def stop(self) -> None:
        self.inner.stop()


def test_nothing_is_timed_until_the_load_side_is_ready_and_that_wait_is_told(
    launcher: TargetLauncher, tmp_path: Path
) -> None:
    told: list[str] = []

    def ready() -> None:
        told.append("ready")
        if len(told) == 1:
            time.sleep(0.3)

    as_base = AsBase(Telling(launcher, told), Wanted(), ready)
    targets = targets_of(tmp_path, app(), app())
    assert [expected(proof) for proof in proofs_of(as_base, targets, 0)] == [Expectation(200)] * 2
    assert as_base.waited_s >= 0.3
    proofs_of(as_base, targets, 1)
    assert told == ["ready", "proved"] * 2
    assert as_base.waited_s < 0.3, "which is of the launch before alone"


def test_where_the_load_side_does_not_start_nothing_is_proven(launcher: TargetLauncher, tmp_path: Path) -> None:
    def ready() -> None:
        raise LoadStartError("the load driver died")

    told: list[str] = []
    as_base = AsBase(Telling(launcher, told), Wanted(), ready)
    with pytest.raises(LoadStartError):
        proofs_of(as_base, targets_of(tmp_path, app(), app()), 0)
    assert told == []
