"""``bench doctor``: what this machine can and cannot do, and what is missing."""

import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...apps.catalogue import APPS
from ...results.comparison import MARGIN, turn_values
from ...results.errors import BenchError, ExitCode
from ...results.estimate import mean_estimate, middle_mean
from ...results.records import Run
from ...results.store import RunStore
from ...results.summary import Metric
from ...scenarios.files import built_in_scenario
from ..machine import Cores, available_cores, choose_cores, environment
from ..manifest import manifest_of
from ..pieces import pieces_of
from ..plan import Plan
from ..sampler import memory_of
from ..selection import Wish, find_app
from ..targets.interpreters import interpreter
from ..targets.launch import Target
from ..targets.servers import KINDS
from ..targets.setups import parse_setup
from .run import measure

NOISE_SECONDS = 2.5
FILES_WANTED = 4096


class State(StrEnum):
    """How a finding is to be taken."""

    OK = "ok"
    CARE = "care"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: State
    text: str


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Leave out the few seconds of A against A.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Say what this machine can do for a benchmark, what it cannot, and what to do about it."""
    cores = choose_cores(None, None)
    findings = [*look_at_machine(cores), *look_at_servers()]
    console = Console(stderr=True)
    if not quick:
        if not as_json:
            console.print("measuring A against A for a few seconds …", style="dim")
        findings.append(look_at_noise(cores))
    if as_json:
        rows = [{"name": item.name, "state": item.state.value, "text": item.text} for item in findings]
        typer.echo(json.dumps({"schema_version": 1, "findings": rows}, indent=2, ensure_ascii=False))
    else:
        _print(findings)
    bad = any(item.state is State.BAD for item in findings)
    raise typer.Exit(ExitCode.INVALID if bad else ExitCode.DONE)


def _print(findings: list[Finding]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1))
    styles = {State.OK: ("✓", "green"), State.CARE: ("!", "yellow"), State.BAD: ("✗", "red")}
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for item in findings:
        mark, style = styles[item.state]
        table.add_row(Text(mark, style=style), item.name, Text(item.text))
    Console().print(table)


def look_at_machine(cores: Cores) -> Iterator[Finding]:
    """Cores, limits, clocks and what the kernel tells."""
    facts = environment()
    usable = available_cores()
    state = State.CARE if cores.shared else State.OK
    text = f"{len(usable)} usable: targets on {_list(cores.server)}, load on {_list(cores.load)}"
    if cores.shared:
        text += "; one core for both makes absolute figures too low and ratios too small: use a machine with two"
    yield Finding("cores", state, text)
    cpu = facts["cpu"]
    if cpu["governor"] not in ("performance", "unknown"):
        yield Finding(
            "frequency",
            State.CARE,
            f"governor is {cpu['governor']}: for steadier absolute figures, cpupower frequency-set -g performance",
        )
    if cpu["virtual"]:
        yield Finding(
            "machine", State.CARE, "virtual: neighbours come and go; ratios bear that, absolute figures do not"
        )
    limit = facts["limits"]
    files, hard = limit["open_files"], limit["open_files_hard"]
    text = f"{files:,} open files, so about {max(files - 100, 0):,} connections"
    if files < FILES_WANTED:
        text += f"; for more: ulimit -n {hard}"
    yield Finding("files", State.OK if files >= FILES_WANTED else State.CARE, text)
    if limit["local_ports"]:
        ports = limit["local_ports"]
        yield Finding("ports", State.OK if ports > 10_000 else State.CARE, f"{ports:,} local ports for connections")
    if limit["listen_backlog"] is not None:
        backlog = limit["listen_backlog"]
        text = f"{backlog:,} connections may wait to be accepted"
        if backlog < 1024:
            text += "; bursts beyond that are refused: sysctl net.core.somaxconn=4096"
        yield Finding("backlog", State.OK if backlog >= 1024 else State.CARE, text)
    yield Finding("memory", State.OK, f"{facts['memory_mib']:,} MiB")
    yield _memory_kind()
    load = os.getloadavg()[0]
    if load > 0.5:
        yield Finding("load", State.CARE, f"{load:.1f} processes were running in the last minute: who is at work?")


def _memory_kind() -> Finding:
    mark = memory_of([os.getpid()], "idle", 0.0)
    if mark is not None and mark.kind == "pss":
        return Finding("memory kind", State.OK, "PSS can be read: shared pages are counted once")
    return Finding("memory kind", State.CARE, "PSS cannot be read here: RSS is shown, which counts shared pages twice")


def look_at_servers() -> Iterator[Finding]:
    """Which kinds of server can run here, and the command that installs each that cannot."""
    here = interpreter(sys.executable)
    present: dict[str, list[str]] = {}
    for kind in KINDS.values():
        if here.missing(kind):
            yield Finding(kind.name, State.CARE, f"not installed: {here.install_command(kind)}")
        else:
            present.setdefault(f"{kind.server} {here.installed[kind.requires[0]]}", []).append(kind.name)
    for server, kinds in present.items():
        yield Finding(server, State.OK, ", ".join(kinds))
    for app in APPS.values():
        try:
            find_app(app.name, Wish(), sys.executable, Path.cwd())
        except BenchError as error:
            yield Finding(app.name, State.CARE, error.told)


def look_at_noise(cores: Cores) -> Finding:
    """A few seconds of A against A in the rotation: how far two equal targets seem to differ here."""
    app = find_app("bare-asgi", Wish(), sys.executable, Path.cwd())
    setup = parse_setup("uvicorn")
    plan = Plan(
        suite="doctor",
        title="A against A",
        targets=tuple(Target(app, setup, label=label) for label in ("#1", "#2")),
        baseline="bare-asgi@uvicorn#1",
        pieces=tuple(pieces_of(built_in_scenario("json"), None, NOISE_SECONDS)),
        epochs_min=1,
        epochs_max=1,
        exact_epochs=True,
        budget_s=60.0,
        seed=int(time.time()),
        cores=cores,
    )
    silent = Console(stderr=True, quiet=True)
    try:
        with tempfile.TemporaryDirectory(prefix="sgibench-") as folder:
            store = RunStore(Path(folder) / "run")
            outcome = measure(plan, manifest_of(plan, "doctor"), store, silent, time.monotonic())
    except BenchError as error:
        return Finding("noise", State.BAD, f"cannot be measured: {error.message}")
    if outcome.interrupted:
        raise KeyboardInterrupt
    return noise_finding(outcome.run)


def noise_finding(run: Run) -> Finding:
    """What the rounds of one launch of two equal targets say about this machine."""
    if len(run.trials) != 2:
        why = "; ".join(problem.message for problem in run.manifest.problems)
        return Finding("noise", State.BAD, f"cannot be measured: {why}")
    first, second = (turn_values(trial, Metric.THROUGHPUT) for trial in run.trials)
    logs = [math.log(second[number] / first[number]) for number in sorted(first.keys() & second.keys())]
    if len(logs) < 8:
        return Finding("noise", State.BAD, "too few rounds gave an answer")
    drift = max(first.values()) / min(first.values())
    spread = mean_estimate(logs)
    half = ((spread.high or 0.0) - (spread.low or 0.0)) / 2
    text = (
        f"A against A, {len(logs)} rounds in one launch: {math.expm1(middle_mean(logs)):+.1%} ± {half:.1%}; "
        f"meanwhile A's own speed moved by {drift:.1f}x"
    )
    if half > 2 * MARGIN:
        return Finding("noise", State.CARE, text + "; a noisy machine: give runs more time (--budget)")
    return Finding("noise", State.OK, text)


def _list(cores: tuple[int, ...]) -> str:
    return f"core{'s' if len(cores) > 1 else ''} {', '.join(map(str, cores))}"
