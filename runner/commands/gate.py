"""``bench gate``: whether a new version of an app is slower, hungrier or broken, beside the one before."""

import json
import os
import secrets
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from ...apps.catalogue import Interface
from ...results.errors import ExitCode, UsageError
from ...results.gate.records import GateRun
from ...results.gate.store import GateStore, load_gate, save_gate_report
from ...results.gate.verdicts import GateResult
from ...results.store import REPORT, write_atomically
from ..gate.carrying_out import Gate, carry_out
from ..gate.config import GateConfig, read_config
from ..gate.measuring import GateOutcome, judged
from .run import new_folder


def gate(
    base: Annotated[str | None, typer.Option(help="What to compare with: a folder, or a git ref.")] = None,
    head: Annotated[str | None, typer.Option(help="What is new: a folder, or a git ref. [default: .]")] = None,
    app: Annotated[str | None, typer.Option(help="The app as module:attr, imported from each side.")] = None,
    path: Annotated[list[str] | None, typer.Option(help="A path to ask for, e.g. /items. [default: /]")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="A scenario by name, or a TOML file.")] = None,
    setup: Annotated[
        str | None, typer.Option(help="The worker setup of both. [default: uvicorn, or gunicorn-gthread-1x16]")
    ] = None,
    interface: Annotated[Interface | None, typer.Option(help="What the app speaks, where that is not clear.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Connections to press with. [default: 16]")] = None,
    budget: Annotated[str | None, typer.Option(help="How long it may take at most. [default: 3m]")] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(help="The change to be caught, e.g. 2%; of one metric: p90=10%. [default: 2%]"),
    ] = None,
    alpha: Annotated[str | None, typer.Option(help="The chance of a false alarm, at most. [default: 1%]")] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--gate", help="What decides: throughput, cpu, p50, p90, memory-idle, memory-peak, leak, p99."),
    ] = None,
    prepare: Annotated[str | None, typer.Option(help="A shell command to run in each side's folder before.")] = None,
    python: Annotated[str | None, typer.Option(help="The interpreter, or virtual environment, of both.")] = None,
    base_python: Annotated[str | None, typer.Option(help="The base's own.")] = None,
    head_python: Annotated[str | None, typer.Option(help="The head's own.")] = None,
    expect: Annotated[
        str | None,
        typer.Option(help="The head must answer the `same` as the base, or with the same `status`. [default: same]"),
    ] = None,
    expect_status: Annotated[int | None, typer.Option(help="The right status. [default: the base's]")] = None,
    expect_text: Annotated[str | None, typer.Option(help="A text that right answers hold, whatever else.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of all that is shuffled, to repeat a run's order.")] = None,
    server_cores: Annotated[str | None, typer.Option(help="Cores for the app, e.g. 0 or 0,2-3.")] = None,
    load_cores: Annotated[str | None, typer.Option(help="Cores for the load side.")] = None,
    output: Annotated[Path | None, typer.Option(help="The run's folder. [default: bench-results/<time>-gate]")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as one JSON document.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the verdict as JUnit XML.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write it as Markdown, for a comment.")] = None,
    history: Annotated[Path | None, typer.Option(help="Append a line of JSON for change-point tools.")] = None,
    rejudge: Annotated[Path | None, typer.Option(help="Judge a stored run again, from its turns.")] = None,
) -> None:
    """Compare two versions of an app: exit code 0 pass, 1 regressed, 2 cannot be told, 75 inconclusive."""
    given: dict[str, Any] = {
        "base": base, "head": head, "app": app, "path": path, "scenario": scenario, "setup": setup,
        "interface": interface, "concurrency": concurrency, "budget": budget, "threshold": threshold,
        "alpha": alpha, "gate": metric, "prepare": prepare, "python": python, "base_python": base_python,
        "head_python": head_python, "expect": expect, "expect_status": expect_status, "expect_text": expect_text,
        "server_cores": server_cores, "load_cores": load_cores,
        **{name: None if file is None else str(file) for name, file in
           {"output": output, "junit": junit, "markdown": markdown, "history": history}.items()},
    }  # fmt: skip
    console = Console(stderr=True)
    if rejudge is not None:
        raise typer.Exit(again(rejudge, given, console, as_json=as_json))
    config = read_config(Path.cwd(), given)
    found = Gate.of(config, Path.cwd(), secrets.randbelow(2**31) if seed is None else seed)
    store = GateStore(Path(config.output) if config.output else new_folder(Path("bench-results"), "gate"))
    outcome = carry_out(found, store, console)
    result = concluded(outcome)
    code = ExitCode.INTERRUPTED if outcome.interrupted else result.exit_code
    publish(outcome.run, result, store)
    show(outcome.run, result, code, as_json=as_json)
    hand_out(outcome.run, result, config)
    console.print(f"report: {store.folder / REPORT}", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(code)


def concluded(outcome: GateOutcome) -> GateResult:
    """The verdict, with what was compared. Raises TargetError where the base failed."""
    return about(outcome.run, outcome.result)


def about(run: GateRun, result: GateResult) -> GateResult:
    """The verdict, saying what it is about."""
    told = {
        "run_id": run.run_id,
        "app": run.app,
        "setup": run.setup,
        "seed": run.seed,
        **{side.side: {"what": side.what, "commit": side.commit, "dirty": side.dirty} for side in (run.base, run.head)},
    }
    return replace(result, about=told)


def again(folder: Path, given: dict[str, Any], console: Console, *, as_json: bool) -> int:
    """Judge a stored run again: by its own settings, from its turns."""
    other = [name for name, value in given.items() if value not in (None, []) and name not in HANDED_OUT]
    if other:
        named = ", ".join("--" + name.replace("_", "-") for name in other)
        raise UsageError(f"--rejudge judges a run by its own settings: {named} does not go with it", "leave it out")
    run = load_gate(folder, turns=True)
    result = about(run, judged(run))
    from ...reports.gate.html import render_gate_html  # matplotlib is slow to import

    page = save_gate_report(folder, result.to_dict(), render_gate_html(run, result))
    show(run, result, result.exit_code, as_json=as_json)
    hand_out(run, result, GateConfig(**{name: given[name] for name in HANDED_OUT if given[name]}))
    console.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)
    return result.exit_code


