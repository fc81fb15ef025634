"""The folder of a gate's run: each epoch is saved at once, and whole or not at all.

<run>/gate.json              what was compared, where, how, and how far it came (without epochs)
<run>/epochs/e001.json       one epoch: its paired values, ledgers, noise, problems
<run>/turns/e001.json        every turn, histogram and memory mark behind them
<run>/turns.csv              the same turns as one table, once the run is over
<run>/logs/                  both sides' own output
<run>/result.json, report.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..store import REPORT, as_json, read_document, turns_table, unwritable, write_atomically
from .records import GATE_SCHEMA_VERSION, GateEpoch, GateRun, GateTurns
from .values import epoch_of

GATE = "gate.json"
RESULT = "result.json"
REMEDY = "an epoch that is damaged can be removed, with its turns; otherwise run the gate again"


class GateStore:
    """The folder of a gate's run that is under way."""

    def __init__(self, folder: Path) -> None:
        """Create the folder (it must not hold a run already). Raises StoreError when it cannot be written."""
        self.folder = folder
        try:
            if (folder / GATE).exists():
                raise StoreError(f"{folder} already holds a run", "choose another folder: --output DIR")
            for name in ("logs", "epochs", "turns"):
                (folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error

    def log_path(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self.folder / "logs" / f"{name.replace('/', '_')}.log"

    def save(self, run: GateRun) -> None:
        """Save what is known besides the epochs. Raises StoreError."""
        write_atomically(self.folder / GATE, as_json({**run.to_dict(), "epochs": []}))

    def save_epoch(self, epoch: GateEpoch) -> None:
        """Save a finished epoch: first its turns, then the values that follow from them. Raises StoreError."""
        name = f"e{epoch.number:03d}.json"
        if epoch.turns is not None:
            turns = {"schema_version": GATE_SCHEMA_VERSION, "number": epoch.number, **epoch.turns.to_dict()}
            write_atomically(self.folder / "turns" / name, as_json(turns))
        values = {"schema_version": GATE_SCHEMA_VERSION, **epoch.to_dict()}
        write_atomically(self.folder / "epochs" / name, as_json(values))

    def finish(self, run: GateRun, result: Mapping[str, Any], page: str) -> None:
        """Save table, result and page, and last the run that says it is over. Raises StoreError."""
        trials = [
            replace(trial, epoch=epoch.number) for epoch in run.epochs if epoch.turns for trial in epoch.turns.trials
        ]
        write_atomically(self.folder / "turns.csv", turns_table(trials).to_csv(index=False))
        save_gate_report(self.folder, result, page)
        self.save(run)


def save_gate_report(folder: Path, result: Mapping[str, Any], page: str) -> Path:
    """Save the verdict and its page into a run's folder; returns the page's path. Raises StoreError."""
    write_atomically(folder / RESULT, as_json(result))
    write_atomically(folder / REPORT, page)
    return folder / REPORT


def is_gate_run(folder: Path) -> bool:
    """Whether a folder holds a gate's run."""
    return (folder / GATE).is_file()


def load_gate(folder: Path, *, turns: bool = False) -> GateRun:
    """Read a gate's run; one that never finished is taken as interrupted. With `turns`, they are read as well, and
    values and ledgers computed from them again.

    Raises StoreError: no run there, damaged (which file), or written by a newer version.
    """
    if not is_gate_run(folder):
        near = ", ".join(sorted(str(found.parent) for found in folder.glob(f"*/{GATE}"))[-3:])
        hint = f"did you mean one of: {near}" if near else "name the folder that `bench gate` printed"
        raise StoreError(f"{folder} is not the folder of a gate's run: it has no {GATE}", hint)
    run: GateRun = read_document(folder / GATE, GateRun.from_dict, GATE_SCHEMA_VERSION, "run the gate again")
    files = sorted((folder / "epochs").glob("e*.json"))
    epochs: Iterable[GateEpoch] = [_read(path, GateEpoch.from_dict) for path in files]
    if turns:
        epochs = [_with_turns(folder, epoch) for epoch in epochs]
    status = "interrupted" if run.status == "running" else run.status
    return replace(run, status=status, epochs=tuple(sorted(epochs, key=lambda epoch: epoch.number)))


def _with_turns(folder: Path, epoch: GateEpoch) -> GateEpoch:
    """The epoch as its turns have it."""
    turns: GateTurns = _read(folder / "turns" / f"e{epoch.number:03d}.json", GateTurns.from_dict)
    again = epoch_of(epoch.number, epoch.order, epoch.hash_seed, epoch.started_s, epoch.elapsed_s, turns, epoch.noise)
    return replace(again, problems=epoch.problems)


def _read(path: Path, parse: Callable[[Any], Any]) -> Any:
    return read_document(path, parse, GATE_SCHEMA_VERSION, REMEDY)
