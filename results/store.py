"""A run's folder: manifest, trials, turns and samples as tables. Each piece is saved at once, and whole or not at all.

<run>/manifest.json          what was planned, where, with which seed; and how far it came
<run>/trials/e001-json-c8.json  one epoch of one scenario at one level, all targets
<run>/turns.csv, samples.csv     the same turns, and the sampler's readings, as tables for pandas
<run>/logs/                  the servers' own output
<run>/summary.json, report.html
"""

import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import StoreError
from .records import SCHEMA_VERSION, Manifest, Problem, ProblemCode, Run, Trial
from .serialise import manifest_from_dict, manifest_to_dict, trial_from_dict, trial_to_dict

if TYPE_CHECKING:
    import pandas as pd

MANIFEST = "manifest.json"
SUMMARY = "summary.json"
REPORT = "report.html"
REMEDY = "remove that file to go on without it, if it is one of trials/; otherwise measure again"
OTHER_FOLDER = "choose a folder that can be written, with room on its disk: --output DIR"
NAME_BYTES_MAX = 200  # file systems take 255
# The columns of turns.csv, in order; also of a run without any turn.
OF_TRIAL = ("epoch", "target", "scenario")
OF_LEVEL = ("concurrency", "rate_rps")
OF_TURN = ("round", "position", "started_s", "planned_s", "elapsed_s", "throughput_rps")
OF_LEDGER = ("scheduled", "sent", "dropped", "ok", "in_flight", "error_count")
OF_TURN_COSTS = ("target_cpu_s", "load_cpu_s", "load_wait_s", "reopened")


