"""A run's folder: every piece whole and at once, and every damage named with its file."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sgibench.results import store
from sgibench.results.errors import ExitCode, StoreError
from sgibench.results.records import SCHEMA_VERSION, Level, Run
from sgibench.results.store import RunStore, interrupted, load_run, save_report, turns_table, write_atomically
from sgibench.results.summarise import summarise

from .builders import A, B, manifest, steady_trial, trial, turn

TRIALS = [steady_trial(1000, A), steady_trial(2000, B)]
SAMPLES = [{"at_s": 0.1, "target": A, "rss_mib": 40.5}, {"at_s": 0.2, "target": A, "rss_mib": 41.0}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run's folder with a manifest and one piece."""
    run_store = RunStore(tmp_path / "run-1")
    run_store.save_manifest(manifest())
    run_store.save_trials(TRIALS, SAMPLES)
    return run_store.folder


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fails(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    monkeypatch.setattr(os if step == "fsync" else Path, step, fails)
    with pytest.raises(StoreError, match=r"cannot write .*summary\.json: No space left on device") as caught:
        write_atomically(path, "new")
    assert "--output" in caught.value.hint
    assert caught.value.exit_code is ExitCode.USAGE
    assert path.read_text() == "old"
    assert files(tmp_path) == ["summary.json"]


def test_an_interrupt_in_a_write_leaves_the_old_file_and_passes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "summary.json"
    write_atomically(path, "old")
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert files(tmp_path) == ["summary.json"]


def test_what_is_written_can_be_read_by_others_and_keeps_every_character(tmp_path: Path) -> None:
    path = tmp_path / "new" / "page.html"
    write_atomically(path, "50 µs – 测\n")
    assert path.read_text(encoding="utf-8") == "50 µs – 测\n"
    assert path.stat().st_mode & 0o777 == 0o644


def test_every_piece_can_be_read_as_soon_as_it_is_saved(tmp_path: Path) -> None:
    run_store = RunStore(tmp_path / "run-1")
    run_store.save_manifest(manifest(status="running"))
    assert load_run(run_store.folder).trials == ()

    run_store.save_trials(TRIALS, SAMPLES)
    assert load_run(run_store.folder).trials == tuple(TRIALS)

    second = [steady_trial(1010, A, epoch=2), steady_trial(1990, B, epoch=2)]
    run_store.save_trials(second)
    again = load_run(run_store.folder)
    assert again.trials == (*TRIALS, *second)
    assert again.manifest.status == "running"
    found = interrupted(again.manifest)
    assert found.status == "interrupted"
    assert [each.code for each in found.problems] == [*(p.code for p in again.manifest.problems), "interrupted"]
    assert not summarise(Run(found, again.trials)).valid
    assert interrupted(manifest()) == manifest()


def test_pieces_of_one_epoch_do_not_overwrite_each_other(tmp_path: Path) -> None:
    run_store = RunStore(tmp_path)
    run_store.save_manifest(manifest())
    rates = (100.0, 200.5, 123456.7, 123456.9)
    levels = {Level(32), Level(64), Level(32, 100.0), *(Level(256, rate) for rate in rates)}
    for level in levels:
        run_store.save_trials([trial([turn(10)], level=level)])
    assert {each.level for each in load_run(tmp_path).trials} == levels
    assert files(tmp_path / "trials") == [
        "e001-json-c32.json",
        "e001-json-c64.json",
        "e001-json-r100-c32.json",
        "e001-json-r100.json",
        "e001-json-r123456.7.json",
        "e001-json-r123456.9.json",
        "e001-json-r200.5.json",
    ]


def test_saving_no_trials_writes_nothing(tmp_path: Path) -> None:
    RunStore(tmp_path).save_trials([], SAMPLES)
    assert files(tmp_path) == []


def test_a_finished_run_has_tables_summary_and_page(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "run-2"
    run_store = RunStore(other)
    run_store.save_manifest(manifest(status="running"))
    run_store.save_trials(TRIALS, SAMPLES)
    run_store.save_trials([steady_trial(1, A, epoch=2)], SAMPLES[:1])
    run_store.finish(manifest(), TRIALS, {"valid": True}, "<p>done</p>")
    assert load_run(other).manifest.status == "complete"
    assert json.loads((other / "summary.json").read_text()) == {"valid": True}
    assert (other / "report.html").read_text() == "<p>done</p>"
    assert len(pd.read_csv(other / "turns.csv")) == 10
    samples = pd.read_csv(other / "samples.csv")
    assert list(samples.columns) == ["at_s", "target", "rss_mib"]
    assert len(samples) == 3
    assert save_report(folder, {}, "<p>again</p>") == folder / "report.html"


def test_a_run_is_over_only_when_all_else_is_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_store = RunStore(folder / "inner")
    run_store.save_manifest(manifest(status="running"))
    monkeypatch.setattr(store, "save_report", fails)
    with pytest.raises(OSError, match="No space left"):
        run_store.finish(manifest(), TRIALS, {}, "")
    assert load_run(folder / "inner").manifest.status == "running"


TURN_COLUMNS = [
    *("epoch", "target", "scenario", "concurrency", "rate_rps"),
    *("round", "position", "started_s", "planned_s", "elapsed_s", "throughput_rps"),
    *("scheduled", "sent", "dropped", "ok", "in_flight", "error_count"),
    *("target_cpu_s", "load_cpu_s", "load_wait_s", "reopened"),
]


def test_turns_are_a_table_that_pandas_reads(tmp_path: Path) -> None:
    turns_table([*TRIALS, trial([turn(3, 7, cpu_s=None)])]).to_csv(tmp_path / "turns.csv", index=False)
    table = pd.read_csv(tmp_path / "turns.csv")
    assert list(table.columns) == TURN_COLUMNS
    assert list(table["target"].unique()) == [A, B]
    assert list(table["round"]) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 7]
    assert table["throughput_rps"][0] == pytest.approx(1000)
    assert table["target_cpu_s"].isna().sum() == 1
    assert (table["scheduled"] == table["ok"] + table["error_count"] + table["in_flight"] + table["dropped"]).all()


def test_turns_of_a_run_that_measured_nothing_are_an_empty_table(tmp_path: Path) -> None:
    turns_table([]).to_csv(tmp_path / "turns.csv", index=False)
    table = pd.read_csv(tmp_path / "turns.csv")
    assert list(table.columns) == TURN_COLUMNS
    assert table.empty


def test_a_log_stays_in_the_runs_folder(folder: Path) -> None:
    assert RunStore(folder / "inner").log_path("a/../b@one").parent == folder / "inner" / "logs"


@pytest.mark.parametrize("letter", ["x", "é", "漢", "🦄"])
def test_a_log_of_a_long_name_can_be_written_and_is_no_others(folder: Path, letter: str) -> None:
    store_of = RunStore(folder / "inner")
    paths = [store_of.log_path(f"e001-{letter * 300}-{number}") for number in (1, 2)]
    for path in paths:
        path.write_text("it fits", encoding="utf-8")
    assert len(set(paths)) == 2
    assert store_of.log_path("e001-a@one").name == "e001-a@one.log"


def test_a_folder_that_holds_a_run_is_not_written_into(folder: Path) -> None:
    with pytest.raises(StoreError, match="already holds a run") as caught:
        RunStore(folder)
    assert "--output" in caught.value.hint


@pytest.mark.parametrize("name", ["file/run", "x" * 300])
def test_a_folder_that_cannot_be_written_is_refused_with_a_reason(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a regular file")
    with pytest.raises(StoreError, match="cannot write") as caught:
        RunStore(tmp_path / name)
    assert "--output" in caught.value.hint


def test_a_folder_without_a_run_suggests_those_nearby(folder: Path) -> None:
    with pytest.raises(StoreError, match="is not a run's folder") as caught:
        load_run(folder.parent)
    assert str(folder) in caught.value.hint


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_no_folder_at_all_says_which_to_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a regular file")
    with pytest.raises(StoreError, match="is not a run's folder") as caught:
        load_run(tmp_path / name)
    assert "bench run" in caught.value.hint


def test_a_name_that_no_folder_can_have_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"cannot read|is not a run's folder"):
        load_run(tmp_path / ("x" * 300))


def cut(text: str) -> str:
    return text[: len(text) // 2]


def edited(change: Callable[[Any], object]) -> Callable[[str], str]:
    def edit(text: str) -> str:
        data = json.loads(text)
        change(data)
        return json.dumps(data)

    return edit


DAMAGES = {
    "cut short": cut,
    "empty": lambda text: "",
    "a list": lambda text: "[]",
    "a number": lambda text: "7",
    "no version": edited(lambda data: data.pop("schema_version")),
    "version is no number": edited(lambda data: data.update(schema_version="new")),
}
DAMAGED_MANIFESTS = DAMAGES | {
    "no targets": edited(lambda data: data.pop("targets")),
    "targets are no list": edited(lambda data: data.update(targets=3)),
    "a target lacks its name": edited(lambda data: data["targets"][0].pop("name")),
    "a target has too much": edited(lambda data: data["targets"][0].update(colour="red")),
    "a level is no level": edited(lambda data: data["scenarios"][0].update(levels=[32])),
    "a problem of an unknown kind": edited(
        lambda data: data["problems"].append(
            {"code": "bad-luck", "target": "", "scenario": "", "message": "", "severity": "invalid"}
        )
    ),
}
DAMAGED_TRIALS = DAMAGES | {
    "no trials": edited(lambda data: data.pop("trials")),
    "trials are text": edited(lambda data: data.update(trials="all")),
    "a turn without ledger": edited(lambda data: data["trials"][0]["turns"][0].pop("ledger")),
    "a histogram is a list": edited(lambda data: data["trials"][1].update(service_time_us=[1, 2])),
    "an unknown target": edited(lambda data: data["trials"][1].update(target="z@nine")),
    "an unknown scenario": edited(lambda data: data["trials"][0].update(scenario="soap")),
}


@pytest.mark.parametrize("damage", DAMAGED_MANIFESTS)
def test_a_damaged_manifest_is_named(damage: str, folder: Path) -> None:
    path = folder / "manifest.json"
    path.write_text(DAMAGED_MANIFESTS[damage](path.read_text()))
    with pytest.raises(StoreError, match="is damaged") as caught:
        load_run(folder)
    assert str(path) in caught.value.message


@pytest.mark.parametrize("damage", DAMAGED_TRIALS)
def test_a_damaged_trial_is_named_and_without_it_the_run_can_be_read(damage: str, folder: Path) -> None:
    piece = folder / "trials" / "e001-json-c32.json"
    piece.write_text(DAMAGED_TRIALS[damage](piece.read_text()))
    with pytest.raises(StoreError, match="is damaged") as caught:
        load_run(folder)
    assert str(piece) in caught.value.message
    assert "remove that file" in caught.value.hint
    piece.unlink()
    assert load_run(folder).trials == ()


def test_a_trial_of_an_unknown_target_says_so(folder: Path) -> None:
    path = folder / "trials" / "e001-json-c32.json"
    path.write_text(DAMAGED_TRIALS["an unknown target"](path.read_text()))
    with pytest.raises(StoreError, match="'z@nine' under 'json', which the manifest lacks"):
        load_run(folder)


@pytest.mark.parametrize("name", ["manifest.json", "trials/e001-json-c32.json"])
def test_bytes_that_are_no_text_are_damage(name: str, folder: Path) -> None:
    (folder / name).write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StoreError, match=r"json is damaged: UnicodeDecodeError"):
        load_run(folder)


@pytest.mark.parametrize("name", ["manifest.json", "trials/e001-json-c32.json"])
def test_what_a_newer_version_wrote_is_not_guessed_at(name: str, folder: Path) -> None:
    path = folder / name
    newer = edited(lambda data: data.update(schema_version=SCHEMA_VERSION + 1))
    path.write_text(newer(path.read_text()))
    with pytest.raises(StoreError, match=rf"has schema version {SCHEMA_VERSION + 1}; .* reads up to {SCHEMA_VERSION}"):
        load_run(folder)


def test_half_written_temporary_files_are_not_read(folder: Path) -> None:
    (folder / "trials" / ".e002-json-c32.json.abc123").write_text("{")
    assert len(load_run(folder).trials) == len(TRIALS)