HANDED_OUT = ("junit", "markdown", "history")


def publish(run: GateRun, result: GateResult, store: GateStore) -> None:
    """Draw and save the verdict."""
    from ...reports.gate.html import render_gate_html  # matplotlib is slow to import

    store.finish(run, result.to_dict(), render_gate_html(run, result))


def show(run: GateRun, result: GateResult, code: int, *, as_json: bool) -> None:
    """The verdict to stdout."""
    if as_json:
        document = {**result.to_dict(), "exit_code": int(code)}
        sys.stdout.write(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
        return
    from ...reports.gate.terminal import gate_view

    Console().print(gate_view(run, result))


def hand_out(run: GateRun, result: GateResult, config: GateConfig) -> None:
    """The files that were asked for; and on GitHub, annotations and the step's summary. Raises StoreError."""
    from ...reports.gate.github import annotations, step_summary
    from ...reports.gate.history import branch_of, history_lines
    from ...reports.gate.junit import render_gate_junit
    from ...reports.gate.markdown import render_gate_markdown

    if config.junit:
        write_atomically(Path(config.junit), render_gate_junit(run, result))
    if config.markdown:
        write_atomically(Path(config.markdown), render_gate_markdown(run, result))
    if config.history:
        append(Path(config.history), history_lines(run, result, branch_of(os.environ)))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        sys.stderr.write(annotations(run, result))
        if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
            append(Path(summary), step_summary(run, result))


def append(path: Path, text: str) -> None:
    """Add to the end of a file. Raises StoreError when that cannot be."""
    from ...results.store import unwritable

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise unwritable(path, error) from error
