"""Whole runs of `bench gate` from the command line, both sides the same: the false alarms of what users start.

    python -m benchmarks.gate.fresh --runs 20 [--budget 3m] [--app fastapi] [--plant cpu-2] [--data FOLDER]

FastAPI and Flask take turns, unless `--app` names one. Each run is a line in ``fresh.jsonl``: verdict, exit code, time,
and each metric's change. With `--plant` the head is worse, as in the pools of that name (with its calibration).
What is there already counts: the same command goes on where it was stopped.
"""

import argparse
import json
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from sgibench.apps.planting import Plant
from sgibench.results.gate.settings import GateMetric
from sgibench.runner.targets.process import GuardedProcess

from .chunk import PATH, sides_config
from .plants import PLANTS, plant_of
from .pools import APPS, DATA, NO_PLANT, read_data

FRESH = "fresh.jsonl"
CPU = GateMetric.CPU.value
FEWEST_FOR_ERROR = 2
ROOT = Path(__file__).parents[2]
WITHIN_S = 1800.0
LOOK_EVERY_S = 0.25
ENDS_WITHIN_S = 20.0


def a_run(app: str, plant: Plant, budget: str, folder: Path) -> dict[str, Any]:
    """One run, from start to end, in a folder of its own."""
    config = sides_config(folder, app, plant)
    said, log, verdict = folder / "said", folder / "log", folder / "verdict.json"
    command = [
        "/bin/sh", "-c", TO_FILE, str(verdict), sys.executable, "-m", "sgibench", "gate",
        "--base", str(config.base), "--head", config.head,
        "--app", str(config.app), "--path", PATH, "--budget", budget, "--output", str(said), "--json",
    ]  # fmt: skip
    began = time.monotonic()
    with GuardedProcess(command, log, cwd=folder, grace_s=ENDS_WITHIN_S) as process:
        while process.running and time.monotonic() < began + WITHIN_S:
            time.sleep(LOOK_EVERY_S)
        code = process.exit_code()
    found: Mapping[str, Any] = {}
    if verdict.is_file() and (text := verdict.read_text(encoding="utf-8")):
        found = json.loads(text)
    return {
        "app": app,
        "at_s": round(time.time()),
        "exit_code": code,
        "whole_s": round(time.monotonic() - began, 1),
        "verdict": found.get("verdict", ""),
        "elapsed_s": found.get("elapsed_s"),
        "epochs": found.get("epochs"),
        "decided_at": found.get("decided_at"),
        "dropped": found.get("dropped_epochs", []),
        "reasons": found.get("reasons") or ([] if found else log.read_text(errors="replace").splitlines()[-5:]),
        "changes": {
            each["metric"]: [round(each["change"][name], 3) if each["change"][name] is not None else None
                             for name in ("value", "low", "high")]
            for each in found.get("metrics", [])
        },
    }  # fmt: skip


# The guard keeps one log of a process: the verdict goes into a file of its own.
TO_FILE = 'exec "$@" > "$0"'


def read_fresh(folder: Path) -> list[dict[str, Any]]:
    """All runs that are recorded."""
    path = folder / FRESH
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def table(runs: Sequence[Mapping[str, Any]]) -> str:
    """Verdicts by app, plant and budget, as Markdown, and how far the change of CPU time lies from none on average."""
    head = "| app | plant | budget | runs | verdicts (exit code) | longest | middle | CPU/request, % (standard error) |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for kind in dict.fromkeys((run["app"], run["plant"], run["budget"]) for run in runs):
        those = [run for run in runs if (run["app"], run["plant"], run["budget"]) == kind]
        verdicts = Counter(f"{run['verdict'] or 'none'} ({run['exit_code']})" for run in those)
        said = ", ".join(f"{count} {verdict}" for verdict, count in verdicts.most_common())
        seconds = [run["whole_s"] for run in those]
        spread = f"{max(seconds):.0f} s | {median(seconds):.0f} s"
        lines.append(f"| {' | '.join(kind)} | {len(those)} | {said} | {spread} | {_mean_change(those)} |")
    return "\n".join(lines)


def _mean_change(runs: Sequence[Mapping[str, Any]]) -> str:
    changes = [run["changes"][CPU][0] for run in runs if CPU in run["changes"]]
    if len(changes) < FEWEST_FOR_ERROR:
        return "–"
    return f"{fmean(changes):+.2f} ({stdev(changes) / math.sqrt(len(changes)):.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate.fresh")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--app", choices=APPS)
    parser.add_argument("--plant", choices=PLANTS, default=NO_PLANT)
    parser.add_argument("--budget", default="3m")
    parser.add_argument("--data", type=Path, default=DATA)
    options = parser.parse_args()
    apps = [options.app] if options.app else list(APPS)
    calibrations = read_data(options.data).calibrations
    try:
        plants = {app: plant_of(app, options.plant, calibrations.get(app)) for app in apps}
    except ValueError as error:
        sys.exit(str(error))
    options.data.mkdir(parents=True, exist_ok=True)
    same = [run for run in read_fresh(options.data) if (run["plant"], run["budget"]) == (options.plant, options.budget)]
    for number in range(sum(run["app"] in apps for run in same), options.runs):
        app = apps[number % len(apps)]
        with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
            run = {**a_run(app, plants[app], options.budget, Path(folder)), "plant": options.plant}
        with (options.data / FRESH).open("a", encoding="utf-8") as file:
            file.write(json.dumps({**run, "budget": options.budget}) + "\n")
        print(f"{number + 1}: {app} {run['verdict']} ({run['exit_code']}), {run['whole_s']} s", flush=True)
    print(table(read_fresh(options.data)))


if __name__ == "__main__":
    main()