def write_atomically(path: Path, text: str, remedy: str = OTHER_FOLDER) -> None:
    """Write a file so that a reader, or a crash, sees the old one or the new one. Raises StoreError, which says what to
    do then (`remedy`)."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o644)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error, remedy) from error


def unwritable(path: Path, error: OSError, remedy: str = OTHER_FOLDER) -> StoreError:
    """The error for a folder or file that cannot be written."""
    return StoreError(f"cannot write {path}: {error.strerror or error}", remedy)


class RunStore:
    """The folder of a run that is under way."""

    def __init__(self, folder: Path) -> None:
        """Create the folder (it must not hold a run already). Raises StoreError when it cannot be written."""
        self.folder = folder
        try:
            if (folder / MANIFEST).exists():
                raise StoreError(f"{folder} already holds a run", "choose another folder: --output DIR")
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            (folder / "trials").mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error

    def log_path(self, name: str) -> Path:
        """Where the output of a process goes."""
        said = name.replace("/", "_")
        if len(said.encode()) > NAME_BYTES_MAX:
            # What tells two long names apart may be in the part that is cut off.
            cut = said.encode()[:NAME_BYTES_MAX].decode(errors="ignore")
            said = f"{cut}-{zlib.crc32(said.encode()):08x}"
        return self.folder / "logs" / f"{said}.log"

    def save_manifest(self, manifest: Manifest) -> None:
        """Save what is known of the run so far."""
        write_atomically(self.folder / MANIFEST, as_json(manifest_to_dict(manifest)))

    def save_trials(self, trials: Sequence[Trial], samples: Iterable[Mapping[str, Any]] = ()) -> None:
        """Save one finished piece: the trials of one epoch, scenario and level, and the samples taken meanwhile."""
        if not trials:
            return
        import pandas as pd  # slow to import, and not needed by most commands

        first = trials[0]
        stem = f"e{first.epoch:03d}-{first.scenario}-{first.level.label}"
        table = pd.DataFrame(list(samples))
        if len(table):
            write_atomically(self.folder / "samples" / f"{stem}.csv", table.to_csv(index=False))
        document = {"schema_version": SCHEMA_VERSION, "trials": [trial_to_dict(trial) for trial in trials]}
        write_atomically(self.folder / "trials" / f"{stem}.json", as_json(document))

    def finish(self, manifest: Manifest, trials: Sequence[Trial], summary: Mapping[str, Any], page: str) -> None:
        """Save tables, summary and report, and last the manifest that says the run is over."""
        write_atomically(self.folder / "turns.csv", turns_table(trials).to_csv(index=False))
        import pandas as pd

        pieces = sorted((self.folder / "samples").glob("*.csv"))
        if pieces:
            samples = pd.concat([pd.read_csv(piece) for piece in pieces], ignore_index=True)
            write_atomically(self.folder / "samples.csv", samples.to_csv(index=False))
        save_report(self.folder, summary, page)
        self.save_manifest(manifest)


def save_report(folder: Path, summary: Mapping[str, Any], page: str) -> Path:
    """Save the published result and its page into a run's folder; returns the page's path. Raises StoreError."""
    write_atomically(folder / SUMMARY, as_json(summary))
    write_atomically(folder / REPORT, page)
    return folder / REPORT


def turns_table(trials: Iterable[Trial]) -> "pd.DataFrame":
    """One row per turn: where and when, its ledger, times and CPU."""
    import pandas as pd

    rows = [
        (
            *(getattr(trial, name) for name in OF_TRIAL),
            *(getattr(trial.level, name) for name in OF_LEVEL),
            *(getattr(turn, name) for name in OF_TURN),
            *(getattr(turn.ledger, name) for name in OF_LEDGER),
            *(getattr(turn, name) for name in OF_TURN_COSTS),
        )
        for trial in trials
        for turn in trial.turns
    ]
    return pd.DataFrame(rows, columns=[*OF_TRIAL, *OF_LEVEL, *OF_TURN, *OF_LEDGER, *OF_TURN_COSTS])


def load_run(folder: Path) -> Run:
    """Read a run's folder. Raises StoreError: no run there, damaged (which file), or written by a newer version."""
    path = folder / MANIFEST
    try:
        there = path.is_file()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}", "name a run's folder") from error
    if not there:
        near = ", ".join(sorted(str(found.parent) for found in folder.glob(f"*/{MANIFEST}"))[-3:])
        hint = f"did you mean one of: {near}" if near else "name the folder that `bench run` printed"
        raise StoreError(f"{folder} is not a run's folder: it has no {MANIFEST}", hint)
    manifest = read_document(path, manifest_from_dict, SCHEMA_VERSION, REMEDY)
    targets, scenarios = ({item.name for item in items} for items in (manifest.targets, manifest.scenarios))
    trials: list[Trial] = []
    for piece in sorted((folder / "trials").glob("*.json")):
        found: list[Trial] = read_document(piece, trials_from_dict, SCHEMA_VERSION, REMEDY)
        for trial in found:
            if trial.target not in targets or trial.scenario not in scenarios:
                detail = f"a trial names {trial.target!r} under {trial.scenario!r}, which the manifest lacks"
                raise StoreError(f"{piece} is damaged: {detail}", REMEDY)
        trials += found
    return Run(manifest, tuple(trials))


def trials_from_dict(data: Mapping[str, Any]) -> list[Trial]:
    """The trials of a stored piece. Raises KeyError, TypeError or ValueError for what is none."""
    return [trial_from_dict(item) for item in data["trials"]]


def interrupted(manifest: Manifest) -> Manifest:
    """The manifest of a run that was found unfinished: its process is gone."""
    if manifest.status != "running":
        return manifest
    message = "the run ended before it was over: it holds what was finished by then"
    note = Problem(ProblemCode.INTERRUPTED, message)
    return replace(manifest, status="interrupted", problems=(*manifest.problems, note))


def read_document(path: Path, parse: Callable[[Any], Any], newest: int, remedy: str) -> Any:
    """What `parse` makes of a stored document of a schema version up to `newest`.

    Raises StoreError: it cannot be read, was written by a newer version, or is damaged (`remedy` says what to do then).
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = int(data["schema_version"])
    except OSError as error:
        hint = "check the folder's permissions" if isinstance(error, PermissionError) else remedy
        raise StoreError(f"cannot read {path}: {error.strerror or error}", hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(f"{path} is damaged: {type(error).__name__}: {error}", remedy) from error
    if version > newest:
        raise StoreError(
            f"{path} has schema version {version}; this sgibench reads up to {newest}",
            "read it with the newer sgibench that wrote it",
        )
    try:
        return parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(f"{path} is damaged: {type(error).__name__}: {error}", remedy) from error


def as_json(data: Mapping[str, Any]) -> str:
    """A document as it is stored."""
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
