"""Carrying out one side of an experiment in a fresh interpreter, within bounds of time and memory."""

import inspect
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from ... import scenarios
from ...results.errors import BenchError
from ...scenarios.claims.model import Side
from ..targets.process import GuardedProcess

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(scenarios.__file__).parents[1]
TIMEOUT_S = 120.0
LOOK_EVERY_S = 0.1


class ExperimentError(BenchError):
    """An experiment could not be carried out, so that its claim is not measurable here."""


class Sides:
    """Starts the sides' interpreters, one at a time, and keeps what each gave."""

    def __init__(
        self,
        python: str,
        cores: Sequence[int],
        keep: Callable[[Mapping[str, Any]], None] = lambda row: None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        """`keep` is given every repetition as a row of JSON."""
        self._python = python
        self._cores = tuple(cores)
        self._keep = keep
        self._timeout_s = timeout_s

    def carry_out(self, side: Side, memory_mib: int, cores: Sequence[int] | None = None) -> Mapping[str, Any]:
        """What one repetition gave. It may use so much memory; `cores` instead of the usual ones.

        Raises ExperimentError when it fails, does not end, or takes more memory than it may.
        """
        file = inspect.getfile(side.run)
        arguments = json.dumps(dict(side.arguments))
        command = [self._python, "-I", str(CHILD), str(ROOT), file, side.run.__name__, arguments]
        with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
            log = Path(folder) / "output"
            with GuardedProcess(command, log, cores=self._cores if cores is None else cores) as process:
                self._watch(process, side, memory_mib)
                code = process.exit_code()
            lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        figures = figures_in(lines, side, code)
        claim = Path(file).stem.replace("_", "-")
        self._keep({"claim": claim, "side": side.name, "asked": dict(side.arguments), "gave": figures})
        return figures

    def _watch(self, process: GuardedProcess, side: Side, memory_mib: int) -> None:
        deadline = time.monotonic() + self._timeout_s
        while process.exit_code(LOOK_EVERY_S) is None:
            used_mib = sum(_rss(each) for each in process.tree()) / (1 << 20)
            if used_mib > memory_mib:
                raise ExperimentError(
                    f"{side.name} took {used_mib:,.0f} MiB, more than the {memory_mib:,} MiB it may, and was ended",
                    "try again when more memory is free",
                )
            if time.monotonic() > deadline:
                raise ExperimentError(f"{side.name} did not end within {self._timeout_s:g} s, and was ended")


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def figures_in(lines: Sequence[str], side: Side, code: int | None) -> Mapping[str, Any]:
    """What a side's interpreter printed last. Raises ExperimentError when that is no answer."""
    try:
        answer = json.loads(lines[-1])
        if "error" in answer:
            raise ExperimentError(f"{side.name} failed: {answer['error']}", str(answer.get("traceback", "")))
        return dict(answer["figures"])
    except (IndexError, ValueError, KeyError, TypeError):
        last = lines[-1] if lines else "it said nothing"
        raise ExperimentError(f"{side.name} ended with code {code}: {last}") from None
