"""The folder of a claims run: the verdicts so far after every claim, the bare repetitions, the pages.

<run>/claims.json            what ``bench claims --json`` prints; its status says how far the run came
<run>/repetitions.jsonl      what every fresh interpreter gave, a line each
<run>/runs/<claim>…/         turns and ledgers of experiments under load, as `bench run` stores them
<run>/logs/                  the servers' own output, and the tracebacks of experiments that failed
<run>/report.html, claims.md
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .claims import ClaimsRun, judged_again
from .claims_reading import run_from_dict
from .errors import StoreError
from .store import REPORT, unwritable, write_atomically

CLAIMS = "claims.json"
MARKDOWN = "claims.md"
REPETITIONS = "repetitions.jsonl"


class ClaimsStore:
    """The folder of a claims run that is under way."""

    def __init__(self, folder: Path) -> None:
        """Create the folder (it must not hold a run already). Raises StoreError when it cannot be written."""
        self.folder = folder
        try:
            if (folder / CLAIMS).exists():
                raise StoreError(f"{folder} already holds a run", "choose another folder: --output DIR")
            (folder / "logs").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error) from error

    def save(self, run: ClaimsRun) -> None:
        """Save what is known so far. Raises StoreError."""
        write_atomically(self.folder / CLAIMS, json.dumps(run.to_dict(), indent=1, ensure_ascii=False) + "\n")

    def repetition(self, row: Mapping[str, Any]) -> None:
        """Add what one repetition gave. Raises StoreError."""
        path = self.folder / REPETITIONS
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            raise unwritable(path, error) from error

    def log(self, name: str, text: str) -> Path:
        """Keep a text for who looks into a failure; returns its path. Raises StoreError."""
        path = self.folder / "logs" / f"{name}.log"
        write_atomically(path, text)
        return path

    def finish(self, page: str, markdown: str) -> None:
        """Save the pages. Raises StoreError."""
        write_atomically(self.folder / REPORT, page)
        write_atomically(self.folder / MARKDOWN, markdown)


def load_claims(folder: Path) -> ClaimsRun:
    """Read a claims run's folder, and judge its figures again; one that never finished is taken as interrupted.

    Raises StoreError when the file cannot be read, is damaged, or was written by a newer version.
    """
    path = folder / CLAIMS
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        run = run_from_dict(data)
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"cannot read {path}: {error}", "check the folder's permissions") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        detail = f"{type(error).__name__}: {error}"
        raise StoreError(f"{path} is damaged: {detail}", "put the claims to the test again: bench claims") from error
    status = "interrupted" if run.status == "running" else run.status
    return replace(run, status=status, results=tuple(map(judged_again, run.results)))
